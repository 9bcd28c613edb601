package people

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

// Written is an archive that was made.
type Written struct {
	Kept
	Header Header
	// Size is that of the object in bytes.
	Size int64
}

// attempts at a name that somebody else takes, or at rows whose key is replaced meanwhile.
const attempts = 3

// ErrVersions: an archive was written and holds values under a version that the person's
// key set does not have (any more).
var ErrVersions = errors.New("an archive needs a key version that does not exist")

// Write archives a person as they are now; beat, which may be nil, is called as it goes
// on. It holds a few MiB however much there is. Errors: [failure.NotFound],
// [failure.SubjectInactive], those of [keyring.Keyring.Keys], [ErrVersions].
func (a *Archives) Write(ctx context.Context, subject uuid.UUID, beat func()) (w Written, err error) {
	for range attempts {
		w, err = a.write(ctx, subject, beat)
		if err == nil {
			err = a.readableStill(ctx, w)
		}
		if !errors.Is(err, objects.ErrExists) && !errors.Is(err, ErrVersions) {
			break
		}
	}
	if err != nil {
		return Written{}, fmt.Errorf("archive subject %s: %w", subject, err)
	}
	return w, nil
}

func (a *Archives) write(ctx context.Context, subject uuid.UUID, beat func()) (w Written, err error) {
	err = a.DB.Snapshot(ctx, subject, func(ctx context.Context, s *postgres.Snapshot) error {
		keys, err := a.Keyring.Keys(ctx, subject)
		if err != nil {
			return err
		}
		if w.Header, err = describe(ctx, s); err != nil {
			return err
		}
		w.Header.sealedUnder(keys.Version())
		if w.Kept, err = a.free(ctx, subject, s.At); err != nil {
			return err
		}
		return a.Store.Write(ctx, w.Name, func(out io.Writer) error {
			counted := &counter{to: out}
			d := dump{snapshot: s, header: w.Header, beat: beat}
			err := d.seal(ctx, counted, keys, w.Name)
			w.Size = counted.n
			return err
		})
	})
	return w, err
}

// free is the first name of a second that nobody has used.
func (a *Archives) free(ctx context.Context, subject uuid.UUID, begun time.Time) (Kept, error) {
	begun = begun.UTC().Truncate(time.Second)
	last, ok, err := a.newest(ctx, subject)
	if err != nil {
		return Kept{}, err
	}
	serial := 1
	if ok && last.Begun.Equal(begun) {
		serial = last.Serial + 1
	}
	return Kept{subject, nameOf(keyring.Digest(subject), begun, serial), begun, serial}, nil
}

// readableStill: a version may have been retired while the archive was written, by
// somebody who could not see it yet. The rows were sealed anew then.
func (a *Archives) readableStill(ctx context.Context, w Written) error {
	now, err := a.Keyring.Versions(ctx, w.Subject)
	if err != nil {
		return err
	}
	for _, version := range w.Header.Versions {
		if !slices.ContainsFunc(now, func(v keyring.VersionInfo) bool { return v.ID == version }) {
			return fmt.Errorf("%s: %w: %08x", w.Name, ErrVersions, version)
		}
	}
	return nil
}

// dump writes one archive.
type dump struct {
	snapshot *postgres.Snapshot
	header   Header
	beat     func()
	rows     int
}

// beatEvery is after how many rows a sign of life is given.
const beatEvery = 500

func (d *dump) seal(ctx context.Context, w io.Writer, keys *keyring.Keys, name string) error {
	preamble := d.header.preamble()
	if _, err := w.Write(preamble); err != nil {
		return err
	}
	sealing, err := keys.SealStream(w, place(name, preamble))
	if err != nil {
		return err
	}
	packing, err := zstd.NewWriter(sealing, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	if err := d.lines(ctx, packing); err != nil {
		return err // unclosed, it never opens
	}
	if err := packing.Close(); err != nil {
		return err
	}
	return sealing.Close()
}

func (d *dump) lines(ctx context.Context, w io.Writer) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	if err := writeLine(out, d.header); err != nil {
		return err
	}
	for _, t := range d.snapshot.Tables {
		if err := d.snapshot.Rows(ctx, t, func(object []byte) error { return d.row(out, t.Name, object) }); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	end := bufio.NewWriter(w)
	if err := writeLine(end, line{SHA256: hex.EncodeToString(sum.Sum(nil))}); err != nil {
		return err
	}
	return end.Flush()
}

func (d *dump) row(out *bufio.Writer, table string, object []byte) error {
	if d.rows++; d.beat != nil && d.rows%beatEvery == 0 {
		d.beat()
	}
	return writeLine(out, Row{Table: table, Row: object})
}

func writeLine(out *bufio.Writer, v any) error {
	text, err := json.Marshal(v) // on one line, whatever white space a row has
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	return out.WriteByte('\n')
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
