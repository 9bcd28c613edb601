package drill_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/cmd/meai/internal/drill"
	"meai/internal/fence"
)

// killed is a run that has met all targets.
func killed(mode fence.Replication) drill.Outcome {
	return drill.Outcome{
		Scenario: "region-kill", Run: 1, Mode: mode, Writable: 20 * time.Second, Pause: 20 * time.Second, Completed: 10 * time.Second,
		Account: drill.Account{Accepted: 30}, Loss: &drill.Loss{Lag: 0.5, Lossless: mode == fence.Sync}, Within: true,
	}
}

func TestOneRunThatMissesATargetIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*drill.Outcome)
		missed string
	}{
		"all met":               {func(*drill.Outcome) {}, ""},
		"late":                  {func(o *drill.Outcome) { o.Writable = 31 * time.Second }, "writable again 31.0 s"},
		"answered late":         {func(o *drill.Outcome) { o.Completed = 61 * time.Second }, "all accepted answered after that 61.0 s"},
		"lost":                  {func(o *drill.Outcome) { o.Account.Lost = 1 }, "1 lost beyond what may be"},
		"done twice":            {func(o *drill.Outcome) { o.Account.Twice = 2 }, "2 done twice"},
		"not answered":          {func(o *drill.Outcome) { o.Account.Unanswered = 3 }, "3 not answered"},
		"not brought to an end": {func(o *drill.Outcome) { o.Failed = "nobody serves" }, "1 not brought to its end"},
		"a handover that is slow": {func(o *drill.Outcome) { o.Scenario, o.Pause = "switchover", 5100*time.Millisecond },
			"pause 5.1 s"},
		"a handover with a failure": {func(o *drill.Outcome) { o.Scenario, o.Pause, o.Account.GivenUp = "switchover", time.Second, 1 },
			"1 failed in spite of retries"},
		"a partition takes its time": {func(o *drill.Outcome) { o.Scenario, o.Writable = "partition", time.Minute }, ""},
	} {
		o := killed(fence.Sync)
		c.change(&o)
		missed := drill.Missed([]drill.Outcome{killed(fence.Sync), o})
		if c.missed == "" {
			require.Empty(t, missed, name)
			continue
		}
		require.Equal(t, []string{o.Scenario + " run 1 (sync): " + c.missed}, missed, name)
	}
}

func TestAsynchronouslyWhatWasMeasuredMayBeLost(t *testing.T) {
	o := killed(fence.Async)
	o.Account.Lost = 2
	require.Empty(t, drill.Missed([]drill.Outcome{o}))
	o.Within = false
	require.Len(t, drill.Missed([]drill.Outcome{o}), 1)

	const lease = 6 * time.Second
	for name, c := range map[string]struct {
		loss   drill.Loss
		lost   int
		within bool
	}{
		"nothing":                    {drill.Loss{Lag: -1}, 0, true},
		"less than the lag":          {drill.Loss{Lag: 0.5, Oldest: 500 * time.Millisecond}, 1, true},
		"more than the lag":          {drill.Loss{Lag: 0.5, Oldest: 501 * time.Millisecond}, 1, false},
		"nobody knew the lag":        {drill.Loss{Lag: -1, Oldest: time.Millisecond}, 1, false},
		"it was to lose nothing":     {drill.Loss{Lag: 0.5, Lossless: true}, 1, false},
		"while the lease was not up": {drill.Loss{Lag: 0.5, Newest: lease}, 1, true},
		"after the lease":            {drill.Loss{Lag: 0.5, Newest: lease + 1}, 1, false},
	} {
		require.Equal(t, c.within, c.loss.Within(c.lost, lease), name)
	}
}

func TestThePageShowsEveryRunAndMode(t *testing.T) {
	slow := killed(fence.Async)
	slow.Writable = 40 * time.Second
	text, pictures := drill.Page([]drill.Outcome{killed(fence.Sync), slow})
	require.Contains(t, text, "* region-kill run 1 (async): writable again 40.0 s")
	require.Contains(t, text, "| writable | 20.0 s | 20.0 s | at most 30.0 s | yes |")
	require.Contains(t, text, "| pause | 20.0 s | 20.0 s |  |  |", "no target for a lost region's")
	require.Contains(t, text, "| writable | 40.0 s | 40.0 s | at most 30.0 s | **no** |")
	for _, name := range []string{"drills-pauses-sync.svg", "drills-pauses-async.svg"} {
		require.Contains(t, text, "("+name+")")
		require.Equal(t, 1, strings.Count(pictures[name], "<circle"), name)
	}
}
