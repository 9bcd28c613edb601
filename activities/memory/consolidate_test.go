package memory_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/memory"
	"meai/internal/embedding"
	"meai/internal/enginetest"
	"meai/internal/failure"
)

func (p *person) consolidates(t *testing.T) memory.Consolidated {
	t.Helper()
	done, err := p.w.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	return done
}

func TestTheNightCompletesWhatAnOutageLeftOut(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, diary[0])
	outage := p.w.with(t, nowhere(t), deaf{p.w.model})
	for _, text := range diary[1:] {
		_, err := outage.Remember(t.Context(), p.input(text))
		require.NoError(t, err)
	}
	require.Equal(t, memory.Consolidated{Vectors: len(diary) - 1}, p.consolidates(t))
	require.Equal(t, len(diary), p.graphCounts(t)["vectors"])
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'turn' and (indexed_at is null or model is null)"))
	require.Equal(t, memory.Consolidated{}, p.consolidates(t), "a second night finds nothing to do")
}

func TestALostIndexIsRebuiltFromTheRows(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	const question = "What did I tell you about the wedding?"
	before := p.recalls(t, question)
	require.NoError(t, p.w.index.DeleteTenant(t.Context(), p.id))
	require.Contains(t, p.recalls(t, "When does Maya get married?"), diary[0], "the words still lead there")
	rebuilding := p.w.with(t, p.w.index, deaf{p.w.model})
	done, err := rebuilding.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err, "copying needs no model")
	require.Equal(t, len(diary), done.Vectors)
	require.Equal(t, before, p.recalls(t, question))
	require.Equal(t, memory.Consolidated{}, p.consolidates(t), "a second night finds nothing to do")
}

// renamed is the same model under another name, as after a change of weights.
type renamed struct{ embedding.Embedder }

func (renamed) Model() string { return "another/1" }

func TestANewModelEmbedsEverythingAgain(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	next := p.w.with(t, p.w.index, renamed{p.w.model})
	done, err := next.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Equal(t, len(diary), done.Vectors)
	require.Equal(t, len(diary), p.count(t, "select count(*) from memory_nodes where model = 'another/1' and indexed_at is not null"))
	require.Equal(t, len(diary), p.graphCounts(t)["vectors"])
}

func TestWhatKeepsComingUpBecomesAnEcho(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.feels(t, "anger", 0.3, "I argued with Tom about the dishes.")
	p.feels(t, "anger", 0.3, "I shouted at Tom about money.")
	p.feels(t, "joy", 0.3, "I met Ana for lunch.")
	require.Zero(t, p.consolidates(t).Echoes, "not often enough")
	p.feels(t, "joy", 0.3, "I told Tom about it.")
	require.Zero(t, p.consolidates(t).Echoes, "three times, but on one day")

	p.clock = p.clock.AddDate(0, 0, 1)
	p.feels(t, "anger", 0.3, "I wrote to Tom that I am leaving.")
	done := p.consolidates(t)
	require.Equal(t, memory.Consolidated{Vectors: 2, Echoes: 2}, done, "Tom, and anger")
	require.ElementsMatch(t, []string{"Tom keeps coming up.", "Anger keeps coming back."},
		p.asks(t, p.w.Activities, memory.RecallInput{Kinds: []memory.Kind{memory.Echo}}))
	require.Equal(t, 4+3, p.count(t, "select count(*) from memory_edges e join memory_nodes n on n.id = e.to_id where n.kind = 'echo' and e.relation = 'instance_of'"))
	require.Equal(t, memory.Consolidated{}, p.consolidates(t), "nothing new, nothing done")

	before := p.count(t, "select round(max(importance) * 100) from memory_nodes where kind = 'echo'")
	p.says(t, "I forgave Tom.")
	require.Equal(t, memory.Consolidated{Vectors: 1, Echoes: 1}, p.consolidates(t), "stronger, not twice")
	require.Equal(t, 2, p.count(t, "select count(*) from memory_nodes where kind = 'echo'"))
	require.Greater(t, p.count(t, "select round(max(importance) * 100) from memory_nodes where kind = 'echo'"), before)
}

// TestNightsLookForNoPatternsWhileThatIsSwitchedOff, and copy vectors all the same; afterwards nothing is lost.
func TestNightsLookForNoPatternsWhileThatIsSwitchedOff(t *testing.T) {
	w := newWorld(t)
	on := false
	w.Activities = memory.New(memory.Options{
		DB: w.db, Keyring: w.keys, Vectors: w.index, Embedder: w.model, Logger: enginetest.Logger(t),
		Patterns: func(context.Context) bool { return on },
	})
	p := w.newPerson(t)
	for range 2 {
		p.feels(t, "anger", 0.3, "I argued with Tom about the dishes.")
		p.feels(t, "anger", 0.3, "I shouted at Tom about money.")
		p.clock = p.clock.AddDate(0, 0, 1)
	}
	require.Equal(t, memory.Consolidated{}, p.consolidates(t))
	on = true
	require.Equal(t, 2, p.consolidates(t).Echoes, "Tom, and anger")
}

func TestNeutralIsNoPattern(t *testing.T) {
	p := newWorld(t).newPerson(t)
	for range 4 {
		p.clock = p.clock.AddDate(0, 0, -1)
		p.says(t, "the usual "+uuid.NewString())
	}
	require.Zero(t, p.consolidates(t).Echoes)
}

func TestSubjectsAreListedInPages(t *testing.T) {
	w := newWorld(t)
	var want []uuid.UUID
	for range 5 {
		want = append(want, w.newPerson(t).id)
	}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	var got []uuid.UUID
	after := uuid.Nil
	for {
		page, err := w.ListSubjects(t.Context(), memory.ListSubjectsInput{After: after, Limit: 2})
		require.NoError(t, err)
		if len(page.Subjects) == 0 {
			break
		}
		require.LessOrEqual(t, len(page.Subjects), 2)
		got, after = append(got, page.Subjects...), page.Subjects[len(page.Subjects)-1]
	}
	require.Equal(t, want, got)
}

func TestConsolidationOfNobody(t *testing.T) {
	w := newWorld(t)
	_, err := w.Consolidate(t.Context(), memory.ConsolidateInput{})
	require.True(t, failure.Is(err, failure.InvalidInput), err)
	stranger := uuid.New()
	require.NoError(t, w.db.EnsureSubject(t.Context(), stranger))
	done, err := w.Consolidate(t.Context(), memory.ConsolidateInput{Subject: stranger})
	require.NoError(t, err)
	require.Equal(t, memory.Consolidated{}, done)
}

func TestTheGraphIsWalkedWithinLimits(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "My sister Maya wrote from Porto.")
	for range 6 {
		p.session = uuid.New()
		p.says(t, "I spoke with Maya again, "+uuid.NewString())
	}
	graph := memory.NewGraph(p.w.db, p.w.keys)
	var maya uuid.UUID
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select to_id from memory_edges where relation = 'about' group by to_id order by count(*) desc limit 1`).Scan(&maya)
	})

	related, err := graph.Related(t.Context(), p.id, maya, 1, 20)
	require.NoError(t, err)
	require.Len(t, related, 8, "7 turns and the sister")
	for _, r := range related {
		require.Equal(t, 1, r.Depth)
	}
	narrow, err := graph.Related(t.Context(), p.id, maya, 1, 3)
	require.NoError(t, err)
	require.Len(t, narrow, 3)
	far, err := graph.Related(t.Context(), p.id, maya, 2, 20)
	require.NoError(t, err)
	require.Len(t, far, 9, "Porto is two steps away")
	require.Equal(t, "Porto", far[8].Memory.Text)
	require.Equal(t, 2, far[8].Depth)
	endless, err := graph.Related(t.Context(), p.id, maya, 1000, 1000)
	require.NoError(t, err)
	require.Len(t, endless, 9, "cut down, and without going in circles")
}

func TestTheNightLeavesAloneWhoDoesNotAgree(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, diary[0])
	outage := p.w.with(t, nowhere(t), p.w.model)
	_, err := outage.Remember(t.Context(), p.input(diary[1]))
	require.NoError(t, err)
	answer := error(nil)
	asking := memory.New(memory.Options{
		DB: p.w.db, Keyring: p.w.keys, Vectors: p.w.index, Embedder: p.w.model, Permit: func(ctx context.Context, subject uuid.UUID) (context.Context, error) {
			require.Equal(t, p.id, subject)
			return ctx, answer
		},
	})
	for _, answer = range []error{failure.New(failure.ConsentMissing, "no", nil), failure.New(failure.ProcessingRestricted, "no", nil)} {
		done, err := asking.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
		require.NoError(t, err)
		require.Equal(t, memory.Consolidated{}, done)
	}
	answer = context.DeadlineExceeded
	_, err = asking.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.ErrorIs(t, err, context.DeadlineExceeded, "nothing is done while nobody knows")
	_, err = asking.Repair(t.Context(), memory.RepairInput{Subject: p.id})
	require.ErrorIs(t, err, context.DeadlineExceeded, "nor once a week")
	answer = nil
	done, err := asking.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Equal(t, 1, done.Vectors)
}

// reluctant is a model of somebody else's, which is given nothing that it may not have.
type reluctant struct {
	embedding.Embedder
	allowed bool
}

func (r *reluctant) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	if !r.allowed {
		return nil, embedding.ErrWithheld
	}
	return r.Embedder.Embed(ctx, texts...)
}

// TestWhatMayNotBeEmbeddedIsRememberedByItsWords: nothing waits for a model that may not be
// asked, as it waits for one that is away, and what has a vector is not held up by it.
func TestWhatMayNotBeEmbeddedIsRememberedByItsWords(t *testing.T) {
	p := newWorld(t).newPerson(t)
	model := &reluctant{Embedder: p.w.model}
	acts := p.w.with(t, p.w.index, model)
	in := p.input(diary[0])
	kept, err := acts.Remember(t.Context(), in)
	require.NoError(t, err)
	indexed, err := acts.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
	require.NoError(t, err, "no retry would help")
	require.Zero(t, indexed.Vectors)
	require.Equal(t, []string{diary[0]}, p.asks(t, acts, memory.RecallInput{Ref: p.ref(), Query: diary[0]}), "by its words")

	outage := p.w.with(t, nowhere(t), p.w.model)
	_, err = outage.Remember(t.Context(), p.input(diary[1])) // has a vector that the index lacks
	require.NoError(t, err)
	for range 2 {
		_, err := acts.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
		require.NoError(t, err)
		_, err = acts.Repair(t.Context(), memory.RepairInput{Subject: p.id})
		require.NoError(t, err)
	}
	require.Len(t, p.held(t), 1, "what has its vector is copied")
	model.allowed = true
	_, err = acts.Consolidate(t.Context(), memory.ConsolidateInput{Subject: p.id})
	require.NoError(t, err)
	require.Len(t, p.held(t), 2)
}
