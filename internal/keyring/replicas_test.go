package keyring_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/failure"
	"meai/internal/keyring"
)

func TestAKeyIsUsedOnlyOnceAQuorumHoldsIt(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		down   [3]bool
		usable bool
	}{
		"all there":                 {[3]bool{}, true},
		"one in the region away":    {[3]bool{false, true, false}, true},
		"the one outside away":      {[3]bool{false, false, true}, false},
		"the arbiter away":          {[3]bool{true, false, false}, false},
		"only the arbiter left":     {[3]bool{false, true, true}, false},
		"only the one outside left": {[3]bool{true, true, false}, false},
		"nobody there":              {[3]bool{true, true, true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr, subject := newTrio(), uuid.New()
			tr.down = c.down
			k := tr.open("s")
			err := k.Create(ctx, subject)
			if c.usable {
				require.NoError(t, err)
				keysOf(t, k, subject)
				return
			}
			require.Error(t, err)
			_, err = k.Keys(ctx, subject)
			require.Error(t, err, "it was not made")
			tr.down = [3]bool{}
			_, err = k.Keys(ctx, subject)
			require.Error(t, err, "and nobody may use what was begun")
			require.NoError(t, k.Create(ctx, subject))
			keysOf(t, k, subject)
		})
	}
}

func TestReadingNeedsAMajorityAndNoMore(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	subject, _ := newSubject(t, tr.open("s"))
	for away := range 3 {
		tr.down = [3]bool{}
		tr.down[away] = true
		keysOf(t, tr.open("s"), subject)
		tr.down = [3]bool{true, true, true}
		tr.down[away] = false
		_, err := tr.open("s").Keys(ctx, subject)
		require.ErrorIs(t, err, keyring.ErrBelowQuorum)
		require.False(t, failure.Is(err, failure.KeyMissing), "an outage is not a loss")
	}
}

func TestDestructionNeedsAQuorumAndOutlastsAnOutage(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	k := tr.open("s")
	subject, _ := newSubject(t, k)
	tr.down[2] = true
	require.ErrorIs(t, k.Destroy(ctx, subject), keyring.ErrBelowQuorum, "the one outside the region knows nothing of it")
	tr.down = [3]bool{false, true, false}
	require.NoError(t, k.Bury(ctx, subject))
	require.Error(t, k.Clear(ctx, subject), "one replica still holds the keys")
	_, err := k.Keys(ctx, subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)

	// It returns with its copy, beside any one of the others.
	for away := range 3 {
		if away == 1 {
			continue
		}
		tr.down = [3]bool{}
		tr.down[away] = true
		_, err := tr.open("s").Keys(ctx, subject)
		require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
		require.True(t, failure.Is(tr.open("s").Create(ctx, subject), failure.KeyDestroyed))
	}
	tr.down = [3]bool{}
	require.NoError(t, k.Clear(ctx, subject))
	for _, st := range tr.stores {
		require.Empty(t, st.holding(subject))
	}
}

func TestNoProcessMeetsAVersionItDoesNotKnow(t *testing.T) {
	ctx := context.Background()
	tr, now := newTrio(), &clock{}
	rotator, other := tr.openAt(now, "s"), tr.openAt(now, "s")
	subject, old := newSubject(t, rotator)
	before, err := old.Seal([]byte("before"), words)
	require.NoError(t, err)
	stale := keysOf(t, other, subject)

	waiting, err := rotator.Publish(ctx, subject, rotation)
	require.NoError(t, err)
	require.True(t, waiting)
	require.Equal(t, old.Version(), keysOf(t, rotator, subject).Version(), "it only opens")
	now.turn(keyring.Lease + time.Millisecond)
	require.NoError(t, rotator.Promote(ctx, subject))
	fresh := keysOf(t, rotator, subject)
	require.NotEqual(t, old.Version(), fresh.Version())
	after, err := fresh.Seal([]byte("after"), words)
	require.NoError(t, err)
	// What the other process may still use in this moment was loaded after publishing.
	opened, err := keysOf(t, other, subject).Open(after, words)
	require.NoError(t, err)
	require.Equal(t, "after", string(opened))
	_, err = stale.Open(after, words)
	require.ErrorIs(t, err, keyring.ErrUnknownVersion, "which is why the lease has to pass")

	_, err = rotator.Retire(ctx, subject, fresh.Version())
	require.ErrorIs(t, err, keyring.ErrInUse)
	_, err = fresh.Open(before, words)
	require.NoError(t, err)
	complete, err := rotator.Retire(ctx, subject, old.Version())
	require.NoError(t, err)
	require.True(t, complete)
	_, err = keysOf(t, tr.open("s"), subject).Open(before, words)
	require.ErrorIs(t, err, keyring.ErrUnknownVersion)
	require.Equal(t, old.Blind(keyring.EntityName, []byte("a")), keysOf(t, tr.open("s"), subject).Blind(keyring.EntityName, []byte("a")),
		"look-up values outlive every version")
}

func TestAVersionThatAQuorumLostIsNotPromoted(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	k := tr.open("s")
	subject, old := newSubject(t, k)
	_, err := k.Publish(ctx, subject, rotation)
	require.NoError(t, err)
	tr.stores[2].remove("generations/" + subject.String() + "/0000000002")
	require.ErrorIs(t, k.Promote(ctx, subject), keyring.ErrNotPublished)
	require.Equal(t, old.Version(), keysOf(t, tr.open("s"), subject).Version())
	waiting, err := k.Publish(ctx, subject, rotation)
	require.NoError(t, err)
	require.True(t, waiting, "published again")
	require.NoError(t, k.Promote(ctx, subject))
	require.NoError(t, k.Promote(ctx, subject), "a repeat finds it done")
}

func TestTwoWhoRekeyAtOnceAgree(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	subject, keys := newSubject(t, tr.open("s"))
	sealed, err := keys.Seal([]byte("x"), words)
	require.NoError(t, err)
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			k := tr.open("s")
			for {
				_, err := k.Publish(ctx, subject, rotation)
				if !errors.Is(err, keyring.ErrConflict) {
					done <- err
					return
				}
			}
		}()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	versions, err := tr.open("s").Versions(ctx, subject)
	require.NoError(t, err)
	require.Len(t, versions, 2, "one new version, whoever made it")
	_, err = keysOf(t, tr.open("s"), subject).Open(sealed, words)
	require.NoError(t, err)
}

func TestADamagedCopyIsPassedOverAndMended(t *testing.T) {
	ctx := context.Background()
	for damaged := range 3 {
		tr := newTrio()
		subject, _ := newSubject(t, tr.open("s"))
		name := "subjects/" + subject.String()
		good := slices.Clone(tr.stores[damaged].objects[name])
		tr.stores[damaged].objects[name][len(good)-1] ^= 1
		k := tr.open("s")
		keysOf(t, k, subject)
		census, err := k.Census(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, census.Replicas[damaged].Damaged)
		_, complete, err := k.Rewrap(ctx, subject)
		require.NoError(t, err)
		require.True(t, complete)
		require.Equal(t, good, tr.stores[damaged].objects[name])
	}
	t.Run("all copies", func(t *testing.T) {
		tr := newTrio()
		subject, _ := newSubject(t, tr.open("s"))
		for _, st := range tr.stores {
			st.objects["subjects/"+subject.String()][50] ^= 1
		}
		_, err := tr.open("s").Keys(ctx, subject)
		require.ErrorIs(t, err, keyring.ErrCorrupt)
	})
}

func TestAReplicaThatIsNewIsFilled(t *testing.T) {
	ctx := context.Background()
	for lost := range 3 {
		tr := newTrio()
		k := tr.open("s")
		subject, keys := newSubject(t, k)
		gone, _ := newSubject(t, k)
		require.NoError(t, k.Destroy(ctx, gone))
		tr.stores[lost] = newMemory()
		k = tr.open("s")
		require.Equal(t, keys.Version(), keysOf(t, k, subject).Version(), "replica %d", lost)
		census, err := k.Census(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, census.Replicas[lost].Lacking)
		require.Equal(t, 1, census.Replicas[lost].Unburied)
		require.NoError(t, rewrapAll(ctx, k))
		census, err = k.Census(ctx, nil)
		require.NoError(t, err)
		require.Zero(t, census.Replicas[lost].Lacking)
		require.Zero(t, census.Replicas[lost].Unburied, "tombstones too")
		require.Equal(t, tr.stores[(lost+1)%3].objects, tr.stores[lost].objects)
	}
}

// rewrapAll is what the workflow does.
func rewrapAll(ctx context.Context, k *keyring.Keyring) error {
	for at := (keyring.Cursor{}); !at.Ended; {
		subjects, next, err := k.Subjects(ctx, at, 2)
		if err != nil {
			return err
		}
		for _, subject := range subjects {
			if _, _, err := k.Rewrap(ctx, subject); err != nil {
				return err
			}
		}
		at = next
	}
	_, err := k.SpreadTombstones(ctx)
	return err
}

func TestAKeyringGrowsFromOneBucketToThree(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "a"), os.DirFS("testdata/first-format/keyring")))
	subject := uuid.MustParse("6f1c1f5e-6b0e-4c7e-9c39-2f1f2d6f0a11")
	sealed, err := os.ReadFile("testdata/first-format/sealed")
	require.NoError(t, err)
	blinded, err := os.ReadFile("testdata/first-format/blinded")
	require.NoError(t, err)
	url := func(name string) string { return "file://" + filepath.Join(dir, name) + "?create_dir=true" }
	o := keyring.Options{Bucket: url("a"), Region: "here", KEK: kekURL("s"), OtherKEKs: map[string]string{"2": kekURL("t")}}
	opens := func(k *keyring.Keyring) {
		keys := keysOf(t, k, subject)
		opened, err := keys.Open(sealed, words)
		require.NoError(t, err)
		require.Equal(t, "I slept badly", string(opened))
		require.Equal(t, blinded, keys.Blind(keyring.EntityName, []byte("anna")))
	}
	k := openWith(t, o)
	opens(k)
	fingerprint, err := k.Fingerprint(ctx)
	require.NoError(t, err)

	o.Replicas = []keyring.Replica{{Region: "here", URL: url("b")}, {Region: "far", URL: url("c")}}
	k = openWith(t, o)
	opens(k) // before anything was copied: these keys are in use already
	require.NoError(t, rewrapAll(ctx, k))
	_, err = k.Publish(ctx, subject, time.Now())
	require.NoError(t, err, "a version of unknown age is old")
	require.NoError(t, k.Promote(ctx, subject))
	require.NoFileExists(t, filepath.Join(dir, "a", "subjects", subject.String()))

	o.KEK, o.Epoch, o.OtherKEKs = kekURL("t"), "2", map[string]string{keyring.FirstEpoch: kekURL("s")}
	k = openWith(t, o)
	opens(k)
	require.NoError(t, rewrapAll(ctx, k))
	o.OtherKEKs = nil
	k = openWith(t, o)
	opens(k)
	same, err := k.Fingerprint(ctx)
	require.NoError(t, err)
	require.Equal(t, fingerprint, same)
}

func openWith(t *testing.T, o keyring.Options) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func TestAnEpochEndsWhenNoReplicaNeedsIt(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	before := tr.open("s", "t")
	subject, _ := newSubject(t, before)
	_, err := before.System(ctx)
	require.NoError(t, err)
	k := tr.open("t", "s")
	ends := func() time.Time {
		census, err := k.EndEpochs(ctx, time.Hour, nil)
		require.NoError(t, err)
		i := slices.IndexFunc(census.Epochs, func(e keyring.EpochCensus) bool { return e.Epoch == "s" })
		return census.Epochs[i].DestroyOn
	}
	require.Zero(t, ends(), "all objects need it")
	tr.down[1] = true
	for _, owner := range []uuid.UUID{subject, uuid.Nil} {
		changed, complete, err := k.Rewrap(ctx, owner)
		require.NoError(t, err)
		require.True(t, changed)
		require.False(t, complete)
	}
	require.Len(t, tr.stores[0].holding(subject), 2, "the older one stays until every replica holds the newer")
	require.Zero(t, ends(), "a replica does not answer")
	tr.down[1] = false
	require.Zero(t, ends(), "a replica still holds objects that need it")
	require.NoError(t, rewrapAll(ctx, k))
	end := ends()
	require.WithinDuration(t, time.Now().Add(time.Hour), end, 5*time.Second)
	require.Equal(t, end, ends(), "the date stays")
	keysOf(t, tr.open("t"), subject) // without the old KEK

	t.Run("a process that was forgotten makes nothing under it", func(t *testing.T) {
		require.ErrorIs(t, before.Create(ctx, uuid.New()), keyring.ErrEpochEnded)
		_, err := before.Publish(ctx, subject, rotation)
		require.ErrorIs(t, err, keyring.ErrEpochEnded)
	})
	t.Run("a KEK that is not configured is named", func(t *testing.T) {
		_, err := tr.open("s").Keys(ctx, subject)
		require.ErrorIs(t, err, keyring.ErrWrongKEK)
		require.ErrorContains(t, err, `"t"`)
	})
}

func TestListsOfReplicasAndKEKs(t *testing.T) {
	replicas, err := keyring.ParseReplicas("eu=s3://a?region=eu-1  us=file:///b")
	require.NoError(t, err)
	require.Equal(t, []keyring.Replica{{Region: "eu", URL: "s3://a?region=eu-1"}, {Region: "us", URL: "file:///b"}}, replicas)
	keks, err := keyring.ParseKEKs("2=awskms://alias/x?region=eu-1")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"2": "awskms://alias/x?region=eu-1"}, keks)
	for _, bad := range []string{"s3secret", "=file:///a", "a=", "a=%zz", "a=nothing"} {
		_, err := keyring.ParseKEKs(bad)
		require.ErrorContains(t, err, "entry 1 is not name=URL")
		require.NotContains(t, err.Error(), "secret")
	}
	for _, bad := range []string{"UPPER", strings.Repeat("a", 65), "a/b", ".."} {
		o := newPlace(t).options()
		o.Epoch = bad
		_, err := keyring.Open(context.Background(), o)
		require.ErrorContains(t, err, "epoch")
	}
}

// TestAnotherProcessCannotUseADestroyedKeyAfterFiveSeconds measures with real
// clocks and a real second process, which asks for the keys all the time.
func TestAnotherProcessCannotUseADestroyedKeyAfterFiveSeconds(t *testing.T) {
	if dir := os.Getenv(askerVariable); dir != "" {
		ask(t, place{dir})
		return
	}
	p := newPlace(t)
	k := p.open(t)
	subject, _ := newSubject(t, k)
	asker := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	asker.Env = append(os.Environ(), askerVariable+"="+p.dir)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "subject"), []byte(subject.String()), 0o600))
	require.NoError(t, asker.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(p.dir, "usable")); return err == nil },
		30*time.Second, 10*time.Millisecond, "the other process uses the keys")
	require.NoError(t, k.Destroy(context.Background(), subject))
	destroyed := time.Now()
	require.NoError(t, asker.Wait())
	text, err := os.ReadFile(filepath.Join(p.dir, "last-use"))
	require.NoError(t, err)
	last, err := time.Parse(time.RFC3339Nano, string(text))
	require.NoError(t, err)
	t.Logf("last use %v after the destruction", last.Sub(destroyed).Round(time.Millisecond))
	require.Less(t, last.Sub(destroyed), 5*time.Second)
}

const askerVariable = "KEYRING_TEST_ASKER"

// ask is the second process: it uses the keys until they are refused.
func ask(t *testing.T, p place) {
	k := p.open(t)
	text, err := os.ReadFile(filepath.Join(p.dir, "subject"))
	require.NoError(t, err)
	subject := uuid.MustParse(string(text))
	last := time.Now()
	for first := true; ; first = false {
		keys, err := k.Keys(context.Background(), subject)
		if failure.Is(err, failure.KeyDestroyed) {
			break
		}
		require.NoError(t, err)
		_, err = keys.Seal([]byte("x"), words)
		require.NoError(t, err)
		last = time.Now()
		if first {
			require.NoError(t, os.WriteFile(filepath.Join(p.dir, "usable"), nil, 0o600))
		}
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "last-use"), []byte(last.Format(time.RFC3339Nano)), 0o600))
}

// A slow bucket does not lengthen a lease: it runs from before the look.
func TestALeaseBeginsWithTheLookForATombstone(t *testing.T) {
	ctx := context.Background()
	tr, now := newTrio(), &clock{}
	subject, _ := newSubject(t, tr.open("s"))
	k := tr.openAt(now, "s")
	tr.slow = func() { now.turn(200 * time.Millisecond) }
	keysOf(t, k, subject)
	loaded := time.Duration(now.NowNano())
	tr.slow = nil
	require.NoError(t, tr.open("s").Destroy(ctx, subject))
	now.turn(keyring.Lease - loaded + time.Millisecond)
	_, err := k.Keys(ctx, subject)
	require.True(t, failure.Is(err, failure.KeyDestroyed), "%v", err)
}
