package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/custody"
)

// abandonWithin bounds how long a server that was told to stop is waited for: it looks
// up only every ten seconds.
const abandonWithin = 30 * time.Second

// Take makes a backup of all collections and tenants, and seals it into one object. What
// an attempt before left under this id is removed first, and nothing stays when it fails
// or the context ends. It writes no manifest: the backup is taken once the caller has
// committed one with the results.
//
// It fails with [ErrServer], [ErrFailed], [ErrIncomplete], [ErrNode], [ErrIncremental],
// or as the repository and the staging do.
func Take(ctx context.Context, r *repository.Repository, key custody.Key, id string, o Options) (_ repository.Index, _ []repository.Object, err error) {
	if !repository.ValidID(id) {
		return repository.Index{}, nil, fmt.Errorf("backup %q: not an id", id)
	}
	t, err := prepare(ctx, o, nameOf(id))
	if err != nil {
		return repository.Index{}, nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := checkBase(o.Base, t.version); err != nil {
		return repository.Index{}, nil, err
	}
	if err := errors.Join(r.Discard(ctx, id), t.abandon(ctx)); err != nil {
		return repository.Index{}, nil, fmt.Errorf("clear away what an attempt before left: %w", err)
	}
	i, err := t.take(ctx, newSampler(t.engine, key))
	if err != nil {
		err = errors.Join(err, t.abandon(ctx))
	}
	err = errors.Join(err, t.putBack(ctx, t.asleep))
	var object repository.Object
	if err == nil {
		object, err = r.Write(ctx, repository.PartName(id, Part), key, func(w io.Writer) error {
			return t.staging.pack(ctx, w, func(done, total int64) { t.o.tell(Packing, done, total) })
		})
	}
	always := context.WithoutCancel(ctx)
	if err = errors.Join(err, t.staging.clear(always)); err != nil {
		return repository.Index{}, nil, errors.Join(err, r.Discard(always, id))
	}
	return i, []repository.Object{object}, nil
}

// transfer is a backup or restore under way.
type transfer struct {
	*engine
	staging       *staging
	name          string   // in Weaviate
	node, version string   // of the server
	asleep        statuses // what was activated
}

func prepare(ctx context.Context, o Options, name string) (*transfer, error) {
	e, err := connect(o.withDefaults())
	if err != nil {
		return nil, err
	}
	t := &transfer{engine: e, name: name}
	if t.node, t.version, err = e.node(ctx); err != nil {
		e.close()
		return nil, err
	}
	if t.staging, err = openStaging(ctx, o.Staging, name); err != nil {
		e.close()
		return nil, err
	}
	return t, nil
}

func (t *transfer) close() error {
	t.engine.close()
	return t.staging.close()
}

// take has Weaviate make the backup, with all tenants active, and says what is in it.
func (t *transfer) take(ctx context.Context, s *sampler) (repository.Index, error) {
	all, err := t.list(ctx)
	if err != nil {
		return repository.Index{}, err
	}
	if len(all) == 0 {
		return repository.Index{}, fmt.Errorf("%w: the server holds no collection", ErrIncomplete)
	}
	t.asleep = all.inactive()
	if err := t.activate(ctx, t.asleep); err != nil {
		return repository.Index{}, err
	}
	before, err := t.count(ctx, all, Counting)
	if err != nil {
		return repository.Index{}, err
	}
	samples, err := s.take(ctx, before, t.o.Samples)
	if err != nil {
		return repository.Index{}, err
	}
	if err := t.beginBackup(ctx, t.name, slices.Sorted(maps.Keys(before))); err != nil {
		return repository.Index{}, err
	}
	if err := t.await(ctx, BackingUp, t.backupStatus(t.name)); err != nil {
		return repository.Index{}, err
	}
	return t.contents(ctx, s, before, samples)
}

// contents says what the finished backup holds, by its own description and by what the
// server held before and holds now.
func (t *transfer) contents(ctx context.Context, s *sampler, before holdings, samples []repository.Sample) (repository.Index, error) {
	held, err := t.staging.describe(ctx, t.node)
	if err != nil {
		return repository.Index{}, err
	}
	all, err := t.list(ctx)
	if err != nil {
		return repository.Index{}, err
	}
	after, err := t.count(ctx, all, Counting)
	if err != nil {
		return repository.Index{}, err
	}
	i := repository.Index{Version: t.version, Node: t.node, Backup: t.name}
	if i.Collections, err = held.collections(before, after); err != nil {
		return repository.Index{}, err
	}
	i.Samples, err = s.unchanged(ctx, samples)
	return i, err
}

// abandon stops what the server may be doing for the backup, and removes what it wrote.
func (t *transfer) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonWithin)
	defer cancel()
	// It answers with an error for one that it has ended, and when it is gone itself.
	_ = t.client.Backup().Canceler().WithBackend(t.backend).WithBackupID(t.name).Do(ctx)
	_ = t.await(ctx, "", t.backupStatus(t.name))
	return t.staging.clear(context.WithoutCancel(ctx))
}
