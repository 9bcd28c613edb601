package people_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/activities/backup/repository"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// rows reads a whole archive, by table.
func (s *scene) rows(t *testing.T, w people.Written) map[string][]map[string]any {
	t.Helper()
	r, err := s.Read(t.Context(), w.Subject, w.Name)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	all := map[string][]map[string]any{}
	for row, err := range r.Rows() {
		require.NoError(t, err)
		all[row.Table] = append(all[row.Table], object(t, row.Row))
	}
	return all
}

func object(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var o map[string]any
	require.NoError(t, d.Decode(&o))
	return o
}

func TestAnArchiveHoldsEveryRowOfEveryTableOfOnePersonAsItIsStored(t *testing.T) {
	s := newSceneAlone(t)
	owner := connect(t, s.urls.Owner)
	// What a later migration adds is archived without a change here.
	for _, statement := range []string{
		`create table later (subject_id uuid primary key, anything_sealed bytea, note json)`, `select meai_protect('later')`,
	} {
		exec(t, owner, statement)
	}
	alice, bob := s.newPerson(t, before()), s.newPerson(t, before())
	for _, p := range []*person{alice, bob} {
		exec(t, p.conn, "insert into later values ($1, 'x', E'{\"a\":\n 1}')", p.subject)
	}
	w := s.write(t, alice.subject)
	require.Positive(t, w.Size)
	archived := s.rows(t, w)
	tables := personTables(t, owner)
	require.Contains(t, tables, "later")
	for _, table := range tables {
		stored := query[string](t, alice.conn, "select to_jsonb(t)::text from "+table+" t")
		require.NotEmpty(t, stored, "the scene writes to %s as well", table)
		require.Len(t, archived[table], len(stored), table)
		require.EqualValues(t, len(stored), w.Header.Tables[table].Rows)
		for _, text := range stored {
			require.Contains(t, archived[table], inBase64(object(t, []byte(text))), table)
		}
	}
	require.Len(t, archived, len(tables), "and nothing else")
	require.Len(t, w.Header.Tables, len(tables))
	schema, err := postgres.SchemaVersion()
	require.NoError(t, err)
	require.Equal(t, schema, w.Header.Schema)
	require.Positive(t, schema)

	file := read(t, s.file(w.Name))
	for _, inside := range []string{"interactions", "people", words("interactions.words_sealed"), alice.subject.String()} {
		require.NotContains(t, string(file), inside, "all of it is sealed")
	}
}

// inBase64 writes bytes as the archive does; to_jsonb writes them in hex.
func inBase64(row map[string]any) map[string]any {
	for column, value := range row {
		if text, ok := value.(string); ok && strings.HasPrefix(text, `\x`) {
			b, err := hex.DecodeString(text[2:])
			if err == nil {
				row[column] = base64.StdEncoding.EncodeToString(b)
			}
		}
	}
	return row
}

func TestAnExportIsOpenForThePersonItIsOf(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t, before()), s.newPerson(t, before())
	w := s.write(t, alice.subject)
	var out bytes.Buffer
	require.NoError(t, s.Export(t.Context(), alice.subject, w.Name, &out))
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	require.Len(t, lines, 1+int(w.Header.Rows()))
	var header people.Header
	require.NoError(t, json.Unmarshal(lines[0], &header))
	require.Equal(t, alice.subject, header.Subject)
	open := map[string]bool{}
	for _, text := range lines[1:] {
		var row people.Row
		require.NoError(t, json.Unmarshal(text, &row))
		for column, value := range object(t, row.Row) {
			require.False(t, strings.HasSuffix(column, "_sealed"), "%s.%s is still sealed", row.Table, column)
			switch name := row.Table + "." + column + "_sealed"; {
			case value == words(name):
				open[name] = true
			case column == "vector" && value != nil:
				require.Equal(t, map[string]any{"base64": base64.StdEncoding.EncodeToString(vector)}, value)
				open[name] = true
			}
		}
	}
	for _, c := range postgres.SealedColumns {
		if c.Column != "device_sealed" { // null in this scene
			require.True(t, open[c.Table+"."+c.Column], "%s.%s", c.Table, c.Column)
		}
	}
	require.ErrorIs(t, s.Export(t.Context(), bob.subject, w.Name, &out), repository.ErrMissing, "Bob asks for an archive of Alice")
	theirs := strings.Replace(w.Name, keyring.Digest(alice.subject), keyring.Digest(bob.subject), 1)
	require.NoError(t, os.MkdirAll(s.file("people/"+keyring.Digest(bob.subject)), 0o700))
	require.NoError(t, os.Link(s.file(w.Name), s.file(theirs)))
	require.ErrorIs(t, s.Export(t.Context(), bob.subject, theirs, &out), repository.ErrKey, "under his name his keys do not open it")
}

func TestWhatIsDoneToAnArchiveIsFound(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	w := s.write(t, alice.subject)
	check := func() error {
		_, err := s.Check(t.Context(), alice.subject, w.Name)
		return err
	}
	require.NoError(t, check())
	whole := read(t, s.file(w.Name))
	broken := func(what string, content []byte) {
		require.NoError(t, os.WriteFile(s.file(w.Name), content, 0o600))
		require.True(t, errorsIsAny(check(), repository.ErrAltered, repository.ErrKey), what)
	}
	for at := 0; at < len(whole); at += 13 {
		content := bytes.Clone(whole)
		content[at] ^= 0x20
		broken("a flipped bit of one byte", content)
		broken("cut", whole[:at])
	}
	broken("more at its end", append(bytes.Clone(whole), 0))
	require.NoError(t, os.WriteFile(s.file(w.Name), whole, 0o600))
	require.NoError(t, check())

	another := strings.Replace(w.Name, "-1.mar", "-2.mar", 1)
	require.NoError(t, os.Rename(s.file(w.Name), s.file(another)))
	require.ErrorIs(t, check(), repository.ErrMissing)
	_, err := s.Check(t.Context(), alice.subject, another)
	require.ErrorIs(t, err, repository.ErrAltered, "an archive opens under its own name alone")
}

func TestNamesAreUsedOnceAndNothingIsOverwritten(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	first := s.write(t, alice.subject)
	bytesOfFirst := read(t, s.file(first.Name))
	names := map[string]bool{first.Name: true}
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 3 {
		all.Go(func() {
			w, err := s.Write(t.Context(), alice.subject, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			names[w.Name] = true
		})
	}
	all.Wait()
	require.Len(t, names, 4)
	kept, err := s.List(t.Context(), alice.subject)
	require.NoError(t, err)
	require.Len(t, kept, 4)
	require.Equal(t, first.Kept, kept[0])
	require.Equal(t, bytesOfFirst, read(t, s.file(first.Name)))
	for _, k := range kept {
		_, err := s.Check(t.Context(), alice.subject, k.Name)
		require.NoError(t, err)
	}
}

func TestArchivingTwiceInARunDoesItOnceAndLeavesOutWhoIsErased(t *testing.T) {
	s := newScene(t)
	alice, frozen, lost := s.newPerson(t, before()), s.newPerson(t, before()), uuid.New()
	require.NoError(t, s.DB.Freeze(t.Context(), frozen.subject))
	require.NoError(t, s.DB.EnsureSubject(t.Context(), lost))
	in := people.Input{Run: time.Now(), Subjects: []uuid.UUID{alice.subject, frozen.subject, lost}}
	counts := run(t, s, s.activities.Archive, in)
	require.Positive(t, counts.Rows)
	require.Positive(t, counts.Bytes)
	require.Equal(t, people.Counts{Archived: 1, Inactive: 1, Failed: 1, Rows: counts.Rows, Bytes: counts.Bytes}, counts)
	require.Equal(t, people.Counts{Done: 1, Inactive: 1, Failed: 1}, run(t, s, s.activities.Archive, in))
	kept, err := s.List(t.Context(), frozen.subject)
	require.NoError(t, err)
	require.Empty(t, kept)
}

func TestWithTheKeysAllArchivesAreDestroyed(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, before())
	w := s.write(t, alice.subject)
	reader, err := s.Read(t.Context(), alice.subject, w.Name)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	other := s.process(t)
	require.NoError(t, other.Bury(t.Context(), alice.subject))
	require.NoError(t, other.Clear(t.Context(), alice.subject))

	elsewhere := *s.Archives
	elsewhere.Keyring = s.process(t)
	_, err = elsewhere.Read(t.Context(), alice.subject, w.Name)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	_, err = elsewhere.Write(t.Context(), alice.subject, nil)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
	require.Eventually(t, func() bool {
		_, err := s.Check(context.Background(), alice.subject, w.Name)
		return failure.Is(err, failure.KeyDestroyed)
	}, 10*time.Second, 100*time.Millisecond, "here as well, once the lease is over")
}
