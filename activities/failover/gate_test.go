package failover_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/failover"
)

// sound is a standby that may be promoted.
func sound() failover.Look {
	return failover.Look{
		Mode:     failover.Asynchronous,
		Standby:  failover.Standby{Present: true, IsStandby: true, Timeline: 4, Streaming: true, Received: 5000, Replayed: 5000, Lag: 0.5},
		Upstream: failover.Upstream{Timeline: 4, Flushed: 5000},
		Limits:   failover.Limits{RPO: 5 * time.Second, Replay: 1000},
	}
}

func TestTheGateSaysWhatSpeaksAgainstAFailover(t *testing.T) {
	type reasons = []failover.Reason
	for name, c := range map[string]struct {
		change   func(*failover.Look)
		reasons  reasons
		final    bool
		lossless bool
		loss     float64
	}{
		"asynchronous, within what may be lost": {func(*failover.Look) {}, nil, false, false, 0.5},
		"asynchronous, at the limit":            {func(l *failover.Look) { l.Standby.Lag = 5 }, nil, false, false, 5},
		"asynchronous, beyond it":               {func(l *failover.Look) { l.Standby.Lag = 5.1 }, reasons{"lag"}, false, false, 5.1},
		"asynchronous, nobody knows":            {func(l *failover.Look) { l.Standby.Lag = -1 }, reasons{"lag_unknown"}, false, false, -1},
		"synchronous":                           {func(l *failover.Look) { l.Mode = failover.Synchronous }, nil, false, true, 0},
		"synchronous, behind": {func(l *failover.Look) { l.Mode, l.Standby.Lag = failover.Synchronous, 60 },
			nil, false, true, 0},
		"degraded": {func(l *failover.Look) { l.Mode = failover.Degraded }, reasons{"degraded"}, false, false, 0.5},
		"degraded and behind": {func(l *failover.Look) { l.Mode, l.Standby.Lag = failover.Degraded, 40 },
			reasons{"degraded", "lag"}, false, false, 40},
		"silent": {func(l *failover.Look) { l.Standby = failover.Standby{Lag: -1} },
			reasons{"standby_silent", "timeline", "receiver", "lag_unknown"}, true, false, -1},
		"no standby":                 {func(l *failover.Look) { l.Standby.IsStandby = false }, reasons{"standby_role"}, true, false, 0.5},
		"it follows one from before": {func(l *failover.Look) { l.Standby.Behind = true }, reasons{"standby_behind"}, true, false, 0.5},
		"another history, synchronous": {func(l *failover.Look) { l.Mode, l.Standby.Timeline = failover.Synchronous, 3 },
			reasons{"timeline"}, false, false, -1},
		"not receiving, synchronous": {func(l *failover.Look) { l.Mode, l.Standby.Streaming = failover.Synchronous, false },
			reasons{"receiver"}, false, false, -1},
		"nobody knows of the primary's history": {func(l *failover.Look) { l.Upstream = failover.Upstream{} }, nil, false, false, 0.5},
		"the observers do not agree":            {func(l *failover.Look) { l.Unconfirmed = true }, reasons{"unconfirmed"}, false, false, 0.5},
		"much to apply":                         {func(l *failover.Look) { l.Standby.Received = 6001 }, reasons{"replay"}, false, false, 0.5},
		"switchover, however far behind": {func(l *failover.Look) { l.Upstream.Alive, l.Standby.Lag = true, 90 },
			nil, false, true, 0},
		"switchover to one that somebody calls ill": {func(l *failover.Look) { l.Upstream.Alive, l.Standby.Ill = true, true },
			reasons{"standby_ill"}, false, true, 0},
		"lost, and somebody calls the other one ill": {func(l *failover.Look) { l.Standby.Ill = true }, nil, false, false, 0.5},
		"switchover to one that does not receive": {func(l *failover.Look) { l.Upstream.Alive, l.Standby.Streaming = true, false },
			reasons{"receiver"}, false, false, -1},
	} {
		look := sound()
		c.change(&look)
		require.Equal(t, failover.Judgement{Passes: c.reasons == nil, Final: c.final, Lossless: c.lossless, Reasons: c.reasons, Loss: c.loss}, failover.Judge(look), name)
	}
}
