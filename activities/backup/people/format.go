package people

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/repository"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

// Format is the version of archives that is written.
const Format = 1

const magic = "MeAiPer1"

// Header says what an archive holds. It is its first line.
type Header struct {
	Format int `json:"format"`
	// Schema is the number of the newest migration that the writer knew.
	Schema  int64     `json:"schema"`
	Subject uuid.UUID `json:"subject"`
	// Registered is when the person was, Begun when the rows were as they are here.
	Registered time.Time `json:"registered"`
	Begun      time.Time `json:"begun"`
	// Tables are all that hold rows of people, those without any of this person's too.
	Tables map[string]postgres.PersonContents `json:"tables"`
	// Versions are those of the person's key that archive and rows were sealed under.
	Versions []uint32 `json:"versions"`
}

// Rows is how many there are.
func (h Header) Rows() (n int64) {
	for _, t := range h.Tables {
		n += t.Rows
	}
	return n
}

// holdsAs reports whether both hold the same.
func (h Header) holdsAs(o Header) bool {
	return maps.EqualFunc(h.Tables, o.Tables, func(a, b postgres.PersonContents) bool { return a.Rows == b.Rows && a.Sum == b.Sum })
}

// describe makes the header of a snapshot.
func describe(ctx context.Context, s *postgres.Snapshot) (Header, error) {
	schema, err := postgres.SchemaVersion()
	if err != nil {
		return Header{}, err
	}
	h := Header{
		Format: Format, Schema: schema, Subject: s.Subject(), Registered: s.Registered.UTC(), Begun: s.At.UTC(),
		Tables: map[string]postgres.PersonContents{},
	}
	for _, t := range s.Tables {
		c, err := s.Contents(ctx, t, len(keyring.Prefix(0)))
		if err != nil {
			return Header{}, err
		}
		for _, p := range c.Prefixes {
			// What is no sealed value has no version, and needs none.
			if version, err := keyring.Version(p); err == nil {
				h.Versions = append(h.Versions, version)
			}
		}
		h.Tables[t.Name] = c
	}
	return h, nil
}

// sealedUnder adds a version; each is named once.
func (h *Header) sealedUnder(version uint32) {
	h.Versions = append(h.Versions, version)
	slices.Sort(h.Versions)
	h.Versions = slices.Compact(h.Versions)
}

// preamble is what stands before the stream.
func (h Header) preamble() []byte {
	p := binary.BigEndian.AppendUint16([]byte(magic), uint16(len(h.Versions)))
	for _, version := range h.Versions {
		p = binary.BigEndian.AppendUint32(p, version)
	}
	return p
}

// readPreamble reads it, with the versions in it; [repository.ErrAltered].
func readPreamble(r io.Reader) (preamble []byte, versions []uint32, err error) {
	start := make([]byte, len(magic)+2)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, nil, cut(err)
	}
	if string(start[:len(magic)]) != magic {
		return nil, nil, fmt.Errorf("%w: it is no archive of a person", repository.ErrAltered)
	}
	listed := make([]byte, 4*int(binary.BigEndian.Uint16(start[len(magic):])))
	if _, err := io.ReadFull(r, listed); err != nil {
		return nil, nil, cut(err)
	}
	for i := 0; i < len(listed); i += 4 {
		versions = append(versions, binary.BigEndian.Uint32(listed[i:]))
	}
	return append(start, listed...), versions, nil
}

// cut tells an object that ends too early from a bucket that fails.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return repository.ErrAltered
	}
	return err
}

// place binds the stream to the object's name and to what stands before it.
func place(name string, preamble []byte) keyring.Location {
	return keyring.Location{Table: "people-archive", Column: name + "\n" + string(preamble)}
}

// line is any line but the first.
type line struct {
	Table string `json:"table,omitempty"`
	// SHA256 is of all lines before, in the last.
	SHA256 string `json:"sha256,omitempty"`
}

// versions reads an archive's beginning.
func (a *Archives) versions(ctx context.Context, name string) ([]uint32, error) {
	object, err := a.open(ctx, name)
	if err != nil {
		return nil, err
	}
	_, versions, err := readPreamble(object)
	if err = errors.Join(err, object.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return versions, nil
}

func (a *Archives) open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := a.Store.Open(ctx, name)
	if errors.Is(err, objects.ErrAbsent) {
		return nil, fmt.Errorf("%s: %w", name, repository.ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return object, nil
}

// unreadable: the archive is there, and no retry opens it.
func unreadable(err error) bool {
	return errors.Is(err, repository.ErrAltered) || errors.Is(err, repository.ErrKey)
}
