package requests

import (
	"time"
)

// Law is the law that a request is made under.
type Law string

// The laws.
const (
	GDPR Law = "gdpr"
	CCPA Law = "ccpa"
)

// ExtensionReasons are what the law accepts as a reason to take longer (GDPR, article 12 (3)).
var ExtensionReasons = []string{"complexity", "number_of_requests"}

// promise is how soon MeAi promises an erasure, from when it may begin.
const promise = 72 * time.Hour

// limits are what a law says about time.
type limits struct {
	// due is until when a request that arrived at a time is to be met, and extended until
	// when at the latest; nil where there is no extension.
	due, extended func(time.Time) time.Time
	// confirm is until when the person is to be told that it has arrived; nil for no limit.
	confirm func(time.Time) time.Time
}

// limitsOf are the limits of one kind of request: GDPR, article 12 (3), one month and two
// more; CCPA regulations, § 7021, 10 business days, 45 days and 45 more, and § 7026 (f), 15
// business days to stop selling. Weekends and holidays at the end do not count for us.
func limitsOf(law Law, kind Kind) (limits, bool) {
	switch {
	case law == GDPR:
		return limits{due: months(1), extended: months(3)}, true
	case law == CCPA && kind == OptOut:
		return limits{due: businessDays(15)}, true
	case law == CCPA:
		return limits{due: days(45), extended: days(90), confirm: businessDays(10)}, true
	default:
		return limits{}, false
	}
}

// months counts calendar months: to the same day, or the last of a month that lacks it.
func months(n int) func(time.Time) time.Time {
	return func(t time.Time) time.Time {
		there := t.AddDate(0, n, 0)
		if there.Day() != t.Day() { // it went on into the next month
			there = there.AddDate(0, 0, -there.Day())
		}
		return there
	}
}

func days(n int) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.AddDate(0, 0, n) }
}

// businessDays counts Mondays to Fridays. Public holidays count as well: they differ, and
// being early is no harm.
func businessDays(n int) func(time.Time) time.Time {
	return func(t time.Time) time.Time {
		for left := n; left > 0; {
			t = t.AddDate(0, 0, 1)
			if day := t.Weekday(); day != time.Saturday && day != time.Sunday {
				left--
			}
		}
		return t
	}
}

// promised is until when MeAi promises what arrived at a time and may begin at another.
func promised(received, begins time.Time) time.Time {
	if begins.Before(received) {
		begins = received
	}
	return begins.UTC().Truncate(time.Microsecond).Add(promise)
}
