package export

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"meai/internal/signing"
)

// Archive is an export that was decrypted. Its manifest is verified; its files are as they
// are read, and [Archive.Check] reads all of them.
type Archive struct {
	Manifest Manifest
	// Key has signed it.
	Key *signing.Public

	files map[string]*zip.File
}

const (
	// mostFiles bounds the files of an archive: a table has three, and there are not
	// hundreds of tables.
	mostFiles = 1000
	// mostManifest bounds what is read of a manifest that nobody has verified yet.
	mostManifest = 1 << 20
)

// Open reads the directory and the manifest of an archive, and verifies its signature with
// a key; for nil with the one that the archive names itself, which proves no more than
// that it is in one piece. Nothing that the archive says of itself is believed before:
// whatever it holds, little memory is used. Errors: [ErrNoExport], [ErrForged],
// [ErrAltered], [ErrNewer], and those of r.
func Open(r io.ReaderAt, size int64, key *signing.Public) (*Archive, error) {
	if err := checkDirectory(r, size); err != nil {
		return nil, err
	}
	bounded := &directoryOnly{ReaderAt: r, left: mostDirectory}
	directory, err := zip.NewReader(bounded, size)
	if err != nil {
		return nil, unreadable(err)
	}
	bounded.lifted = true
	a := &Archive{files: make(map[string]*zip.File, len(directory.File))}
	for _, f := range directory.File {
		if a.files[f.Name] != nil || !f.Mode().IsRegular() || (f.Method != zip.Deflate && f.Method != zip.Store) {
			return nil, fmt.Errorf("%w: a file that no export has", ErrAltered)
		}
		a.files[f.Name] = f
	}
	manifest, err := a.small(manifestName)
	if err != nil {
		return nil, err
	}
	signature, err := a.small(signatureName)
	if err != nil {
		return nil, err
	}
	if a.Manifest, a.Key, err = decodeManifest(manifest, signature, key); err != nil {
		return nil, err
	}
	return a, a.compare()
}

// compare holds the directory to the manifest, by names and sizes.
func (a *Archive) compare() error {
	if len(a.files) != len(a.Manifest.Files)+2 {
		return fmt.Errorf("%w: it holds other files than its manifest names", ErrAltered)
	}
	for _, f := range a.Manifest.Files {
		there := a.files[f.Name]
		if there == nil || there.UncompressedSize64 != uint64(f.Size) {
			return fmt.Errorf("%w: %s is missing, or of another size", ErrAltered, f.Name)
		}
	}
	return nil
}

// small reads a file whole that must not be large.
func (a *Archive) small(name string) ([]byte, error) {
	f := a.files[name]
	if f == nil {
		return nil, fmt.Errorf("%w: it has no %s", ErrNoExport, name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { _ = r.Close() }() // nothing depends on it
	content, err := io.ReadAll(io.LimitReader(r, mostManifest+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(content) > mostManifest {
		return nil, fmt.Errorf("%w: its %s is too large", ErrNoExport, name)
	}
	return content, nil
}

// unreadable tells an archive that is broken from a source that fails.
func unreadable(err error) error {
	var faulty *sourceError
	if errors.As(err, &faulty) || errors.Is(err, ErrNoExport) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAltered, err)
}

// sourceError is one of what an archive is read from, which a retry may mend.
type sourceError struct{ error }

func (s *sourceError) Unwrap() error { return s.error }

// Open reads one file of the manifest. The reader fails with [ErrAltered] at its end, or
// before, when it is not as the manifest says: until [io.EOF] nothing may be done with it
// that could not be undone.
func (a *Archive) Open(name string) (io.ReadCloser, error) {
	f, known := a.Manifest.file(name)
	if !known {
		return nil, fmt.Errorf("%w: it has no %s", ErrAltered, name)
	}
	r, err := a.files[name].Open()
	if err != nil {
		return nil, unreadable(err)
	}
	return &checked{ReadCloser: r, file: f, sum: sha256.New()}, nil
}

// checked reads a file and compares it with the manifest at its end.
type checked struct {
	io.ReadCloser
	file File
	sum  hash.Hash
	n    int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if c.n += int64(n); c.n > c.file.Size {
		return 0, fmt.Errorf("%w: %s is larger than its manifest says", ErrAltered, c.file.Name)
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, unreadable(err)
	case c.n != c.file.Size || hex.EncodeToString(c.sum.Sum(nil)) != c.file.SHA256:
		return n, fmt.Errorf("%w: %s is another", ErrAltered, c.file.Name)
	}
	return n, io.EOF
}

// Check reads all files and compares them with the manifest; progress, which may be nil,
// is told how many bytes were read.
func (a *Archive) Check(ctx context.Context, progress func(bytes int64)) error {
	read := int64(0)
	buffer := make([]byte, 1<<20)
	for _, f := range a.Manifest.Files {
		r, err := a.Open(f.Name)
		if err != nil {
			return err
		}
		for err == nil {
			var n int
			n, err = r.Read(buffer)
			if read += int64(n); progress != nil {
				progress(read)
			}
			if stopped := ctx.Err(); stopped != nil {
				err = stopped
			}
		}
		_ = r.Close() // what was read is what counts
		if err != io.EOF {
			return err
		}
	}
	return nil
}

// The ends of a zip, as far as they tell how many files there are (APPNOTE 4.3.14 to 16).
const (
	endSize, endMagic         = 22, 0x06054b50
	locatorSize, locatorMagic = 20, 0x07064b50
	end64Size, end64Magic     = 56, 0x06064b50
)

// checkDirectory refuses a zip that names very many files: a reader makes room for as many
// as it is told. Exports have no comment, so the end is at the end, and before it, in a
// large one, are its larger forms.
func checkDirectory(r io.ReaderAt, size int64) error {
	refuse := func(why string) error { return fmt.Errorf("%w: %s", ErrNoExport, why) }
	if size < endSize+locatorSize+end64Size {
		return refuse("it is too short")
	}
	tail := make([]byte, end64Size+locatorSize+endSize)
	start := size - int64(len(tail))
	if _, err := r.ReadAt(tail, start); err != nil && err != io.EOF {
		return unreadable(err)
	}
	number := binary.LittleEndian
	end64, locator, end := tail[:end64Size], tail[end64Size:end64Size+locatorSize], tail[end64Size+locatorSize:]
	if number.Uint32(end) != endMagic || number.Uint16(end[20:]) != 0 {
		return refuse("it does not end as a zip without a comment does")
	}
	files := uint64(number.Uint16(end[10:]))
	if files == 0xffff || number.Uint32(end[12:]) == 0xffff || number.Uint32(end[16:]) == 0xffffffff {
		if number.Uint32(locator) != locatorMagic || number.Uint64(locator[8:]) != uint64(start) || number.Uint32(end64) != end64Magic {
			return refuse("it does not end as a large zip does")
		}
		files = number.Uint64(end64[32:])
	}
	if files > mostFiles {
		return refuse("it names more files than an export has")
	}
	return nil
}

// mostDirectory bounds what is read of a zip's directory, which goes on for as long as it
// looks like one.
const mostDirectory = 2 << 20

// directoryOnly bounds what is read, until it is lifted.
type directoryOnly struct {
	io.ReaderAt
	left   int64
	lifted bool
}

func (d *directoryOnly) ReadAt(p []byte, at int64) (int, error) {
	if d.lifted {
		return d.ReaderAt.ReadAt(p, at)
	}
	if d.left -= int64(len(p)); d.left < 0 {
		return 0, fmt.Errorf("%w: its directory is larger than an export's", ErrNoExport)
	}
	return d.ReaderAt.ReadAt(p, at)
}
