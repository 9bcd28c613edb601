package wal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"meai/activities/backup/repository"
	"meai/internal/objects"
	"meai/internal/pgserver"
)

// atOnce is how many objects are fetched side by side: one is unpacked while another is
// waited for.
const atOnce = 2

// Fetch brings the log from one position, where a base backup began, to another into a
// folder, as the plain files that restore_command='cp DIR/%f %p' needs. The zero position
// to means the newest that is archived. The folder is made when it is missing, the files
// belong to the account and are durable. It can be done again: what is there is kept.
//
// When the archive is not complete it fails with [ErrIncomplete] before it does anything
// else; an object that is damaged or does not open is named by the error too. Progress,
// unless nil, is told how many of the segments are there.
//
// Recovery stops before a target LSN only where a record follows it, so what is archived
// of the log after to is fetched as well, up to the end of the segment. The histories of
// all timelines are: from them the restored server sees which numbers are taken. Name the
// timeline of to in recovery_target_timeline, else it follows the newest.
//
// The archive may go on meanwhile: a partial segment that a longer one has replaced since
// it was listed is looked for again.
func Fetch(ctx context.Context, r *repository.Repository, keys *repository.Keys, s Source, from, to Position, dir string, account pgserver.Account, progress func(done, of int)) error {
	for tries := 0; ; tries++ {
		err := fetchListed(ctx, r, keys, s, from, to, dir, account, progress)
		var replaced *replacedError
		if !errors.As(err, &replaced) || tries == maxReplaced {
			return err
		}
	}
}

// maxReplaced is how often a fetch begins anew: each time it goes on where it was, and
// parts are replaced once in a while.
const maxReplaced = 5

// replacedError: a part is missing because there is a longer one.
type replacedError struct{ error }

func (e *replacedError) Unwrap() error { return e.error }

// replaced reports whether a part that is missing was replaced by what holds more.
func (s Source) replaced(ctx context.Context, r *repository.Repository, o object) (bool, error) {
	if o.kind != partKind {
		return false, nil
	}
	a, err := s.listed(ctx, r, s.folder())
	return err == nil && a.reach(o.segment) >= o.end, err
}

func fetchListed(ctx context.Context, r *repository.Repository, keys *repository.Keys, s Source, from, to Position, dir string, account pgserver.Account, progress func(done, of int)) error {
	report, a, stages, err := survey(ctx, r, s, from, to, 0)
	if err != nil {
		return err
	}
	if err := report.Err(); err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := account.MakeFolder(dir); err != nil {
			return err
		}
	}
	f := &fetcher{repository: r, keys: keys, source: s, dir: dir, account: account, progress: progress}
	for _, stage := range stages {
		f.wanted = append(f.wanted, stage.objects[0])
	}
	f.wanted = append(f.wanted, a.following(report.To)...)
	for _, t := range a.timelines {
		if len(t.histories) > 0 {
			f.wanted = append(f.wanted, t.histories[0])
		}
	}
	return f.run(ctx)
}

// following is what is archived of the segment that begins exactly at a position.
func (a archive) following(p Position) []object {
	g := a.at(p)
	if a.start(g) != p.LSN {
		return nil
	}
	t := a.of(p.Timeline)
	if whole := t.whole[g.number]; len(whole) > 0 {
		return whole[:1]
	}
	if part := t.longest(g.number); part.name != "" {
		return []object{part}
	}
	return nil
}

type fetcher struct {
	repository *repository.Repository
	keys       *repository.Keys
	source     Source
	dir        string
	account    pgserver.Account
	wanted     []object
	progress   func(done, of int)

	mu   sync.Mutex
	done int
}

func (f *fetcher) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, o := range f.wanted {
		group.Go(func() error {
			if err := f.fetch(ctx, o); err != nil {
				return f.explained(ctx, o, err)
			}
			f.count()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return objects.Sync(f.dir)
}

// explained tells what is missing from what was replaced.
func (f *fetcher) explained(ctx context.Context, o object, failed error) error {
	if !errors.Is(failed, repository.ErrMissing) {
		return failed
	}
	replaced, err := f.source.replaced(ctx, f.repository, o)
	if replaced {
		return &replacedError{failed}
	}
	return errors.Join(failed, err)
}

func (f *fetcher) count() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done++
	if f.progress != nil {
		f.progress(f.done, len(f.wanted))
	}
}

// fetch writes one file. It has its name once it is complete and durable.
func (f *fetcher) fetch(ctx context.Context, o object) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := f.source.name(o.segment)
	if o.kind == historyKind {
		name = historyName(o.timeline)
	}
	path := filepath.Join(f.dir, name)
	if sum, _, err := sumOf(path); err == nil && o.sum == sum {
		return nil // it was fetched before
	}
	// A name that begins with a dot is none that recovery asks for.
	unfinished := filepath.Join(f.dir, "."+name)
	if err := f.write(ctx, o, unfinished); err != nil {
		_ = os.Remove(unfinished) // the next attempt overwrites it otherwise
		return err
	}
	if err := f.account.Own(unfinished); err != nil {
		return fmt.Errorf("hand %s over: %w", name, err)
	}
	return os.Rename(unfinished, path)
}

func (f *fetcher) write(ctx context.Context, o object, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.unpack(ctx, o, file)
	if err == nil && o.kind == partKind {
		err = file.Truncate(f.source.SegmentSize) // with zeros
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// unpack opens, unpacks and compares: contents that are not what the name says are as
// bad as ones that do not open.
func (f *fetcher) unpack(ctx context.Context, o object, file *os.File) error {
	sealed, err := f.repository.Open(ctx, o.name, f.keys)
	if err != nil {
		return err
	}
	defer func() { _ = sealed.Close() }()
	unpacking, err := zstd.NewReader(sealed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(packWindow))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", o.name, err)
	}
	defer unpacking.Close()
	contents := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, contents), io.LimitReader(unpacking, f.source.SegmentSize+1))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", o.name, err)
	}
	// Only the end of the sealed object says that it was whole.
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		return err
	}
	wrong := o.kind != partKind && hashText(contents) != o.sum
	if o.kind != historyKind && size != int64(o.end-f.source.start(o.segment)) || wrong {
		return fmt.Errorf("%s: %w: its contents are not those that it is named after", o.name, repository.ErrAltered)
	}
	return nil
}
