package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
)

// What is known here of PostgreSQL's write-ahead log (access/xlog_internal.h and
// xlogrecord.h, alike since 9.5): each page has a header, the first of a segment a long
// one; records follow each other at multiples of eight bytes, across pages and segments,
// each with its length, the place of the one before and a checksum. It is written in the
// byte order of the machine, which is little-endian wherever this program runs.
const (
	shortHeader  = 24
	longHeader   = 40
	recordHeader = 24
	alignment    = 8

	flagContinues  = 1 << 0 // the page begins with the rest of a record
	flagLong       = 1 << 1
	flagOverwrites = 1 << 3 // the record before was given up after a crash
)

// errUnwritten: a segment's file was made, and nothing was written to it.
var errUnwritten = errors.New("nothing was written to the segment yet")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pageHeader is the header of a page.
type pageHeader struct {
	magic, flags uint16
	address      LSN
	rest         uint32 // of the record that continues on the page
}

func readPageHeader(page []byte) pageHeader {
	return pageHeader{
		magic: binary.LittleEndian.Uint16(page), flags: binary.LittleEndian.Uint16(page[2:]),
		address: LSN(binary.LittleEndian.Uint64(page[8:])), rest: binary.LittleEndian.Uint32(page[16:]),
	}
}

func (h pageHeader) size() int {
	if h.flags&flagLong != 0 {
		return longHeader
	}
	return shortHeader
}

// beginning is what the first page of a segment's file tells.
type beginning struct {
	source Source
	start  LSN // of the segment
	block  int // size of pages in bytes
}

// readBeginning reads the first page's header, or fails with [errUnwritten].
func readBeginning(path string) (beginning, error) {
	file, err := os.Open(path)
	if err != nil {
		return beginning{}, err
	}
	defer func() { _ = file.Close() }()
	page := make([]byte, longHeader)
	if _, err := io.ReadFull(file, page); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errUnwritten
		}
		return beginning{}, err
	}
	header := readPageHeader(page)
	if header.magic == 0 {
		return beginning{}, errUnwritten
	}
	b := beginning{
		source: Source{
			System:      strconv.FormatUint(binary.LittleEndian.Uint64(page[24:]), 10),
			SegmentSize: int64(binary.LittleEndian.Uint32(page[32:])),
		},
		start: header.address,
		block: int(binary.LittleEndian.Uint32(page[36:])),
	}
	if header.flags&flagLong == 0 || b.source.check() != nil || b.block < 1<<10 || b.block > 1<<16 {
		return beginning{}, errors.New("it does not begin as a segment of the write-ahead log")
	}
	return b, nil
}

// beginningOf reads the first page's header of a segment and compares it with the name.
func beginningOf(path, name string) (beginning, segment, error) {
	b, err := readBeginning(path)
	if err != nil {
		return beginning{}, segment{}, fmt.Errorf("read %s: %w", path, err)
	}
	g, ok := b.source.parse(name)
	if !ok {
		return beginning{}, segment{}, fmt.Errorf("%q is not the name of a segment of %d bytes", name, b.source.SegmentSize)
	}
	if b.start != b.source.start(g) {
		return beginning{}, segment{}, fmt.Errorf("%s: it holds the write-ahead log from %s, and its name says from %s", path, b.start, b.source.start(g))
	}
	return b, g, nil
}

// extent is how far a segment was written.
type extent struct {
	// records is the end of the last record whose checksum is right, or the segment's
	// start: recovery would get there.
	records LSN
	// head is the end of the record that began in the segment before. Its checksum cannot
	// be computed: it may be incomplete while the file is being written.
	head LSN
}

// end is how far the segment can be claimed to have been written. Settled says that
// nobody wrote to the file while it was read.
func (e extent) end(settled bool) LSN {
	if settled {
		return max(e.records, e.head)
	}
	return e.records
}

// scan follows the records of a segment to the first place where recovery would end. A
// file that is being written to may be read: what was written half is not counted. Where
// r ends zeros are assumed to follow.
func scan(r io.Reader, start LSN, block int) (extent, error) {
	s := scanner{extent: extent{records: start, head: start}, start: start}
	page := make([]byte, block)
	for address := start; ; address += LSN(block) {
		n, err := io.ReadFull(r, page)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return extent{}, err
		}
		clear(page[n:])
		if n == 0 || !s.page(page, address) {
			return s.extent, nil
		}
	}
}

// scanner is how far scan got.
type scanner struct {
	extent
	start LSN
	magic uint16

	left     int  // bytes of the current record that were not seen
	unseen   bool // its beginning is in the segment before
	began    LSN  // where the current record begins
	before   LSN  // where the one before began, 0 when that is not known
	header   [recordHeader]byte
	seen     int // bytes of the current record
	checksum uint32
}

// page takes a page and reports whether the log goes on after it.
func (s *scanner) page(page []byte, address LSN) bool {
	h := readPageHeader(page)
	if address == s.start {
		s.magic = h.magic
	}
	if h.magic == 0 || h.magic != s.magic || h.address != address {
		return false
	}
	if h.flags&flagOverwrites != 0 {
		s.left = 0
	}
	continues := h.flags&flagContinues != 0
	switch {
	case continues && address == s.start:
		s.left, s.unseen = int(h.rest), true
	case continues != (s.left > 0) || continues && int(h.rest) != s.left:
		return false
	}
	return s.contents(page[h.size():], address+LSN(h.size()))
}

// contents takes the records on a page, from the address of its contents on.
func (s *scanner) contents(body []byte, at LSN) bool {
	for len(body) > 0 {
		if s.left == 0 && !s.begin(int(binary.LittleEndian.Uint32(body)), at) {
			return false
		}
		n := min(s.left, len(body))
		s.take(body[:n])
		if s.left == 0 {
			n = min((n+alignment-1)/alignment*alignment, len(body))
			if !s.finish(at + LSN(n)) {
				return false
			}
		}
		body, at = body[n:], at+LSN(n)
	}
	return true
}

func (s *scanner) begin(length int, at LSN) bool {
	s.left, s.unseen, s.began, s.seen, s.checksum = length, false, at, 0, 0
	return length >= recordHeader
}

// take adds bytes to the current record. The checksum is of what follows the header, and
// then of the header up to the checksum.
func (s *scanner) take(p []byte) {
	s.left -= len(p)
	if s.unseen {
		return
	}
	n := 0
	if s.seen < recordHeader {
		n = copy(s.header[s.seen:], p)
	}
	s.checksum = crc32.Update(s.checksum, castagnoli, p[n:])
	s.seen += len(p)
}

// finish ends the current record, and reports whether it is whole and follows the one
// before: in a file that was used before, an old record may stand behind the last one.
func (s *scanner) finish(end LSN) bool {
	if s.unseen {
		s.head = end
		return true
	}
	previous := LSN(binary.LittleEndian.Uint64(s.header[8:]))
	if previous >= s.began || s.before != 0 && previous != s.before {
		return false
	}
	if crc32.Update(s.checksum, castagnoli, s.header[:20]) != binary.LittleEndian.Uint32(s.header[20:]) {
		return false
	}
	s.before, s.records = s.began, end
	return true
}
