package cluster_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/cluster"
)

func TestShippedDeclarationIsSound(t *testing.T) {
	d, err := cluster.Load("../../temporal.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"batch", "memory", "mirror", "operations", "privacy", "proving", "synthesis", "truthfilter"}, d.Queues())
	nightly := d.Schedules["nightly-consolidation"]
	require.Equal(t, cluster.Overlap("skip"), nightly.Overlap)
	require.Equal(t, 6*time.Hour, nightly.CatchupWindow)
	require.True(t, nightly.PauseOnFailure)
}

func TestSchedulesThatNeedWhatIsNotThereAreLeftOut(t *testing.T) {
	d, err := cluster.Load("../../temporal.yaml")
	require.NoError(t, err)
	require.Equal(t, "backups", d.Schedules["daily-backup"].Needs)
	require.Equal(t, map[string]any{"kind": "postgres"}, d.Schedules["daily-backup"].Input)
	for _, c := range []struct {
		there, kept, left []string
	}{
		{nil, []string{"nightly-consolidation"}, []string{"daily-backup", "hourly-mark", "index-backup", "object-copies", "people-archive"}},
		{[]string{"backups"}, []string{"nightly-consolidation", "daily-backup", "hourly-mark", "weekly-backup-check"}, []string{"index-backup", "people-archive"}},
		{[]string{"backups", "index_backups", "copies", "archives"}, slices.Collect(maps.Keys(d.Schedules)), nil},
	} {
		some := d.With(c.there...)
		for _, id := range c.kept {
			require.Contains(t, some.Schedules, id, c.there)
		}
		for _, id := range c.left {
			require.NotContains(t, some.Schedules, id, c.there)
		}
	}
	require.Contains(t, d.Schedules, "daily-backup", "the declaration itself is as it was")
}

// The figures of the requirements' tables of the application and the processing tier.
func TestShippedScalingIsThatOfTheRequirements(t *testing.T) {
	d, err := cluster.Load("../../temporal.yaml")
	require.NoError(t, err)
	const gib = cluster.Bytes(1 << 30)
	for queue, want := range map[string]struct {
		replicas cluster.Replicas
		cpu      float64
		memory   cluster.Bytes
	}{
		"mirror":      {cluster.Replicas{Min: 3, Max: 20}, 8, 32 * gib},
		"truthfilter": {cluster.Replicas{Min: 2, Max: 15}, 8, 32 * gib},
		"memory":      {cluster.Replicas{Min: 2, Max: 10}, 8, 32 * gib},
		"batch":       {cluster.Replicas{Min: 2, Max: 10}, 16, 64 * gib},
	} {
		s := d.TaskQueues[queue].Scaling
		require.Equal(t, want.replicas, s.Replicas, queue)
		require.InDelta(t, want.cpu, s.Resources.CPU, 0, queue)
		require.Equal(t, want.memory, s.Resources.Memory, queue)
		require.Equal(t, 70, s.CPUPercent, queue)
	}
	for queue, q := range d.TaskQueues {
		require.True(t, q.Scaling.Declared(), queue)
	}
	api := d.API.Scaling
	require.Equal(t, cluster.Replicas{Min: 3, Max: 20}, api.Replicas)
	require.InDelta(t, 50, api.RequestsPerSecond, 0)
	require.Equal(t, 70, api.CPUPercent)
	require.Equal(t, cluster.Resources{CPU: 4, Memory: 16 * gib}, api.Resources)
	require.Equal(t, "16Gi", api.Resources.Memory.String())
}

func TestUnsoundDeclarationsAreRefused(t *testing.T) {
	const sound = "namespace: {retention: 72h}\ntask_queues: {batch: {}}\n"
	scaled := func(scaling string) string {
		return "namespace: {retention: 72h}\ntask_queues: {batch: {scaling: {" + scaling + "}}}\n"
	}
	const well = "replicas: {min: 2, max: 3}, backlog: 5, cpu_percent: 70, cooldown_seconds: 300, resources: {cpu: 2, memory: 4Gi}"
	for name, c := range map[string]struct{ text, want string }{
		"short retention":  {"namespace: {retention: 1h}\n", "namespace.retention: at least 24h"},
		"unknown field":    {sound + "colour: red\n", "colour"},
		"attribute type":   {sound + "search_attributes: {X: Blob}\n", `search_attributes.X: unknown type "Blob"`},
		"negative":         {"namespace: {retention: 72h}\ntask_queues: {batch: {activity_slots: -1}}\n", "task_queues.batch: no value may be negative"},
		"one poller":       {"namespace: {retention: 72h}\ntask_queues: {batch: {workflow_pollers: 1}}\n", "task_queues.batch.workflow_pollers: at least 2"},
		"one slot":         {"namespace: {retention: 72h}\ntask_queues: {batch: {workflow_slots: 1}}\n", "task_queues.batch.workflow_slots: at least 2"},
		"undeclared queue": {sound + "schedules: {s: {workflow: W, task_queue: night, cron: '0 3 * * *', overlap: skip, catchup_window: 1h, run_timeout: 1h}}\n", `schedules.s.task_queue: "night" is not declared`},
		"no catch-up":      {sound + "schedules: {s: {workflow: W, task_queue: batch, cron: '0 3 * * *', overlap: skip, run_timeout: 1h}}\n", "schedules.s.catchup_window: must be set"},
		"unknown need":     {sound + "schedules: {s: {workflow: W, needs: luck, task_queue: batch, cron: '0 3 * * *', overlap: skip, catchup_window: 1h, run_timeout: 1h}}\n", `schedules.s.needs: "luck" is nothing that can be configured`},
		"no minimum":       {scaled(strings.Replace(well, "min: 2, ", "", 1)), "task_queues.batch.scaling.replicas.min: at least 1"},
		"upside down":      {scaled(strings.Replace(well, "max: 3", "max: 1", 1)), "task_queues.batch.scaling.replicas.max: at least replicas.min"},
		"no backlog":       {scaled(strings.Replace(well, "backlog: 5, ", "", 1)), "task_queues.batch.scaling.backlog: must be set"},
		"requests":         {scaled(well + ", requests_per_second: 5"), "task_queues.batch.scaling.requests_per_second: is for the API"},
		"too much CPU":     {scaled(strings.Replace(well, "70", "170", 1)), "task_queues.batch.scaling.cpu_percent: must be set, 1 to 100"},
		"no cooldown":      {scaled(strings.Replace(well, "cooldown_seconds: 300, ", "", 1)), "task_queues.batch.scaling.cooldown_seconds: must be set"},
		"no cores":         {scaled(strings.Replace(well, "cpu: 2, ", "", 1)), "task_queues.batch.scaling.resources.cpu: must be set"},
		"no memory":        {scaled(strings.Replace(well, ", memory: 4Gi", "", 1)), "task_queues.batch.scaling.resources.memory: must be set"},
		"odd size":         {scaled(strings.Replace(well, "4Gi", "4GB", 1)), `line 2: "4GB" is not a size such as 512Mi or 32Gi`},
		"size of nothing":  {scaled(strings.Replace(well, "4Gi", "0Gi", 1)), `line 2: "0Gi" is not a size`},
		"backlog of API":   {sound + "api: {scaling: {" + well + "}}\n", "api.scaling.backlog: is for task queues"},
		"API's requests":   {sound + "api: {scaling: {" + well + "}}\n", "api.scaling.requests_per_second: must be set"},
		"overlap":          {sound + "schedules: {s: {workflow: W, task_queue: batch, cron: '0 3 * * *', overlap: often, catchup_window: 1h, run_timeout: 1h}}\n", `schedules.s.overlap: "often" is not a policy`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "temporal.yaml")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := cluster.Load(path)
			require.ErrorContains(t, err, c.want)
		})
	}
}
