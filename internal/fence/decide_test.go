package fence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const second = Instant(time.Second)

// viewed is what the agent of region a sees at 100 s: primary in epoch 3, with a lease that was renewed two seconds ago.
func viewed(change func(*View)) View {
	holder := Holder{Region: "a", Epoch: 3, Nonce: "mine"}
	v := View{Now: 100 * second, Region: "a", Timings: NewTimings(8 * time.Second), Postgres: Postgres{Role: RolePrimary, Epoch: 3, Received: 50}}
	v.Lease, v.Holder = Lease{ID: 1, Sent: 98 * second, TTL: 8 * time.Second}, holder
	v.Seen = Seen{Known: true, GoneAt: 90 * second, DesiredAt: 50 * second, Snapshot: Snapshot{
		Desired: Entry[Desired]{Value: Desired{Region: "a", Epoch: 3}, Revision: 1},
		Primary: Entry[Holder]{Value: holder, Revision: 2},
		Last:    Entry[Last]{Value: Last{Holder: holder}, Revision: 2},
	}}
	change(&v)
	return v
}

// other is the same with b as the last holder, in epoch 2, whose key is gone, and PostgreSQL here its standby.
func other(change func(*View)) View {
	return viewed(func(v *View) {
		v.Postgres = Postgres{Role: RoleStandby, Epoch: 2, Received: 50}
		v.Lease, v.Holder, v.Primary = Lease{}, Holder{}, Entry[Holder]{}
		v.Last.Value = Last{Holder: Holder{Region: "b", Epoch: 2, Nonce: "its"}}
		change(v)
	})
}

func TestDecide(t *testing.T) {
	deadline := 98*second + Instant(6400*time.Millisecond)
	for name, c := range map[string]struct {
		view View
		want Action // without its reason
	}{
		"a primary stays until its deadline": {viewed(func(*View) {}), Action{Act: Stay, Until: deadline}},
		"and stops at it":                    {viewed(func(v *View) { v.Now = deadline }), Action{Act: Stop}},
		"it stops without a lease":           {viewed(func(v *View) { v.Lease = Lease{} }), Action{Act: Stop}},
		"when its agent starts anew":         {viewed(func(v *View) { v.State = State{} }), Action{Act: Stop}},
		"when its key is gone":               {viewed(func(v *View) { v.Primary = Entry[Holder]{} }), Action{Act: Stop}},
		"when its key is another's":          {viewed(func(v *View) { v.Primary.Value.Nonce = "other" }), Action{Act: Stop}},
		"when another region is desired":     {viewed(func(v *View) { v.Desired.Value = Desired{Region: "b", Epoch: 4} }), Action{Act: Stop}},
		"when it is desired in a new epoch":  {viewed(func(v *View) { v.Desired.Value.Epoch = 5 }), Action{Act: Stop}},
		"in order when it hands over":        {viewed(func(v *View) { v.Desired.Value = Desired{Region: "b", Epoch: 4, Handover: true} }), Action{Act: ShutDown, Until: deadline}},
		"but not when there was more since":  {viewed(func(v *View) { v.Desired.Value = Desired{Region: "b", Epoch: 6, Handover: true} }), Action{Act: Stop}},

		"one that stopped gives proof": {
			viewed(func(v *View) { v.Postgres.Role = RoleStopped; v.Desired.Value = Desired{Region: "b", Epoch: 4} }),
			Action{Act: Release, Holder: Holder{Region: "a", Epoch: 3, Nonce: "mine"}},
		},
		"even when its lease ended": {
			viewed(func(v *View) {
				v.Postgres.Role, v.Lease, v.Holder, v.Primary = RoleStopped, Lease{}, Holder{}, Entry[Holder]{}
				v.Desired.Value = Desired{Region: "b", Epoch: 4}
			}),
			Action{Act: Release, Holder: Holder{Region: "a", Epoch: 3, Nonce: "mine"}},
		},
		"and follows then": {
			viewed(func(v *View) {
				v.Postgres.Role, v.Last.Value.Stopped = RoleStopped, true
				v.Desired.Value = Desired{Region: "b", Epoch: 4}
			}),
			Action{Act: Follow, Region: "b"},
		},
		"one that restarts goes on":        {viewed(func(v *View) { v.Postgres.Role = RoleStopped }), Action{Act: Promote, Epoch: 3}},
		"with a lease that still lives":    {viewed(func(v *View) { v.Postgres.Role, v.Now = RoleStopped, deadline }), Action{Act: Stay}},
		"an earlier agent's key is let go": {viewed(func(v *View) { v.Postgres.Role, v.Lease, v.Holder = RoleStopped, Lease{}, Holder{} }), Action{Act: Release, Holder: Holder{Region: "a", Epoch: 3, Nonce: "mine"}}},
		"its own is taken again at once": {
			viewed(func(v *View) { v.Postgres.Role, v.Primary, v.GoneAt = RoleStopped, Entry[Holder]{}, v.Now }),
			Action{Act: Acquire},
		},

		"nothing is known":        {other(func(v *View) { v.Seen = Seen{} }), Action{Act: Stay}},
		"nothing is desired":      {other(func(v *View) { v.Desired = Entry[Desired]{} }), Action{Act: Stay}},
		"no whole copy":           {other(func(v *View) { v.Postgres.Role = RoleCloning }), Action{Act: Stay}},
		"held by the other":       {other(func(v *View) { v.Primary = Entry[Holder]{Value: v.Last.Value.Holder, Revision: 2} }), Action{Act: Stay}},
		"nobody was primary":      {other(func(v *View) { v.Last = Entry[Last]{} }), Action{Act: Acquire}},
		"the other gave proof":    {other(func(v *View) { v.Last.Value.Stopped, v.GoneAt, v.DesiredAt = true, v.Now, v.Now }), Action{Act: Acquire}},
		"both waits are over":     {other(func(*View) {}), Action{Act: Acquire}},
		"the margin is not":       {other(func(v *View) { v.GoneAt = 99 * second }), Action{Act: Stay, Until: 99*second + Instant(1600*time.Millisecond)}},
		"the guards' wait is not": {other(func(v *View) { v.DesiredAt = 95 * second }), Action{Act: Stay, Until: 103 * second}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Decide(c.view)
			require.NotEmpty(t, got.Reason)
			got.Reason = ""
			require.Equal(t, c.want, got)
		})
	}
}

func TestWhatIsPromotedIsLosslessWhenItIs(t *testing.T) {
	// b holds the key in epoch 4, after a handed over at position 50 of epoch 3's log.
	handed := func(change func(*View)) Action {
		return Decide(viewed(func(v *View) {
			v.Postgres = Postgres{Role: RoleStandby, Epoch: 3, Received: 50}
			v.Desired.Value = Desired{Region: "a", Epoch: 4, Handover: true}
			v.Holder.Epoch = 4
			v.Primary.Value, v.DesiredAt = v.Holder, 95*second
			v.Last.Value = Last{Holder: v.Holder, Before: Proof{Clean: true, Epoch: 3, LSN: 50}}
			change(v)
		}))
	}
	require.True(t, handed(func(*View) {}).Lossless)
	require.True(t, handed(func(v *View) { v.Desired.Value = Desired{Region: "a", Epoch: 4, Lossless: true} }).Lossless)
	for name, change := range map[string]func(*View){
		"no handover":     func(v *View) { v.Desired.Value.Handover = false },
		"not in order":    func(v *View) { v.Last.Value.Before.Clean = false },
		"another log":     func(v *View) { v.Postgres.Epoch = 2 },
		"waited too long": func(v *View) { v.Postgres.Received, v.DesiredAt = 49, 84*second },
	} {
		action := handed(change)
		require.Equal(t, Promote, action.Act, name)
		require.False(t, action.Lossless, name)
		require.EqualValues(t, 4, action.Epoch)
	}
	short := handed(func(v *View) { v.Postgres.Received = 49 })
	require.Equal(t, Stay, short.Act)
	require.Equal(t, 111*second, short.Until)
}

func TestWhatWasSeenCountsFromTheFirstTime(t *testing.T) {
	holder := Holder{Region: "b", Epoch: 1, Nonce: "x"}
	at := func(revision, desired int64, there bool, last Holder) Snapshot {
		s := Snapshot{Revision: revision, Desired: Entry[Desired]{Revision: desired}, Last: Entry[Last]{Value: Last{Holder: last}, Revision: 1}}
		if there {
			s.Primary = Entry[Holder]{Value: last, Revision: 1}
		}
		return s
	}
	var s Seen
	s = s.Read(at(5, 1, true, holder), 10)
	require.EqualValues(t, 10, s.DesiredAt)
	s = s.Read(at(6, 1, false, holder), 20)
	s = s.Read(at(7, 2, false, holder), 30)
	s = s.Read(at(8, 2, false, holder), 40)
	require.EqualValues(t, 20, s.GoneAt)
	require.EqualValues(t, 30, s.DesiredAt)
	require.Equal(t, s, s.Read(at(6, 1, true, holder), 50), "an old answer")
	again := Holder{Region: "b", Epoch: 1, Nonce: "y"}
	s = s.Read(at(9, 2, false, again), 60)
	require.EqualValues(t, 60, s.GoneAt, "it was there again in between")
	require.EqualValues(t, 30, s.DesiredAt)
}

func TestAStateTakesAnswersInAnyOrder(t *testing.T) {
	var s State
	holder := Holder{Region: "a", Epoch: 1, Nonce: "x"}
	s.Acquired(Lease{ID: 1, Sent: 10, TTL: 8}, holder, Snapshot{Revision: 1}, 11)
	s.Renewed(Lease{ID: 1, Sent: 30, TTL: 8}, Snapshot{Revision: 3}, 31)
	s.Renewed(Lease{ID: 1, Sent: 20, TTL: 8}, Snapshot{Revision: 2}, 32)
	require.EqualValues(t, 30, s.Lease.Sent)
	require.EqualValues(t, 3, s.Revision)
	s.Lost(Lease{ID: 7})
	require.Equal(t, holder, s.Holder)
	s.Lost(s.Lease)
	require.Zero(t, s.Lease)
	require.Zero(t, s.Holder)
	s.Renewed(Lease{ID: 1, Sent: 50}, Snapshot{Revision: 4}, 51)
	require.Zero(t, s.Lease, "given up")
}

func TestTimingsAreCheckedAgainstTheClocks(t *testing.T) {
	for ttl := 2 * time.Second; ttl <= LongestTTL; ttl += time.Second {
		require.NoError(t, NewTimings(ttl).Validate(), "%v", ttl)
	}
	usual := NewTimings(8 * time.Second)
	for name, spoil := range map[string]func(*Timings){
		"too long":          func(t *Timings) { *t = NewTimings(11 * time.Second) },
		"none":              func(t *Timings) { *t = Timings{} },
		"no whole seconds":  func(t *Timings) { *t = NewTimings(2500 * time.Millisecond) },
		"no margin":         func(t *Timings) { t.Margin = 0 },
		"too slow to kill":  func(t *Timings) { t.Kill = 2 * time.Second },
		"a tenth as margin": func(t *Timings) { t.Margin, t.Kill = t.TTL/10, 0 },
	} {
		bad := usual
		spoil(&bad)
		require.Error(t, bad.Validate(), name)
	}
}

func TestPositionsReadAsPostgreSQLWritesThem(t *testing.T) {
	lsn, err := ParseLSN("16/B374D848")
	require.NoError(t, err)
	require.EqualValues(t, 0x16_B374D848, lsn)
	require.Equal(t, "16/B374D848", lsn.String())
	require.Equal(t, "0/0", LSN(0).String())
	for _, bad := range []string{"", "16", "16/", "/1", "x/1", "1/100000000", "1/2/3", "-1/2"} {
		_, err := ParseLSN(bad)
		require.Error(t, err, bad)
	}
}

func TestTheBootClockGoesOn(t *testing.T) {
	before := BootClock()
	require.Eventually(t, func() bool { return BootClock() > before }, time.Second, time.Microsecond)
}
