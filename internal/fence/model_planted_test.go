package fence

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheModelFindsWhatIsPlanted breaks the protocol in one place at a time. A model that finds none of it would tell
// nothing by finding nothing.
func TestTheModelFindsWhatIsPlanted(t *testing.T) {
	const seed, most = 9, 200_000
	lazily(t)
	for name, planted := range map[string]faults{
		"no margin": {noMargin: true},
		"proof of stop before PostgreSQL is dead":      {noProof: true},
		"a lease counts from the answer":               {sentAfter: true},
		"acquire trusts what was read":                 {acquireAnyway: true},
		"no watchdog":                                  {noWatchdog: true},
		"an agent that wakes up and goes on promoting": {goesOn: true},
		"no question to the guard after COMMIT":        {noCheckAfter: true},
		"a guard that counts from the answer":          {guardFromAnswer: true},
		"promotion does not wait for guards":           {noWaitForGuards: true},
		"lossless without a look at the mode":          {losslessAnyway: true},
		"degraded before the register knows":           {degradeFirst: true},
		"clocks that run twice as far apart":           {clockRate: 2 * ClockRate},
	} {
		t.Run(name, func(t *testing.T) {
			for no := range uint64(most) {
				if w := schedule(seed, no, planted, nil); w.history.found != "" {
					t.Logf("schedule %d: %s", no, w.history.found)
					return
				}
			}
			require.Fail(t, "nothing was found")
		})
	}
}
