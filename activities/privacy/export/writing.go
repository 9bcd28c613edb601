package export

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	packer "github.com/klauspost/compress/flate"

	"meai/internal/postgres"
)

const (
	dataFolder       = "data/"
	tableFolder      = "csv/"
	provenanceFolder = "provenance/"
	historyFolder    = "history/"
)

// writing is one archive on its way.
type writing struct {
	exports  *Exports
	snapshot *postgres.Snapshot
	formats  []Format
	// progress is told of every record that was written; nil for nobody.
	progress func(rows int64)

	zip   *zip.Writer
	files []File
	rows  int64
	left  []LeftOut
	// tables are those whose rows are exported.
	tables []postgres.PersonTable
	seen   *digest
	// clear tells what facts are about.
	clear *inTheClear
}

func (w *writing) has(f Format) bool {
	for _, wanted := range w.formats {
		if wanted == f {
			return true
		}
	}
	return false
}

// newZip packs fast rather than small: most of what is packed are vectors, which do not
// become smaller.
func newZip(out io.Writer) *zip.Writer {
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return packer.NewWriter(w, flate.BestSpeed)
	})
	return z
}

// file adds a file of what fill writes, which returns how many records that were.
func (w *writing) file(name, schema string, fill func(io.Writer) (int64, error)) error {
	entry, err := w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.snapshot.At.UTC()})
	if err != nil {
		return fmt.Errorf("begin %s: %w", name, err)
	}
	sum, size := sha256.New(), &counter{}
	out := bufio.NewWriterSize(io.MultiWriter(entry, sum, size), 64<<10)
	rows, err := fill(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.files = append(w.files, File{Name: name, Size: size.n, SHA256: hex.EncodeToString(sum.Sum(nil)), Rows: rows, Schema: schema})
	return nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// record says that one more was written.
func (w *writing) record() {
	w.rows++
	if w.progress != nil {
		w.progress(w.rows)
	}
}

// list writes a JSON array, a record a line.
type list struct {
	to io.Writer
	n  int64
}

func (l *list) add(object []byte) error {
	before := ",\n"
	if l.n == 0 {
		before = "[\n"
	}
	if _, err := io.WriteString(l.to, before); err != nil {
		return err
	}
	l.n++
	_, err := l.to.Write(object)
	return err
}

func (l *list) addValue(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return l.add(text)
}

func (l *list) end() (int64, error) {
	last := "\n]\n"
	if l.n == 0 {
		last = "[]\n"
	}
	_, err := io.WriteString(l.to, last)
	return l.n, err
}

// document adds a file with one JSON value.
func (w *writing) document(name, schema string, v any) error {
	return w.file(name, schema, func(out io.Writer) (int64, error) {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return 0, err
		}
		_, err = out.Write(append(text, '\n'))
		return 0, err
	})
}

func (w *writing) text(name, content string) error {
	return w.file(name, "", func(out io.Writer) (int64, error) {
		_, err := io.WriteString(out, content)
		return 0, err
	})
}

// all writes the whole archive.
func (w *writing) all(ctx context.Context, manifest Manifest) error {
	for _, step := range []func(context.Context) error{
		w.data, w.spreadsheets, w.provenance, w.history, w.schema, w.summary, w.readme,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	key, err := w.exports.Key(ctx)
	if err != nil {
		return err
	}
	manifest.Files, manifest.LeftOut, manifest.PublicKey = w.files, w.left, key.String()
	text, signature, err := manifest.encode(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{manifestName, text}, {signatureName, signature}} {
		if err := w.text(f.name, string(f.content)); err != nil {
			return err
		}
	}
	return w.zip.Close()
}

// plan decides what is exported, and returns how many records that makes in all forms.
func (w *writing) plan(ctx context.Context) (total int64, err error) {
	if w.tables, w.left, err = coverage(w.snapshot.Tables); err != nil {
		return 0, err
	}
	for _, t := range w.tables {
		rows, err := w.snapshot.Count(ctx, t)
		if err != nil {
			return 0, err
		}
		passes := int64(1)
		if w.has(CSV) {
			passes++
		}
		if t.Name == nodesTable {
			passes++ // their provenance
		}
		total += passes * rows
	}
	return total, nil
}

// describe is the manifest without its files.
func (x *Exports) describe(s *postgres.Snapshot, in WriteInput) (Manifest, error) {
	schema, err := postgres.SchemaVersion()
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{
		Format: FormatVersion, Product: product, Version: x.Version, Schema: schema, Export: in.Export, Subject: in.Subject,
		Registered: s.Registered.UTC(), TakenAt: s.At.UTC().Truncate(time.Microsecond), Attachments: noAttachments, Verify: howToVerify,
	}, nil
}
