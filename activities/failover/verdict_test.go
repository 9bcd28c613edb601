package failover_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/failover"
)

var began = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

func TestAnObserverDampsWhatItSees(t *testing.T) {
	for name, steps := range map[string][]struct {
		at      float64
		reason  string
		healthy bool
		since   float64
	}{
		"well": {{0, "", true, 0}, {60, "", true, 0}},
		"ill after three seconds, since the first failure": {
			{0, "", true, 0}, {1, "refused", true, 0}, {3.9, "refused", true, 0}, {4, "silent", false, 1}, {9, "role", false, 1},
		},
		"one answer in between begins anew": {
			{0, "", true, 0}, {1, "refused", true, 0}, {3, "", true, 0}, {3.5, "refused", true, 0}, {6.4, "refused", true, 0}, {6.5, "refused", false, 3.5},
		},
		"well again after ten seconds without a failure": {
			{0, "refused", true, 0}, {3, "refused", false, 0}, {4, "", false, 0}, {13, "", false, 0}, {13.5, "refused", false, 0},
			{14, "", false, 0}, {23.9, "", false, 0}, {24, "", true, 14},
		},
	} {
		d := failover.Damper{Damping: failover.Usual}
		for _, s := range steps {
			seen := d.Note(at(s.at), s.reason)
			require.Equal(t, s.healthy, seen.Healthy, "%s at %v", name, s.at)
			require.Equal(t, at(s.since), seen.Since, "%s at %v", name, s.at)
			if !s.healthy && s.reason != "" {
				require.Equal(t, s.reason, seen.Reason, name)
			}
		}
	}
}

var (
	rules = failover.Rules{Sites: 3, Lasting: 2 * time.Second, Automatic: true, Cooldown: 10 * time.Minute}
	well  = map[string]failover.Seen{"a": {Healthy: true}, "b": {Healthy: true}}
	illA  = map[string]failover.Seen{"a": {Reason: "silent", Since: at(-3)}, "b": {Healthy: true}}
	illB  = map[string]failover.Seen{"a": {Healthy: true}, "b": {Reason: "silent", Since: at(-3)}}
)

func TestAPrimaryIsLostOnlyByTheWordOfMoreThanHalfForAWhile(t *testing.T) {
	long := at(-3600)
	type moment struct {
		at    float64
		votes failover.Votes
		lost  bool
	}
	for name, moments := range map[string][]moment{
		"nobody says anything":         {{0, nil, false}, {60, failover.Votes{}, false}},
		"all are well":                 {{0, failover.Votes{"a": well, "b": well, "c": well}, false}, {60, failover.Votes{"a": well, "b": well, "c": well}, false}},
		"one alone does not decide":    {{0, failover.Votes{"a": well, "b": illA, "c": well}, false}, {60, failover.Votes{"a": well, "b": illA, "c": well}, false}},
		"one who is left alone":        {{0, failover.Votes{"b": illA}, false}, {60, failover.Votes{"b": illA}, false}},
		"two do after two seconds":     {{0, failover.Votes{"b": illA, "c": illA}, false}, {1.9, failover.Votes{"b": illA, "c": illA}, false}, {2, failover.Votes{"b": illA, "c": illA}, true}},
		"also against a third":         {{0, failover.Votes{"a": well, "b": illA, "c": illA}, false}, {2, failover.Votes{"a": well, "b": illA, "c": illA}, true}},
		"the standby's is another":     {{0, failover.Votes{"b": illB, "c": illB}, false}, {60, failover.Votes{"b": illB, "c": illB}, false}},
		"agreement that breaks":        {{0, failover.Votes{"b": illA, "c": illA}, false}, {1, failover.Votes{"b": illA, "c": well}, false}, {2, failover.Votes{"b": illA, "c": illA}, false}, {3.9, failover.Votes{"b": illA, "c": illA}, false}, {4, failover.Votes{"b": illA, "c": illA}, true}},
		"a lease that ends in between": {{0, failover.Votes{"b": illA, "c": illA}, false}, {1, failover.Votes{"b": illA}, false}, {2.5, failover.Votes{"b": illA, "c": illA}, false}},
		"others take over the count":   {{0, failover.Votes{"b": illA, "c": illA}, false}, {1, failover.Votes{"a": illA, "b": illA}, false}, {2, failover.Votes{"a": illA, "c": illA}, true}},
	} {
		w := failover.Watch{}
		for _, m := range moments {
			var counted failover.Counted
			w, counted = w.Count(at(m.at), rules, "a", long, m.votes)
			require.Equal(t, m.lost, counted.Lost, "%s at %v", name, m.at)
			require.Empty(t, counted.Held, name)
		}
	}
}

func TestACountBeginsAnewWithAnotherPrimary(t *testing.T) {
	ill := failover.Votes{
		"b": {"a": {Reason: "silent"}, "b": {Reason: "silent"}}, "c": {"a": {Reason: "silent"}, "b": {Reason: "silent"}},
	}
	w, _ := failover.Watch{}.Count(at(0), rules, "a", at(-3600), ill)
	w, counted := w.Count(at(5), rules, "b", at(-3600), ill)
	require.False(t, counted.Lost, "what was counted was said of another region")
	_, counted = w.Count(at(7), rules, "b", at(-3600), ill)
	require.True(t, counted.Lost)
}

func TestWhatIsLostIsHeldForAHandOrWhileItFlaps(t *testing.T) {
	ill := failover.Votes{"b": illA, "c": illA}
	count := func(r failover.Rules, since time.Time) failover.Counted {
		w, _ := failover.Watch{}.Count(at(0), r, "a", since, ill)
		_, counted := w.Count(at(2), r, "a", since, ill)
		require.True(t, counted.Lost)
		return counted
	}
	require.Empty(t, count(rules, at(-598)).Held, "the cooldown is over")
	require.Equal(t, failover.HeldByCooldown, count(rules, at(-597)).Held)
	byHand := rules
	byHand.Automatic = false
	require.Equal(t, failover.HeldByHand, count(byHand, at(-3600)).Held)
}

func TestACountTellsSinceWhenAndWhy(t *testing.T) {
	say := func(reason string, since float64) map[string]failover.Seen {
		return map[string]failover.Seen{"a": {Reason: reason, Since: at(since)}}
	}
	_, counted := failover.Watch{}.Count(at(5), rules, "a", at(-3600), failover.Votes{"a": say("agent", 900), "b": say("silent", 1), "c": say("silent", 1.5)})
	require.Equal(t, failover.Counted{Ill: 3, Sites: 3, DownSince: at(1.5), Reason: "silent"}, counted, "one clock that is wrong by far changes little")
}
