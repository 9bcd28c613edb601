package memory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/memory"
	"meai/internal/embedding"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/vectors"
)

// repairs goes through all of a person's memories.
func (p *person) repairs(t *testing.T, acts *memory.Activities) memory.Repaired {
	t.Helper()
	done, err := acts.Repair(t.Context(), memory.RepairInput{Subject: p.id})
	require.NoError(t, err)
	require.Zero(t, done.Next, "it is done")
	return done
}

// held are the ids that the index holds.
func (p *person) held(t *testing.T) []uuid.UUID {
	t.Helper()
	list, err := p.w.index.List(t.Context(), p.id, uuid.Nil, 1000)
	require.NoError(t, err)
	ids := make([]uuid.UUID, len(list))
	for i, h := range list {
		ids[i] = h.ID
	}
	return ids
}

// searchable are the ids of the rows that the index ought to hold.
func (p *person) searchable(t *testing.T) []uuid.UUID {
	t.Helper()
	var ids []uuid.UUID
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select id from memory_nodes where kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null order by id")
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids
}

func (p *person) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
}

// talks has a person say so much that it takes several pages of the repair, each time
// in another session: what is copied takes no neighbour along.
func (p *person) talks(t *testing.T, turns int) {
	t.Helper()
	mute := p.w.with(t, p.w.index, deaf{p.w.model})
	for i := range turns {
		p.session = uuid.New()
		_, err := mute.Remember(t.Context(), p.input(fmt.Sprintf("This is sentence %d of a long conversation about gardens.", i)))
		require.NoError(t, err)
	}
	require.Equal(t, turns, p.consolidates(t).Vectors)
}

// stray is an object that no row stands for.
func stray(model string, dimensions int) vectors.Object {
	v := make([]float32, dimensions)
	v[0] = 1
	return vectors.Object{ID: uuid.New(), Kind: "turn", SaidAt: time.Now(), Model: model, Vector: v, Turn: []vectors.Term{1}}
}

func TestARepairOfAHealthyIndexChangesNothing(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	p.feels(t, "joy", 0.9, "My sister Maya is getting married in Lisbon!")
	p.session = uuid.New()
	p.says(t, "Another day, another session.")
	want := memory.Repaired{Compared: len(p.searchable(t))}
	require.Equal(t, want, p.repairs(t, p.w.Activities), "as it was written, turn by turn")
	require.NoError(t, p.w.index.DeleteTenant(t.Context(), p.id))
	require.Equal(t, memory.Repaired{Compared: want.Compared, Missing: want.Compared}, p.repairs(t, p.w.Activities), "without its tenant")
	require.Equal(t, want, p.repairs(t, p.w.Activities), "as it was copied")
}

func TestARepairMendsBothDirections(t *testing.T) {
	p := newWorld(t).newPerson(t)
	const turns = 150 // three pages
	p.talks(t, turns)
	ids := p.searchable(t)

	lost := []uuid.UUID{ids[0], ids[63], ids[64], ids[149]}
	require.NoError(t, p.w.index.Delete(t.Context(), p.id, lost...))
	for range 70 {
		require.NoError(t, p.w.index.Put(t.Context(), p.id, stray(p.w.model.Model(), p.w.model.Dimensions())))
	}
	p.exec(t, "update memory_nodes set model = 'older/1' where id = $1", ids[10])
	p.exec(t, "update memory_nodes set terms = array_append(terms, 77) where id = $1", ids[20])
	p.exec(t, "update memory_nodes set indexed_at = null where id = $1", ids[30])
	p.exec(t, "update memory_nodes set retracted_at = now() where id = $1", ids[40])
	p.exec(t, "update memory_nodes set kind = 'vault' where id = $1", ids[50])

	done := p.repairs(t, p.w.Activities)
	require.Equal(t, turns-2, done.Compared)
	require.Equal(t, len(lost), done.Missing)
	require.Equal(t, 3, done.Stale, "another model, other words, never indexed")
	require.Equal(t, 72, done.Stray, "70, the retracted and the one in the vault")
	require.Equal(t, p.searchable(t), p.held(t))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where model <> $1", p.w.model.Model()), "embedded again")
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'turn' and retracted_at is null and indexed_at is null"), "and known to be there")
	require.Equal(t, memory.Repaired{Compared: turns - 2}, p.repairs(t, p.w.Activities), "a second run finds nothing")
}

func TestWhatWasSaidAroundIsMended(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	var turn uuid.UUID // one that has something beside it
	p.query(t, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select to_id from memory_edges where relation = 'follows' order by to_id limit 1").Scan(&turn)
	})
	neighbours := p.count(t, "select count(*) from memory_edges where relation = 'follows' and (from_id = $1 or to_id = $1)", turn)
	require.Positive(t, neighbours)
	p.exec(t, "update memory_nodes set retracted_at = now() where id = $1", turn)
	done := p.repairs(t, p.w.Activities)
	require.Equal(t, 1, done.Stray)
	require.GreaterOrEqual(t, done.Stale, neighbours, "nothing around it leads to it any more")
	require.Zero(t, p.repairs(t, p.w.Activities).Stale)
}

// faltering is a model that fails when it is asked for the n-th time.
type faltering struct {
	embedding.Embedder
	left int
}

func (f *faltering) Embed(ctx context.Context, texts ...string) ([][]float32, error) {
	if f.left--; f.left < 0 {
		return nil, errors.New("the process was killed")
	}
	return f.Embedder.Embed(ctx, texts...)
}

func TestARepairThatIsInterruptedIsFinishedByTheNext(t *testing.T) {
	p := newWorld(t).newPerson(t)
	const turns = 200 // four pages
	p.talks(t, turns)
	p.exec(t, "update memory_nodes set model = 'older/1'")
	_, err := p.w.with(t, p.w.index, &faltering{p.w.model, 2}).Repair(t.Context(), memory.RepairInput{Subject: p.id})
	require.Error(t, err)
	first := p.count(t, "select count(*) from memory_nodes where model <> 'older/1'")
	require.Equal(t, 2*64, first, "two pages are kept")

	done := p.repairs(t, p.w.Activities)
	require.Equal(t, memory.Repaired{Compared: turns, Stale: turns - first}, done)
	require.Equal(t, memory.Repaired{Compared: turns}, p.repairs(t, p.w.Activities))
}

func TestARepairGoesOnFromACursor(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	ids := p.searchable(t)
	require.NoError(t, p.w.index.Delete(t.Context(), p.id, ids...))
	done, err := p.w.Repair(t.Context(), memory.RepairInput{Subject: p.id, After: ids[2]})
	require.NoError(t, err)
	require.Equal(t, memory.Repaired{Compared: len(ids) - 3, Missing: len(ids) - 3}, done)
	require.Equal(t, ids[3:], p.held(t), "and nothing else")
}

func TestARetryGoesOnWhereTheAttemptBeforeStopped(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	ids := p.searchable(t)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(p.w.Repair, activity.RegisterOptions{Name: "memory.Repair"})
	env.SetHeartbeatDetails(memory.Repaired{Compared: 3, Missing: 1, Next: ids[2]})
	result, err := env.ExecuteActivity("memory.Repair", memory.RepairInput{Subject: p.id})
	require.NoError(t, err)
	var done memory.Repaired
	require.NoError(t, result.Get(&done))
	require.Equal(t, memory.Repaired{Compared: len(ids), Missing: 1}, done)
}

func TestNobodyLosesAMemoryToARepairBesideThem(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.talks(t, 70)
	over := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			if _, err := p.w.Repair(context.Background(), memory.RepairInput{Subject: p.id}); err != nil {
				t.Errorf("repair: %v", err)
				return
			}
		}
	})
	var writers sync.WaitGroup
	inputs := make(chan memory.RememberInput)
	for range 3 {
		writers.Go(func() {
			for in := range inputs {
				kept, err := p.w.Remember(context.Background(), in)
				if err == nil {
					_, err = p.w.IndexVectors(context.Background(), memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
				}
				if err != nil {
					t.Errorf("remember: %v", err)
				}
			}
		})
	}
	for i := range 60 {
		inputs <- p.input(fmt.Sprintf("Meanwhile I say sentence %d.", i))
	}
	close(inputs)
	writers.Wait()
	close(over)
	beside.Wait()
	require.Equal(t, p.searchable(t), p.held(t))
	require.Zero(t, p.count(t, "select count(*) from memory_nodes where kind = 'turn' and indexed_at is null"))
}

// TestAMemoryThatIsBeingWrittenKeepsItsVector holds a writer between the index and
// its commit, which is when a repair sees an object without a row.
func TestAMemoryThatIsBeingWrittenKeepsItsVector(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.says(t, diary[0])
	o := stray(p.w.model.Model(), p.w.model.Dimensions())
	sealed := p.sealedFor(t, o.ID, "It is being written.")
	conn, err := pgx.Connect(t.Context(), p.w.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{
		"select set_config('app.subject', '" + p.id.String() + "', true)",
		"select pg_advisory_xact_lock(hashtext('meai_memory'), hashtext('" + p.id.String() + "'))",
	} {
		_, err = tx.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	_, err = tx.Exec(t.Context(), `insert into memory_nodes (subject_id, id, kind, text_sealed, terms_version, importance, said_at)
		values ($1, $2, 'echo', $3, '1', 0.5, now())`, p.id, o.ID, sealed)
	require.NoError(t, err)
	require.NoError(t, p.w.index.Put(t.Context(), p.id, o))

	repaired := make(chan memory.Repaired)
	go func() {
		done, err := p.w.Repair(context.Background(), memory.RepairInput{Subject: p.id})
		if err != nil {
			t.Errorf("repair: %v", err)
		}
		repaired <- done
	}()
	require.Eventually(t, func() bool {
		return p.count(t, "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = hashtext($1)::bit(32)::bigint::oid", p.id.String()) == 1
	}, 10*time.Second, 20*time.Millisecond, "the repair waits for the writer")
	require.NoError(t, tx.Commit(t.Context()))
	require.Zero(t, (<-repaired).Stray)
	require.Contains(t, p.held(t), o.ID)
}

func (p *person) sealedFor(t *testing.T, row uuid.UUID, text string) []byte {
	t.Helper()
	keys, err := p.w.keys.Keys(t.Context(), p.id)
	require.NoError(t, err)
	sealed, err := keys.Seal([]byte(text), keyring.Location{Table: "memory_nodes", Column: "text_sealed", Row: row})
	require.NoError(t, err)
	return sealed
}

func TestTheNightRepairsWhatTheCountsBetray(t *testing.T) {
	p := newWorld(t).newPerson(t)
	p.keepsDiary(t)
	require.NoError(t, p.w.index.Delete(t.Context(), p.id, p.searchable(t)[1]))
	require.Equal(t, memory.Consolidated{Vectors: 1}, p.consolidates(t), "only what is missing is copied")
	require.NoError(t, p.w.index.Put(t.Context(), p.id, stray(p.w.model.Model(), p.w.model.Dimensions())))
	require.Equal(t, memory.Consolidated{}, p.consolidates(t))
	require.Equal(t, p.searchable(t), p.held(t), "and what is too much is removed")
}

func TestTheTenantsOfTheErasedAreRemovedAndNobodyElses(t *testing.T) {
	w := newWorld(t)
	stays, freezing, erased, asked, stranger := w.newPerson(t), w.newPerson(t), w.newPerson(t), w.newPerson(t), uuid.New()
	forgotten := uuid.New() // of whom no row is left
	for _, p := range []*person{stays, freezing, erased, asked} {
		p.says(t, diary[0])
	}
	for _, subject := range []uuid.UUID{stranger, forgotten} {
		require.NoError(t, w.index.EnsureTenant(t.Context(), subject))
		t.Cleanup(func() { require.NoError(t, w.index.DeleteTenant(context.Background(), subject)) })
	}
	require.NoError(t, w.keys.Destroy(t.Context(), forgotten))
	for _, p := range []*person{freezing, erased, asked} {
		require.NoError(t, w.db.Freeze(t.Context(), p.id))
	}
	erased.exec(t, "update subjects set state = 'erased' where id = $1", erased.id)

	require.Equal(t, memory.Repaired{Tenants: 1}, asked.repairs(t, w.Activities), "asked for by name")
	_, err := w.Repair(t.Context(), memory.RepairInput{Subject: stranger})
	require.True(t, failure.Is(err, failure.NotFound), err)
	_, err = w.Repair(t.Context(), memory.RepairInput{})
	require.True(t, failure.Is(err, failure.InvalidInput), err)

	done, err := w.SweepTenants(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Equal(t, 3, done.Removed)
	require.Positive(t, done.Unknown)
	tenants, err := w.index.Tenants(t.Context())
	require.NoError(t, err)
	require.Contains(t, tenants, vectors.TenantOf(stays.id))
	require.Contains(t, tenants, vectors.TenantOf(stranger), "it may be of another database")
	for _, subject := range []uuid.UUID{freezing.id, erased.id, asked.id, forgotten} {
		require.NotContains(t, tenants, vectors.TenantOf(subject))
	}
	again, err := w.SweepTenants(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Zero(t, again.Removed)
	require.Equal(t, []string{diary[0]}, stays.recalls(t, diary[0]))
}
