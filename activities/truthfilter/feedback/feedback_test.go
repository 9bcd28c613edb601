package feedback

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/privacy/consent"
	"meai/activities/privacy/consent/consenttest"
	"meai/activities/truthfilter"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// scene is feedback on a database of its own, where all interactions are the person's who asks
// but those in others.
type scene struct {
	*Store
	*Activities
	db     *postgres.DB
	keys   *keyring.Keyring
	urls   enginetest.URLs
	judged *truthfilter.Judgement
	others map[uuid.UUID]bool
	env    *testsuite.TestActivityEnvironment
}

func newScene(t *testing.T) *scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	keys := enginetest.Keyring(t)
	s := &scene{db: db, keys: keys, urls: urls, others: map[uuid.UUID]bool{}}
	s.Store = NewStore(Options{
		DB: db, Written: truthfilter.Standard, Answers: s, Logger: enginetest.Logger(t),
		Keys: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys}),
		HasResource: func(_ context.Context, id string) (bool, error) { return id == "box-breathing", nil },
	})
	s.Activities = &Activities{Store: s.Store, Filter: truthfilter.New(nil, truthfilter.Standard)}
	s.env = (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	s.env.RegisterActivity(s.Activities)
	return s
}

func (s *scene) Judged(_ context.Context, _, interaction uuid.UUID) (*truthfilter.Judgement, error) {
	if s.others[interaction] {
		return nil, failure.New(failure.NotFound, "no such interaction", nil)
	}
	return s.judged, nil
}

func (s *scene) person(t *testing.T) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	consenttest.Give(t, s.db, s.keys, subject, consent.Feedback)
	return subject
}

func (s *scene) rates(t *testing.T, subject uuid.UUID, rating truthfilter.Rating, times int) {
	t.Helper()
	for range times {
		_, err := s.Rate(t.Context(), subject, Thing{Interaction: uuid.New()}, rating)
		require.NoError(t, err)
	}
}

// people rate something new, so many times each.
func (s *scene) people(t *testing.T, n int, rating truthfilter.Rating, times int) []uuid.UUID {
	t.Helper()
	all := make([]uuid.UUID, n)
	for i := range all {
		all[i] = s.person(t)
		s.rates(t, all[i], rating, times)
	}
	return all
}

func (s *scene) adjusted(t *testing.T, subject uuid.UUID) []truthfilter.Adjustment {
	t.Helper()
	p, err := s.Policy(t.Context(), subject)
	require.NoError(t, err)
	return p.Adjusted
}

func (s *scene) proposed(t *testing.T) Proposal {
	t.Helper()
	p, err := s.ProposePolicy(t.Context(), struct{}{})
	require.NoError(t, err)
	return p
}

func (s *scene) evaluated(t *testing.T, p Proposal) Evaluation {
	t.Helper()
	value, err := s.env.ExecuteActivity(s.EvaluatePolicy, p)
	require.NoError(t, err)
	var e Evaluation
	require.NoError(t, value.Get(&e))
	return e
}

// night is a run of the nightly workflow.
func (s *scene) night(t *testing.T, run string) Outcome {
	t.Helper()
	p := s.proposed(t)
	if len(p.Moves) == 0 {
		return Outcome{}
	}
	out, err := s.AdoptPolicy(t.Context(), AdoptInput{Run: run, Proposal: p, Evaluation: s.evaluated(t, p)})
	require.NoError(t, err)
	return out
}

func (s *scene) entries(t *testing.T, act audit.Act) (found []audit.Entry) {
	t.Helper()
	page, err := s.Audit.Entries(t.Context(), 0, audit.HMAC{}, 100)
	require.NoError(t, err)
	for _, e := range page.Entries {
		if e.Act == act {
			found = append(found, e)
		}
	}
	return found
}

func TestARatingReplacesTheOneBefore(t *testing.T) {
	s := newScene(t)
	anna, answer := s.person(t), Thing{Interaction: uuid.New()}
	s.judged = &truthfilter.Judgement{Policy: "1.4", Layers: []truthfilter.LayerScore{{Layer: truthfilter.Safety, Score: 0.9, Reasons: []truthfilter.Reason{{Code: "x", Words: "her words"}}}}}
	first, err := s.Rate(t.Context(), anna, answer, truthfilter.Untrue)
	require.NoError(t, err)
	again, err := s.Rate(t.Context(), anna, answer, truthfilter.Untrue)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same once more changes nothing")
	require.Equal(t, []truthfilter.Adjustment{{Layer: truthfilter.Honesty, By: 0.02, Because: "1 × untrue in 7 days"}}, s.adjusted(t, anna))
	_, err = s.Rate(t.Context(), anna, answer, truthfilter.Irrelevant)
	require.NoError(t, err)
	_, err = s.Rate(t.Context(), anna, Thing{Resource: "box-breathing"}, truthfilter.Irrelevant)
	require.NoError(t, err)
	require.Equal(t, []truthfilter.Adjustment{{Layer: truthfilter.Relevance, By: 0.036, Because: "2 × irrelevant in 7 days"}}, s.adjusted(t, anna))

	t.Run("nobody else's", func(t *testing.T) { require.Empty(t, s.adjusted(t, s.person(t))) })
	t.Run("of what is another's, or nowhere", func(t *testing.T) {
		s.others[answer.Interaction] = true
		for _, thing := range []Thing{answer, {Resource: "nothing"}} {
			_, err := s.Rate(t.Context(), anna, thing, truthfilter.Helpful)
			require.True(t, failure.Is(err, failure.NotFound), "%v", err)
		}
	})
	t.Run("taken back", func(t *testing.T) {
		require.NoError(t, s.Reset(t.Context(), anna))
		require.Empty(t, s.adjusted(t, anna))
		require.NoError(t, s.Reset(t.Context(), uuid.New()), "who is new has nothing to take back")
		s.rates(t, anna, truthfilter.Harmful, 1)
		require.Equal(t, truthfilter.Safety, s.adjusted(t, anna)[0].Layer, "what comes after counts")
	})
}

func TestFeedbackGoesWithItsPerson(t *testing.T) {
	s := newScene(t)
	anna, ben := s.person(t), s.person(t)
	s.rates(t, anna, truthfilter.Untrue, 2)
	s.rates(t, ben, truthfilter.Untrue, 1)
	require.NoError(t, s.db.Freeze(t.Context(), anna))
	require.NoError(t, s.db.MarkErased(t.Context(), anna, func(context.Context, *queries.Queries) error { return nil }))
	require.Empty(t, s.adjusted(t, anna), "no row is left")
	require.NotEmpty(t, s.adjusted(t, ben))
	_, err := s.Rate(t.Context(), anna, Thing{Interaction: uuid.New()}, truthfilter.Helpful)
	require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
}

func TestSixPeopleMoveThePolicy(t *testing.T) {
	s := newScene(t)
	s.people(t, 4, truthfilter.Untrue, 9)
	require.Empty(t, s.proposed(t).Moves, "four people do not, however often they say it")
	s.people(t, 2, truthfilter.Untrue, 1)
	p := s.proposed(t)
	require.Equal(t, []truthfilter.Adjustment{{Layer: truthfilter.Honesty, By: 0.02, Because: "22 × untrue by 6 people"}}, p.Moves, "nobody counts more than five times")
	policies := NewPolicies(s.Store)
	policies.fresh = 0
	require.Equal(t, "1", versionOf(t, policies))

	in := AdoptInput{Run: "run-1", Proposal: p, Evaluation: s.evaluated(t, p)}
	for range 2 { // a worker that ends between deciding and saying so decides once more
		out, err := s.AdoptPolicy(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, Outcome{Version: "1.1", State: Adopted, Reason: "feedback"}, out)
	}
	list, err := s.Learned(t.Context(), false)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.InDelta(t, truthfilter.Standard.Least.Honesty+truthfilter.Step, list[0].Least.Honesty, 1e-9)
	require.Positive(t, list[0].Figures.Candidate[truthfilter.Unsafe].Of)
	require.Len(t, s.entries(t, audit.FilterPolicyAdopted), 1)
	require.Equal(t, "1.1", s.entries(t, audit.FilterPolicyAdopted)[0].Reason)
	require.Equal(t, "1.1", versionOf(t, policies), "workers judge by it")
	require.Equal(t, Outcome{}, s.night(t, "run-2"), "the same feedback counts once")

	t.Run("a candidate of the old one comes too late", func(t *testing.T) {
		in.Run = "run-3"
		out, err := s.AdoptPolicy(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, Outcome{Version: "1.2", State: Refused, Reason: "outdated"}, out)
	})
	t.Run("another written policy begins anew", func(t *testing.T) {
		other := *s.Store
		other.Written.Version = "2"
		p, err := other.Policy(t.Context(), uuid.New())
		require.NoError(t, err)
		require.Equal(t, "2", p.Version)
		require.Equal(t, truthfilter.Standard.Least, p.Least)
	})
	t.Run("withdrawn", func(t *testing.T) {
		s.people(t, 5, truthfilter.Helpful, 1)
		require.Equal(t, "1.3", s.night(t, "run-4").Version)
		withdrawn, err := s.Withdraw(t.Context(), "tester", "1.1")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"1.1", "1.3"}, withdrawn, "with what was learned on top of it")
		require.Equal(t, "1", versionOf(t, policies))
		require.Len(t, s.entries(t, audit.FilterPolicyWithdrawn), 1)
		_, err = s.Withdraw(t.Context(), "tester", "1.1")
		require.True(t, failure.Is(err, failure.NotFound), "%v", err)
		_, err = s.Withdraw(t.Context(), "tester", "1")
		require.True(t, failure.Is(err, failure.InvalidInput), "the written one stays: %v", err)
		require.Equal(t, Outcome{}, s.night(t, "run-5"), "it does not come back of the same feedback")
	})
}

func TestACandidateThatIsWorseIsRefused(t *testing.T) {
	s := newScene(t)
	// A good text that passes by less than a step.
	s.Cases = []truthfilter.Case{{Group: truthfilter.Good, ReviewInput: truthfilter.ReviewInput{
		Words: "Work is a lot, three deadlines in one week.",
		Draft: "Work is really, truly, very, extremely a lot with three deadlines in one week.",
	}}}
	least := truthfilter.Standard.Least.Honesty
	s.Store.Written.Least.Honesty = 0.69
	s.people(t, 5, truthfilter.Untrue, 1)
	require.Equal(t, Outcome{Version: "1.1", State: Refused, Reason: "worse_good"}, s.night(t, "run-1"))
	p, err := s.Policy(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Equal(t, "1", p.Version, "nothing changes")
	require.Empty(t, s.entries(t, audit.FilterPolicyAdopted))
	require.NotEqual(t, least, p.Least.Honesty)
	require.Equal(t, Outcome{}, s.night(t, "run-2"), "nor is it tried again every night")
}

func TestWhoTakesFeedbackBackCountsNoMore(t *testing.T) {
	s := newScene(t)
	all := s.people(t, 5, truthfilter.Irrelevant, 2)
	require.NotEmpty(t, s.proposed(t).Moves)
	require.NoError(t, s.Reset(t.Context(), all[0]))
	require.Empty(t, s.proposed(t).Moves)
}

func TestWhatCountsIsBounded(t *testing.T) {
	least, most := truthfilter.Standard.Learned("x", truthfilter.Scores{}), truthfilter.Standard.Learned("x", truthfilter.Scores{Honesty: 1, Safety: 1, Relevance: 1, Resonance: 1})
	row := func(times int32) queries.FeedbackCountsRow {
		return queries.FeedbackCountsRow{Persons: 5, Times: times}
	}
	for name, c := range map[string]struct {
		current truthfilter.Policy
		counts  Counts
		want    map[truthfilter.Layer]float64
	}{
		"nothing":               {truthfilter.Standard, nil, nil},
		"each its own":          {truthfilter.Standard, Counts{truthfilter.Untrue: row(5), truthfilter.Harmful: row(9)}, map[truthfilter.Layer]float64{truthfilter.Honesty: 0.02, truthfilter.Safety: 0.02}},
		"more helpful":          {truthfilter.Standard, Counts{truthfilter.Irrelevant: row(5), truthfilter.Helpful: row(6)}, map[truthfilter.Layer]float64{truthfilter.Relevance: -0.02, truthfilter.Resonance: -0.02}},
		"more irrelevant":       {truthfilter.Standard, Counts{truthfilter.Irrelevant: row(7), truthfilter.Helpful: row(6)}, map[truthfilter.Layer]float64{truthfilter.Relevance: 0.02}},
		"as many":               {truthfilter.Standard, Counts{truthfilter.Irrelevant: row(6), truthfilter.Helpful: row(6)}, nil},
		"not below the bounds":  {least, Counts{truthfilter.Helpful: row(6)}, nil},
		"not beyond the bounds": {most, Counts{truthfilter.Untrue: row(5), truthfilter.Harmful: row(9), truthfilter.Irrelevant: row(7)}, nil},
		"helpful is no honesty": {most, Counts{truthfilter.Helpful: row(6)}, map[truthfilter.Layer]float64{truthfilter.Relevance: -0.02, truthfilter.Resonance: -0.02}},
	} {
		t.Run(name, func(t *testing.T) {
			var moved map[truthfilter.Layer]float64
			for _, m := range propose(c.current, c.counts).Adjusted {
				if moved == nil {
					moved = map[truthfilter.Layer]float64{}
				}
				moved[m.Layer] = m.By
			}
			require.Equal(t, c.want, moved)
		})
	}
}

// versionOf is that of the policy for nobody in particular.
func versionOf(t *testing.T, p *Policies) string {
	t.Helper()
	policy, err := p.Of(t.Context(), uuid.Nil)
	require.NoError(t, err)
	return policy.Version
}

// Without PostgreSQL the last thresholds hold, but nobody is judged for whose triggers are
// not known.
func TestWithoutADatabaseTheLastPolicyHolds(t *testing.T) {
	db, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://meai_app@127.0.0.1:1/none"})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	policies := NewPolicies(NewStore(Options{DB: db, Written: truthfilter.Standard}))
	begun := time.Now()
	require.Equal(t, "1", versionOf(t, policies))
	policy, err := policies.Of(t.Context(), uuid.New())
	require.ErrorContains(t, err, "triggers")
	require.Equal(t, "1", policy.Version)
	require.Less(t, time.Since(begun), 5*time.Second)
}
