package export_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/export"
	"meai/internal/failure"
	"meai/internal/objects"
)

// hooked is a bucket in which something happens meanwhile.
type hooked struct {
	objects.Erasable
	begun  func()       // when an object has begun
	filled func() error // when it is whole and has no name yet
	named  func() error // when it has
	once   sync.Once
}

func (h *hooked) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	err := h.Erasable.Write(ctx, name, func(w io.Writer) error {
		if h.begun != nil {
			h.once.Do(h.begun)
		}
		err := fill(w)
		if err == nil && h.filled != nil {
			err = h.filled()
		}
		return err
	})
	if err == nil && h.named != nil {
		err = h.named()
	}
	return err
}

func TestARequestIsMadeOnceAndOneAtATime(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	asked := export.Asked{Subject: subject, IdempotencyKey: "1", Lock: export.Lock{Recipient: k.Recipient().String()}}
	first, in, err := s.Request(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, export.Queued, first.State)
	require.Equal(t, "open", s.register.of(first.ID))
	again, _, err := s.Request(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)

	other := asked
	other.Lock = export.Lock{Passphrase: passphrase}
	_, _, err = s.Request(t.Context(), other)
	require.True(t, failure.Is(err, failure.IdempotencyConflict), "%v", err)
	other.IdempotencyKey = "2"
	_, _, err = s.Request(t.Context(), other)
	require.ErrorIs(t, err, export.ErrRunning)
	_, err = s.Write(t.Context(), in, nil)
	require.NoError(t, err)
	second, _, err := s.Request(t.Context(), other)
	require.NoError(t, err, "the first has ended")
	require.Equal(t, export.ByPassphrase, second.Lock)
	other.Lock.Passphrase = "another passphrase that is strong"
	same, _, err := s.Request(t.Context(), other)
	require.NoError(t, err, "nothing of a passphrase is kept to compare it with")
	require.Equal(t, second.ID, same.ID)
	list, err := s.List(t.Context(), subject)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, second.ID, list[0].ID, "newest first")
	stranger := s.newSubject(t)
	_, err = s.Get(t.Context(), stranger, first.ID)
	require.True(t, failure.Is(err, failure.NotFound))
}

func TestAPassphraseIsKeptNowhere(t *testing.T) {
	s := newScene(t)
	subject := s.newSubject(t)
	_, in, err := s.Request(t.Context(), export.Asked{Subject: subject, IdempotencyKey: "1", Lock: export.Lock{Passphrase: passphrase}})
	require.NoError(t, err)
	e, err := s.Write(t.Context(), in, nil)
	require.NoError(t, err)
	conn := connect(t, s.urls.App)
	rowsOf(t, conn, subject, "privacy_exports")
	var row string
	require.NoError(t, conn.QueryRow(t.Context(), "select string_agg(e::text, ' ') from privacy_exports e").Scan(&row))
	require.NotContains(t, row, "lantern")
	identity, err := age.NewScryptIdentity(passphrase)
	require.NoError(t, err)
	identity.SetMaxWorkFactor(export.WorkFactor)
	a := s.open(t, s.fetch(t, subject, e.ID), identity)
	for _, f := range a.Manifest.Files {
		require.NotContains(t, text(t, a, f.Name), "lantern", f.Name)
	}
}

func TestWhatAnAttemptLeftThatWasKilledIsReplaced(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	for what, left := range map[string]func(name string){
		"an unfinished file":                        func(name string) { s.breaksOff(t, name) },
		"a whole one that the row does not know of": func(name string) { require.NoError(t, os.WriteFile(name, []byte("other"), 0o600)) },
	} {
		_, in := s.asks(t, subject, k)
		folders, err := s.Folders(t.Context(), subject)
		require.NoError(t, err)
		name := filepath.Join(s.dir, folders[0], in.Export.String()+".age")
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		left(name)
		e, err := s.Write(t.Context(), in, nil)
		require.NoError(t, err, what)
		s.open(t, s.fetch(t, subject, e.ID), k)
		require.Equal(t, []string{name}, s.files(t), what)
		again, err := s.Write(t.Context(), in, nil)
		require.NoError(t, err)
		require.Equal(t, e, again, "once it is ready it stays as it is")
		require.NoError(t, s.Delete(t.Context(), subject, e.ID))
		require.Empty(t, s.files(t))
	}
}

func TestOfTwoAttemptsOneWrites(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	_, in := s.asks(t, subject, k)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			// One that begins breaks off those that are under way, as after a lost heartbeat.
			for range 3 {
				if e, err := s.Write(context.Background(), in, nil); err == nil && e.State != export.Ready {
					t.Error("written, and not ready")
				}
			}
		})
	}
	all.Wait()
	e, err := s.Write(t.Context(), in, nil)
	require.NoError(t, err)
	require.Equal(t, export.Ready, e.State)
	require.Len(t, s.files(t), 1)
	file := s.fetch(t, subject, e.ID)
	require.EqualValues(t, e.Size, len(file))
	s.open(t, file, k)
}

func TestNothingAppearsForWhoIsBeingErasedOrHasDeletedIt(t *testing.T) {
	for what, meanwhile := range map[string]func(t *testing.T, s *scene, in export.WriteInput){
		"erasure has begun": func(t *testing.T, s *scene, in export.WriteInput) {
			require.NoError(t, s.DB.Freeze(t.Context(), in.Subject))
		},
		"it was deleted": func(t *testing.T, s *scene, in export.WriteInput) {
			require.NoError(t, s.Delete(t.Context(), in.Subject, in.Export))
		},
		"it was given up on": func(t *testing.T, s *scene, in export.WriteInput) {
			_, err := run(t, s, s.activities.Fail, export.FailInput{Ref: export.Ref{Subject: in.Subject, ID: in.Export}, Reason: "RetriesExhausted"})
			require.NoError(t, err)
		},
	} {
		s := newScene(t)
		subject, k := s.newSubject(t), key(t)
		_, in := s.asks(t, subject, k)
		x := *s.Exports
		x.Store = &hooked{Erasable: s.Store, begun: func() { meanwhile(t, s, in) }}
		_, err := x.Write(t.Context(), in, nil)
		require.True(t, failure.Is(err, failure.SubjectInactive) || failure.Is(err, failure.Decided), "%s: %v", what, err)
		require.Empty(t, s.files(t), what)
		_, err = s.Write(t.Context(), in, nil)
		require.Error(t, err, "%s: nor later", what)
		require.Empty(t, s.files(t), what)
	}
}

func TestABucketThatFailsLeavesNothingAndIsTriedAgain(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	_, in := s.asks(t, subject, k)
	away := errors.New("the bucket is away")
	for what, store := range map[string]*hooked{
		"while it is written":          {filled: func() error { return away }},
		"although it has got its name": {named: func() error { return away }},
	} {
		store.Erasable = s.Store
		x := *s.Exports
		x.Store = store
		_, err := x.Write(t.Context(), in, nil)
		require.ErrorIs(t, err, away, what)
		require.Empty(t, s.files(t), what)
		e, err := s.Get(t.Context(), subject, in.Export)
		require.NoError(t, err)
		require.Equal(t, export.Writing, e.State, what)
		_, _, err = s.Fetch(t.Context(), subject, in.Export)
		require.ErrorIs(t, err, export.ErrNotReady)
	}
	_, err := s.Write(t.Context(), in, nil)
	require.NoError(t, err)
}

func TestProgressIsShownWhileItIsWritten(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t, "Quorabine")
	_, in := s.asks(t, alice.subject, key(t))
	var seen export.Export
	x := *s.Exports
	x.Store = &hooked{Erasable: s.Store, filled: func() (err error) {
		seen, err = s.Get(context.Background(), in.Subject, in.Export)
		return err
	}}
	e, err := x.Write(t.Context(), in, nil)
	require.NoError(t, err)
	require.Equal(t, export.Writing, seen.State)
	require.Positive(t, seen.RowsTotal)
	require.Equal(t, seen.RowsTotal, e.RowsDone)
	require.Equal(t, e.RowsTotal, e.RowsDone)

	half := export.Export{State: export.Writing, RowsDone: 25, RowsTotal: 100, StartedAt: time.Now().Add(-time.Minute)}
	left, ok := half.Left(time.Now())
	require.True(t, ok)
	require.InDelta(t, 180, left.Seconds(), 1)
	_, ok = export.Export{State: export.Writing, RowsTotal: 100}.Left(time.Now())
	require.False(t, ok, "nothing can be told yet")
}

func TestAnExportIsReadInParts(t *testing.T) {
	s := newScene(t)
	alice, k := s.newPerson(t, "Quodilema"), key(t)
	e := s.exports(t, alice.subject, k)
	whole := s.fetch(t, alice.subject, e.ID)
	_, c, err := s.Fetch(t.Context(), alice.subject, e.ID)
	require.NoError(t, err)
	for _, at := range []int64{e.Size / 2, 0, e.Size - 1, 17} {
		got, err := c.Seek(at, io.SeekStart)
		require.NoError(t, err)
		require.Equal(t, at, got)
		rest, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, whole[at:], rest)
	}
	end, err := c.Seek(-1, io.SeekEnd)
	require.NoError(t, err)
	require.Equal(t, e.Size-1, end)
	_, err = c.Seek(-1, io.SeekStart)
	require.Error(t, err)
	require.NoError(t, c.Close())
}

func TestAnExportEndsWithItsTime(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	e := s.exports(t, subject, k)
	ref := export.Ref{Subject: subject, ID: e.ID}
	waiting, err := run(t, s, s.activities.Expire, ref)
	require.NoError(t, err)
	require.Equal(t, e.ExpiresAt, waiting.Until.UTC(), "its time is not over")
	require.Len(t, s.files(t), 1)

	_, in := s.asks(t, subject, k)
	brief := *s.Exports
	brief.Lifetime = time.Microsecond
	over, err := brief.Write(t.Context(), in, nil)
	require.NoError(t, err)
	_, _, err = s.Fetch(t.Context(), subject, over.ID)
	require.ErrorIs(t, err, export.ErrGone, "also before it is removed")
	for range 2 {
		waiting, err = run(t, s, s.activities.Expire, export.Ref{Subject: subject, ID: over.ID})
		require.NoError(t, err)
		require.Zero(t, waiting.Until)
		require.Len(t, s.files(t), 1, "the other one is there still")
	}
	ended, err := s.Get(t.Context(), subject, over.ID)
	require.NoError(t, err)
	require.Equal(t, export.Expired, ended.State)
	require.False(t, ended.EndedAt.IsZero())

	for range 2 {
		require.NoError(t, s.Delete(t.Context(), subject, e.ID))
	}
	require.Empty(t, s.files(t))
	_, _, err = s.Fetch(t.Context(), subject, e.ID)
	require.ErrorIs(t, err, export.ErrGone)
	waiting, err = run(t, s, s.activities.Expire, ref)
	require.NoError(t, err)
	require.Zero(t, waiting.Until, "its workflow ends")
	require.True(t, failure.Is(s.Delete(t.Context(), s.newSubject(t), e.ID), failure.NotFound))
}

func TestTheRegisterHearsOfEveryEnd(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	_, in := s.asks(t, subject, k)
	s.register.open = map[uuid.UUID]string{} // as if the process had died before it could register it
	_, err := run(t, s, s.activities.Write, in)
	require.NoError(t, err)
	require.Equal(t, "fulfilled", s.register.of(in.Export))
	require.NoError(t, s.Delete(t.Context(), subject, in.Export))
	require.Equal(t, "fulfilled", s.register.of(in.Export), "what was ready was fulfilled, also when it is deleted")

	_, in = s.asks(t, subject, k)
	require.NoError(t, s.Delete(t.Context(), subject, in.Export))
	require.Equal(t, "cancelled", s.register.of(in.Export))
	_, in = s.asks(t, subject, k)
	_, err = run(t, s, s.activities.Fail, export.FailInput{Ref: export.Ref{Subject: subject, ID: in.Export}, Reason: "RetriesExhausted"})
	require.NoError(t, err)
	require.Equal(t, "open", s.register.of(in.Export), "its time runs on")
	failed, err := s.Get(t.Context(), subject, in.Export)
	require.NoError(t, err)
	require.Equal(t, export.Failed, failed.State)
	require.Equal(t, "RetriesExhausted", failed.Failure)
	_, next := s.asks(t, subject, k)
	_, err = run(t, s, s.activities.Write, next)
	require.NoError(t, err)
	require.Equal(t, "fulfilled", s.register.of(in.Export), "the person has got what they had asked for")
}

// TestADeletionThatIsBrokenOffIsMadeUpForByTheNext: of the request, or of the object.
func TestADeletionThatIsBrokenOffIsMadeUpForByTheNext(t *testing.T) {
	s := newScene(t)
	subject, k := s.newSubject(t), key(t)
	_, in := s.asks(t, subject, k)
	broken, cancel := context.WithCancel(t.Context())
	s.register.meanwhile = cancel
	require.ErrorIs(t, s.Delete(broken, subject, in.Export), context.Canceled)
	require.Equal(t, "open", s.register.of(in.Export))
	s.register.meanwhile = nil
	require.NoError(t, s.Delete(t.Context(), subject, in.Export))
	require.Equal(t, "cancelled", s.register.of(in.Export))

	_, in = s.asks(t, subject, k)
	folders, err := s.Folders(t.Context(), subject)
	require.NoError(t, err)
	name := filepath.Join(s.dir, folders[0], in.Export.String()+".age")
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte("what an attempt has written"), 0o600))
	away := errors.New("the register is away")
	s.register.fails = away
	require.ErrorIs(t, s.Delete(t.Context(), subject, in.Export), away)
	require.Empty(t, s.files(t), "whatever the register says")
}

func TestErasureTakesEverythingOfOnePersonOutOfTheBucket(t *testing.T) {
	s := newScene(t)
	alice, bob, k := s.newSubject(t), s.newSubject(t), key(t)
	s.exports(t, alice, k)
	s.exports(t, alice, k)
	s.exports(t, bob, k)
	i, _, err := s.BeginImport(t.Context(), alice, "1")
	require.NoError(t, err)
	_, err = s.Receive(t.Context(), alice, i.ID, export.Secret{}, strings.NewReader("PK\x03\x04 and more"))
	require.NoError(t, err)
	folders, err := s.Folders(t.Context(), alice)
	require.NoError(t, err)
	for _, folder := range folders {
		s.breaksOff(t, filepath.Join(s.dir, folder, "9"))
	}
	n, err := s.Count(t.Context(), alice)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	beats := int64(0)
	removed, err := s.Erase(t.Context(), alice, func(n int64) { beats = n })
	require.NoError(t, err)
	require.EqualValues(t, 3, removed)
	require.EqualValues(t, 3, beats)
	require.Len(t, s.files(t), 1, "Bob's")
	n, err = s.Count(t.Context(), alice)
	require.NoError(t, err)
	require.Zero(t, n)
}

// breaksOff leaves what is left of writing a file by a process that is killed meanwhile.
func (s *scene) breaksOff(t *testing.T, name string) {
	t.Helper()
	object, err := filepath.Rel(s.dir, name)
	require.NoError(t, err)
	before := s.files(t)
	var unfinished string
	require.NoError(t, s.Store.Write(t.Context(), object, func(w io.Writer) error {
		for _, file := range s.files(t) {
			if !slices.Contains(before, file) {
				unfinished = file
			}
		}
		_, err := io.WriteString(w, "half")
		return err
	}))
	require.NotEmpty(t, unfinished)
	require.NoError(t, os.Rename(name, unfinished))
}
