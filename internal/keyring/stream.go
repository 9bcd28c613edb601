package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// What is too large for [Keys.Seal] is sealed as a stream: a magic, a data key of
// its own, which is sealed under the subject's key, and under that data key what
// Tink's streaming AEAD makes of the contents:
//
//	magic (8 bytes) | sealed data key (65) | Tink's header (40) | segments
//
// A segment ends at each full MiB of the stream, the last where the contents end,
// and its last 16 bytes are its tag. Its nonce holds its number and whether it is
// the last. The key that seals the segments is derived from the data key, Tink's
// salt and the associated data: all that stands before Tink's header, the subject
// and the place. docs/decisions/0010-sealed-streams.md tells why it is so.
//
// AES-256-GCM, HKDF-SHA-256, segments of 1 MiB:
// https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming
const (
	streamMagic      = "MeAiStr1"
	dataKeySize      = 32
	sealedKeySize    = prefixSize + 12 + dataKeySize + 16 // AES-GCM adds a nonce and a tag
	streamHeaderSize = len(streamMagic) + sealedKeySize
	segmentSize      = 1 << 20
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
	return &streamWriter{sealing: sealing}, nil
}

func (k *Keys) sealStream(w io.Writer, at Location) (io.WriteCloser, error) {
	dataKey := make([]byte, dataKeySize)
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
	cipher, err := streamCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewEncryptingWriter(w, k.streamData(header, at))
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
	from := &source{reader: r}
	opening, err := k.openStream(from, at)
	if err != nil {
		return nil, fmt.Errorf("open stream of %s.%s: %w", at.Table, at.Column, from.blame(err))
	}
	return &streamReader{opening: opening, from: from, renew: k.renew, at: at}, nil
}

func (k *Keys) openStream(r io.Reader, at Location) (io.Reader, error) {
	header := make([]byte, streamHeaderSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	if _, err := StreamVersion(header); err != nil {
		return nil, err
	}
	dataKey, err := k.open(header[len(streamMagic):], ofDataKey, at)
	if err != nil {
		return nil, err
	}
	cipher, err := streamCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewDecryptingReader(r, k.streamData(header, at))
}

// StreamVersion reads the key version of a stream from its first [StreamStart]
// bytes, without opening it.
func StreamVersion(start []byte) (uint32, error) {
	if len(start) < StreamStart || string(start[:len(streamMagic)]) != streamMagic {
		return 0, fmt.Errorf("no sealed stream: %w", ErrSealed)
	}
	return Version(start[len(streamMagic):])
}

// streamCipher is the same in the benchmark's binary (cipher_null.go): nothing that
// the benchmark measures seals a stream.
func streamCipher(dataKey []byte) (*subtle.AESGCMHKDF, error) {
	return subtle.NewAESGCMHKDF(dataKey, "SHA256", dataKeySize, segmentSize, streamHeaderSize)
}

func (k *Keys) streamData(header []byte, at Location) []byte {
	return append(k.associatedData(ofStream, at), header...)
}

// streamWriter remembers the first failure. Tink's goes on after one, and closing
// it would end a stream that opens although something is missing.
type streamWriter struct {
	sealing io.WriteCloser
	err     error
}

func (s *streamWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.sealing.Write(p)
	if err != nil {
		s.err = fmt.Errorf("write sealed stream: %w", err)
	}
	return n, s.err
}

func (s *streamWriter) Close() error {
	if s.err != nil {
		return s.err
	}
	if err := s.sealing.Close(); err != nil {
		s.err = fmt.Errorf("end sealed stream: %w", err)
	}
	return s.err
}

// streamReader remembers the first failure. Tink's answers io.EOF after a last
// segment that did not open.
type streamReader struct {
	opening io.Reader
	from    *source
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
		err = fmt.Errorf("open stream of %s.%s: %w", s.at.Table, s.at.Column, s.from.blame(err))
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

// blame tells a failure of the source from sealed bytes that do not open.
func (s *source) blame(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, ErrUnknownVersion):
		return err
	default: // Tink's own error says nothing more
		return ErrSealed
	}
}
