package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/privacy/export"
	"meai/internal/failure"
)

// arrives has somebody bring an archive along.
func (s *scene) arrives(t *testing.T, subject uuid.UUID, secret export.Secret, file []byte) (export.Import, error) {
	t.Helper()
	i, fresh, err := s.BeginImport(t.Context(), subject, uuid.NewString())
	require.NoError(t, err)
	require.True(t, fresh)
	received, err := s.Receive(t.Context(), subject, i.ID, secret, bytes.NewReader(file))
	if err != nil {
		failed, readErr := s.Import(t.Context(), subject, i.ID)
		require.NoError(t, readErr)
		require.Equal(t, export.ImportFailed, failed.State)
		return failed, err
	}
	require.Equal(t, export.Received, received.State)
	return received, nil
}

// takes carries an import out to its end, as its workflow does.
func (s *scene) takes(t *testing.T, subject, id uuid.UUID) export.Import {
	t.Helper()
	ref := export.Ref{Subject: subject, ID: id}
	done, err := run(t, s, s.activities.Fill, ref)
	require.NoError(t, err)
	if done.State == export.Indexing {
		repaired, err := s.memory.Repair(t.Context(), memory.RepairInput{Subject: subject})
		require.NoError(t, err)
		require.Zero(t, repaired.Next)
		_, err = run(t, s, s.activities.Conclude, ref)
		require.NoError(t, err)
	}
	i, err := s.Import(t.Context(), subject, id)
	require.NoError(t, err)
	return i
}

// brings has somebody who was never here bring an export along.
func (s *scene) brings(t *testing.T, file []byte, k *age.X25519Identity) (uuid.UUID, export.Import) {
	t.Helper()
	subject := uuid.New()
	t.Cleanup(func() { require.NoError(t, s.index.DeleteTenant(context.Background(), subject)) })
	i, err := s.arrives(t, subject, export.Secret{Identity: k.String()}, file)
	require.NoError(t, err)
	return subject, s.takes(t, subject, i.ID)
}

// same is what of a record is the same in two accounts: not whose it is, nor when it got
// into the index, nor the ids of patterns, which tell whose they are.
func same(table string, records []map[string]any, patterns map[any]any) (list []string) {
	for _, r := range records {
		delete(r, "indexed_at")
		if workflow, ok := r["workflow_id"].(string); ok {
			r["workflow_id"] = workflow[strings.Index(workflow, "/interaction/"):]
		}
		if table == "memory_writes" && (r["state"] == "queued" || r["failure"] == "imported") {
			r["state"], r["failure"] = "not remembered", nil
		}
		for _, column := range []string{"id", "from_id", "to_id"} {
			if name, ok := patterns[r[column]]; ok {
				r[column] = name
			}
		}
		text, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		list = append(list, string(text))
	}
	return list
}

// patternsOf are the names of patterns by id.
func patternsOf(nodes []map[string]any) map[any]any {
	names := map[any]any{}
	for _, n := range nodes {
		if n["kind"] == "echo" || n["kind"] == "storyline" {
			names[n["id"]] = n["name"]
		}
	}
	return names
}

func TestAnExportFillsAnEmptyAccountWithTheSame(t *testing.T) {
	s := newScene(t)
	alice, k := s.newPerson(t, "Quomabite"), key(t)
	first := s.open(t, s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID), k)
	subject, i := s.brings(t, s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID), k)
	require.Equal(t, export.Done, i.State, i.Failure)
	require.Equal(t, i.RowsTotal, i.RowsDone)
	for _, name := range s.files(t) {
		require.NotContains(t, name, "imports/", "its archive is gone")
	}
	second := s.open(t, s.fetch(t, subject, s.exports(t, subject, k).ID), k)
	before, after := records(t, first, "data/memory_nodes.json"), records(t, second, "data/memory_nodes.json")
	require.NotEmpty(t, patternsOf(before))
	require.NotEqual(t, patternsOf(before), patternsOf(after), "a pattern's id tells whose it is")
	for _, table := range export.Restored {
		name := "data/" + table + ".json"
		was, is := same(table, records(t, first, name), patternsOf(before)), same(table, records(t, second, name), patternsOf(after))
		require.NotEmpty(t, was, "the scene writes to %s as well", table)
		require.ElementsMatch(t, was, is, table)
	}
	for table := range export.NotRestored {
		if !strings.HasPrefix(table, "privacy_") {
			require.Empty(t, records(t, second, "data/"+table+".json"), table)
		}
	}
	s.requireSameProduct(t, alice, subject)
}

// requireSameProduct compares what the product makes of both accounts.
func (s *scene) requireSameProduct(t *testing.T, alice person, subject uuid.UUID) {
	t.Helper()
	conn := connect(t, s.urls.App)
	require.Equal(t, rowsOf(t, conn, alice.subject, "memory_terms"), rowsOf(t, conn, subject, "memory_terms"), "words find the same")
	for _, question := range []string{"Where do I live?", "Klara", "the sea last summer", "what keeps coming back", "slept badly", alice.words[0]} {
		recalled := func(of uuid.UUID) (found []memory.Memory) {
			// At one time for both, which recall goes by.
			at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
			r, err := s.memory.Recall(t.Context(), memory.RecallInput{Ref: interaction.Ref{Subject: of}, Query: question, Limit: 10, At: &at})
			require.NoError(t, err)
			require.Empty(t, r.Degraded)
			for _, m := range r.Memories {
				if m.Kind == memory.Echo || m.Kind == memory.Storyline {
					m.ID = uuid.Nil
				}
				found = append(found, m)
			}
			return found
		}
		was, is := recalled(alice.subject), recalled(subject)
		require.NotEmpty(t, was, question)
		require.Len(t, is, len(was), question)
		for n := range was {
			require.InDelta(t, was[n].Score, is[n].Score, 1e-6, question)
			was[n].Score, is[n].Score = 0, 0
		}
		require.Equal(t, was, is, question)
	}
	repaired, err := s.memory.Repair(t.Context(), memory.RepairInput{Subject: subject})
	require.NoError(t, err)
	require.Zero(t, repaired.Missing+repaired.Stale+repaired.Stray, "the index holds what the rows say: %+v", repaired)
	done, err := s.memory.Consolidate(t.Context(), memory.ConsolidateInput{Subject: subject})
	require.NoError(t, err)
	require.Zero(t, done.Echoes+done.Storylines+done.Ceased, "the night finds the same patterns again: %+v", done)

	// What is said next meets what came along.
	p := person{subject: subject}
	session, err := s.store.CreateSession(t.Context(), subject, "", time.Hour)
	require.NoError(t, err)
	p.session = session.ID
	s.tells(t, p, "I moved to Rome. Klara is well.", nil, "", false)
	facts, err := s.graph.Facts(t.Context(), subject, memory.AsOf{}, uuid.Nil)
	require.NoError(t, err)
	homes, klaras := 0, map[uuid.UUID]bool{}
	for _, f := range facts {
		if f.Subject.Text == "Klara" {
			klaras[f.Subject.ID] = true
		}
		if f.Label == "lives in" && f.Subject.Text != "Klara" {
			homes++
			require.Equal(t, "Rome", f.Object.Text, "a new answer takes the place of the one that came along")
		}
	}
	require.Equal(t, 1, homes)
	require.Len(t, klaras, 1, "she is the same Klara")
}

func TestWhatWasOnItsWayCanBeTriedAgain(t *testing.T) {
	s := newScene(t)
	alice, k := s.newPerson(t, "Quonadige"), key(t)
	subject, i := s.brings(t, s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID), k)
	require.Equal(t, export.Done, i.State, i.Failure)
	writes, err := s.memories.Writes(t.Context(), subject, memory.WriteFailed, memory.Write{}, 100)
	require.NoError(t, err)
	require.NotEmpty(t, writes)
	for _, w := range writes {
		require.Equal(t, "imported", w.Failure)
		_, in, err := s.memories.Retry(t.Context(), subject, w.ID)
		require.NoError(t, err)
		s.remembers(t, in)
	}
}

func TestOnlyAnEmptyAccountIsFilled(t *testing.T) {
	s := newScene(t)
	alice, bob, k := s.newPerson(t, "Quobidane"), s.newPerson(t, "Quolimepo"), key(t)
	file := s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID)
	before := s.tables(t, bob.subject)
	i, err := s.arrives(t, bob.subject, export.Secret{Identity: k.String()}, file)
	require.NoError(t, err)
	i = s.takes(t, bob.subject, i.ID)
	require.Equal(t, export.ImportFailed, i.State)
	require.Equal(t, "account_not_empty", i.Failure)
	before["privacy_imports"]++
	require.Equal(t, before, s.tables(t, bob.subject))

	again, err := s.arrives(t, alice.subject, export.Secret{Identity: k.String()}, file)
	require.NoError(t, err)
	require.Equal(t, "account_not_empty", s.takes(t, alice.subject, again.ID).Failure, "nor twice into one's own")
}

func TestForgedForeignAndBrokenArchivesAreRefusedAndLeaveNothing(t *testing.T) {
	s, elsewhere := newScene(t), newScene(t)
	alice, k := s.newPerson(t, "Quotefila"), key(t)
	file := s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID)
	abroad := elsewhere.newPerson(t, "Quoganemu")
	foreign := elsewhere.fetch(t, abroad.subject, elsewhere.exports(t, abroad.subject, k).ID)
	content, size, err := age.DecryptReaderAt(bytes.NewReader(file), int64(len(file)), k)
	require.NoError(t, err)
	zipped := make([]byte, size)
	_, err = content.ReadAt(zipped, 0)
	require.True(t, err == nil || err == io.EOF)
	flipped := bytes.Clone(zipped)
	flipped[len(flipped)/2] ^= 1
	forgery := newForgery(t).bytes(t)
	for what, c := range map[string]struct {
		file []byte
		code string
	}{
		"another system's":      {foreign, "not_signed_here"},
		"made by hand":          {forgery, "not_signed_here"},
		"changed in the middle": {flipped, "altered"},
		"cut":                   {zipped[:len(zipped)-1], "not_an_export"},
		"a zip of anything":     {append([]byte("PK\x03\x04"), make([]byte, 1000)...), "not_an_export"},
	} {
		subject := s.newSubject(t)
		i, err := s.arrives(t, subject, export.Secret{Identity: k.String()}, c.file)
		require.NoError(t, err, what)
		i = s.takes(t, subject, i.ID)
		require.Equal(t, export.ImportFailed, i.State, what)
		require.Equal(t, c.code, i.Failure, what)
		for table, n := range s.tables(t, subject) {
			require.True(t, n == 0 || table == "privacy_imports", "%s: %s", what, table)
		}
		for _, name := range s.files(t) {
			require.NotContains(t, name, "/imports/", what)
		}
	}
	subject := s.newSubject(t)
	i, err := s.arrives(t, subject, export.Secret{}, zipped)
	require.NoError(t, err, "the zip as its owner has decrypted it")
	require.Equal(t, export.Done, s.takes(t, subject, i.ID).State)
}

func TestWhatDoesNotOpenIsRefusedAsItArrives(t *testing.T) {
	s := newScene(t)
	alice, k := s.newSubject(t), key(t)
	file := s.fetch(t, alice, s.exports(t, alice, k).ID)
	broken := errors.New("the connection broke")
	for what, c := range map[string]struct {
		secret export.Secret
		from   io.Reader
		want   error
	}{
		"another key":        {export.Secret{Identity: key(t).String()}, bytes.NewReader(file), export.ErrSecret},
		"no key":             {export.Secret{}, bytes.NewReader(file), export.ErrSecret},
		"nonsense":           {export.Secret{Identity: "AGE-SECRET-KEY-1NONSENSE"}, bytes.NewReader(file), export.ErrSecret},
		"a passphrase":       {export.Secret{Passphrase: passphrase}, bytes.NewReader(file), export.ErrSecret},
		"both":               {export.Secret{Passphrase: passphrase, Identity: k.String()}, bytes.NewReader(file), export.ErrSecret},
		"text":               {export.Secret{}, strings.NewReader("Dear diary, "), export.ErrNoExport},
		"nothing":            {export.Secret{}, strings.NewReader(""), export.ErrNoExport},
		"a broken upload":    {export.Secret{Identity: k.String()}, io.MultiReader(bytes.NewReader(file[:len(file)/2]), &failing{broken}), broken},
		"a cut file":         {export.Secret{Identity: k.String()}, bytes.NewReader(file[:len(file)-10]), nil},
		"too much scrypting": {export.Secret{Passphrase: passphrase}, strings.NewReader("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 22\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"), export.ErrSecret},
	} {
		subject := uuid.New()
		i, fresh, err := s.BeginImport(t.Context(), subject, "1")
		require.NoError(t, err)
		require.True(t, fresh)
		_, err = s.Receive(t.Context(), subject, i.ID, c.secret, c.from)
		require.Error(t, err, what)
		if c.want != nil {
			require.ErrorIs(t, err, c.want, what)
		}
		require.NotContains(t, err.Error(), "lantern", what)
		require.NotContains(t, err.Error(), "NONSENSE", what)
		i, err = s.Import(t.Context(), subject, i.ID)
		require.NoError(t, err)
		require.Equal(t, export.ImportFailed, i.State, what)
		n, err := s.Count(t.Context(), subject)
		require.NoError(t, err)
		require.Zero(t, n, what)
		same, fresh, err := s.BeginImport(t.Context(), subject, "1")
		require.NoError(t, err)
		require.False(t, fresh, "the same request finds the same import")
		require.Equal(t, i, same)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestALargeArchiveIsReadInParts(t *testing.T) {
	s := newScene(t)
	subject := s.newSubject(t)
	i, _, err := s.BeginImport(t.Context(), subject, "1")
	require.NoError(t, err)
	f := newForgery(t)
	var noise strings.Builder
	for n := range 2 * export.PartSize / 37 {
		noise.WriteString(uuid.NewSHA1(uuid.Nil, []byte{byte(n), byte(n >> 8), byte(n >> 16)}).String())
	}
	f.add("data/noise.json", noise.String())
	file := f.bytes(t)
	require.Greater(t, len(file), export.PartSize)
	received, err := s.Receive(t.Context(), subject, i.ID, export.Secret{}, bytes.NewReader(file))
	require.NoError(t, err)
	require.EqualValues(t, len(file), received.Size)
	for _, name := range s.files(t) {
		part, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(part), "PK\x03\x04", "it lies sealed")
	}
	_, err = run(t, s, s.activities.Fill, export.Ref{Subject: subject, ID: i.ID})
	require.NoError(t, err)
	i, err = s.Import(t.Context(), subject, i.ID)
	require.NoError(t, err)
	require.Equal(t, "not_signed_here", i.Failure, "all of it was there to see that")
}

func TestAPartThatWasChangedIsFound(t *testing.T) {
	s := newScene(t)
	alice, k := s.newSubject(t), key(t)
	file := s.fetch(t, alice, s.exports(t, alice, k).ID)
	for what, harm := range map[string]func(name string) error{
		"changed": func(name string) error { return os.WriteFile(name, []byte("other"), 0o600) },
		"missing": os.Remove,
	} {
		subject := s.newSubject(t)
		i, err := s.arrives(t, subject, export.Secret{Identity: k.String()}, file)
		require.NoError(t, err)
		for _, name := range s.files(t) {
			if strings.Contains(name, "/imports/") {
				require.NoError(t, harm(name))
			}
		}
		require.Equal(t, "altered", s.takes(t, subject, i.ID).Failure, what)
	}
}

func TestAnImportThatIsBrokenOffLeavesNothingAndIsDoneOnce(t *testing.T) {
	s := newScene(t)
	alice, k := s.newPerson(t, "Quopelagi"), key(t)
	file := s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID)
	subject := s.newSubject(t)
	i, err := s.arrives(t, subject, export.Secret{Identity: k.String()}, file)
	require.NoError(t, err)
	ref := export.Ref{Subject: subject, ID: i.ID}
	for after := range 4 { // records are added in batches
		ctx, cancel := context.WithCancel(t.Context())
		beats := 0
		_, err = s.Fill(ctx, ref, func(done int64) {
			if done > 0 {
				if beats++; beats > after {
					cancel()
				}
			}
		})
		cancel()
		require.Error(t, err)
		for table, n := range s.tables(t, subject) {
			require.True(t, n == 0 || table == "privacy_imports", "%s after %d", table, after)
		}
	}
	require.Equal(t, export.Done, s.takes(t, subject, i.ID).State)
	was := s.tables(t, subject)
	_, err = s.Fill(t.Context(), ref, nil)
	require.NoError(t, err, "once more changes nothing")
	require.Equal(t, was, s.tables(t, subject))
	dropped, err := run(t, s, s.activities.Drop, export.FailInput{Ref: ref, Reason: "RetriesExhausted"})
	require.NoError(t, err)
	require.Zero(t, dropped)
	i, err = s.Import(t.Context(), subject, i.ID)
	require.NoError(t, err)
	require.Equal(t, export.Done, i.State, "what is done is not given up")
}

func TestNothingIsFilledInForWhoIsBeingErased(t *testing.T) {
	s := newScene(t)
	alice, k := s.newPerson(t, "Quogabine"), key(t)
	file := s.fetch(t, alice.subject, s.exports(t, alice.subject, k).ID)
	subject := s.newSubject(t)
	i, err := s.arrives(t, subject, export.Secret{Identity: k.String()}, file)
	require.NoError(t, err)
	frozen := false
	_, err = s.Fill(t.Context(), export.Ref{Subject: subject, ID: i.ID}, func(done int64) {
		if done > 0 && !frozen {
			frozen = true
			// It does not wait for the filling, which may take minutes.
			require.NoError(t, s.DB.Freeze(t.Context(), subject))
		}
	})
	require.True(t, frozen)
	require.True(t, failure.Is(err, failure.SubjectInactive), "%v", err)
	conn := connect(t, s.urls.App)
	require.Zero(t, rowsOf(t, conn, subject, "memory_nodes"))
	_, err = run(t, s, s.activities.Drop, export.FailInput{Ref: export.Ref{Subject: subject, ID: i.ID}, Reason: failure.SubjectInactive})
	require.NoError(t, err)
	n, err := s.Count(t.Context(), subject)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestAnArchiveThatNeverArrivesIsGivenUp(t *testing.T) {
	s := newScene(t)
	subject := s.newSubject(t)
	i, _, err := s.BeginImport(t.Context(), subject, "1")
	require.NoError(t, err)
	ref := export.Ref{Subject: subject, ID: i.ID}
	waiting, err := run(t, s, s.activities.Await, ref)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(6*time.Hour), waiting.Until, time.Minute)
	_, _, err = s.BeginImport(t.Context(), subject, "2")
	require.ErrorIs(t, err, export.ErrRunning)
	done, err := run(t, s, s.activities.Fill, ref) // its time is over
	require.NoError(t, err)
	require.Equal(t, export.ImportFailed, done.State)
	_, err = s.Receive(t.Context(), subject, i.ID, export.Secret{}, strings.NewReader("PK\x03\x04 at last"))
	require.Error(t, err, "too late")
	n, err := s.Count(t.Context(), subject)
	require.NoError(t, err)
	require.Zero(t, n)
	_, fresh, err := s.BeginImport(t.Context(), subject, "2")
	require.NoError(t, err)
	require.True(t, fresh)
}
