package synthesis_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// scene is a store with everything a test may want to reach behind its back.
type scene struct {
	*synthesis.Store
	db   *postgres.DB
	urls enginetest.URLs
	keys *keyring.Keyring
}

func newStore(t testing.TB) scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	keys := enginetest.Keyring(t)
	return scene{synthesis.NewStore(db, keys), db, urls, keys}
}

func (s scene) newSession(t testing.TB) (subject, session uuid.UUID) {
	t.Helper()
	created, err := s.CreateSession(t.Context(), uuid.New(), "a phone", time.Hour)
	require.NoError(t, err)
	return created.Subject, created.ID
}

func request(subject, session uuid.UUID, key, body string) synthesis.Acceptance {
	return synthesis.Acceptance{Subject: subject, Session: session, IdempotencyKey: key, Body: []byte(body)}
}

func (s scene) accept(t testing.TB, subject, session uuid.UUID, key string) synthesis.Record {
	t.Helper()
	rec, fresh, err := s.Accept(t.Context(), request(subject, session, key, "{}"))
	require.NoError(t, err)
	require.True(t, fresh)
	return rec
}

// What the person said and got, in words that no store may show.
const (
	theirWords   = "Hollerbusch: my sister has not called since the funeral"
	theirPlace   = "Hollerbusch kitchen"
	theirAnswer  = "Hollerbusch: that silence sounds heavy"
	theirEmotion = "hollerbusch-grief"
	theirCrisis  = crisis.Kind("hollerbusch-danger")
)

var spoken = []string{theirWords, theirPlace, theirAnswer, theirEmotion, string(theirCrisis), "ollerbusc"}

func delivery(rec synthesis.Record) synthesis.DeliverInput {
	begun := rec.AcceptedAt.Add(time.Millisecond)
	ended := begun.Add(5 * time.Millisecond)
	step := func(s interaction.Step, state interaction.StepState, reason string) interaction.StepRecord {
		return interaction.StepRecord{Step: s, State: state, StartedAt: begun, CompletedAt: &ended, Reason: reason}
	}
	return synthesis.DeliverInput{
		Ref: rec.Ref, Words: theirWords, AcceptedAt: rec.AcceptedAt,
		Context: interaction.Context{Place: theirPlace, TimeOfDay: "evening"},
		Answer: synthesis.Answer{
			Source: synthesis.Composed, Text: theirAnswer,
			Components: []synthesis.Component{{Text: theirAnswer, Tone: "warm", Purpose: "reflection"}},
			Analysis:   &mirror.Analysis{Primary: theirEmotion, Intensity: 0.7},
		},
		Steps: []interaction.StepRecord{
			step(interaction.ResponseGeneration, interaction.Completed, ""),
			step(interaction.MemoryRetrieval, interaction.Degraded, "vectors_unavailable"),
			step(interaction.EmotionalAnalysis, interaction.Completed, ""),
		},
	}
}

// inCrisis is a delivery that must be seen by a person.
func inCrisis(rec synthesis.Record) synthesis.DeliverInput {
	in := delivery(rec)
	in.Answer.Source = synthesis.CrisisAnswer
	in.Answer.Crisis = &crisis.Assessment{Severity: crisis.Explicit, Kinds: []crisis.Kind{theirCrisis}}
	return in
}
