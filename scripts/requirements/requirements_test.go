package main

import (
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestEveryRequirementIsAnsweredAndWhatIsNamedExists(t *testing.T) {
	repository := os.DirFS("../..")
	all, err := load(repository)
	require.NoError(t, err)
	require.Empty(t, check(repository, tables, all))

	written, err := os.ReadFile("../../docs/requirements.md")
	require.NoError(t, err)
	require.True(t, string(written) == page(tables, all), "docs/requirements.md is not of docs/requirements.yaml: make generate")
}

// TestTheInventoryHasEveryRow counts what the requirements have: a row that is dropped from the list is noticed.
func TestTheInventoryHasEveryRow(t *testing.T) {
	counts, ids := map[string]int{}, map[string]bool{}
	for _, table := range tables {
		require.Contains(t, documents, table.document)
		require.False(t, ids[table.id], "table %s occurs twice", table.id)
		ids[table.id] = true
		counts[table.id] = len(table.rows)
		rows := map[string]bool{}
		for _, row := range table.rows {
			require.False(t, rows[row], "row %s/%s occurs twice", table.id, row)
			rows[row] = true
		}
	}
	require.Equal(t, map[string]int{
		"components": 13, "deployment": 6, "application-tier": 4, "processing-tier": 4, "data-tier": 4,
		"storage": 5, "recovery": 5, "bandwidth": 6, "network-security": 6, "data-protection": 5, "access": 4,
		"compliance": 4, "horizontal-scaling": 4, "vertical-scaling": 3, "data-scaling": 4, "load-balancing": 3,
		"availability": 4, "disaster-recovery": 4, "resilience": 5, "key-metrics": 4, "logging": 4, "alerting": 3,
		"economy": 5, "costs": 6, "phases": 4, "practices": 6,
		"synthesis": 4, "mirror": 5, "truthfilter": 7, "bridge": 4, "memory": 7, "consent": 3, "acceptance": 8,
		"latency": 4, "limits": 4,
	}, counts)
}

// scene is a repository with a table of two rows, of which nothing is wrong.
func scene() (fstest.MapFS, []table, answers) {
	repository := fstest.MapFS{
		"Makefile":         {Data: []byte("VERSION := 1\n.PHONY: shown\nbuild test: deps ## Both\n\t@true\nalone:\n")},
		"docs/a.md":        {},
		"part/a_test.go":   {Data: []byte("package part\n\nfunc TestMain(m *testing.M) {}\n\nfunc TestThis(t *testing.T) {}\n\nfunc FuzzThat(f *testing.F) {}\n\nfunc (s suite) TestMethod() {}\n")},
		"part/not_test.md": {Data: []byte("func TestNowhere(t *testing.T) {}")},
	}
	tables := []table{{infrastructure, "speed", "Speed", []string{"fast", "slow"}}}
	all := answers{"speed": {
		"fast": {Asks: "Fast | faster.", State: met, Where: []string{"docs/a.md", "part"}, Check: []string{"make test", "make alone", "test part TestThis", "test part FuzzThat"}},
		"slow": {Asks: "Slow.", State: open, Note: "Not built yet."},
	}}
	return repository, tables, all
}

func TestEveryMistakeIsNamed(t *testing.T) {
	repository, tables, all := scene()
	require.Empty(t, check(repository, tables, all))

	for name, c := range map[string]struct {
		change func(*answer) // of the row that is met
		want   string
	}{
		"nothing is asked for":        {func(a *answer) { a.Asks = "" }, "speed/fast: what is asked for is not said"},
		"no state":                    {func(a *answer) { a.State, a.Note = "done", "x" }, `speed/fast: "done" is no state`},
		"a state that is left out":    {func(a *answer) { a.State, a.Note = "", "x" }, `speed/fast: "" is no state`},
		"met nowhere":                 {func(a *answer) { a.Where = nil }, "speed/fast: a row that is met says where"},
		"met without a check":         {func(a *answer) { a.Check = nil }, "speed/fast: a row that is met names a check"},
		"partly without a check":      {func(a *answer) { a.State, a.Note, a.Check = partly, "x", nil }, "speed/fast: a row that is partly names a check"},
		"partly without what lacks":   {func(a *answer) { a.State = partly }, "speed/fast: a row that is partly says in its note what lacks and why"},
		"open without what lacks":     {func(a *answer) { a.State = open }, "speed/fast: a row that is open says in its note what lacks and why"},
		"out without a reason":        {func(a *answer) { a.State = out }, "speed/fast: a row that is out says in its note what lacks and why"},
		"a path that is not there":    {func(a *answer) { a.Where = []string{"docs/b.md"} }, "speed/fast: docs/b.md is not there"},
		"a target that is not there":  {func(a *answer) { a.Check = []string{"make tests"} }, "speed/fast: the Makefile has no target tests"},
		"a variable is no target":     {func(a *answer) { a.Check = []string{"make VERSION"} }, "speed/fast: the Makefile has no target VERSION"},
		"a dependency is no target":   {func(a *answer) { a.Check = []string{"make deps"} }, "speed/fast: the Makefile has no target deps"},
		"a test that is not there":    {func(a *answer) { a.Check = []string{"test part TestThat"} }, "speed/fast: part has no test TestThat"},
		"a package that is not there": {func(a *answer) { a.Check = []string{"test parts TestThis"} }, "speed/fast: parts has no test TestThis"},
		"TestMain tests nothing":      {func(a *answer) { a.Check = []string{"test part TestMain"} }, "speed/fast: part has no test TestMain"},
		"a method is no test":         {func(a *answer) { a.Check = []string{"test part TestMethod"} }, "speed/fast: part has no test TestMethod"},
		"a page is no test":           {func(a *answer) { a.Check = []string{"test part TestNowhere"} }, "speed/fast: part has no test TestNowhere"},
		"a check that is none":        {func(a *answer) { a.Check = []string{"look"} }, `speed/fast: "look" is neither "make TARGET" nor "test PACKAGE TestName"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, all := scene()
			a := all["speed"]["fast"]
			c.change(&a)
			all["speed"]["fast"] = a
			require.Equal(t, []string{c.want}, check(repository, tables, all))
		})
	}
}

func TestRowsThatLackOrThatNobodyAskedForAreNamed(t *testing.T) {
	repository, tables, all := scene()
	delete(all["speed"], "slow")
	require.Equal(t, []string{"speed/slow: the row is missing"}, check(repository, tables, all))

	_, _, all = scene()
	all["speed"]["standing"] = all["speed"]["slow"]
	require.Equal(t, []string{"speed/standing: no row of the requirements: tables.go lists them"}, check(repository, tables, all))

	_, _, all = scene()
	all["weight"] = maps.Clone(all["speed"])
	require.Equal(t, []string{"weight: no table of the requirements: tables.go lists them"}, check(repository, tables, all))
}

func TestWhatIsNotUnderstoodOrSaidTwiceIsAnError(t *testing.T) {
	for _, content := range []string{
		"speed:\n  fast: {asks: a}\n  fast: {asks: b}\n",
		"speed:\n  fast: {asks: a}\nspeed:\n  slow: {asks: b}\n",
		"speed:\n  fast: {wants: a}\n",
	} {
		_, err := load(fstest.MapFS{source: {Data: []byte(content)}})
		require.ErrorContains(t, err, source, content)
	}
}

func TestThePageShowsEveryRowAndCountsThem(t *testing.T) {
	_, tables, all := scene()
	slow := all["speed"]["slow"]
	slow.Uncheckable = "time."
	all["speed"]["slow"] = slow
	text := page(tables, all)
	for _, line := range []string{
		"| [Speed](#speed) | 2 | 1 | | 1 | |",
		"| **all** | 2 | 1 | | 1 | |",
		"## Infrastructure", "### Speed",
		`| Fast \| faster. | met | [docs/a.md](a.md), [part](../part) | ` + "`make test`, `make alone`, part: `TestThis`, `FuzzThat` |  |",
		"| Slow. | open |  |  | Not built yet. *Not checkable here*: time. |",
	} {
		require.True(t, strings.Contains(text, "\n"+line+"\n"), "%s\n%s", line, text)
	}
}
