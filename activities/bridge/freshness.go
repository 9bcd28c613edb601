package bridge

import (
	"fmt"
	"time"
)

const (
	day = 24 * time.Hour
	// lineHolds and entryHolds are how long a review holds: numbers change faster
	// than what is known about a way of breathing.
	lineHolds, entryHolds = 365 * day, 730 * day
)

// Due is the time when the entry has to be reviewed again.
func (r Resource) Due() time.Time {
	if r.Kind == HelpLine {
		return due(r.Reviewed, lineHolds)
	}
	return due(r.Reviewed, entryHolds)
}

// due is the end of a review that holds so long; the zero time when there was none.
func due(reviewed string, holds time.Duration) time.Time {
	on, err := time.Parse(time.DateOnly, reviewed)
	if err != nil {
		return time.Time{}
	}
	return on.Add(holds)
}

// Overdue names the entries whose review no longer holds as of now, each emergency
// number too.
func Overdue(all []Resource, now time.Time) []string {
	var ids []string
	check := func(id string, due time.Time, holds time.Duration) {
		if now.After(due) || due.Add(-holds).After(now) { // a day to come is a mistake
			ids = append(ids, id)
		}
	}
	for _, r := range all {
		holds := entryHolds
		if r.Kind == HelpLine {
			holds = lineHolds
		}
		check(r.ID, r.Due(), holds)
		for _, e := range r.Emergency {
			check(fmt.Sprintf("%s %s", r.ID, e.Number), due(e.Reviewed, lineHolds), lineHolds)
		}
	}
	return ids
}

// OverdueEntries is [Overdue] of the library that is built in.
func OverdueEntries(now time.Time) []string {
	all, err := load(curated)
	if err != nil {
		return nil // a faulty library keeps the workers from starting, and says why
	}
	return Overdue(all, now)
}
