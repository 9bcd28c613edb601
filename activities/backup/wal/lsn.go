package wal

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// LSN is a place in the write-ahead log: how many bytes precede it.
type LSN uint64

// ParseLSN reads PostgreSQL's notation, such as 16/B374D848.
func ParseLSN(text string) (LSN, error) {
	high, low, _ := strings.Cut(text, "/")
	upper, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no place in the write-ahead log, such as 16/B374D848", text)
	}
	lower, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no place in the write-ahead log, such as 16/B374D848", text)
	}
	return LSN(upper<<32 | lower), nil
}

// String is the LSN in PostgreSQL's notation.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalText is String, for JSON.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is [ParseLSN], for JSON.
func (l *LSN) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLSN(string(text))
	return err
}

// Position is a place on one timeline. The zero position is none.
type Position struct {
	Timeline uint32 `json:"timeline"`
	LSN      LSN    `json:"lsn"`
}

// String is the position for people.
func (p Position) String() string { return fmt.Sprintf("%s on timeline %d", p.LSN, p.Timeline) }

// Before reports whether p precedes q in an archive: a later timeline begins where an
// earlier one was left.
func (p Position) Before(q Position) bool {
	return p.Timeline < q.Timeline || p.Timeline == q.Timeline && p.LSN < q.LSN
}

// Source says whose write-ahead log it is.
type Source struct {
	System      string `json:"system"`       // system identifier, in decimal
	SegmentSize int64  `json:"segment_size"` // in bytes
}

// segment is one file of the log.
type segment struct {
	timeline uint32
	number   uint64 // from the log's beginning
}

const smallestSegment, largestSegment = 1 << 20, 1 << 30

// check finds sources that no server has: names are computed with them.
func (s Source) check() error {
	if _, err := strconv.ParseUint(s.System, 10, 64); err != nil {
		return fmt.Errorf("%q is no system identifier", s.System)
	}
	if n := s.SegmentSize; n < smallestSegment || n > largestSegment || n&(n-1) != 0 {
		return fmt.Errorf("segments of the write-ahead log do not have %d bytes", n)
	}
	return nil
}

// at is the segment that holds the byte at a position.
func (s Source) at(p Position) segment { return segment{p.Timeline, s.number(p.LSN)} }

func (s Source) number(l LSN) uint64 { return uint64(l) / uint64(s.SegmentSize) }

// last is the number of the segment that holds the byte before an LSN.
func (s Source) last(l LSN) uint64 { return s.number(max(l, 1) - 1) }

func (s Source) start(g segment) LSN { return LSN(g.number * uint64(s.SegmentSize)) }

func (s Source) end(g segment) LSN { return s.start(g) + LSN(s.SegmentSize) }

// perLog is how many segments share the middle eight digits of their names.
func (s Source) perLog() uint64 { return 1 << 32 / uint64(s.SegmentSize) }

// name is the file name that PostgreSQL gives a segment: eight hexadecimal digits each
// for the timeline and for the upper and the lower part of its number.
func (s Source) name(g segment) string {
	return fmt.Sprintf("%08X%08X%08X", g.timeline, g.number/s.perLog(), g.number%s.perLog())
}

var (
	segmentForm = regexp.MustCompile(`^[0-9A-F]{24}$`)
	historyForm = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)
	labelForm   = regexp.MustCompile(`^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$`)
)

// partialSuffix marks a segment that is not complete.
const partialSuffix = ".partial"

// parse reads a segment's file name.
func (s Source) parse(name string) (segment, bool) {
	if !segmentForm.MatchString(name) {
		return segment{}, false
	}
	timeline, high, low := fromHex(name[:8]), fromHex(name[8:16]), fromHex(name[16:])
	return segment{uint32(timeline), high*s.perLog() + low}, timeline > 0 && low < s.perLog()
}

// fromHex reads hexadecimal digits whose form was checked.
func fromHex(digits string) uint64 {
	n, _ := strconv.ParseUint(digits, 16, 64)
	return n
}

// historyName is the name of a timeline's history file.
func historyName(timeline uint32) string { return fmt.Sprintf("%08X.history", timeline) }

// origin is where a timeline left its parent.
type origin struct {
	parent uint32
	at     LSN
}

// parseHistory reads a history file: a line for each ancestor, the parent's last, with
// its number and the LSN where it was left.
func parseHistory(text string) (origin, error) {
	var from origin
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 {
			return origin{}, fmt.Errorf("a line of a timeline's history has %d fields", len(fields))
		}
		parent, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil {
			return origin{}, fmt.Errorf("read a timeline's history: %w", err)
		}
		at, err := ParseLSN(fields[1])
		if err != nil {
			return origin{}, fmt.Errorf("read a timeline's history: %w", err)
		}
		from = origin{uint32(parent), at}
	}
	if from.parent == 0 {
		return origin{}, fmt.Errorf("a timeline's history names no parent")
	}
	return from, nil
}
