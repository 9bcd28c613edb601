package wal

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// shelf is an archive of these names; a dot stands for the sum.
func shelf(t *testing.T, names ...string) archive {
	t.Helper()
	a := archive{Source: Source{System: "7", SegmentSize: 16 << 20}, timelines: map[uint32]*timeline{}}
	for _, name := range names {
		o, ok := a.object("wal/7/" + name[:8] + "/" + name)
		require.True(t, ok, name)
		a.add(o)
	}
	return a
}

func whole(timeline, number int) string { return wholeOf(timeline, number, 1) }

func wholeOf(timeline, number, contents int) string {
	return fmt.Sprintf("%08X%016X.%016x", timeline, number, contents)
}

func part(timeline, number, bytes int) string {
	return fmt.Sprintf("%08X%016X.%016X.partial", timeline, number, number<<24+bytes)
}

func history(timeline, parent, at int) string {
	return fmt.Sprintf("%08X.history.%08X.%016X.%016x", timeline, parent, at, 1)
}

func TestWhatIsMissingIsFoundByNamesAlone(t *testing.T) {
	at := func(timeline uint32, number, bytes int) Position {
		return Position{timeline, LSN(number<<24 + bytes)}
	}
	one := []string{whole(1, 2), whole(1, 3), whole(1, 4), part(1, 5, 0x100)}
	// The second timeline leaves the first in segment 4, the third the second in the same.
	three := []string{
		whole(1, 2), whole(1, 3), part(1, 4, 0x200), history(2, 1, 4<<24+0x200), part(2, 4, 0x300), history(3, 2, 4<<24+0x280),
		whole(3, 4), whole(3, 5), part(3, 6, 0x100),
	}
	without := func(names []string, n ...int) (rest []string) {
		for i, name := range names {
			if !slices.Contains(n, i) {
				rest = append(rest, name)
			}
		}
		return rest
	}
	for what, c := range map[string]struct {
		names    []string
		from, to Position
		kept     LSN
		want     string
	}{
		"all is there":                         {one, at(1, 2, 0x28), at(1, 5, 0x100), 0, ""},
		"up to the middle of a part":           {one, at(1, 2, 0x28), at(1, 5, 0x80), 0, ""},
		"within one segment":                   {one, at(1, 3, 0x28), at(1, 3, 0x80), 0, ""},
		"to the end of a segment":              {without(one, 3), at(1, 2, 0x28), at(1, 5, 0), 0, ""},
		"the newest":                           {one, at(1, 2, 0x28), Position{}, 0, ""},
		"nothing is there":                     {nil, at(1, 2, 0x28), Position{}, 0, "delayed 2-2"},
		"the first is missing":                 {without(one, 0), at(1, 2, 0x28), at(1, 5, 0x100), 0, "missing 2-2"},
		"the first is lost":                    {without(one, 0), at(1, 2, 0x28), at(1, 5, 0x100), 3 << 24, "lost 2-2"},
		"one inside is missing":                {without(one, 1), at(1, 2, 0x28), at(1, 5, 0x100), 0, "missing 3-3"},
		"the server still has it":              {without(one, 1), at(1, 2, 0x28), at(1, 5, 0x100), 3 << 24, "missing 3-3"},
		"the server has it no more":            {without(one, 1), at(1, 2, 0x28), at(1, 5, 0x100), 4 << 24, "lost 3-3"},
		"the last before the part is missing":  {without(one, 2), at(1, 2, 0x28), at(1, 5, 0x100), 0, "missing 4-4"},
		"several are missing":                  {without(one, 1, 2), at(1, 2, 0x28), at(1, 5, 0x100), 0, "missing 3-4"},
		"and not needed":                       {without(one, 1), at(1, 4, 0x28), at(1, 5, 0x100), 0, ""},
		"the part is missing":                  {without(one, 3), at(1, 2, 0x28), at(1, 5, 0x100), 0, "delayed 5-5"},
		"the part is too short":                {one, at(1, 2, 0x28), at(1, 5, 0x101), 0, "delayed 5-5"},
		"it is far too short":                  {one, at(1, 2, 0x28), at(1, 9, 0x101), 0, "delayed 5-5 delayed 6-9"},
		"a part where a whole segment must be": {append(without(one, 1), part(1, 3, 0x8000)), at(1, 2, 0x28), at(1, 5, 0x100), 0, "truncated 3-3"},
		"and the whole segment as well":        {append(one, part(1, 3, 0x8000)), at(1, 2, 0x28), at(1, 5, 0x100), 0, ""},
		"different contents":                   {append(one, wholeOf(1, 3, 2)), at(1, 2, 0x28), at(1, 5, 0x100), 0, "forked 3-3"},
		"along three timelines":                {three, at(1, 2, 0x28), at(3, 6, 0x100), 0, ""},
		"to the end of the second":             {three, at(1, 2, 0x28), at(2, 4, 0x300), 0, ""},
		"to the end of the first":              {three, at(1, 2, 0x28), at(1, 4, 0x200), 0, ""},
		"from the second":                      {three, at(2, 4, 0x210), at(3, 6, 0x100), 0, ""},
		"the newest of the third":              {three, at(1, 2, 0x28), Position{}, 0, ""},
		"missing on the first":                 {without(three, 1), at(1, 2, 0x28), at(3, 6, 0x100), 0, "missing 3-3"},
		"missing where the third begins":       {without(three, 6), at(1, 2, 0x28), at(3, 6, 0x100), 0, "missing 4-4"},
		"a history is missing":                 {without(three, 5), at(1, 2, 0x28), at(3, 6, 0x100), 0, "forked 00000003.history"},
		"its parent's is missing":              {without(three, 3), at(1, 2, 0x28), at(3, 6, 0x100), 0, "forked 00000002.history"},
		"two histories":                        {append(three, history(3, 1, 3<<24)), at(1, 2, 0x28), at(3, 6, 0x100), 0, "forked 00000003.history"},
		"a base backup after the fork":         {three, at(1, 4, 0x210), at(3, 6, 0x100), 0, "forked 00000002.history"},
		"a target before the timeline began":   {three, at(1, 2, 0x28), at(3, 3, 0), 0, "forked 00000003.history"},
		"a timeline that is not archived":      {three, at(1, 2, 0x28), at(7, 6, 0x100), 0, "forked 00000007.history"},
		"an earlier timeline":                  {three, at(2, 4, 0x210), at(1, 6, 0x100), 0, "forked 00000001.history"},
	} {
		a := shelf(t, c.names...)
		if c.to == (Position{}) {
			c.to = later(c.from, a.newest())
		}
		got := ""
		path, problem := a.path(c.from, c.to)
		if problem != nil {
			got = string(problem.Class) + " " + problem.First
		} else {
			for _, p := range a.examine(a.stages(path), c.to, c.kept) {
				got += fmt.Sprintf(" %s %s-%s", p.Class, p.First[23:], p.Last[23:])
			}
		}
		require.Equal(t, c.want, trimmed(got), what)
	}
}

func trimmed(s string) string {
	if len(s) > 0 && s[0] == ' ' {
		return s[1:]
	}
	return s
}

func TestTheReachIsWhereTheLogIsInterruptedForTheFirstTime(t *testing.T) {
	a := shelf(t, whole(1, 2), whole(1, 3), whole(1, 5), part(1, 6, 0x100))
	from := Position{1, 2<<24 + 0x28}
	reach := func(to LSN) Position {
		path, problem := a.path(from, Position{1, to})
		require.Nil(t, problem)
		return a.reached(a.stages(path), from)
	}
	require.Equal(t, Position{1, 4 << 24}, reach(6<<24+0x100))
	require.Equal(t, Position{1, 4 << 24}, reach(3<<24+0x100))
	a = shelf(t, whole(1, 2), part(1, 3, 0x100))
	require.Equal(t, Position{1, 3<<24 + 0x100}, reach(3<<24+0x100))
	a = shelf(t, whole(1, 3))
	require.Equal(t, from, reach(3<<24+0x100))
}
