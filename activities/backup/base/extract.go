package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/klauspost/compress/zstd"

	"meai/activities/backup/repository"
	"meai/internal/objects"
	"meai/internal/pgserver"
)

const (
	privateDir  = 0o700
	privateFile = 0o600

	// greatestWindow is what the decoder may hold of its output; the server's level needs
	// 2 MiB, its highest 8.
	greatestWindow = 32 << 20
	copyBuffer     = 256 << 10
	progressStep   = 1 << 20
)

// TablespacesOf is where the tablespaces of a cluster unpacked into dir lie, each in a
// folder named by its oid.
func TablespacesOf(dir string) string { return dir + ".tablespaces" }

// Extract unpacks a backup into a folder that must not exist, nor [TablespacesOf] it if
// it has any: the cluster's files, owned by the account, its backup_manifest among them,
// and links to its tablespaces. Where those were on the server does not matter.
//
// The folder appears when all is whole and durable, and never otherwise; until then it
// is dir with ".unpacking" at its end, where what an earlier attempt left is removed.
// Progress, which may be nil, is told of the bytes read from the bucket. The error is
// that of [repository.Repository.Open] for damaged parts, and [ErrUnsafe] for archives
// that would write elsewhere.
func Extract(ctx context.Context, r *repository.Repository, m repository.Manifest, keys *repository.Keys, a pgserver.Account, dir string, progress func(done, total int64)) error {
	x := &extraction{ctx: ctx, repository: r, manifest: m, keys: keys, settler: newSettler(a), progress: progress}
	if err := x.run(dir); err != nil {
		return fmt.Errorf("unpack backup %s: %w", m.ID, err)
	}
	return nil
}

// extraction is a backup that is being unpacked. Until the end its folder is the
// caller's own, so that nobody else can change what is in it under the caller's hands.
type extraction struct {
	ctx        context.Context
	repository *repository.Repository
	manifest   repository.Manifest
	keys       *repository.Keys
	settler    *settler
	dir, work  string

	progress              func(done, total int64)
	done, reported, total int64
}

func (x *extraction) run(dir string) (err error) {
	if x.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := x.possible(); err != nil {
		return err
	}
	x.work = x.dir + ".unpacking"
	if err := os.RemoveAll(x.work); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(x.work)) }()
	for _, folder := range []string{x.work, x.data()} {
		if err := os.Mkdir(folder, privateDir); err != nil {
			return err
		}
	}
	if err := errors.Join(x.unpack(), x.settler.wait()); err != nil {
		return err
	}
	if err := x.settler.folders(x.ctx, x.work); err != nil {
		return err
	}
	return x.show()
}

func (x *extraction) data() string        { return filepath.Join(x.work, "data") }
func (x *extraction) tablespaces() string { return filepath.Join(x.work, "tablespaces") }

// possible reports what cannot be unpacked, and places that are taken.
func (x *extraction) possible() error {
	if x.manifest.Cluster == nil {
		return errors.New("it is not of PostgreSQL")
	}
	if x.manifest.Cluster.Base != "" {
		return ErrIncremental
	}
	places := []string{x.dir}
	if len(x.manifest.Cluster.Tablespaces) > 0 {
		places = append(places, TablespacesOf(x.dir))
	}
	for _, place := range places {
		switch _, err := os.Lstat(place); {
		case err == nil:
			return fmt.Errorf("%s: %w", place, fs.ErrExist)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

var oidForm = regexp.MustCompile(`^[1-9]\d{0,9}$`)

// unpack reads all parts. All must be in the backup's manifest.
func (x *extraction) unpack() error {
	oids := slices.Sorted(maps.Keys(x.manifest.Cluster.Tablespaces))
	parts := []string{clusterArchive, manifestPart}
	for _, oid := range oids {
		if !oidForm.MatchString(oid) {
			return fmt.Errorf("%w: a tablespace %q", ErrUnsafe, oid)
		}
		parts = append(parts, tablespaceArchive(oid))
	}
	for _, part := range parts {
		object, err := x.manifest.Object(part)
		if err != nil {
			return err
		}
		x.total += object.Contents
	}
	if err := x.archive(clusterArchive, x.data(), oids); err != nil {
		return err
	}
	for _, oid := range oids {
		if err := x.tablespace(oid); err != nil {
			return err
		}
	}
	return x.part(manifestPart, func(contents io.Reader) error {
		file, err := os.OpenFile(filepath.Join(x.data(), "backup_manifest"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
		if err != nil {
			return err
		}
		return x.settler.fill(file, contents, make([]byte, copyBuffer))
	})
}

// tablespace unpacks one beside the cluster, and links to where it will be.
func (x *extraction) tablespace(oid string) error {
	folder := filepath.Join(x.tablespaces(), oid)
	if err := os.MkdirAll(folder, privateDir); err != nil {
		return err
	}
	if err := x.archive(tablespaceArchive(oid), folder, nil); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(TablespacesOf(x.dir), oid), filepath.Join(x.data(), filepath.FromSlash(tablespaceLink(oid))))
}

func (x *extraction) archive(part, folder string, oids []string) error {
	return x.part(part, func(contents io.Reader) error {
		if err := untar(contents, folder, oids, x.settler); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		return nil
	})
}

// part has a part's contents read to their end, which alone says that they are whole.
func (x *extraction) part(part string, read func(io.Reader) error) (err error) {
	object, err := x.repository.Open(x.ctx, x.manifest.Part(part), x.keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	z, err := zstd.NewReader(&metered{object, x}, zstd.WithDecoderMaxWindow(greatestWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	if err := read(z); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, z)
	return err
}

// metered counts what is read of the bucket, and ends when the context does.
type metered struct {
	io.Reader
	x *extraction
}

func (m *metered) Read(p []byte) (int, error) {
	if err := m.x.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.Reader.Read(p)
	m.x.done += int64(n)
	if m.x.progress != nil && (m.x.done-m.x.reported >= progressStep || err == io.EOF) {
		m.x.reported = m.x.done
		m.x.progress(m.x.done, m.x.total)
	}
	return n, err
}

// show gives the folders their names. The cluster's is the last: where it is, all is.
func (x *extraction) show() error {
	if len(x.manifest.Cluster.Tablespaces) > 0 {
		if err := os.Rename(x.tablespaces(), TablespacesOf(x.dir)); err != nil {
			return err
		}
	}
	if err := os.Rename(x.data(), x.dir); err != nil {
		return err
	}
	return objects.Sync(filepath.Dir(x.dir))
}

// Verify compares every file of an unpacked backup with its size and SHA-256 in
// backup_manifest, by pg_verifybackup as the account. The write-ahead log is not looked
// at: it comes from elsewhere.
func Verify(ctx context.Context, b pgserver.Binaries, a pgserver.Account, dir string) error {
	return b.Run(ctx, a, "pg_verifybackup", "--no-parse-wal", dir)
}
