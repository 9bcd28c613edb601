package escalation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/notify"
)

func level(targets int, wait time.Duration, reminders int) Level {
	return Level{Targets: make([]notify.Notifier, targets), Wait: wait, Reminders: reminders}
}

func TestALadderIsClimbedLevelByLevel(t *testing.T) {
	l := Ladder{Repeat: time.Minute, GiveUp: 3 * time.Minute, Levels: []Level{
		level(2, 10*time.Minute, 1), level(0, time.Hour, 3), level(1, 4*time.Minute, 0),
	}}
	require.Equal(t, []Round{
		{Level: 1, Number: 0, Targets: 2, Wait: 5 * time.Minute},
		{Level: 1, Number: 1, Targets: 2, Wait: 5 * time.Minute},
		{Level: 3, Number: 0, Targets: 1, Wait: 4 * time.Minute},
		{Level: 3, Number: 1, Targets: 1, Wait: time.Minute},
		{Level: 3, Number: 2, Targets: 1, Wait: time.Minute},
		{Level: 3, Number: 3, Targets: 1, Wait: time.Minute},
	}, l.rounds(), "a level without anybody takes no time")
	l.Levels = []Level{level(0, time.Minute, 1)}
	require.Equal(t, []Round{{Wait: 3 * time.Minute}}, l.rounds(), "with nobody to be told a case is waited for")
}

func TestAHistoryStaysShortWhateverIsConfigured(t *testing.T) {
	l := Ladder{Repeat: time.Second, GiveUp: 7 * 24 * time.Hour, Levels: []Level{level(1, time.Minute, 0)}}
	require.Len(t, l.rounds(), 1+mostRepeats)
}
