package wal

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meai/activities/backup/repository"
)

// Objects are named so that names alone tell what is archived, without keys:
//
//	wal/<system>/<timeline>/<segment>.<sum>                        a whole segment
//	wal/<system>/<timeline>/<segment>.<end>.partial                its beginning, up to an LSN
//	wal/<system>/<timeline>/<timeline>.history.<parent>.<lsn>.<sum>  where the timeline began
//
// Timelines have 8 hexadecimal digits, LSNs 16. The sum is the beginning of the contents'
// SHA-256: the same contents have the same name, whoever archives them, and contents that
// differ have another. It tells nothing of them to those who do not have them.
const sumDigits = 16

var (
	wholeForm   = regexp.MustCompile(`^([0-9A-F]{24})\.([0-9a-f]{16})$`)
	partForm    = regexp.MustCompile(`^([0-9A-F]{24})\.([0-9A-F]{16})\.partial$`)
	historyFile = regexp.MustCompile(`^([0-9A-F]{8})\.history\.([0-9A-F]{8})\.([0-9A-F]{16})\.([0-9a-f]{16})$`)
)

func (s Source) folder() string { return "wal/" + s.System + "/" }

func (s Source) folderOf(timeline uint32) string { return fmt.Sprintf("%s%08X/", s.folder(), timeline) }

// stem is the beginning of the names of all objects of a segment.
func (s Source) stem(g segment) string { return s.folderOf(g.timeline) + s.name(g) + "." }

func (s Source) wholeName(g segment, sum string) string { return s.stem(g) + sum }

func (s Source) partName(g segment, end LSN) string {
	return fmt.Sprintf("%s%016X%s", s.stem(g), uint64(end), partialSuffix)
}

func (s Source) historyObject(timeline uint32, from origin, sum string) string {
	return fmt.Sprintf("%s%s.%08X.%016X.%s", s.folderOf(timeline), historyName(timeline), from.parent, uint64(from.at), sum)
}

// object is what an object's name tells.
type object struct {
	name string
	kind kind
	segment
	end    LSN    // of what it holds, but for histories
	origin origin // of histories
	sum    string // but for parts
}

type kind int

const (
	wholeKind kind = iota
	partKind
	historyKind
)

// object reads the name of an object of the source.
func (s Source) object(name string) (object, bool) {
	rest, ok := strings.CutPrefix(name, s.folder())
	folder, file, cut := strings.Cut(rest, "/")
	if !ok || !cut {
		return object{}, false
	}
	o, ok := s.file(file)
	o.name = name
	return o, ok && fmt.Sprintf("%08X", o.timeline) == folder
}

func (s Source) file(file string) (o object, ok bool) {
	if m := wholeForm.FindStringSubmatch(file); m != nil {
		o.kind, o.sum = wholeKind, m[2]
		o.segment, ok = s.parse(m[1])
		o.end = s.end(o.segment)
		return o, ok
	}
	if m := partForm.FindStringSubmatch(file); m != nil {
		o.kind, o.end = partKind, LSN(fromHex(m[2]))
		o.segment, ok = s.parse(m[1])
		return o, ok && o.end > s.start(o.segment) && o.end <= s.end(o.segment)
	}
	if m := historyFile.FindStringSubmatch(file); m != nil {
		o.kind, o.sum, o.timeline = historyKind, m[4], uint32(fromHex(m[1]))
		o.origin = origin{uint32(fromHex(m[2])), LSN(fromHex(m[3]))}
		return o, o.origin.parent > 0 && o.origin.parent < o.timeline
	}
	return object{}, false
}

// archive is what lies in the bucket of one source.
type archive struct {
	Source
	timelines map[uint32]*timeline
}

// timeline is what is archived of one timeline.
type timeline struct {
	histories []object
	whole     map[uint64][]object // by segment: more than one when contents differ
	parts     map[uint64][]object // by segment
}

// listed reads the names that begin with a prefix.
func (s Source) listed(ctx context.Context, r *repository.Repository, prefix string) (archive, error) {
	names, err := r.Names(ctx, prefix)
	if err != nil {
		return archive{}, err
	}
	a := archive{Source: s, timelines: map[uint32]*timeline{}}
	for _, name := range names {
		if o, ok := s.object(name); ok {
			a.add(o)
		}
	}
	return a, nil
}

func (a archive) add(o object) {
	t := a.timelines[o.timeline]
	if t == nil {
		t = &timeline{whole: map[uint64][]object{}, parts: map[uint64][]object{}}
		a.timelines[o.timeline] = t
	}
	switch o.kind {
	case historyKind:
		t.histories = append(t.histories, o)
	case wholeKind:
		t.whole[o.number] = append(t.whole[o.number], o)
	case partKind:
		t.parts[o.number] = append(t.parts[o.number], o)
	}
}

// of is what is archived of a timeline, nothing of one that is not there.
func (a archive) of(number uint32) timeline {
	if t := a.timelines[number]; t != nil {
		return *t
	}
	return timeline{}
}

// longest is the part of a segment that reaches farthest.
func (t timeline) longest(number uint64) (longest object) {
	for _, o := range t.parts[number] {
		if o.end > longest.end {
			longest = o
		}
	}
	return longest
}

// reach is how far a segment is archived, 0 when nothing of it is.
func (a archive) reach(g segment) LSN {
	t := a.of(g.timeline)
	if len(t.whole[g.number]) > 0 {
		return a.end(g)
	}
	return t.longest(g.number).end
}

// newest is the end of the highest segment of the highest timeline that has any.
func (a archive) newest() (p Position) {
	for number, t := range a.timelines {
		for g := range t.whole {
			p = later(p, Position{number, a.end(segment{number, g})})
		}
		for g := range t.parts {
			p = later(p, Position{number, t.longest(g).end})
		}
	}
	return p
}

func later(p, q Position) Position {
	if p.Before(q) {
		return q
	}
	return p
}

// Tip is the newest position that is durable in the bucket, the zero one when nothing
// is. Going on from a position that was known to be archived, it is the end of what
// follows without a gap, and lists a few names only; the zero position lists all names
// of the source, and gaps are not looked for.
func Tip(ctx context.Context, r *repository.Repository, s Source, since Position) (Position, error) {
	if err := s.check(); err != nil {
		return Position{}, err
	}
	if since == (Position{}) {
		a, err := s.listed(ctx, r, s.folder())
		return a.newest(), err
	}
	for tip := since; ; {
		end, err := s.onTimeline(ctx, r, tip)
		if err != nil {
			return Position{}, err
		}
		next, err := s.child(ctx, r, Position{tip.Timeline, end})
		if err != nil || next == (Position{}) {
			return Position{tip.Timeline, end}, err
		}
		tip = next
	}
}

// onTimeline follows one timeline from a position to the end of what is archived there.
// Names are listed by the first sixteen digits, which 4 GiB of the log share.
func (s Source) onTimeline(ctx context.Context, r *repository.Repository, from Position) (LSN, error) {
	g, end := s.at(from), from.LSN
	for {
		first := g.number
		a, err := s.listed(ctx, r, s.folderOf(g.timeline)+s.name(g)[:16])
		if err != nil {
			return 0, err
		}
		for first/s.perLog() == g.number/s.perLog() {
			reach := a.reach(g)
			end = max(end, reach)
			if reach < s.end(g) {
				return end, nil
			}
			g.number++
		}
	}
}

// child is where a timeline begins that goes on from another before or at a position and
// of which WAL is archived; the zero position without one.
func (s Source) child(ctx context.Context, r *repository.Repository, of Position) (Position, error) {
	for number := of.Timeline + 1; ; number++ {
		a, err := s.listed(ctx, r, s.folderOf(number)+historyName(number))
		if err != nil || len(a.timelines) == 0 {
			return Position{}, err
		}
		for _, h := range a.of(number).histories {
			if h.origin.parent != of.Timeline || h.origin.at > of.LSN {
				continue
			}
			begins := Position{number, h.origin.at}
			b, err := s.listed(ctx, r, s.stem(s.at(begins)))
			if err != nil {
				return Position{}, err
			}
			if b.reach(s.at(begins)) > h.origin.at {
				return begins, nil
			}
		}
	}
}

// Obsolete lists the objects that no restore needs whose base backup begins at an LSN or
// later: segments that end before it, on whatever timeline. Histories are kept for good:
// they tell a new timeline which numbers are taken.
func Obsolete(ctx context.Context, r *repository.Repository, s Source, before LSN) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	names, err := r.Names(ctx, s.folder())
	return slices.DeleteFunc(names, func(name string) bool {
		o, ok := s.object(name)
		return !ok || o.kind == historyKind || s.end(o.segment) > before
	}), err
}
