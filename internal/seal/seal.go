// Package seal encrypts streams that are too large for memory, with Tink's streaming
// AEAD: AES-256-GCM in segments of 1 MiB, whose key is derived from the given one
// (HKDF-SHA-256), a salt and the associated data.
//
//	https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming
//
// A segment ends at each full MiB of the stream, counted with the header that the
// caller wrote before it; the last ends where the contents end. Each one's nonce holds
// its number and whether it is the last, so none can be left out, moved or added. What
// Tink leaves to its callers is done here: a failure is final, for writers and readers.
package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

const (
	// KeySize is the length of a key in bytes.
	KeySize = 32
	// segmentSize is that of a segment with its tag.
	segmentSize = 1 << 20
)

// ErrBroken: sealed bytes were altered, cut, or do not belong to this key and data.
var ErrBroken = errors.New("seal: the sealed bytes do not open")

// NewWriter encrypts what is written to the result, and writes it to w. The caller has
// written a header of that many bytes to w before, and names it in the associated data.
// It holds two segments in memory.
//
// Close ends the stream, and leaves w open. A stream that was not closed never opens,
// so do not close one that could not be written to its end: it would pass for whole.
func NewWriter(w io.Writer, key []byte, header int, associated []byte) (io.WriteCloser, error) {
	cipher, err := cipherOf(key, header)
	if err != nil {
		return nil, err
	}
	sealing, err := cipher.NewEncryptingWriter(w, associated)
	if err != nil {
		return nil, fmt.Errorf("begin a sealed stream: %w", err)
	}
	return &writer{sealing: sealing}, nil
}

// NewReader decrypts what [NewWriter] made of the same key and data; the caller has read
// the header from r before. Every byte that is read was authenticated, but only [io.EOF]
// says that nothing is missing: until then, do nothing with the contents that could not
// be undone. It fails with [ErrBroken] or with the error of r, which is never that; a
// source that breaks off with a plain [io.EOF] counts as cut. It holds two segments.
func NewReader(r io.Reader, key []byte, header int, associated []byte) (io.Reader, error) {
	cipher, err := cipherOf(key, header)
	if err != nil {
		return nil, err
	}
	from := &source{reader: r}
	opening, err := cipher.NewDecryptingReader(from, associated)
	if err != nil {
		return nil, from.blame()
	}
	return &reader{opening: opening, from: from}, nil
}

// ReadHeader fills header from r, or fails as [NewReader] does.
func ReadHeader(r io.Reader, header []byte) error {
	from := &source{reader: r}
	if _, err := io.ReadFull(from, header); err != nil {
		return from.blame()
	}
	return nil
}

func cipherOf(key []byte, header int) (*subtle.AESGCMHKDF, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("seal: a key has %d bytes, not %d", KeySize, len(key))
	}
	return subtle.NewAESGCMHKDF(key, "SHA256", KeySize, segmentSize, header)
}

// writer remembers the first failure. Tink's goes on after one, and closing it would
// end a stream that opens although something is missing.
type writer struct {
	sealing io.WriteCloser
	err     error
}

func (s *writer) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.sealing.Write(p)
	if err != nil {
		s.err = fmt.Errorf("write sealed stream: %w", err)
	}
	return n, s.err
}

func (s *writer) Close() error {
	if s.err != nil {
		return s.err
	}
	if err := s.sealing.Close(); err != nil {
		s.err = fmt.Errorf("end sealed stream: %w", err)
	}
	return s.err
}

// reader remembers the first failure. Tink's answers io.EOF after a last segment that
// did not open.
type reader struct {
	opening io.Reader
	from    *source
	err     error
}

func (s *reader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.opening.Read(p)
	if err != nil && err != io.EOF {
		err = s.from.blame()
	}
	s.err = err
	return n, err
}

// source remembers why reading failed, which Tink does not always pass on.
type source struct {
	reader io.Reader
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(err, io.EOF) { // of a connection: it must not be taken for the stream's
		err = fmt.Errorf("%w (%v)", io.ErrUnexpectedEOF, err)
	}
	s.err = fmt.Errorf("read sealed stream: %w", err)
	return n, s.err
}

// blame tells a failure of the source from sealed bytes that do not open. Tink's own
// error says nothing more.
func (s *source) blame() error {
	if s.err != nil {
		return s.err
	}
	return ErrBroken
}
