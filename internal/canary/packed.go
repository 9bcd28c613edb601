package canary

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// packing is a kind of compressed block that names itself by its first bytes.
type packing struct {
	name  string
	magic []byte
	open  func(io.Reader) (io.Reader, error)
}

// packings are those that stores, servers and archives write. Blocks that do not
// name themselves (as PostgreSQL's compressed columns) are read through the store.
var packings = []packing{
	{"gzip", []byte{0x1f, 0x8b, 8}, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
	{"snappy", []byte("\xff\x06\x00\x00sNaPpY"), openS2},
	{"s2", []byte("\xff\x06\x00\x00S2sTwO"), openS2},
	// The second byte is the level; together they are a multiple of 31.
	{"zlib", []byte{0x78, 0x01}, openZlib},
	{"zlib", []byte{0x78, 0x5e}, openZlib},
	{"zlib", []byte{0x78, 0x9c}, openZlib},
	{"zlib", []byte{0x78, 0xda}, openZlib},
}

const longestMagic = 10

// openZlib uses readers again: two bytes look like a beginning so often that making
// one for each would take most of a scan's time.
func openZlib(r io.Reader) (io.Reader, error) {
	used, ok := zlibs.Get().(io.ReadCloser)
	if !ok {
		fresh, err := zlib.NewReader(r)
		return again{fresh}, err
	}
	err := used.(zlib.Resetter).Reset(r, nil)
	return again{used}, err
}

var zlibs, windows sync.Pool

// again gives a reader back when it is closed.
type again struct{ io.ReadCloser }

func (a again) Close() error {
	zlibs.Put(a.ReadCloser)
	return nil
}

func openS2(r io.Reader) (io.Reader, error) { return s2.NewReader(r), nil }

func openZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostInflated))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// magics yields where a packed block may begin among the first bytes of a window.
func magics(window []byte, first int) iter.Seq2[int, packing] {
	return func(yield func(int, packing) bool) {
		for _, kind := range packings {
			for at := 0; ; at++ {
				next := bytes.Index(window[at:], kind.magic)
				if next < 0 || at+next >= first {
					break
				}
				at += next
				if !yield(at, kind) {
					return
				}
			}
		}
	}
}

// unpack scans what a block holds. Most places that look like the beginning of a
// block are none, and some blocks are cut off: what comes out before the error
// counts. Blocks inside blocks are not unpacked again. Its error is that of the tick.
func (s *Scanner) unpack(report *Report, source string, kind packing, packed io.Reader, at int64) error {
	r, err := kind.open(bufio.NewReader(packed))
	if err != nil {
		return nil //nolint:nilerr // it is no block
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	found := func(offset int64, p *pattern) {
		report.note(Finding{
			Source: source, Offset: offset, Text: p.text, Form: p.form,
			Packed: fmt.Sprintf("%s at %d", kind.name, at),
		})
	}
	n, err := s.stream(io.LimitReader(r, mostInflated), found)
	if n > 0 {
		report.Blocks++
		report.Unpacked += n
	}
	return err
}

// stream scans r to its end, or to where it breaks, and returns how many bytes
// came out of it. Its error is that of the tick.
func (s *Scanner) stream(r io.Reader, found func(int64, *pattern)) (total int64, err error) {
	// Small: most of what is tried breaks at once.
	const chunk = 64 << 10
	space, ok := windows.Get().(*[]byte)
	if !ok || cap(*space) < chunk+s.matcher.longest {
		space = new(make([]byte, 0, chunk+s.matcher.longest))
	}
	defer windows.Put(space)
	window := (*space)[:0]
	base := int64(0)
	for {
		n, err := io.ReadFull(r, window[len(window):len(window)+chunk])
		window = window[:len(window)+n]
		total += int64(n)
		fresh := len(window)
		if err == nil {
			fresh = max(0, fresh-s.matcher.longest)
		}
		s.matcher.find(window, fresh, func(at int, p *pattern) { found(base+int64(at), p) })
		if err != nil {
			return total, nil //nolint:nilerr // it ends there
		}
		if err := s.looked(int64(fresh)); err != nil {
			return total, err
		}
		base += int64(fresh)
		window = append(window[:0], window[fresh:]...)
	}
}
