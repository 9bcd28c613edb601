package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/objects"
)

// An archive that is imported lies in the bucket until its import ends, in parts that are
// sealed with the person's keys: what is read of a zip begins at its end, and a part can
// be opened by itself.

const (
	// partSize is that of all parts but the last, in bytes.
	partSize = 4 << 20
	// MostImported bounds an archive that is imported, decrypted.
	MostImported = 16 << 30
)

// ErrTooLarge: what is sent is larger than [MostImported].
var ErrTooLarge = errors.New("export: the archive is too large")

func partPlace(id uuid.UUID, n int) keyring.Location {
	return keyring.Location{Table: "privacy_imports", Column: fmt.Sprintf("part-%06d", n), Row: id}
}

// partsOf is what the names of an import's parts begin with, and the folder that they lie in.
func (x *Exports) partsOf(ctx context.Context, subject, id uuid.UUID) (folder, prefix string, err error) {
	folders, err := x.Folders(ctx, subject)
	if err != nil {
		return "", "", err
	}
	return folders[1], folders[1] + id.String() + "-", nil
}

func partName(prefix string, n int) string { return fmt.Sprintf("%s%06d.part", prefix, n) }

// store seals what is read and writes it in parts.
func (x *Exports) store(ctx context.Context, subject, id uuid.UUID, from io.Reader) (parts int, size int64, err error) {
	_, prefix, err := x.partsOf(ctx, subject, id)
	if err != nil {
		return 0, 0, err
	}
	buffer := make([]byte, partSize)
	for {
		n, err := io.ReadFull(from, buffer)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return parts, size, err
		}
		if n == 0 {
			return parts, size, nil
		}
		if size += int64(n); size > MostImported {
			return parts, size, ErrTooLarge
		}
		keys, keyErr := x.Keyring.Keys(ctx, subject)
		if keyErr != nil {
			return parts, size, keyErr
		}
		sealed, sealErr := keys.Seal(buffer[:n], partPlace(id, parts))
		if sealErr != nil {
			return parts, size, sealErr
		}
		if err := x.Store.Create(ctx, partName(prefix, parts), sealed); err != nil {
			return parts, size, fmt.Errorf("store a part of an import: %w", err)
		}
		if parts++; n < partSize {
			return parts, size, nil
		}
	}
}

// stored is an archive that lies in parts. It is for one goroutine.
type stored struct {
	ctx    context.Context // of the activity that reads it
	x      *Exports
	keys   func() (*keyring.Keys, error)
	prefix string
	id     uuid.UUID
	size   int64

	n    int
	part []byte
}

func (x *Exports) reader(ctx context.Context, i Import, subject uuid.UUID) (*stored, error) {
	_, prefix, err := x.partsOf(ctx, subject, i.ID)
	if err != nil {
		return nil, err
	}
	keys := func() (*keyring.Keys, error) { return x.Keyring.Keys(ctx, subject) }
	return &stored{ctx: ctx, x: x, keys: keys, prefix: prefix, id: i.ID, size: i.Size, n: -1}, nil
}

// ReadAt implements [io.ReaderAt]. It holds one part in memory.
func (s *stored) ReadAt(p []byte, at int64) (read int, err error) {
	for read < len(p) {
		if at >= s.size {
			return read, io.EOF
		}
		if err := s.load(int(at / partSize)); err != nil {
			return read, &sourceError{err}
		}
		within := int(at % partSize)
		if within >= len(s.part) {
			return read, fmt.Errorf("%w: a part is shorter than it was", ErrAltered)
		}
		n := copy(p[read:], s.part[within:])
		read, at = read+n, at+int64(n)
	}
	return read, nil
}

func (s *stored) load(n int) error {
	if s.n == n {
		return nil
	}
	sealed, err := s.x.Store.Read(s.ctx, partName(s.prefix, n))
	if errors.Is(err, objects.ErrAbsent) {
		return fmt.Errorf("part %d of an import: %w", n, ErrAltered)
	}
	if err != nil {
		return fmt.Errorf("read part %d of an import: %w", n, err)
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	s.n = -1
	if s.part, err = keys.Open(sealed, partPlace(s.id, n)); errors.Is(err, keyring.ErrSealed) {
		return fmt.Errorf("part %d of an import: %w: %w", n, ErrAltered, err)
	}
	if err != nil {
		return fmt.Errorf("open part %d of an import: %w", n, err)
	}
	s.n = n
	return nil
}

// removeParts removes everything that an import left in the bucket.
func (x *Exports) removeParts(ctx context.Context, subject, id uuid.UUID) error {
	folder, prefix, err := x.partsOf(ctx, subject, id)
	if err != nil {
		return err
	}
	names, err := x.names(ctx, prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := x.Store.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove a part of an import: %w", err)
		}
	}
	return x.Store.Tidy(ctx, folder)
}
