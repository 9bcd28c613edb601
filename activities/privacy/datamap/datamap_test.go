package datamap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
)

// small is a sound map of one store of each sort.
const small = `
categories:
  - {name: words, holds: what is said, seen_by: the person}
  - {name: emotions, holds: what is felt, seen_by: the person}
bases:
  - {name: consent, article: Art. 6, means: they said yes}
  - {name: contract, article: Art. 6, means: it is needed}
retentions:
  - {name: user_data, days: 2557, means: seven years}
stores:
  - name: notes
    kind: table
    purpose: Keeps notes.
    category: words
    basis: consent
    consent: [conversation]
    retention: user_data
    person: subject_id
    since: noted_at
    erase: delete
    export: true
    columns:
      subject_id: id, whose it is
      text_sealed: sealed, what was noted, and why
      mood_sealed: sealed emotions, how it felt
      name_hmac: blinded, whom it is about
      noted_at: time
  - name: numbers
    kind: table
    purpose: Counts.
    nobody: It holds numbers.
    columns:
      n: count
  - name: archive
    kind: bucket
    purpose: Keeps copies.
    category: words
    basis: contract
    retention: user_data
    settings: [backup.bucket]
    erase: keys
    erased: It is sealed.
    not_exported: They are copies.
settings:
  api.url: our own
`

func TestTheMapThatIsBuiltInIsSound(t *testing.T) {
	m, err := datamap.Load()
	require.NoError(t, err)
	s, found := m.Store("interactions")
	require.True(t, found)
	require.Equal(t, datamap.Column{Class: datamap.Sealed, Holds: "what the person wrote"}, s.Columns["words_sealed"])
	require.Equal(t, []string{"answer_sealed", "context_sealed", "words_sealed"}, s.Of(datamap.Sealed))
	require.True(t, s.Personal())
	s, found = m.Store("backups")
	require.True(t, found)
	require.False(t, s.Personal())
	_, found = m.Store("nothing")
	require.False(t, found)
	for _, s := range m.Stores {
		require.Contains(t, m.Of(s.Kind), s)
	}
}

func TestAColumnMayBeOfAnotherCategory(t *testing.T) {
	m, err := datamap.Parse([]byte(small))
	require.NoError(t, err)
	s, _ := m.Store("notes")
	require.Equal(t, map[string]datamap.Column{
		"subject_id":  {Class: datamap.ID, Holds: "whose it is"},
		"text_sealed": {Class: datamap.Sealed, Holds: "what was noted, and why"},
		"mood_sealed": {Class: datamap.Sealed, Category: "emotions", Holds: "how it felt"},
		"name_hmac":   {Class: datamap.Blinded, Holds: "whom it is about"},
		"noted_at":    {Class: datamap.Time},
	}, s.Columns)
}

func TestWhatIsNotSoundIsNamed(t *testing.T) {
	for _, c := range []struct{ name, old, fresh, want string }{
		{"a field that nobody knows", "purpose: Counts.", "purpose: Counts.\n    colour: red", "field colour not found"},
		{"a column without a form", "n: count", "n: [count]", `a column is "class, what it holds"`},
		{"a column with too many words", "n: count", "n: count of many, things", `a column is "class, what it holds"`},
		{"a column twice", "n: count", "n: count\n      n: flag", `"n" already defined`},
		{"a class", "n: count", "n: colour", `store numbers: column n: there is no class "colour": sealed, blinded, id`},
		{"a category of a column", "sealed emotions", "sealed dreams", `store notes: column mood_sealed: there is no category "dreams"`},
		{"a sealed column without words", "sealed, what was noted, and why", "sealed", `column text_sealed: it is sealed, so it says what it holds`},
		{"a sealed column that is none", "sealed, what was noted, and why", "code", "column text_sealed: sealed columns are those named *_sealed"},
		{"a plain column that is called sealed", "n: count", "n: sealed, a number", "column n: sealed columns are those named *_sealed"},
		{"a hash that is none", "name_hmac: blinded, whom", "name_hmac: id, whom", "column name_hmac: columns named *_hmac are blinded"},
		{"a kind", "kind: bucket", "kind: pail", `store archive: there is no kind "pail": table, collection`},
		{"a store twice", "name: archive", "name: notes", "store notes is there twice"},
		{"a store without a name", "name: archive", `name: ""`, "store 3 has no name"},
		{"a store without a purpose", "purpose: Counts.", `purpose: ""`, "store numbers does not say everything it has to"},
		{"a table without columns", "    columns:\n      n: count\n", "", "store numbers: a table has columns"},
		{"somebody's in what is nobody's", "nobody: It holds numbers.", "nobody: It holds numbers.\n    category: words", "store numbers: it holds nothing of anybody's (nobody), so category"},
		{"sealed in what is nobody's", "n: count", "n_sealed: sealed, a number", "store numbers: it holds nothing of anybody's (nobody), but has a sealed column"},
		{"a person's in what is nobody's", "n: count", "subject_id: id", "store numbers: a table with a subject_id is a person's"},
		{"another person", "person: subject_id", "person: noted_at", "store notes: a table with a subject_id is a person's"},
		{"a category", "category: words\n    basis: contract", "category: deeds\n    basis: contract", `store archive: there is no category "deeds"`},
		{"a basis", "basis: contract", "basis: whim", `store archive: there is no basis "whim"`},
		{"a retention", "retention: user_data\n    settings", "retention: ever\n    settings", `store archive: there is no retention "ever"`},
		{"consent to nothing", "    consent: [conversation]\n", "", "store notes: purposes to consent to (consent) are named exactly where the basis is consent"},
		{"a way of erasing", "erase: keys", "erase: hope", `store archive: erase is "hope" and must be delete, scrub, keys, expire, keep`},
		{"a way of erasing without words", "    erased: It is sealed.\n", "", "store archive: erase is keys, so erased says how, by when, and what remains"},
		{"no word of the export", "    not_exported: They are copies.\n", "", "store archive: either export: true, or not_exported with the reason"},
		{"two words of the export", "export: true", "export: true\n    not_exported: They are copies.", "store notes: either export: true, or not_exported with the reason"},
		{"no time", "since: noted_at", "since: felt_at", "store notes: since names no column: felt_at"},
		{"a setting without a reason", "api.url: our own", `api.url: ""`, "setting api.url: it says nothing of why it leads to no store"},
		{"a setting twice", "api.url: our own", "backup.bucket: our own", "setting backup.bucket: it leads to store archive, so it is not among"},
		{"a basis without an article", "article: Art. 6, means: it is", "article: \"\", means: it is", "basis contract does not say everything it has to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(small, c.old), "the test changes one thing")
			_, err := datamap.Parse([]byte(strings.Replace(small, c.old, c.fresh, 1)))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	_, err := datamap.Parse([]byte(strings.NewReplacer("n: count", "n: colour", "erase: keys", "erase: hope").Replace(small)))
	require.ErrorContains(t, err, "column n: there is no class")
	require.ErrorContains(t, err, "erase is \"hope\"")
}

func TestAPersonalTableNamesWhoseItIs(t *testing.T) {
	_, err := datamap.Parse([]byte(strings.NewReplacer("subject_id: id", "owner: id", "    person: subject_id\n", "").Replace(small)))
	require.ErrorContains(t, err, "store notes: a table that is erased or exported names the column that holds the person's id (person)")
}

func TestWhatDiffersIsToldWithWhatToWrite(t *testing.T) {
	m, err := datamap.Parse([]byte(small))
	require.NoError(t, err)
	notes := []string{"subject_id", "text_sealed", "mood_sealed", "name_hmac", "noted_at"}
	there := datamap.Found{"notes": notes, "numbers": {"n"}}
	require.NoError(t, m.Compare(datamap.Table, there))

	for _, c := range []struct {
		name  string
		found datamap.Found
		want  []string
	}{
		{"a column more", datamap.Found{"notes": append(notes, "place_sealed"), "numbers": {"n"}}, []string{
			"table notes has place_sealed, which the data map does not know.", "below columns of \"- name: notes\":\n      place_sealed: sealed, …",
		}},
		{"a column less", datamap.Found{"notes": notes[1:], "numbers": {"n"}}, []string{"table notes has no subject_id, which the data map knows: take it out"}},
		{"a table less", datamap.Found{"notes": notes}, []string{"the data map knows a table numbers, and there is none: take it out"}},
		{"a table that is no table", datamap.Found{"notes": notes, "numbers": {"n"}, "archive": {"id"}}, []string{"the data map takes archive for a bucket; it is a table"}},
		{"a table of people more", datamap.Found{"notes": notes, "numbers": {"n"}, "dreams": {"subject_id", "id", "words_sealed", "dreamt_at", "key_hmac", "state", "lucid"}}, []string{
			"there is a table dreams that the data map does not know.", "  - name: dreams\n    kind: table\n", "    person: subject_id\n", "    erase: delete\n",
			"      subject_id: id, whose it is\n      id: id\n      words_sealed: sealed, …\n      dreamt_at: time\n      key_hmac: blinded, …\n      state: code\n      lucid: …, one of sealed",
		}},
		{"a table of nobody's more", datamap.Found{"notes": notes, "numbers": {"n"}, "weather": {"id"}}, []string{"    nobody: …, why it holds nothing of anybody's"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := m.Compare(datamap.Table, c.found)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}

	known := []string{"api.url", "backup.bucket", "backup.second"}
	require.NoError(t, m.CompareSettings([]string{"api.url", "backup.bucket"}, known))
	require.ErrorContains(t, m.CompareSettings(known, known), "the data map does not know where the setting backup.second leads")
	require.ErrorContains(t, m.CompareSettings(nil, known[1:]), "the data map knows a setting api.url, and there is none")
}

func TestThePageTellsEverything(t *testing.T) {
	m, err := datamap.Load()
	require.NoError(t, err)
	var page strings.Builder
	require.NoError(t, m.WritePage(&page))
	tells := func(text string) {
		t.Helper()
		require.True(t, strings.Contains(page.String(), text), "the page says nothing of %q", text)
	}
	for _, s := range m.Stores {
		tells(s.Purpose)
		tells(s.Nobody)
		tells(s.Erased)
		tells(s.NotExported)
		for name, c := range s.Columns {
			tells(name)
			if s.Personal() {
				tells(c.Holds)
			}
		}
	}
	require.False(t, strings.Contains(page.String(), "|  |"), "no cell is empty")
}
