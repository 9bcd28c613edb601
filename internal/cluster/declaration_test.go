package cluster_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
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

func TestUnsoundDeclarationsAreRefused(t *testing.T) {
	const sound = "namespace: {retention: 72h}\ntask_queues: {batch: {}}\n"
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
