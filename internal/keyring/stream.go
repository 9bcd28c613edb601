package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"meai/internal/seal"
)

// What is too large for [Keys.Seal] is sealed as a stream: a magic, a data key of
// its own, which is sealed under the subject's key, and under that data key what
// package seal makes of the contents:
//
//	magic (8 bytes) | sealed data key (65) | Tink's header (40) | segments
//
// The associated data are all that stands before Tink's header, the subject and the
// place. docs/decisions/0010-sealed-streams.md tells why it is so.
const (
	streamMagic      = "MeAiStr1"
	sealedKeySize    = prefixSize + 12 + seal.KeySize + 16 // AES-GCM adds a nonce and a tag
	streamHeaderSize = len(streamMagic) + sealedKeySize
)

// StreamStart is how many bytes of a stream [StreamVersion] needs.
const StreamStart = len(streamMagic) + prefixSize

// SealStream encrypts what is written to the result for one place, and writes it
// to w in segments of 1 MiB. It holds two of them in memory. For an object in a
// bucket the place is, say, the kind of object, its name and its row.
//
// Close ends the stream, and leaves w open. A stream that was not closed never
// opens, so do not close one that could not be written to its end: it would pass
// for whole. After a failure of w every call fails, Close too.
//
// The key version is that of this moment, however long the writing takes.
func (k *Keys) SealStream(w io.Writer, at Location) (io.WriteCloser, error) {
	sealing, err := k.sealStream(w, at)
	if err != nil {
		return nil, fmt.Errorf("seal stream of %s.%s: %w", at.Table, at.Column, err)
	}
	return sealing, nil
}

func (k *Keys) sealStream(w io.Writer, at Location) (io.WriteCloser, error) {
	dataKey := make([]byte, seal.KeySize)
	if _, err := rand.Read(dataKey); err != nil {
		return nil, fmt.Errorf("generate data key: %w", err)
	}
	sealed, err := k.seal(dataKey, ofDataKey, at)
	if err != nil {
		return nil, err
	}
	header := slices.Concat([]byte(streamMagic), sealed)
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return seal.NewWriter(w, dataKey, streamHeaderSize, k.streamData(header, at))
}

// OpenStream decrypts what [Keys.SealStream] made for the same subject and place,
// under any version that the set holds. Every byte that is read was authenticated
// before, but only [io.EOF] says that nothing is missing: until then, do nothing
// with the contents that could not be undone.
//
// OpenStream and the reader fail with [ErrSealed] for a stream that was altered,
// cut or belongs elsewhere, with [ErrUnknownVersion], or with the error of r, which
// is neither. The reader also fails as [Keyring.Keys] does, once the lease is over
// and cannot be renewed: a stream that takes long to read ends when the keys are
// destroyed. Its failures are final. It holds two segments of 1 MiB in memory.
func (k *Keys) OpenStream(r io.Reader, at Location) (io.Reader, error) {
	opening, err := k.openStream(r, at)
	if err != nil {
		return nil, fmt.Errorf("open stream of %s.%s: %w", at.Table, at.Column, asSealed(err))
	}
	return &streamReader{opening: opening, renew: k.renew, at: at}, nil
}

func (k *Keys) openStream(r io.Reader, at Location) (io.Reader, error) {
	header := make([]byte, streamHeaderSize)
	if err := seal.ReadHeader(r, header); err != nil {
		return nil, err
	}
	if _, err := StreamVersion(header); err != nil {
		return nil, err
	}
	dataKey, err := k.open(header[len(streamMagic):], ofDataKey, at)
	if err != nil {
		return nil, err
	}
	return seal.NewReader(r, dataKey, streamHeaderSize, k.streamData(header, at))
}

// StreamVersion reads the key version of a stream from its first [StreamStart]
// bytes, without opening it.
func StreamVersion(start []byte) (uint32, error) {
	if len(start) < StreamStart || string(start[:len(streamMagic)]) != streamMagic {
		return 0, fmt.Errorf("no sealed stream: %w", ErrSealed)
	}
	return Version(start[len(streamMagic):])
}

func (k *Keys) streamData(header []byte, at Location) []byte {
	return append(k.associatedData(ofStream, at), header...)
}

// streamReader ends with the lease.
type streamReader struct {
	opening io.Reader
	renew   func() error
	at      Location
	err     error
}

func (s *streamReader) Read(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.renew()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.opening.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("open stream of %s.%s: %w", s.at.Table, s.at.Column, asSealed(err))
	}
	s.err = err
	return n, err
}

// asSealed is an error of package seal in this one's terms.
func asSealed(err error) error {
	if errors.Is(err, seal.ErrBroken) {
		return ErrSealed
	}
	return err
}
