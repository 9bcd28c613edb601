package region_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/fence"
)

// Each round is a failover that loses a row, whose new primary kills itself at one step of
// its promotion, and whose old one at one step of its return. Started again, they go on.
func TestAnAgentThatIsKilledAtAnyStepGoesOn(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	primary, standby := "a", "b"
	var want []int64
	for i, at := range []struct{ promote, rejoin string }{
		{"promote: recorded", "rejoin: exported"},
		{"promote: asked", "rejoin: rewind begins"},
		{"promote: promoted", "rejoin: rewound"},
		{"promote: begun", "rejoin: standby"},
		{"promote: open", "rejoin: cloned"},
		{"promote: open", "rejoin: clone complete"},
	} {
		t.Logf("%s %s, %s %s", standby, at.promote, primary, at.rejoin)
		epoch, kept, lost := int64(i+2), int64(10*i+1), int64(10*i+2)
		l.say(primary, kept)
		want = append(want, kept)
		l.hears(standby, want...)
		l.stop(standby)
		l.say(primary, lost)
		l.stop(primary)

		failover := fmt.Sprintf("f%d", epoch)
		l.desire(standby, failover, nil)
		in := l.intruder(standby)
		l.start(standby, at.promote)
		l.gone(standby)
		l.start(standby, "")
		l.serves(standby, epoch)
		first, tries := in()
		require.Contains(t, first, "quarantine of "+failover, "nobody gets in before, in %d tries", tries)
		l.hears(standby, want...)
		var begun int
		l.one(standby, "select count(*) from begun where failover = '"+failover+"'", &begun)
		require.Equal(t, 1, begun)

		if at.rejoin == "rejoin: cloned" || at.rejoin == "rejoin: clone complete" {
			// A rewind that was broken off needs a clone.
			l.start(primary, "rejoin: rewind begins")
			l.gone(primary)
		}
		l.start(primary, at.rejoin)
		l.gone(primary)
		l.start(primary, "")
		l.follows(primary, epoch)
		l.hears(primary, want...)
		require.Contains(t, l.status(primary).Message, "is in "+l.home(primary)+"/diverged/", "what was lost is kept")
		primary, standby = standby, primary
	}
	l.say(primary, 1000)
	l.hears(standby, append(want, 1000)...)
}

// A region that never followed the one which served last holds old data.
func TestOldDataDoNotServe(t *testing.T) {
	l := newLab(t, fence.Async)
	l.start("a", "")
	l.serves("a", 1)
	l.start("b", "")
	l.follows("b", 1)
	l.stop("a")
	l.desire("b", "f2", nil)
	l.serves("b", 2)
	l.say("b", 1)
	l.stop("b")
	l.desire("a", "f3", nil)
	l.start("a", "")
	l.eventually("it says why not", 20*time.Second, func() bool {
		s := l.status("a")
		return s.Role == fence.RoleStopped && s.Message == "this region is to serve, and never followed b, which served in epoch 2"
	})
}
