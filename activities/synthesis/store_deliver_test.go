package synthesis_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/activities/interaction"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/enginetest"
	"meai/internal/keyring"
)

func TestADeliveredAnswerReadsAsItWasGiven(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	in := delivery(rec)
	delivered, err := s.Deliver(t.Context(), in)
	require.NoError(t, err)

	found, err := s.Interaction(t.Context(), subject, session, rec.Ref.Interaction)
	require.NoError(t, err)
	interaction.SortSteps(in.Steps)
	require.Equal(t, synthesis.Record{
		Ref: rec.Ref, State: interaction.Answered, AcceptedAt: rec.AcceptedAt, AnsweredAt: &delivered.At,
		Words: in.Words, Context: in.Context, Steps: in.Steps, Answer: &in.Answer,
	}, found)
	require.Equal(t, interaction.EmotionalAnalysis, found.Steps[0].Step, "in the order of the story")

	after, err := s.Session(t.Context(), subject, session)
	require.NoError(t, err)
	require.Equal(t, 1, after.Interactions)
	require.Equal(t, &rec.Ref.Interaction, after.LastInteraction)
	require.Equal(t, theirEmotion, after.CurrentEmotion)
	require.Zero(t, s.count(t, subject, "escalations"))
}

func TestASecondDeliveryChangesNothing(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	first, err := s.Deliver(t.Context(), inCrisis(rec))
	require.NoError(t, err)
	before := s.rows(t, subject)

	again, err := s.Deliver(t.Context(), inCrisis(rec))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, s.rows(t, subject))

	changed := delivery(rec)
	changed.Words, changed.Steps = "other words", changed.Steps[:1]
	again, err = s.Deliver(t.Context(), changed)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, s.rows(t, subject), "the first delivery wins")
}

func TestTheWayFromAcceptanceToAnswerIsMeasuredOnce(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	reader := sdkmetric.NewManualReader()
	metrics, err := synthesis.NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	steps := interaction.NewRecorder(s.db, enginetest.Logger(t))
	activities := &synthesis.Activities{Store: s.Store, Steps: steps, Metrics: metrics}
	whole, degraded := delivery(s.accept(t, subject, session, "whole")), delivery(s.accept(t, subject, session, "degraded"))
	whole.Answer.Degraded, degraded.Answer.Degraded = nil, []string{"mirror_unavailable"}
	var waited float64
	for _, in := range []synthesis.DeliverInput{whole, degraded, whole} {
		delivered, err := activities.Deliver(t.Context(), in)
		require.NoError(t, err)
		if len(in.Answer.Degraded) == 0 {
			waited = delivered.At.Sub(in.AcceptedAt).Seconds()
		}
	}

	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	require.Len(t, collected.ScopeMetrics, 1)
	found := collected.ScopeMetrics[0].Metrics[0]
	require.Equal(t, "meai.interaction.duration", found.Name)
	points := found.Data.(metricdata.Histogram[float64]).DataPoints
	require.Len(t, points, 2)
	for _, p := range points {
		require.Equal(t, uint64(1), p.Count, "a second delivery is none")
		if outcome, _ := p.Attributes.Value("outcome"); outcome.AsString() == "whole" {
			require.InDelta(t, max(0, waited), p.Sum, 0.001)
		}
	}
}

// TestASecondDeliveryEscalatesNothing that the first one did not.
func TestASecondDeliveryEscalatesNothing(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	first, err := s.Deliver(t.Context(), delivery(rec))
	require.NoError(t, err)
	require.Zero(t, first.Escalation)
	again, err := s.Deliver(t.Context(), inCrisis(rec))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Zero(t, s.count(t, subject, "escalations"))
}

func TestSimultaneousDeliveriesCountOnce(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	var group sync.WaitGroup
	for n := range 8 {
		rec := s.accept(t, subject, session, fmt.Sprint(n))
		for range 4 {
			group.Go(func() {
				if _, err := s.Deliver(context.Background(), inCrisis(rec)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	after, err := s.Session(t.Context(), subject, session)
	require.NoError(t, err)
	require.Equal(t, 8, after.Interactions)
	require.Equal(t, 8, s.count(t, subject, "escalations"))
	require.Equal(t, 8*3, s.count(t, subject, "interaction_steps"))
}

func TestTheNewestInteractionSetsTheCurrentEmotion(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	older, newer, newest := s.accept(t, subject, session, "1"), s.accept(t, subject, session, "2"), s.accept(t, subject, session, "3")
	for _, rec := range []synthesis.Record{newer, newest, older} {
		in := delivery(rec)
		in.Answer.Analysis.Primary = "felt in " + rec.Ref.Interaction.String()
		if rec.Ref == newest.Ref {
			in.Answer.Analysis = nil // Mirror was away
		}
		_, err := s.Deliver(t.Context(), in)
		require.NoError(t, err)
	}
	after, err := s.Session(t.Context(), subject, session)
	require.NoError(t, err)
	require.Equal(t, 3, after.Interactions)
	require.Equal(t, &newest.Ref.Interaction, after.LastInteraction)
	require.Equal(t, "felt in "+newer.Ref.Interaction.String(), after.CurrentEmotion)
}

func TestACrisisRaisesOneEscalation(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	rec := s.accept(t, subject, session, "key")
	_, err := s.Deliver(t.Context(), inCrisis(rec))
	require.NoError(t, err)
	require.Equal(t, []string{rec.Ref.Interaction.String()}, column(t, s.in(t, subject), "select interaction_id::text from escalations"))

	var sealed []byte
	require.NoError(t, s.in(t, subject).QueryRow(t.Context(), "select assessment_sealed from escalations").Scan(&sealed))
	keys, err := s.keys.Keys(t.Context(), subject)
	require.NoError(t, err)
	assessment, err := keys.Open(sealed, keyring.Location{Table: "escalations", Column: "assessment", Row: rec.Ref.Interaction})
	require.NoError(t, err)
	require.JSONEq(t, `{"severity": "explicit", "kinds": ["hollerbusch-danger"]}`, string(assessment))
}

// TestSexualContentAboutMinorsRaisesAnEscalation although a harmless answer took its place,
// and other objections do not.
func TestSexualContentAboutMinorsRaisesAnEscalation(t *testing.T) {
	s := newStore(t)
	for escalate, cases := range map[bool]int{false: 0, true: 1} {
		subject, session := s.newSession(t)
		in := delivery(s.accept(t, subject, session, "key"))
		in.Answer.Review = &truthfilter.Judgement{Verdict: truthfilter.Reject, Escalate: escalate}
		delivered, err := s.Deliver(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, cases == 1, delivered.Escalation != uuid.Nil)
		require.Equal(t, cases, s.count(t, subject, "escalations"))
	}
}

func TestAnAnswerIsKeptAlthoughItsAcceptanceWasLost(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	lost := s.accept(t, subject, session, "key")
	lost.Ref.Interaction[15]++ // an interaction of which the database knows nothing
	_, err := s.Deliver(t.Context(), delivery(lost))
	require.NoError(t, err)
	found, err := s.Interaction(t.Context(), subject, session, lost.Ref.Interaction)
	require.NoError(t, err)
	require.Equal(t, theirAnswer, found.Answer.Text)
	require.Equal(t, lost.AcceptedAt, found.AcceptedAt)
}

func TestNoWordsRestInTheDatabase(t *testing.T) {
	s := newStore(t)
	subject, _ := s.newSession(t)
	created, err := s.CreateSession(t.Context(), subject, theirPlace, time.Hour)
	require.NoError(t, err)
	rec := s.accept(t, subject, created.ID, theirWords)
	_, err = s.Deliver(t.Context(), inCrisis(rec))
	require.NoError(t, err)

	rows := s.rows(t, subject)
	require.Len(t, rows, 2+1+1+3+1+1, "sessions, key, interaction, steps, escalation, what is to be remembered")
	for _, row := range rows {
		lower := strings.ToLower(row)
		for _, said := range spoken {
			for _, disguise := range disguises(said) {
				require.NotContains(t, lower, strings.ToLower(disguise))
			}
		}
	}
}

// disguises are the forms in which words could lie around.
func disguises(said string) []string {
	forms := []string{said, hex.EncodeToString([]byte(said))}
	for offset := range 3 { // base64 depends on where in a triple the words begin
		text := base64.StdEncoding.EncodeToString(append(make([]byte, offset), said...))
		forms = append(forms, text[4:len(text)-4])
	}
	return forms
}

func TestSealedColumnsCannotBeExchanged(t *testing.T) {
	exchanges := map[string]string{
		"between rows":    "update interactions i set answer_sealed = o.answer_sealed from interactions o where o.id <> i.id",
		"between columns": "update interactions set context_sealed = answer_sealed",
		"cut short":       "update interactions set words_sealed = substr(words_sealed, 1, 12)",
		"emptied":         "update interactions set words_sealed = ''",
	}
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			subject, session := s.newSession(t)
			one, two := s.accept(t, subject, session, "1"), s.accept(t, subject, session, "2")
			for _, rec := range []synthesis.Record{one, two} {
				_, err := s.Deliver(t.Context(), delivery(rec))
				require.NoError(t, err)
			}
			_, err := s.in(t, subject).Exec(t.Context(), exchange)
			require.NoError(t, err)
			_, err = s.Interaction(t.Context(), subject, session, one.Ref.Interaction)
			require.ErrorIs(t, err, keyring.ErrSealed)
			require.NotContains(t, err.Error(), "ollerbusc")
		})
	}
}

// TestWhatWasAnsweredBeforeIsKnown: the session's answers before an interaction, and no
// other person's.
func TestWhatWasAnsweredBeforeIsKnown(t *testing.T) {
	s := newStore(t)
	subject, session := s.newSession(t)
	first := s.accept(t, subject, session, "first")
	_, err := s.Deliver(t.Context(), delivery(first))
	require.NoError(t, err)
	second := s.accept(t, subject, session, "second")
	require.Empty(t, s.Before(t.Context(), first.Ref))
	require.Equal(t, []string{theirAnswer}, s.Before(t.Context(), second.Ref))
	stranger, theirs := s.newSession(t)
	require.Empty(t, s.Before(t.Context(), s.accept(t, stranger, theirs, "first").Ref))
}
