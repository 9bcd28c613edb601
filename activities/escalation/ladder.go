package escalation

import (
	"time"

	"meai/internal/notify"
)

// Level is people who are told together.
type Level struct {
	Targets []notify.Notifier
	// Wait is how long they have, before the next level is told.
	Wait time.Duration
	// Reminders within that time, at equal distances.
	Reminders int
}

// Ladder is the levels, the nearest first, and what comes after the last: it is
// reminded every Repeat until GiveUp has passed.
type Ladder struct {
	Levels         []Level
	Repeat, GiveUp time.Duration
}

// mostRepeats bounds a workflow's history, whatever is configured.
const mostRepeats = 200

// rounds are all times of telling somebody, in order. A level without targets takes
// no time; with none at all a case is just waited for.
func (l Ladder) rounds() []Round {
	var rounds []Round
	last := Round{Wait: l.GiveUp}
	for i, level := range l.Levels {
		if len(level.Targets) == 0 {
			continue
		}
		last = Round{Level: i + 1, Targets: len(level.Targets), Wait: level.Wait / time.Duration(level.Reminders+1)}
		for range level.Reminders + 1 {
			rounds = append(rounds, last)
			last.Number++
		}
	}
	if last.Level == 0 {
		return []Round{last}
	}
	last.Wait = max(l.Repeat, l.GiveUp/mostRepeats)
	for end := last.Number + int(l.GiveUp/last.Wait); last.Number < end; last.Number++ {
		rounds = append(rounds, last)
	}
	return rounds
}

// target is the one that a round's activity tells; nil when the configuration was
// changed since the plan was made.
func (l Ladder) target(level, number int) notify.Notifier {
	if level < 1 || level > len(l.Levels) || number < 0 || number >= len(l.Levels[level-1].Targets) {
		return nil
	}
	return l.Levels[level-1].Targets[number]
}
