package wal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/objects"
)

// ErrConflict: another contents are archived under the file's name. Two servers that
// both believe to be this one have written, or one was set back to an older state.
var ErrConflict = errors.New("other contents are archived under this name")

// uploader brings files of the log into the bucket. It can be done again at any time,
// and by several at once: what is there already is looked at and left.
type uploader struct {
	repository *repository.Repository
	key        func(context.Context) (custody.Key, error)
}

// segment archives a whole segment and returns its end.
func (u uploader) segment(ctx context.Context, path, name string) (LSN, error) {
	b, g, err := beginningOf(path, name)
	if err != nil {
		return 0, err
	}
	sum, size, err := sumOf(path)
	if err != nil {
		return 0, err
	}
	if size != b.source.SegmentSize {
		return 0, fmt.Errorf("%s: it has %d bytes, a segment has %d", path, size, b.source.SegmentSize)
	}
	stored, err := b.source.listed(ctx, u.repository, b.source.stem(g))
	if err != nil {
		return 0, err
	}
	object := b.source.wholeName(g, sum)
	if err := u.unlike(object, stored.of(g.timeline).whole[g.number]); err != nil {
		return 0, err
	}
	err = u.write(ctx, object, func(w io.Writer) error { return copySummed(w, path, sum) })
	if err != nil {
		return 0, err
	}
	u.remove(ctx, stored.of(g.timeline).parts[g.number])
	return b.source.end(g), nil
}

// partial archives the beginning of a segment that is not complete and returns its end,
// or how far the segment was archived before, when that is as far. Settled says that
// nobody writes to the file.
func (u uploader) partial(ctx context.Context, path, name string, settled bool) (LSN, error) {
	b, g, err := beginningOf(path, name)
	if err != nil {
		return 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	found, err := scan(io.LimitReader(file, b.source.SegmentSize), b.start, b.block)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	end := found.end(settled)
	if end == b.start {
		return 0, nil
	}
	stored, err := b.source.listed(ctx, u.repository, b.source.stem(g))
	if err != nil {
		return 0, err
	}
	if reach := stored.reach(g); reach >= end {
		return reach, nil
	}
	err = u.write(ctx, b.source.partName(g, end), func(w io.Writer) error { return copyScanned(w, file, b, end, settled) })
	if err != nil {
		return 0, err
	}
	u.remove(ctx, stored.of(g.timeline).parts[g.number])
	return end, nil
}

// history archives a timeline's history file. The file does not tell whose it is.
func (u uploader) history(ctx context.Context, s Source, path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	from, err := parseHistory(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	timeline := uint32(fromHex(name[:8]))
	if from.parent >= timeline {
		return fmt.Errorf("%s: timeline %d cannot go on from timeline %d", path, timeline, from.parent)
	}
	stored, err := s.listed(ctx, u.repository, s.folderOf(timeline)+name)
	if err != nil {
		return err
	}
	sum := sumText(sha256.Sum256(text))
	object := s.historyObject(timeline, from, sum)
	if err := u.unlike(object, stored.of(timeline).histories); err != nil {
		return err
	}
	return u.write(ctx, object, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// unlike fails with [ErrConflict] when one of the objects has another name.
func (u uploader) unlike(name string, stored []object) error {
	for _, o := range stored {
		if o.name != name {
			return fmt.Errorf("%s: %w: %s", name, ErrConflict, o.name)
		}
	}
	return nil
}

// write writes an object, compressed and sealed. One that exists has the same contents,
// as its name says, but must be whole: nothing that is archived is removed elsewhere
// because of an object that is damaged.
func (u uploader) write(ctx context.Context, name string, fill func(io.Writer) error) error {
	if _, err := u.repository.Store().Stat(ctx, name); err == nil {
		_, _, err = u.repository.Sum(ctx, name)
		return err
	}
	key, err := u.key(ctx)
	if err != nil {
		return err
	}
	_, err = u.repository.Write(ctx, name, key, func(w io.Writer) error {
		packing, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(packWindow))
		if err != nil {
			return err
		}
		if err := fill(packing); err != nil {
			return err // and the object never exists
		}
		return packing.Close()
	})
	if errors.Is(err, objects.ErrExists) { // somebody else was faster
		_, _, err = u.repository.Sum(ctx, name)
	}
	return err
}

// packWindow bounds the memory that unpacking takes, in bytes.
const packWindow = 4 << 20

// remove removes parts that reach less far than what is durable now. It may fail, where
// the bucket forbids it: they are in nobody's way.
func (u uploader) remove(ctx context.Context, parts []object) {
	for _, o := range parts {
		_ = u.repository.Remove(ctx, o.name)
	}
}

// sumText is how a hash of contents stands in a name.
func sumText(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:])[:sumDigits] }

// sumOf reads a file: the sum of its contents, and their size in bytes.
func sumOf(path string) (sum string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }()
	all := sha256.New()
	size, err = io.Copy(all, file)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hashText(all), size, nil
}

func hashText(h hash.Hash) string { return sumText([sha256.Size]byte(h.Sum(nil))) }

// copySummed copies a file, and fails when its contents are no longer those of the sum.
func copySummed(w io.Writer, path, sum string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	all := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, all), file); err != nil {
		return err
	}
	if hashText(all) != sum {
		return fmt.Errorf("%s changed while it was read", path)
	}
	return nil
}

// copyScanned copies the beginning of a segment, and fails when what was copied does not
// reach to its end.
func copyScanned(w io.Writer, file *os.File, b beginning, end LSN, settled bool) error {
	part := io.NewSectionReader(file, 0, int64(end-b.start))
	copied, err := scan(io.TeeReader(part, w), b.start, b.block)
	if err != nil {
		return err
	}
	if copied.end(settled) != end {
		return fmt.Errorf("%s changed while it was read", file.Name())
	}
	return nil
}

// sourceIn tells whose write-ahead log lies in a folder, or fails with [errUnwritten].
func sourceIn(dir string) (Source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Source{}, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if len(name) < segmentDigits || !segmentForm.MatchString(name[:segmentDigits]) {
			continue
		}
		if b, err := readBeginning(filepath.Join(dir, name)); err == nil {
			return b.source, nil
		}
	}
	return Source{}, errUnwritten
}

// segmentDigits is the length of a segment's name.
const segmentDigits = 24

// Push archives one file of the log, for archive_command: a segment, the part of one that
// a promotion leaves, or a timeline's history. Path is the file, name the one it is
// archived under (%p and %f). It returns once the file is durable in the bucket, and may
// be called again, also for what the [Archiver] has archived. The labels of base backups,
// which PostgreSQL archives too, are not kept: manifests say more.
//
// It fails with [ErrConflict] when other contents are archived under the name.
func Push(ctx context.Context, r *repository.Repository, to custody.Recipients, path, name string) error {
	u := uploader{repository: r, key: func(ctx context.Context) (custody.Key, error) { return r.NewKey(ctx, to) }}
	switch {
	case labelForm.MatchString(name):
		return nil
	case historyForm.MatchString(name):
		s, err := sourceIn(filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("tell whose history %s is: %w", path, err)
		}
		return u.history(ctx, s, path, name)
	case len(name) == segmentDigits+len(partialSuffix) && name[segmentDigits:] == partialSuffix:
		_, err := u.partial(ctx, path, name[:segmentDigits], true)
		return err
	default:
		_, err := u.segment(ctx, path, name)
		return err
	}
}

// stretch gives out the data key of a stretch of the log: one for each life of a process,
// and a new one each day. It is not safe for concurrent use.
type stretch struct {
	repository *repository.Repository
	to         custody.Recipients
	current    custody.Key
	since      time.Time
}

// stretchLength is how long a data key is used at most.
const stretchLength = 24 * time.Hour

func (s *stretch) key(ctx context.Context) (custody.Key, error) {
	if len(s.current.Secret) > 0 && time.Since(s.since) < stretchLength {
		return s.current, nil
	}
	since := time.Now()
	key, err := s.repository.NewKey(ctx, s.to)
	if err != nil {
		return custody.Key{}, fmt.Errorf("begin a stretch of the write-ahead log: %w", err)
	}
	s.current, s.since = key, since
	return key, nil
}
