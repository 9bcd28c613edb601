package people

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"meai/activities/backup/repository"
	"meai/internal/keyring"
	"meai/internal/unsealed"
)

// Row is a row of an archive as it was stored: sealed columns are sealed, bytes base64.
type Row struct {
	Table string          `json:"table"`
	Row   json.RawMessage `json:"row"`
}

// Reader reads one archive. It is for one goroutine, and once.
type Reader struct {
	Header Header

	name   string
	object io.Closer
	source *source // of the packed lines
	packed *zstd.Decoder
	lines  *bufio.Reader
	sum    hash.Hash
	seen   map[string]int64
}

// Read opens a person's archive. It fails with [repository.ErrMissing],
// [repository.ErrAltered], [repository.ErrKey] when its key version was retired, or as
// [keyring.Keyring.Keys] does, with [failure.KeyDestroyed] for one. Close the reader.
func (a *Archives) Read(ctx context.Context, subject uuid.UUID, name string) (*Reader, error) {
	if digest, _, ok := parse(name); !ok || digest != keyring.Digest(subject) {
		return nil, fmt.Errorf("%q is no name of an archive of subject %s: %w", name, subject, repository.ErrMissing)
	}
	keys, err := a.Keyring.Keys(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	object, err := a.open(ctx, name)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, object: object, sum: sha256.New(), seen: map[string]int64{}}
	if err := r.begin(object, keys, subject); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Reader) begin(object io.Reader, keys *keyring.Keys, subject uuid.UUID) error {
	preamble, _, err := readPreamble(object)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	opened, err := keys.OpenStream(object, place(r.name, preamble))
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, asStored(err))
	}
	r.source = &source{from: opened}
	r.packed, err = zstd.NewReader(r.source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<20))
	if err != nil {
		return r.failed(err)
	}
	r.lines = bufio.NewReaderSize(r.packed, 64<<10)
	text, err := r.line()
	if err != nil {
		return err
	}
	r.sum.Write(text)
	if err := json.Unmarshal(text, &r.Header); err != nil {
		return r.altered("its header: " + err.Error())
	}
	switch h := r.Header; {
	case h.Format != Format:
		return fmt.Errorf("%s: format %d is not known to this version", r.name, h.Format)
	case h.Subject != subject || !bytes.Equal(h.preamble(), preamble):
		return r.altered("its header is of another")
	}
	return nil
}

// Rows hands out all rows. Each was authenticated, but only an end without an error says
// that none is missing and all is as it was written: until then do nothing with them that
// could not be undone. The last may be an error, which is as of [Archives.Read].
func (r *Reader) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			row, more, err := r.next()
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !more || !yield(row, nil) {
				return
			}
		}
	}
}

func (r *Reader) next() (row Row, more bool, err error) {
	text, err := r.line()
	if err != nil {
		return Row{}, false, err
	}
	var is struct {
		line
		Row json.RawMessage `json:"row"`
	}
	if err := json.Unmarshal(text, &is); err != nil {
		return Row{}, false, r.altered("a line: " + err.Error())
	}
	if is.SHA256 != "" {
		return Row{}, false, r.end(is.SHA256)
	}
	if _, known := r.Header.Tables[is.Table]; !known {
		return Row{}, false, r.altered("a row of a table that its header does not name")
	}
	r.sum.Write(text)
	r.seen[is.Table]++
	return Row{is.Table, is.Row}, true, nil
}

// end compares what was read with what the header and the last line say.
func (r *Reader) end(sum string) error {
	if sum != hex.EncodeToString(r.sum.Sum(nil)) {
		return r.altered("its checksum is another")
	}
	for table, contents := range r.Header.Tables {
		if r.seen[table] != contents.Rows {
			return r.altered(fmt.Sprintf("%d rows of %s, not %d", r.seen[table], table, contents.Rows))
		}
	}
	if _, err := r.lines.ReadByte(); err != io.EOF {
		if err == nil {
			return r.altered("it goes on after its end")
		}
		return r.failed(err)
	}
	return nil
}

// line reads a line with its end.
func (r *Reader) line() ([]byte, error) {
	text, err := r.lines.ReadBytes('\n')
	if err == io.EOF {
		return nil, r.altered("it ends too early")
	}
	if err != nil {
		return nil, r.failed(err)
	}
	return text, nil
}

func (r *Reader) altered(how string) error {
	return fmt.Errorf("%s: %w: %s", r.name, repository.ErrAltered, how)
}

// failed tells a bucket or a keyring that fails from bytes that are not as written.
func (r *Reader) failed(err error) error {
	if r.source.err != nil {
		return fmt.Errorf("%s: %w", r.name, asStored(r.source.err))
	}
	return r.altered(err.Error())
}

// Close ends the reading.
func (r *Reader) Close() error {
	if r.packed != nil {
		r.packed.Close()
	}
	return r.object.Close()
}

// source remembers why reading failed.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// asStored is an error of the keyring about sealed bytes in the repository's terms.
func asStored(err error) error {
	switch {
	case errors.Is(err, keyring.ErrSealed), errors.Is(err, unsealed.ErrRow):
		return fmt.Errorf("%w: %w", repository.ErrAltered, err)
	case errors.Is(err, keyring.ErrUnknownVersion):
		return fmt.Errorf("%w: %w", repository.ErrKey, err)
	default:
		return err
	}
}

// Check reads a whole archive and returns its header; errors are those of [Archives.Read].
func (a *Archives) Check(ctx context.Context, subject uuid.UUID, name string) (h Header, err error) {
	r, err := a.Read(ctx, subject, name)
	if err != nil {
		return Header{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, err := range r.Rows() {
		if err != nil {
			return Header{}, err
		}
	}
	return r.Header, nil
}

// Export writes an archive for the person it is of: a line of JSON with the header, then
// one for each row, in which what was sealed is open. A column "words_sealed" is then
// "words" with its text; what is no text is {"base64": …}. A sealed column that this
// version does not know stays as it is. Only when Export returns without an error is
// what it wrote complete. Errors are those of [Archives.Read].
func (a *Archives) Export(ctx context.Context, subject uuid.UUID, name string, w io.Writer) (err error) {
	r, err := a.Read(ctx, subject, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	out := bufio.NewWriter(w)
	if err := writeLine(out, r.Header); err != nil {
		return err
	}
	for row, err := range r.Rows() {
		if err != nil {
			return err
		}
		// The keys anew for each row: they may be destroyed meanwhile.
		keys, err := a.Keyring.Keys(ctx, subject)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		opened, err := openRow(keys, row)
		if err != nil {
			return fmt.Errorf("%s: a row of %s: %w", name, row.Table, err)
		}
		if err := writeLine(out, opened); err != nil {
			return err
		}
	}
	return out.Flush()
}
