package bridge

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/internal/embedding"
)

var update = flag.Bool("update", false, "write related.yaml anew")

const relatedHead = "# Which entries have the most to do with each other. Made by go generate ./activities/bridge; edit\n" +
	"# \"related\" in the entry itself to put others first.\n"

func TestRelatedEntriesAreThoseOfTheLibrary(t *testing.T) {
	all, err := load(curated)
	require.NoError(t, err)
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	found, err := Relate(t.Context(), all, model)
	require.NoError(t, err)
	text, err := yaml.Marshal(found)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("related.yaml", append([]byte(relatedHead), text...), 0o644))
		return
	}
	require.Equal(t, string(relatedFile), relatedHead+string(text), "run go generate ./activities/bridge")
}

func TestRelatedEntriesHelpOn(t *testing.T) {
	l := words(t)
	for _, r := range l.Resources() {
		ids := l.Related(r.ID)
		require.LessOrEqual(t, len(ids), mostRelated, r.ID)
		require.NotContains(t, ids, r.ID)
		require.NotEmpty(t, ids, r.ID)
		kinds := map[Kind]int{}
		for _, id := range ids {
			other, there := l.Resource(id)
			require.True(t, there, id)
			require.Equal(t, r.Kind == HelpLine, other.Kind == HelpLine, "%s and %s", r.ID, id)
			kinds[other.Kind]++
		}
		require.True(t, r.Kind == HelpLine || len(r.Related) > 0 || kinds[r.Kind] <= mostOfAKind, r.ID)
	}
	require.Equal(t, []string{"sleep-diary", "say-good-night"}, l.Related("out-of-bed")[:2], "what an editor named comes first")
	require.Contains(t, l.Related("overdoing-and-crashing"), "pacing-diary")
}

func TestTwinsAreNotRelated(t *testing.T) {
	all := []Resource{
		{ID: "a", Kind: Technique, Title: "A", Topics: []string{"sleep"}}, {ID: "b", Kind: Technique, Title: "A", Topics: []string{"sleep"}},
		{ID: "c", Kind: Reading, Title: "A", Topics: []string{"sleep"}}, {ID: "d", Kind: Reading, Title: "A", Topics: []string{"sleep"}},
	}
	found, err := Relate(t.Context(), all, &provider{})
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, found["a"], "b says the same in the same way, and d the same as c")
}

func TestWhatAnEditorNamedComesFirst(t *testing.T) {
	all := []Resource{{ID: "a", Related: []string{"c", "d"}}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}, {ID: "f"}}
	rest := "\nb: []\nc: []\nd: []\ne: []\nf: []"
	found, err := relatedIn([]byte("a: [b, c, e, f]"+rest), all)
	require.NoError(t, err)
	require.Equal(t, []string{"c", "d", "b", "e"}, found["a"])
	for _, faulty := range []string{"b: []", "a: [gone]" + rest, "a: ["} {
		_, err = relatedIn([]byte(faulty), all)
		require.Error(t, err, faulty)
	}
}
