package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"meai/activities/backup/repository"
	"meai/internal/custody"
)

// Restore brings a backup back into an empty server, whose node has the name of the
// backup's, and compares what it holds then with the manifest. When it fails the server
// may hold a part: restore again with [Options.Drop], or into another. Weaviate cannot
// stop a restore; when the context ends, it is waited for a little.
//
// It fails with [ErrServer], [ErrFailed], [ErrNotEmpty], [ErrNode], [ErrVersion],
// [ErrIncomplete], [ErrDifferent], or as the repository and the staging do.
func Restore(ctx context.Context, r *repository.Repository, m repository.Manifest, keys *repository.Keys, o Options) (err error) {
	object, key, err := sealedIn(ctx, m, keys)
	if err != nil {
		return err
	}
	t, err := prepare(ctx, o, m.Index.Backup)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := checkTarget(m.Index, t.node, t.version); err != nil {
		return err
	}
	if err := t.empty(ctx); err != nil {
		return err
	}
	if err := t.staging.clear(ctx); err != nil {
		return err
	}
	err = t.restore(ctx, r, object, keys)
	err = errors.Join(err, t.staging.clear(context.WithoutCancel(ctx)))
	if err != nil {
		return fmt.Errorf("restore %s: %w", m.ID, err)
	}
	return t.compare(ctx, m.Index, key)
}

// sealedIn finds the sealed object of a backup and its key.
func sealedIn(ctx context.Context, m repository.Manifest, keys *repository.Keys) (repository.Object, custody.Key, error) {
	if m.Kind != repository.Weaviate || m.Index == nil {
		return repository.Object{}, custody.Key{}, fmt.Errorf("backup %s is not one of weaviate", m.ID)
	}
	// The name becomes that of a folder, which is removed.
	if !repository.ValidID(m.ID) || m.Index.Backup != nameOf(m.ID) {
		return repository.Object{}, custody.Key{}, fmt.Errorf("backup %s: %w: its name in weaviate is %q", m.ID, repository.ErrAltered, m.Index.Backup)
	}
	object, err := m.Object(Part)
	if err != nil {
		return repository.Object{}, custody.Key{}, err
	}
	key, err := keys.Key(ctx, object.Key)
	return object, key, err
}

// empty makes sure that the server holds no collection.
func (t *transfer) empty(ctx context.Context) error {
	all, err := t.list(ctx)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(all))
	if len(names) > 0 && !t.o.Drop {
		return fmt.Errorf("%w: %s", ErrNotEmpty, strings.Join(first(names), ", "))
	}
	for _, name := range names {
		if err := t.client.Schema().ClassDeleter().WithClassName(name).Do(ctx); err != nil {
			return fmt.Errorf("drop collection %s: %w", name, classify(err))
		}
	}
	return nil
}

// restore unpacks the object into the staging and has Weaviate restore it.
func (t *transfer) restore(ctx context.Context, r *repository.Repository, object repository.Object, keys *repository.Keys) error {
	if err := t.unpack(ctx, r, object, keys); err != nil {
		return err
	}
	if _, err := t.staging.describe(ctx, t.node); err != nil {
		return err
	}
	if err := t.beginRestore(ctx, t.name); err != nil {
		return err
	}
	status := t.restoreStatus(t.name)
	err := t.await(ctx, Restoring, status)
	if ctx.Err() != nil {
		waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonWithin)
		defer cancel()
		_ = t.await(waiting, "", status) // the context's end is the error
	}
	return err
}

func (t *transfer) unpack(ctx context.Context, r *repository.Repository, object repository.Object, keys *repository.Keys) (err error) {
	opened, err := r.Open(ctx, object.Name, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	from := &source{Reader: opened, tell: func(done int64) { t.o.tell(Unpacking, done, object.Contents) }}
	err = t.staging.unpack(ctx, from)
	if from.err != nil {
		return from.err // what the unpacking made of it says less
	}
	return err
}

// source counts what is read, and keeps the error that reading failed with.
type source struct {
	io.Reader
	tell func(done int64)
	done int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.done += int64(n)
	s.tell(s.done)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Compare compares a server with the manifest of a backup that was restored into it:
// tenants, numbers of objects, and the samples, each of which must also be what a search
// for its vector finds. [ErrDifferent] names what is different. It activates no tenant
// that Weaviate does not activate by itself.
func Compare(ctx context.Context, m repository.Manifest, keys *repository.Keys, o Options) error {
	_, key, err := sealedIn(ctx, m, keys)
	if err != nil {
		return err
	}
	e, err := connect(o.withDefaults())
	if err != nil {
		return err
	}
	defer e.close()
	return e.compare(ctx, m.Index, key)
}

func (e *engine) compare(ctx context.Context, i *repository.Index, key custody.Key) error {
	all, err := e.list(ctx)
	if err != nil {
		return err
	}
	held, err := e.count(ctx, all, Comparing)
	if err != nil {
		return err
	}
	wrong := differences(i.Collections, held)
	s := newSampler(e, key)
	for _, sample := range i.Samples {
		is, err := s.check(ctx, sample)
		if err != nil {
			return err
		}
		if is != "" {
			wrong = append(wrong, is)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", ErrDifferent, strings.Join(first(wrong), "; "))
	}
	return nil
}

// differences says how the numbers of a server are different from a manifest's.
func differences(ought []repository.Collection, held holdings) (wrong []string) {
	known := make(map[string]bool)
	for _, c := range ought {
		known[c.Name] = true
		tenants, exists := held[c.Name]
		if !exists {
			wrong = append(wrong, "collection "+c.Name+" is missing")
			continue
		}
		for _, tenant := range slices.Sorted(maps.Keys(c.Tenants)) {
			least, most := c.Tenants[tenant], c.Tenants[tenant]
			if moved, written := c.Moved[tenant]; written {
				least, most = min(least, moved), max(most, moved)
			}
			if n, exists := tenants[tenant]; !exists {
				wrong = append(wrong, fmt.Sprintf("tenant %q of %s is missing", tenant, c.Name))
			} else if n < least || n > most {
				wrong = append(wrong, fmt.Sprintf("tenant %q of %s holds %d objects instead of %d", tenant, c.Name, n, c.Tenants[tenant]))
			}
		}
		for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
			if _, found := c.Tenants[tenant]; !found {
				wrong = append(wrong, fmt.Sprintf("tenant %q of %s is none of the backup's", tenant, c.Name))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		if !known[name] {
			wrong = append(wrong, "collection "+name+" is none of the backup's")
		}
	}
	return wrong
}

// shown is how many things an error names.
const shown = 20

// first are as many as an error names, and how many more there are.
func first(all []string) []string {
	if len(all) <= shown {
		return all
	}
	return append(slices.Clone(all[:shown]), fmt.Sprintf("and %d more", len(all)-shown))
}
