// Package base takes base backups of whole PostgreSQL clusters by the replication
// protocol, as pg_basebackup does, and unpacks them. Nothing is staged on a disk: what
// the server sends, compressed by it, is sealed on its way into the bucket.
//
//	backups/<backup>/base.tar.zst         the cluster
//	backups/<backup>/<oid>.tar.zst        each tablespace, if there are any
//	backups/<backup>/backup_manifest.zst  every file's size and SHA-256, by the server
//
// A base backup holds no write-ahead log, and is nothing without that from its start to
// its end.
package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/klauspost/compress/zstd"

	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/objects"
)

const (
	clusterArchive = "base.tar.zst"
	manifestPart   = "backup_manifest.zst"

	oldestMajor      = 15 // the first that compresses, and sends all archives in one stream
	incrementalMajor = 17

	discardWithin = time.Minute
)

var (
	// ErrVersion: the server's version cannot do what is asked for.
	ErrVersion = errors.New("this version of PostgreSQL cannot do it")
	// ErrIncremental: increments are neither taken nor unpacked yet.
	ErrIncremental = errors.New("incremental backups are not supported yet")
)

// Options say what to back up, and how.
type Options struct {
	// URL connects to any database as a role that may replicate. Of several hosts the
	// one that is no standby is taken.
	URL string
	// Label is kept in the cluster's backup_label; "meai" and the backup's id when empty.
	Label string
	// MaxRate is the most that the server sends, compressed, in KiB/s (32 to 1048576);
	// 0 is no limit.
	MaxRate int
	// Since is the id of the backup to take an increment of, which PostgreSQL 17 and later
	// can; empty for all of the cluster.
	Since string
	// Progress is told how many of the cluster's bytes are done, by the server's reckoning,
	// when it begins, about every second, and when the last was sent; it may be nil.
	Progress func(done, total int64)
}

// Take streams a base backup of a cluster into sealed objects of the backup id, which
// must have none yet. The server verifies the checksums of all pages and archives the
// write-ahead log before it is done; as long as archiving fails, Take waits.
//
// It returns what the backup is of and its objects, for the backup's manifest. After an
// error there are none left, unless the error says that they could not be removed.
func Take(ctx context.Context, r *repository.Repository, key custody.Key, id string, o Options) (repository.Cluster, []repository.Object, error) {
	t := &taking{repository: r, key: key, id: id}
	cluster, err := t.take(ctx, o)
	if err != nil {
		err = errors.Join(err, t.discard(ctx))
		return repository.Cluster{}, nil, fmt.Errorf("base backup %s: %w", id, err)
	}
	return cluster, t.objects, nil
}

// taking is a backup that is being taken.
type taking struct {
	repository *repository.Repository
	key        custody.Key
	id         string

	begun   []string // names of the objects that may exist
	objects []repository.Object
}

func (t *taking) take(ctx context.Context, o Options) (_ repository.Cluster, err error) {
	command, err := t.command(o)
	if err != nil {
		return repository.Cluster{}, err
	}
	if err := t.unused(ctx); err != nil {
		return repository.Cluster{}, err
	}
	s, err := connect(ctx, o.URL)
	if err != nil {
		return repository.Cluster{}, err
	}
	defer func() { s.close(ctx, err != nil) }()
	if err := supported(s.major, o.Since); err != nil {
		return repository.Cluster{}, err
	}
	s.progress = o.Progress
	if err := s.begin(ctx, command); err != nil {
		return repository.Cluster{}, s.explain(err)
	}
	if err := t.store(ctx, s); err != nil {
		return repository.Cluster{}, s.explain(err)
	}
	if err := s.finish(ctx); err != nil {
		return repository.Cluster{}, s.explain(err)
	}
	return s.cluster, nil
}

// command is what the server is asked for, once that is known to make sense.
func (t *taking) command(o Options) (string, error) {
	if !repository.ValidID(t.id) {
		return "", fmt.Errorf("%q is not a backup's id", t.id)
	}
	label := o.Label
	if label == "" {
		label = "meai " + t.id
	}
	// It becomes a line of backup_label, which recovery reads.
	if strings.ContainsFunc(label, unicode.IsControl) {
		return "", errors.New("the label has a control character")
	}
	// One worker has the server compress beside its reading and hashing; with none it does
	// one after the other.
	command := "BASE_BACKUP (LABEL '" + strings.ReplaceAll(label, "'", "''") + "', PROGRESS true, CHECKPOINT 'fast', WAIT true, " +
		"WAL false, MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256', COMPRESSION 'zstd', COMPRESSION_DETAIL 'level=3,workers=1'"
	if o.MaxRate != 0 {
		command += fmt.Sprintf(", MAX_RATE %d", o.MaxRate)
	}
	return command + ")", nil
}

// supported reports what the server's major version does not allow. Where increments
// are taken one day, the earlier backup's manifest goes to the server before the backup
// begins (UPLOAD_MANIFEST), the command has the option INCREMENTAL, and
// [repository.Cluster] names the earlier one as its base.
func supported(major int, since string) error {
	switch {
	case major < oldestMajor:
		return fmt.Errorf("%w: it is %d, and %d is needed", ErrVersion, major, oldestMajor)
	case since != "" && major < incrementalMajor:
		return fmt.Errorf("%w: it is %d, and increments need %d", ErrVersion, major, incrementalMajor)
	case since != "":
		return ErrIncremental
	}
	return nil
}

// unused reports what another attempt left, which writing would find at its end only.
func (t *taking) unused(ctx context.Context) error {
	there, err := t.repository.Names(ctx, repository.PartName(t.id, ""))
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%s: %w", there[0], objects.ErrExists)
	}
	return nil
}

// store writes an object for each part that the server sends, in its order.
func (t *taking) store(ctx context.Context, s *stream) error {
	for {
		part, err := s.part(ctx)
		if err != nil || part == "" {
			return err
		}
		if err := t.write(ctx, part, s); err != nil {
			return err
		}
	}
}

func (t *taking) write(ctx context.Context, part string, s *stream) error {
	name := repository.PartName(t.id, part)
	object, err := t.repository.Write(ctx, name, t.key, func(w io.Writer) error {
		if part == manifestPart { // the one that the server does not compress
			return compressed(w, func(w io.Writer) error { return s.contents(ctx, w) })
		}
		return s.contents(ctx, w)
	})
	if !errors.Is(err, objects.ErrExists) { // then it is not ours
		t.begun = append(t.begun, name)
	}
	if err == nil {
		t.objects = append(t.objects, object)
	}
	return err
}

func compressed(w io.Writer, fill func(io.Writer) error) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	if err := fill(z); err != nil {
		return err
	}
	return z.Close()
}

// discard removes the objects of a backup that failed, also when the context is why.
func (t *taking) discard(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardWithin)
	defer cancel()
	return t.repository.Remove(ctx, t.begun...)
}
