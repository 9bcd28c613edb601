package failover

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Seen is what one observer says of one region.
type Seen struct {
	Healthy bool `json:"healthy"`
	// Since is when that began, by the observer's clock: for one that is not healthy, the
	// first question that was not answered.
	Since time.Time `json:"since"`
	// Reason is one of the Seen* codes; empty for a healthy one.
	Reason string `json:"reason,omitempty"`
}

// Why a region is not healthy.
const (
	// SeenRefused: PostgreSQL does not take connections.
	SeenRefused = "refused"
	// SeenSilent: it did not answer in time, as behind a cut line.
	SeenSilent = "silent"
	// SeenAgent: the agent beside it shows no sign of life.
	SeenAgent = "agent"
	// SeenRole: it is not what it should be: a primary in recovery, or a standby that is not.
	SeenRole = "role"
)

// Damping is how long something must last before an observer says so.
type Damping struct {
	// IllAfter is how long no question was answered, WellAfter how long all were.
	IllAfter, WellAfter time.Duration
}

// Usual is the damping of observers: a failover is worth more than three seconds of
// waiting, and what comes and goes is ill.
var Usual = Damping{IllAfter: 3 * time.Second, WellAfter: 10 * time.Second}

// Damper turns the answers to single questions into what an observer says. The zero value
// with a [Damping] says nothing but "healthy" until its first illness is over IllAfter.
type Damper struct {
	Damping
	said Seen
	// failing and fine are when the present row of failures, or of answers, began.
	failing, fine time.Time
}

// Note takes one answer: reason is empty for a good one. Now may only go forward.
func (d *Damper) Note(now time.Time, reason string) Seen {
	if d.said.Since.IsZero() {
		d.said = Seen{Healthy: true, Since: now}
	}
	if reason == "" {
		d.failing = time.Time{}
		if d.fine.IsZero() {
			d.fine = now
		}
		if !d.said.Healthy && now.Sub(d.fine) >= d.WellAfter {
			d.said = Seen{Healthy: true, Since: d.fine}
		}
		return d.said
	}
	d.fine = time.Time{}
	if d.failing.IsZero() {
		d.failing = now
	}
	switch {
	case !d.said.Healthy:
		d.said.Reason = reason
	case now.Sub(d.failing) >= d.IllAfter:
		d.said = Seen{Since: d.failing, Reason: reason}
	}
	return d.said
}

// Votes are what the observers say whose leases are alive: by site, then by region.
type Votes map[string]map[string]Seen

// Rules say when a primary counts as lost.
type Rules struct {
	// Sites is how many observers there should be; more than half of them must agree.
	Sites int
	// Lasting is how long they must have agreed, as the one who counts saw it.
	Lasting time.Duration
	// Automatic allows a failover that nobody has asked for, once Cooldown has passed since
	// the last change of primary.
	Automatic bool
	Cooldown  time.Duration
}

// Counted is the verdict on the primary's region.
type Counted struct {
	// Lost: enough observers have called it ill for long enough.
	Lost bool `json:"lost"`
	// Ill and Well are how many say so, of Sites.
	Ill   int `json:"ill"`
	Well  int `json:"well"`
	Sites int `json:"sites"`
	// DownSince is when it fell ill, by the clock of the observer that is the median of
	// those who call it ill: one wrong clock does not move it by much.
	DownSince time.Time `json:"down_since,omitzero"`
	// Reason is what most of them say.
	Reason string `json:"reason,omitempty"`
	// Held is why no failover starts by itself: one of the Held* codes, empty for nothing.
	Held string `json:"held,omitempty"`
}

// Why a lost primary is not failed over from without being asked.
const (
	HeldByHand     = "by_hand"  // regions.automatic is off
	HeldByCooldown = "cooldown" // there was a change a short time ago: it may be flapping
)

// Watch counts votes over time. Its zero value has seen nothing. It is a value: counting
// changes nothing but what it returns.
type Watch struct {
	region string
	agreed time.Time // since when enough have called the region ill
}

// Count takes the votes of one moment, of whoever has a live lease, about the region that
// is the primary's since a time. No single observer decides, and one whose lease has ended
// has no vote, for or against.
func (w Watch) Count(now time.Time, rules Rules, region string, since time.Time, votes Votes) (Watch, Counted) {
	c := Counted{Sites: rules.Sites}
	var begun []time.Time
	reasons := map[string]int{}
	for _, site := range slices.Sorted(maps.Keys(votes)) {
		seen, says := votes[site][region]
		switch {
		case !says:
		case seen.Healthy:
			c.Well++
		default:
			c.Ill++
			begun = append(begun, seen.Since)
			reasons[seen.Reason]++
		}
	}
	if w.region != region {
		w = Watch{region: region}
	}
	if 2*c.Ill <= rules.Sites {
		w.agreed = time.Time{}
		return w, c
	}
	if w.agreed.IsZero() {
		w.agreed = now
	}
	slices.SortFunc(begun, time.Time.Compare)
	c.DownSince, c.Reason = begun[(len(begun)-1)/2], most(reasons)
	c.Lost = now.Sub(w.agreed) >= rules.Lasting
	switch {
	case !c.Lost:
	case !rules.Automatic:
		c.Held = HeldByHand
	case now.Sub(since) < rules.Cooldown:
		c.Held = HeldByCooldown
	}
	return w, c
}

func most(reasons map[string]int) string {
	names := slices.Sorted(maps.Keys(reasons))
	return slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(reasons[a], reasons[b]) })
}
