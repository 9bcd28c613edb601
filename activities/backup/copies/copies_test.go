package copies_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/backup/copies"
	"meai/activities/backup/repository"
	"meai/internal/failure"
	"meai/internal/objects"
)

func TestEveryObjectIsCopiedOnceAndRecorded(t *testing.T) {
	s := newScene(t, few())
	s.put(t, map[string]string{"large": strings.Repeat("0123456789abcdef", 20<<16)})
	lastSeen, lastBytes, calls := 0, int64(0), 0
	done, err := s.Copy(t.Context(), func(seen int, bytes int64) {
		require.GreaterOrEqual(t, seen, lastSeen)
		require.GreaterOrEqual(t, bytes, lastBytes)
		lastSeen, lastBytes, calls = seen, bytes, calls+1
	})
	require.NoError(t, err)
	require.Equal(t, copies.Copied{Objects: 7, Copied: 7, Bytes: done.Bytes}, done)
	require.Greater(t, calls, lastSeen, "within the large one as well")
	require.Equal(t, done.Bytes, lastBytes)
	s.requireSame(t)

	again, err := s.Copy(t.Context(), func(_ int, bytes int64) { require.Zero(t, bytes, "what is known is not read again") })
	require.NoError(t, err)
	require.Equal(t, copies.Copied{Objects: 7}, again)
	s.put(t, map[string]string{"entries/new": "news"})
	require.Equal(t, copies.Copied{Objects: 8, Copied: 1, Bytes: 4}, s.copied(t))

	report := s.reconciled(t, true)
	require.True(t, report.Sound())
	require.Equal(t, copies.Report{Source: "ledger", Deep: true, Objects: 8, Bytes: 2 * (done.Bytes + 4)}, report)
	n := 0
	for item, err := range copies.Inventory(t.Context(), s.Source) {
		require.NoError(t, err)
		content, err := os.ReadFile(s.original(item.Name))
		require.NoError(t, err)
		require.EqualValues(t, len(content), item.Size)
		require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(content)), item.SHA256)
		n++
	}
	require.Equal(t, 8, n)
}

func TestACopyThatWasBrokenOffGoesOnWhereItWas(t *testing.T) {
	// In memory: a disk takes its time for so many. Neither a list nor an inventory has
	// them on one page.
	source, place := inMemory(t), &store{Erasable: inMemory(t)}
	s := &copies.Copier{Name: "many", Source: source, Place: repository.New(place, newSigner(t))}
	const many = 2500
	for i := range many {
		require.NoError(t, source.Create(t.Context(), fmt.Sprintf("entries/%04x", i), fmt.Appendf(nil, "entry %04x", i)))
	}
	broken, n := errors.New("the line went dead"), 0
	place.wrote = func(string) error {
		if n++; n > 1500 {
			return broken
		}
		return nil
	}
	done, err := s.Copy(t.Context(), nil)
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1500, done.Copied)
	place.wrote = nil
	read := int64(0)
	done, err = s.Copy(t.Context(), func(_ int, bytes int64) { read = bytes })
	require.NoError(t, err)
	require.Equal(t, copies.Copied{Objects: many, Copied: 1000, Bytes: 10000}, done)
	// Of the 1500 before, the inventory that was broken off has a page of 1000. The others
	// are compared, which reads both of each.
	require.EqualValues(t, (1000+2*500)*len("entry 0000"), read)
	report, err := s.Reconcile(t.Context(), true, nil)
	require.NoError(t, err)
	require.Equal(t, copies.Report{Source: "many", Deep: true, Objects: many, Bytes: 2 * many * 10}, report)
	done, err = s.Copy(t.Context(), func(_ int, bytes int64) { require.Zero(t, bytes) })
	require.NoError(t, err)
	require.Equal(t, copies.Copied{Objects: many}, done)
}

func TestACopyEndsWithItsContext(t *testing.T) {
	s := newScene(t, few())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Copy(ctx, func(int, int64) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.FileExists(t, s.copyOf("a"))
	require.NoFileExists(t, s.copyOf("entries/2"))
	require.Equal(t, copies.Copied{Objects: 6, Copied: 5, Bytes: 17}, s.copied(t))
	s.requireSame(t)
}

func TestWhatDoesNotMatchIsReportedByName(t *testing.T) {
	s := newScene(t, few())
	s.put(t, map[string]string{"kept": "for a while", "lost": "here and there"})
	s.copied(t)
	require.NoError(t, os.Remove(s.original("kept")))
	require.Equal(t, name("kept"), s.copied(t).Vanished)
	require.True(t, s.reconciled(t, true).Sound())

	s.put(t, map[string]string{"young": "x", "old": "x"})
	ago(t, s.original("old"), copies.Late+time.Minute)
	ago(t, s.original("young"), copies.Late-time.Minute)
	flip(t, s.copyOf("entries/1"))
	flip(t, s.original("entries/2"))
	put(t, s.copyOf("a"), "the fir")
	flip(t, s.copyOf("kept"))
	put(t, s.copyOf("strange"), "nobody knows")
	for _, file := range []string{s.original("lost"), s.copyOf("lost")} {
		require.NoError(t, os.Remove(file))
	}
	expected := copies.Report{
		Source: "ledger", Objects: 8, Missing: name("old", "young"), MissingOlderThan15Min: name("old"),
		Differing: name("a"), AlteredCopy: name("a"), Extra: name("strange"), Kept: 1, Lost: name("lost"),
	}
	require.Equal(t, expected, s.reconciled(t, false), "by names and sizes")
	deep := s.reconciled(t, true)
	expected.Deep, expected.Bytes = true, deep.Bytes
	expected.Differing = name("a", "entries/1", "entries/2")
	expected.AlteredCopy, expected.AlteredSource = name("a", "entries/1", "kept"), name("entries/2")
	require.Equal(t, expected, deep)
	require.False(t, deep.Sound())
	for _, file := range []string{"entries/1", "a"} {
		require.NoError(t, os.Remove(s.copyOf(file)))
	}
	done := s.copied(t)
	require.Equal(t, name("a", "entries/1"), done.Restored, "a copy that was taken away is made anew")
	require.Equal(t, name("lost"), done.Lost)
	require.Equal(t, name("strange"), done.Vanished)
}

func TestACopyThatLiesThereOtherwiseIsNeverOverwritten(t *testing.T) {
	s := newScene(t, few())
	put(t, s.copyOf("entries/1"), "somebody else's")
	done := s.copied(t)
	require.Equal(t, name("entries/1"), done.Differing)
	require.Equal(t, 5, done.Copied)
	require.Equal(t, "somebody else's", contents(t, s.place)["copies/ledger/objects/entries/1"])
	require.Equal(t, name("entries/1"), s.reconciled(t, true).AlteredCopy)

	t.Run("nor one that another run makes meanwhile", func(t *testing.T) {
		s.put(t, map[string]string{"same": "same", "other": "other"})
		s.through(t).wrote = func(string) error {
			put(t, s.copyOf("same"), "same")
			put(t, s.copyOf("other"), "ohter")
			return nil
		}
		require.Equal(t, copies.Copied{Objects: 8, Differing: name("other")}, s.copied(t))
	})
}

func TestACopyIsReadAgainBeforeItCounts(t *testing.T) {
	s := newScene(t, map[string]string{"one": "one"})
	st := s.through(t)
	st.spoil = true
	_, err := s.Copy(t.Context(), nil)
	require.ErrorIs(t, err, repository.ErrAltered)
	require.NoFileExists(t, s.copyOf("one"), "the next attempt may take the name")
	st.spoil = false
	require.Equal(t, 1, s.copied(t).Copied)
	s.requireSame(t)
}

func TestWhatVanishesIsKeptForNinetyDays(t *testing.T) {
	s := newScene(t, few())
	s.copied(t)
	expire := func(in time.Duration) copies.Expired {
		done, err := s.Expire(t.Context(), time.Now().Add(in), nil)
		require.NoError(t, err)
		return done
	}
	const long = copies.KeptFor + time.Minute
	require.NoError(t, os.Remove(s.original("a")))
	require.Equal(t, copies.Expired{}, expire(long), "nobody has seen that it is gone")
	require.Equal(t, name("a"), s.copied(t).Vanished)
	require.Zero(t, s.copied(t).Vanished.Count, "told once")
	require.Equal(t, copies.Expired{Waiting: 1}, expire(copies.KeptFor-time.Minute))
	require.FileExists(t, s.copyOf("a"))

	put(t, s.original("a"), "the first")
	require.Equal(t, copies.Expired{}, expire(long), "it has come back")
	s.copied(t)
	require.NoError(t, os.Remove(s.original("a")))
	require.Equal(t, copies.Expired{}, expire(long), "its days begin anew")
	s.copied(t)

	s.through(t)
	s.Place = repository.New(kept{s.Place.Store()}, s.signer)
	require.Equal(t, copies.Expired{Kept: 1}, expire(long), "a bucket that keeps its objects is no failure")
	s.through(t)
	require.Equal(t, copies.Expired{Removed: 1, Bytes: 9}, expire(long))
	require.NoFileExists(t, s.copyOf("a"))
	require.Equal(t, copies.Copied{Objects: 5}, s.copied(t))
	require.Equal(t, copies.Expired{}, expire(long))
	require.True(t, s.reconciled(t, true).Sound())
}

// kept is a bucket that keeps what it was given.
type kept struct{ objects.Erasable }

func (kept) Remove(context.Context, string) error { return objects.ErrKept }

func TestASourceThatIsGoneOrEmptyTakesNoCopyAlong(t *testing.T) {
	s := newScene(t, few())
	s.copied(t)
	require.NoError(t, os.Rename(s.source, s.source+".away"))
	_, err := s.Copy(t.Context(), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = s.Expire(t.Context(), time.Now().Add(2*copies.KeptFor), nil)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.Mkdir(s.source, 0o700)) // a volume that is not mounted
	require.Equal(t, 6, s.copied(t).Vanished.Count)
	done, err := s.Expire(t.Context(), time.Now().Add(2*copies.KeptFor), nil)
	require.NoError(t, err)
	require.Equal(t, copies.Expired{Refused: true}, done)
	require.Len(t, contents(t, filepath.Join(s.place, "copies/ledger/objects")), 6)
}

func TestInventoriesAreSignedAndOldOnesGo(t *testing.T) {
	s := newScene(t, few())
	for range 8 {
		s.copied(t)
	}
	inventories := func() []string {
		all := slices.Sorted(maps.Keys(contents(t, filepath.Join(s.place, "copies/ledger/inventories"))))
		require.NotEmpty(t, all)
		return all
	}
	require.Len(t, inventories(), 2*5, "a page and an end of each")
	all := inventories()
	folder := filepath.Join(s.place, "copies/ledger/inventories", filepath.Dir(all[len(all)-1]))
	newest := func(file string) string { return filepath.Join(folder, file) }
	whole := contents(t, folder)
	for file, content := range whole {
		for what, change := range map[string]func(){
			"flipped": func() { flip(t, newest(file)) },
			"cut":     func() { put(t, newest(file), content[:len(content)/2]) },
			"of another": func() {
				oldest := filepath.Join(s.place, "copies/ledger/inventories", filepath.Dir(inventories()[0]))
				put(t, newest(file), contents(t, oldest)[file])
			},
		} {
			change()
			_, err := s.Copy(t.Context(), nil)
			require.True(t, errors.Is(err, repository.ErrAltered) || errors.Is(err, repository.ErrForged), "%s %s: %v", file, what, err)
			require.NoError(t, os.WriteFile(newest(file), []byte(content), 0o600))
		}
	}
	require.NoError(t, os.Remove(newest("00000001.json")))
	_, err := s.Copy(t.Context(), nil)
	require.ErrorIs(t, err, repository.ErrMissing)
}

func TestARestoreBringsBackWhatWasThereAndOverwritesNothing(t *testing.T) {
	s := newScene(t, few())
	s.put(t, map[string]string{"gone": "before", "damaged": "as a copy", "changed": "as it was"})
	s.copied(t)
	require.NoError(t, os.Remove(s.original("gone")))
	s.put(t, map[string]string{"last": "copied, not yet recorded"})
	s.copied(t)
	before := contents(t, s.source)
	flip(t, s.copyOf("damaged"))
	require.NoError(t, os.RemoveAll(s.original("entries")))
	require.NoError(t, os.Remove(s.original("damaged")))
	require.NoError(t, os.Remove(s.copyOf("empty")))
	put(t, s.original("changed"), "as it is")

	into, err := objects.OpenErasable(t.Context(), "file://"+s.source)
	require.NoError(t, err)
	done, err := s.Restore(t.Context(), into, nil)
	require.NoError(t, err)
	require.Equal(t, copies.Restored{Objects: 2, Bytes: 6, Present: 4, Differing: name("changed", "damaged"), Lost: name("empty")}, done)
	after := contents(t, s.source)
	require.Equal(t, "as it is", after["changed"])
	before["changed"] = after["changed"]
	delete(before, "damaged")
	require.Equal(t, before, after)
}

func TestTheActivitiesNameTheirBucket(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "one/a"), "1")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "second"), 0o700))
	all, err := copies.Open(t.Context(), copies.Options{
		Sources: []copies.Source{{Name: "one", URL: "file://" + dir + "/one"}}, Destination: "file://" + dir + "/second",
		Keyring: []string{"file://" + dir + "/keyring"}, Signer: newSigner(t),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, all.Close()) }()
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	a := &copies.Activities{Copies: all}
	env.RegisterActivity(a)
	value, err := env.ExecuteActivity(a.Copy, copies.Input{Source: "one"})
	require.NoError(t, err)
	var done copies.Copied
	require.NoError(t, value.Get(&done))
	require.Equal(t, copies.Copied{Objects: 1, Copied: 1, Bytes: 1}, done)
	value, err = env.ExecuteActivity(a.Reconcile, copies.Input{Source: "one", Deep: true})
	require.NoError(t, err)
	var report copies.Report
	require.NoError(t, value.Get(&report))
	require.Equal(t, copies.Report{Source: "one", Deep: true, Objects: 1, Bytes: 2}, report)
	_, err = env.ExecuteActivity(a.Expire, copies.Input{Source: "one"})
	require.NoError(t, err)
	_, err = env.ExecuteActivity(a.Expire, copies.Input{Source: "two"})
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
}

func TestTheRecoveryPointIsWhenTheOldestCompleteCopyBegan(t *testing.T) {
	dir, signer := t.TempDir(), newSigner(t)
	place := func(name string) string {
		folder := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(folder, 0o700))
		return "file://" + folder
	}
	all, err := copies.Open(t.Context(), copies.Options{
		Sources:     []copies.Source{{Name: "ledger", URL: place("ledger")}, {Name: "exports", URL: place("exports")}},
		Destination: place("second"), Keyring: []string{place("keyring")}, Signer: signer,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, all.Close()) })
	complete := func() time.Time {
		at, err := all.Complete(t.Context())
		require.NoError(t, err)
		return at
	}
	run := func(source string) (begun time.Time) {
		c, ok := all.Copier(source)
		require.True(t, ok)
		begun = time.Now()
		_, err := c.Copy(t.Context(), nil)
		require.NoError(t, err)
		return begun
	}
	require.Zero(t, complete())
	run("exports")
	require.Zero(t, complete(), "the other was never copied")
	oldest, newest := run("ledger"), run("exports")
	require.WithinRange(t, complete(), oldest, newest)
	last := run("ledger")
	require.WithinRange(t, complete(), newest, last)
}
