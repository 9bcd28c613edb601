package temporal

import "go.temporal.io/server/common/dynamicconfig"

// dynamic is the server's dynamic configuration.
//
// With the default of 20 polls per second and shard, a cluster of few shards adds up to 50 ms to every hand-off
// between a workflow and its activities; the poll rates below remove that. Caches and worker pools are sized for
// one machine instead of a fleet.
func dynamic() dynamicconfig.Client {
	return dynamicconfig.StaticClient{
		dynamicconfig.TransferProcessorMaxPollRPS.Key():       2000,
		dynamicconfig.TransferProcessorMaxPollHostRPS.Key():   10000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():          500,
		dynamicconfig.TimerProcessorMaxPollHostRPS.Key():      5000,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key():     500,
		dynamicconfig.VisibilityProcessorMaxPollHostRPS.Key(): 5000,

		dynamicconfig.EnableActivityEagerExecution.Key(): true,
		dynamicconfig.EnableEagerWorkflowStart.Key():     true,

		// One process serves every partition, so more than one only costs memory and polls.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		dynamicconfig.HistoryCacheSizeBasedLimit.Key():               true,
		dynamicconfig.HistoryCacheHostLevelMaxSizeBytes.Key():        64 << 20,
		dynamicconfig.EnableHostLevelEventsCache.Key():               true,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key():         16 << 20,
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():    64,
		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():       64,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():  32,
		dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():    1,
		dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key(): 16,

		// The only call that the server would make to the outside.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}
