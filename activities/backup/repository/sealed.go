package repository

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"meai/internal/custody"
	"meai/internal/seal"
)

// A sealed object is a magic, the id of its data key, what package seal makes of the
// contents, and the SHA-256 of all that:
//
//	"MeAiBak1" | key id (16 bytes) | sealed contents | SHA-256 (32)
//
// The associated data are magic, key id and the object's name: under another name it
// does not open. The checksum proves nothing against an attacker, the sealing does; it
// lets anyone see without keys that an object is whole.
const (
	magic      = "MeAiBak1"
	headerSize = len(magic) + 16
)

func associated(header []byte, name string) []byte {
	return append(header[:headerSize:headerSize], name...)
}

// sealer writes a sealed object.
type sealer struct {
	out      io.Writer
	hash     hash.Hash
	sealing  io.WriteCloser
	size     int64
	contents int64
}

func newSealer(w io.Writer, name string, key custody.Key) (*sealer, error) {
	s := &sealer{out: w, hash: sha256.New()}
	header := append([]byte(magic), key.ID[:]...)
	under := writerFunc(s.sealed)
	if _, err := under.Write(header); err != nil {
		return nil, err
	}
	var err error
	s.sealing, err = seal.NewWriter(under, key.Secret, headerSize, associated(header, name))
	return s, err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// sealed takes the bytes that go into the bucket.
func (s *sealer) sealed(p []byte) (int, error) {
	s.hash.Write(p)
	n, err := s.out.Write(p)
	s.size += int64(n)
	return n, err
}

// Write takes contents.
func (s *sealer) Write(p []byte) (int, error) {
	n, err := s.sealing.Write(p)
	s.contents += int64(n)
	return n, err
}

func (s *sealer) end() error {
	if err := s.sealing.Close(); err != nil {
		return err
	}
	// The checksum at the end is of what precedes it, the one that is recorded of all.
	_, err := s.sealed(s.hash.Sum(nil))
	return err
}

func (s *sealer) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// opener reads a sealed object's contents.
type opener struct {
	object  io.Closer
	body    *body
	opening io.Reader
	name    string
}

func newOpener(ctx context.Context, object io.ReadCloser, name string, keys *Keys) (*opener, error) {
	b := newBody(object)
	header := make([]byte, headerSize)
	if err := seal.ReadHeader(b, header); err != nil {
		return nil, named(name, err)
	}
	if string(header[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s: %w: it is no sealed object", name, ErrAltered)
	}
	key, err := keys.Key(ctx, uuid.UUID(header[len(magic):]))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	opening, err := seal.NewReader(b, key.Secret, headerSize, associated(header, name))
	if err != nil {
		return nil, named(name, err)
	}
	return &opener{object: object, body: b, opening: opening, name: name}, nil
}

func (o *opener) Read(p []byte) (int, error) {
	n, err := o.opening.Read(p)
	if err == io.EOF && !o.body.whole() {
		err = seal.ErrBroken
	}
	if err != nil && err != io.EOF {
		err = named(o.name, err)
	}
	return n, err
}

func (o *opener) Close() error { return o.object.Close() }

// named tells sealed bytes that do not open from a bucket that fails.
func named(name string, err error) error {
	if errors.Is(err, seal.ErrBroken) {
		err = ErrAltered
	}
	return fmt.Errorf("%s: %w", name, err)
}

// body is an object without the checksum at its end, which it holds back and compares.
type body struct {
	from *bufio.Reader
	hash hash.Hash
	last []byte // the checksum, once the end was seen
}

const bodyBuffer = 256 << 10

func newBody(r io.Reader) *body {
	return &body{from: bufio.NewReaderSize(r, bodyBuffer), hash: sha256.New()}
}

func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// What follows the checksum's length ahead belongs to the contents for sure.
	ahead, err := b.from.Peek(min(len(p)+sha256.Size, bodyBuffer))
	if err != nil && err != io.EOF {
		return 0, err
	}
	if len(ahead) <= sha256.Size {
		b.last = append(b.last[:0], ahead...)
		return 0, io.EOF
	}
	n := copy(p, ahead[:len(ahead)-sha256.Size])
	b.hash.Write(p[:n])
	if _, err := b.from.Discard(n); err != nil {
		return n, err
	}
	return n, nil
}

// whole reports whether the end was seen and the checksum is that of what was read.
func (b *body) whole() bool { return string(b.last) == string(b.hash.Sum(nil)) }

// summed reads an object to its end: its size, the SHA-256 of all its bytes, and
// [ErrAltered] when its own checksum is another.
func summed(r io.Reader) (size int64, sum string, err error) {
	all := sha256.New()
	counted := &counter{}
	b := newBody(io.TeeReader(r, io.MultiWriter(all, counted)))
	if _, err := io.Copy(io.Discard, b); err != nil {
		return 0, "", err
	}
	if !b.whole() {
		return 0, "", ErrAltered
	}
	return counted.n, hex.EncodeToString(all.Sum(nil)), nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
