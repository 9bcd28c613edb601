package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

const intense = "My sister Maya told me that Tom left her, I am shaking. We sat in Porto until dawn."

func (p *person) intenseInput() memory.RememberInput {
	in := p.input(intense)
	in.Analysis = &mirror.Analysis{Primary: "sadness", Intensity: 0.8, Confidence: 0.7}
	return in
}

func TestAnInteractionLeavesItsTurnItsMomentAndWhomItIsAbout(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I had a quiet day.")
	in := p.intenseInput()
	kept := p.tells(t, p.w.Activities, in)

	require.Len(t, kept.Nodes, 6, "turn, marker, sister, Maya, Tom, Porto")
	for query, want := range map[string]int{
		"select count(*) from memory_nodes where kind = 'turn'":                                      2,
		"select count(*) from memory_nodes where kind = 'marker'":                                    1,
		"select count(*) from memory_nodes where kind = 'entity'":                                    4,
		"select count(*) from memory_nodes where kind <> 'entity' and indexed_at is not null":        3,
		"select count(*) from memory_nodes where kind = 'entity' and indexed_at is null":             4,
		"select count(*) from memory_edges where relation = 'about'":                                 8,
		"select count(*) from memory_edges where relation = 'part_of'":                               1,
		"select count(*) from memory_edges where relation = 'instance_of'":                           1,
		"select count(*) from memory_edges where relation = 'follows'":                               1,
		"select count(*) from memory_nodes where cardinality(terms) = 0":                             0,
		"select count(*) from memory_terms":                                                          p.count(t, "select sum(cardinality(terms)) from memory_nodes"),
		"select count(*) from interaction_steps where step = 'memory_storage' and state='completed'": 2,
	} {
		require.Equal(t, want, p.count(t, query), query)
	}
	vectors, err := p.w.index.Count(t.Context(), p.id)
	require.NoError(t, err)
	require.Equal(t, 3, vectors, "two turns and a marker")
}

func TestRememberingAgainChangesNothing(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "Maya and I talked on the phone, I told Maya everything.")
	in := p.intenseInput()
	first := p.tells(t, p.w.Activities, in)
	before := p.graphCounts(t)
	for range 2 {
		require.Equal(t, first, p.tells(t, p.w.Activities, in))
	}
	require.Equal(t, before, p.graphCounts(t))
}

func TestWhatMirrorSawLaterIsKept(t *testing.T) {
	p := newWorld(t).newPerson(t)
	in := p.intenseInput()
	whole := in.Analysis
	in.Analysis = nil
	without := p.tells(t, p.w.Activities, in)
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'marker' or emotion_sealed is not null"))

	in.Analysis = whole
	first := p.tells(t, p.w.Activities, in)
	require.Len(t, first.Nodes, len(without.Nodes)+1, "the moment is marked")
	require.Equal(t, first, p.tells(t, p.w.Activities, in), "again changes nothing")
	require.Equal(t, 2, p.count(t, "select count(*) from memory_nodes where emotion_sealed is not null and importance > 0.5"))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'part_of'"))
	found := p.recollects(t, p.w.Activities, memory.RecallInput{Query: in.Text, Emotions: []string{whole.Primary}})
	require.NotEmpty(t, found.Memories)
}

func TestEightAtOnceRememberOnce(t *testing.T) {
	w := newWorld(t)
	alone, crowded := w.newPerson(t), w.newPerson(t)
	alone.tells(t, w.Activities, alone.intenseInput())

	in := crowded.intenseInput()
	results := make([]memory.Remembered, 8)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			var err error
			if results[i], err = w.Remember(context.Background(), in); err != nil {
				t.Errorf("remember: %v", err)
				return
			}
			if _, err = w.IndexVectors(context.Background(), memory.IndexInput{Ref: in.Ref, Nodes: results[i].Nodes}); err != nil {
				t.Errorf("index: %v", err)
			}
		})
	}
	all.Wait()
	for _, r := range results {
		require.Equal(t, results[0], r)
	}
	require.Equal(t, alone.graphCounts(t), crowded.graphCounts(t))
}

func TestAFailureHalfWayLeavesNothingBehind(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I had a quiet day.")
	before := p.graphCounts(t)
	in := p.intenseInput()
	// The last write of the transaction fails: its step's state is not allowed.
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "alter table interaction_steps add constraint broken check (step <> 'memory_storage') not valid")
		return err
	})
	_, err := p.w.Remember(t.Context(), in)
	require.Error(t, err)
	require.Equal(t, before, p.graphCounts(t))

	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "alter table interaction_steps drop constraint broken")
		return err
	})
	p.tells(t, p.w.Activities, in)
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where interaction_id = $1 and kind = 'turn'", in.Ref.Interaction))
	require.Equal(t, 1, p.count(t, "select count(*) from memory_edges where relation = 'follows'"))
}

func TestTurnsFollowEachOtherInTheOrderTheyWereSaid(t *testing.T) {
	p := newWorld(t).newPerson(t)
	inputs := make([]memory.RememberInput, 6)
	for i := range inputs {
		inputs[i] = p.input("Entry number " + strings.Repeat("x", i+1) + " of today.")
	}
	for _, i := range rand.Perm(len(inputs)) {
		_, err := p.w.Remember(t.Context(), inputs[i])
		require.NoError(t, err)
	}
	var chain int
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			with ordered as (select id, lag(id) over (order by said_at) as before from memory_nodes where kind = 'turn')
			select count(*) from ordered o join memory_edges e on e.from_id = o.id and e.to_id = o.before and e.relation = 'follows'`).Scan(&chain)
	})
	require.Equal(t, len(inputs)-1, chain)
	require.Equal(t, len(inputs)-1, p.count(t, "select count(*) from memory_edges where relation = 'follows'"))
}

func TestANameIsOneEntityHoweverItIsWritten(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "I met Michael Ende at Renée's house.")
	p.says(t, "Then I saw Micheal Ende again, and Renee's dog.")
	p.says(t, "Michael waved at me. Renée did not.")
	p.says(t, "My mum rang.")
	p.says(t, "I miss my mother.")
	require.Equal(t, 3, p.count(t, "select count(*) from memory_nodes where kind = 'entity'"), "Michael Ende, Renée, mother")
	require.Equal(t, 8, p.count(t, "select count(*) from memory_edges where relation = 'about'"))
}

// TestWhoIsCalledByARelationIsOneEntity: "Grandma" is a name and a relation.
func TestWhoIsCalledByARelationIsOneEntity(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, "Then Grandma told us about the canoe.")
	p.says(t, "I asked Grandma again.")
	p.says(t, "My grandmother laughed.")
	require.Equal(t, 1, p.count(t, "select count(*) from memory_nodes where kind = 'entity'"))
	require.Equal(t, 3, p.count(t, "select count(*) from memory_edges where relation = 'about'"))
}

func TestWithoutTheModelWordsAreKeptAndVectorsFollow(t *testing.T) {
	p := newWorld(t).newPerson(t)
	in := p.intenseInput()
	mute := p.w.with(t, p.w.index, deaf{p.w.model})
	kept, err := mute.Remember(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, 1, p.count(t, "select count(*) from interaction_steps where state = 'degraded' and reason = 'embedding_unavailable'"))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where vector_sealed is not null"))

	found := p.recollects(t, mute, memory.RecallInput{Query: "Tom left"})
	require.Equal(t, []string{"embedding_unavailable"}, found.Degraded)
	require.Equal(t, []string{intense}, wordsOf(found), "words alone find it")

	index := memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes}
	_, err = mute.IndexVectors(t.Context(), index)
	require.Error(t, err, "to be retried")
	require.Zero(t, p.count(t, "select count(*) from interaction_steps where step = 'memory_indexing'"))
	done, err := p.w.IndexVectors(t.Context(), index)
	require.NoError(t, err)
	require.Equal(t, memory.Indexed{Vectors: 2}, done)
	require.Equal(t, 1, p.count(t, "select count(*) from interaction_steps where step = 'memory_indexing' and state = 'completed'"))
	require.Equal(t, []string{intense}, p.recalls(t, "a break-up in the family"))
}

func TestNothingIsRememberedOnceErasureHasBegun(t *testing.T) {
	p := newWorld(t).newPerson(t)
	in := p.intenseInput()
	kept, err := p.w.Remember(t.Context(), in)
	require.NoError(t, err)
	before := p.graphCounts(t)
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update subjects set state = 'freezing' where id = $1", p.id)
		return err
	})
	_, err = p.w.Remember(t.Context(), p.intenseInput())
	require.True(t, failure.Is(err, failure.SubjectInactive), err)
	_, err = p.w.IndexVectors(t.Context(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
	require.True(t, failure.Is(err, failure.SubjectInactive), err)
	require.Equal(t, before, p.graphCounts(t), "neither rows nor vectors")
	require.ErrorIs(t, p.w.db.Read(t.Context(), p.id, func(context.Context, *queries.Queries) error { return errStop }), errStop, "reading still works")
}

var errStop = errors.New("stop")

func TestRememberRefusesWhatCanNeverSucceed(t *testing.T) {
	w := newWorld(t)
	good := memory.RememberInput{
		Ref:  interaction.Ref{Subject: uuid.New(), Session: uuid.New(), Interaction: uuid.New(), Workflow: "w"},
		Text: "words", SaidAt: time.Now(),
	}
	for name, spoil := range map[string]func(*memory.RememberInput){
		"no subject":     func(in *memory.RememberInput) { in.Ref.Subject = uuid.Nil },
		"no session":     func(in *memory.RememberInput) { in.Ref.Session = uuid.Nil },
		"no interaction": func(in *memory.RememberInput) { in.Ref.Interaction = uuid.Nil },
		"no workflow":    func(in *memory.RememberInput) { in.Ref.Workflow = "" },
		"no words":       func(in *memory.RememberInput) { in.Text = " \n" },
		"no time":        func(in *memory.RememberInput) { in.SaidAt = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			in := good
			spoil(&in)
			_, err := w.Remember(t.Context(), in)
			require.True(t, failure.Is(err, failure.InvalidInput), err)
		})
	}
	_, err := w.Remember(t.Context(), good)
	require.True(t, failure.Is(err, failure.KeyMissing), "a stranger: %v", err)
	_, err = w.IndexVectors(t.Context(), memory.IndexInput{})
	require.True(t, failure.Is(err, failure.InvalidInput), err)
}
