package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/interaction"
	"meai/internal/embedding"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// IndexVectors copies memories into the vector index, embeds first those that the
// model was not there for, and records the step. Vault and entity nodes among
// them are left out, and so are those that the model may not be given. It fails, to be
// retried, while index or model are away.
func (a *Activities) IndexVectors(ctx context.Context, in IndexInput) (Indexed, error) {
	if in.Ref.Subject == uuid.Nil || in.Ref.Interaction == uuid.Nil {
		return Indexed{}, failure.New(failure.InvalidInput, "indexing needs the subject and interaction", nil)
	}
	started := a.now()
	if err := a.index.Delete(ctx, in.Ref.Subject, in.Gone...); err != nil {
		return Indexed{}, fmt.Errorf("take memories of interaction %s out of the index: %w", in.Ref.Interaction, err)
	}
	steps := a.stepsOf(in.Origin)
	steps.Begin(in.Ref, interaction.MemoryIndexing)
	done, err := a.indexNodes(ctx, in.Ref.Subject, in.Nodes, withFollowed, func(ctx context.Context, q *queries.Queries) error {
		return finishStep(ctx, q, in.Origin, in.Ref, a.outcome(interaction.MemoryIndexing, started))
	})
	if err != nil {
		return Indexed{}, fmt.Errorf("index memories of interaction %s: %w", in.Ref.Interaction, err)
	}
	steps.End(in.Ref, a.outcome(interaction.MemoryIndexing, started))
	return Indexed{Vectors: done.nodes}, nil
}

// taking says what is copied besides the nodes that are named.
type taking bool

const (
	// withFollowed takes along the turn that each turn follows, which has a new
	// neighbour when the turn is new.
	withFollowed taking = true
	// alone takes nothing along, for whoever looks at all others, too.
	alone taking = false
)

// copied is what became of nodes that were to be indexed.
type copied struct {
	// nodes is how many of them are in the index now.
	nodes int
	// withheld: some are not, since the model may not be given their words.
	withheld bool
}

// indexNodes embeds what has no vector of the current model, then copies and runs
// finish in one transaction.
func (a *Activities) indexNodes(ctx context.Context, subject uuid.UUID, ids []uuid.UUID, also taking, finish func(context.Context, *queries.Queries) error) (copied, error) {
	var done copied
	keys, err := a.keys.Keys(ctx, subject)
	if err != nil {
		return done, err
	}
	missing, err := a.embedMissing(ctx, keys, ids)
	if done.withheld = errors.Is(err, embedding.ErrWithheld); err != nil && !done.withheld {
		return done, err
	}
	err = a.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		if err := storeVectors(ctx, q, keys, missing); err != nil {
			return err
		}
		if done.nodes, err = a.copyToIndex(ctx, q, keys, ids, also); err != nil {
			return err
		}
		return finish(ctx, q)
	})
	return done, err
}

// embedMissing makes the vectors that the nodes lack, outside any transaction. It fails with
// [embedding.ErrWithheld] where they may not be made.
func (a *Activities) embedMissing(ctx context.Context, keys *keyring.Keys, ids []uuid.UUID) ([]node, error) {
	var missing []node
	err := a.db.Read(ctx, keys.Subject(), func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.MemoriesByID(ctx, keys.Subject(), ids)
		if err != nil {
			return fmt.Errorf("read %d memories: %w", len(ids), err)
		}
		for _, row := range rows {
			if !slices.Contains(indexed, Kind(row.Kind)) || (row.Model != nil && *row.Model == a.embedder.Model()) {
				continue
			}
			n, err := opened(keys, row)
			if err != nil {
				return err
			}
			missing = append(missing, n)
		}
		return nil
	})
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	texts := make([]string, len(missing))
	for i, n := range missing {
		texts[i] = n.text
	}
	embedded, err := a.embedder.Embed(ctx, texts...)
	if err != nil {
		return nil, fmt.Errorf("embed %d memories: %w", len(texts), err)
	}
	for i := range missing {
		missing[i].vector, missing[i].model = embedded[i], a.embedder.Model()
	}
	return missing, nil
}

func storeVectors(ctx context.Context, q *queries.Queries, keys *keyring.Keys, nodes []node) error {
	for _, n := range nodes {
		vector, err := sealVector(keys, n.id, n.vector)
		if err != nil {
			return err
		}
		err = q.StoreVector(ctx, queries.StoreVectorParams{SubjectID: keys.Subject(), ID: n.id, VectorSealed: vector, Model: n.model})
		if err != nil {
			return fmt.Errorf("store the vector of memory %s: %w", n.id, err)
		}
	}
	return nil
}

// copyToIndex writes the nodes into the vector index. The subject is locked
// meanwhile: once erasure has begun, nothing arrives there any more.
func (a *Activities) copyToIndex(ctx context.Context, q *queries.Queries, keys *keyring.Keys, ids []uuid.UUID, also taking) (int, error) {
	rows, err := q.IndexableMemories(ctx, keys.Subject(), ids, bool(also))
	if err != nil {
		return 0, fmt.Errorf("read what is to be indexed: %w", err)
	}
	objects, err := objectsOf(keys, rows, a.embedder.Model())
	if err != nil || len(objects) == 0 {
		return 0, err
	}
	if err := addNeighbours(ctx, q, keys.Subject(), objects); err != nil {
		return 0, err
	}
	if err := a.put(ctx, keys.Subject(), objects); err != nil {
		return 0, err
	}
	written := make([]uuid.UUID, len(objects))
	for i, o := range objects {
		written[i] = o.ID
	}
	if _, err := q.MarkIndexed(ctx, a.now().UTC(), keys.Subject(), written); err != nil {
		return 0, fmt.Errorf("mark %d memories as indexed: %w", len(written), err)
	}
	asked := slices.DeleteFunc(written, func(id uuid.UUID) bool { return !slices.Contains(ids, id) })
	return len(asked), nil
}

// objectsOf makes the index's objects. Rows without a vector of the current model
// are left out; only a turn that is followed, and not asked for, can be one.
func objectsOf(keys *keyring.Keys, rows []queries.MemoryNode, model string) ([]vectors.Object, error) {
	var objects []vectors.Object
	for _, row := range rows {
		if row.Model == nil || *row.Model != model {
			continue
		}
		vector, err := openVector(keys, row.ID, row.VectorSealed)
		if err != nil {
			return nil, err
		}
		objects = append(objects, vectors.Object{
			ID: row.ID, Kind: row.Kind, SaidAt: row.SaidAt, Model: model,
			Vector: vector, Turn: termsOf(row.Terms),
		})
	}
	return objects, nil
}

// addNeighbours gives turns the terms of those right before and after them.
func addNeighbours(ctx context.Context, q *queries.Queries, subject uuid.UUID, objects []vectors.Object) error {
	byID := make(map[uuid.UUID]*vectors.Object, len(objects))
	ids := make([]uuid.UUID, len(objects))
	for i := range objects {
		ids[i] = objects[i].ID
		byID[ids[i]] = &objects[i]
	}
	turns, err := q.TurnsBeside(ctx, subject, ids)
	if err != nil {
		return fmt.Errorf("read the turns beside: %w", err)
	}
	for _, t := range turns {
		o := byID[t.TurnID]
		o.Neighbours = append(o.Neighbours, termsOf(t.Terms)...)
	}
	return nil
}

// put writes objects to the subject's tenant, which the first of them makes. An attempt
// before may have ended because the index was killed, and left objects without vectors.
func (a *Activities) put(ctx context.Context, subject uuid.UUID, objects []vectors.Object) error {
	put := a.index.Put
	if activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt > 1 {
		put = a.index.Replace
	}
	err := put(ctx, subject, objects...)
	if !errors.Is(err, vectors.ErrNoTenant) {
		return err
	}
	if err := a.index.EnsureTenant(ctx, subject); err != nil {
		return err
	}
	return a.index.Put(ctx, subject, objects...)
}
