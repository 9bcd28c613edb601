package keyring_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/keyring"
)

// TestNothingNamesAPersonWhoseKeysAreDestroyed looks at every name and every byte of
// three folders, after keys in several generations.
func TestNothingNamesAPersonWhoseKeysAreDestroyed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	url := func(name string) string { return "file://" + filepath.Join(dir, name) + "?create_dir=true" }
	k := openWith(t, keyring.Options{
		Bucket: url("a"), KEK: kekURL("s"), Replicas: []keyring.Replica{{URL: url("b")}, {URL: url("c")}},
	})
	gone, stays, fresh := uuid.New(), uuid.New(), uuid.New()
	for _, subject := range []uuid.UUID{gone, stays} {
		require.NoError(t, k.Create(ctx, subject))
		for range 2 {
			_, err := k.Publish(ctx, subject, rotation)
			require.NoError(t, err)
			require.NoError(t, k.Promote(ctx, subject))
		}
	}
	require.NotEmpty(t, namesOf(t, dir, gone))
	kept := namesOf(t, dir, stays)
	require.Len(t, kept, 3, "a folder of generations in each")

	require.NoError(t, k.Destroy(ctx, gone))
	require.Empty(t, namesOf(t, dir, gone))
	require.Equal(t, kept, namesOf(t, dir, stays))
	for _, replica := range []string{"a", "b", "c"} {
		tombstones, err := os.ReadDir(filepath.Join(dir, replica, "tombstones"))
		require.NoError(t, err)
		require.Len(t, tombstones, 1)
		require.Equal(t, keyring.Digest(gone), tombstones[0].Name())
	}
	all, err := k.Tombstones(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{keyring.Digest(gone)}, all)

	require.NoError(t, k.Create(ctx, fresh))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "b", "generations", fresh.String()), 0o700), "left by a crash")
	require.NoError(t, k.Destroy(ctx, fresh))
	require.Empty(t, namesOf(t, dir, fresh), "of a first generation as well")
}

// namesOf are the files and folders whose name, or content, has a person's id.
func namesOf(t *testing.T, dir string, subject uuid.UUID) (found []string) {
	t.Helper()
	traces := []string{
		subject.String(), string(subject[:]), hex.EncodeToString(subject[:]), strings.ToUpper(hex.EncodeToString(subject[:])),
		base64.RawStdEncoding.EncodeToString(subject[:]), base64.RawURLEncoding.EncodeToString(subject[:]),
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		text := filepath.Base(path)
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += "\x00" + string(content)
		}
		for _, trace := range traces {
			if strings.Contains(text, trace) {
				found = append(found, path)
				break
			}
		}
		return nil
	}))
	return found
}

func TestADigestNamesOnePersonAndIsAFunctionOfTheIdAlone(t *testing.T) {
	one, other := uuid.New(), uuid.New()
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{64}$`), keyring.Digest(one))
	require.Equal(t, keyring.Digest(one), keyring.Digest(one))
	require.NotEqual(t, keyring.Digest(one), keyring.Digest(other))
	require.Equal(t, "14a6045c", keyring.Digest(uuid.Max)[:8], "another one would forget every tombstone there is")
}

func TestTombstonesAreListedByAnyMajority(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	k := tr.open("s")
	first, second := uuid.New(), uuid.New()
	tr.down = [3]bool{true, false, false}
	require.NoError(t, k.Bury(ctx, first))
	tr.down = [3]bool{false, true, false}
	require.NoError(t, k.Bury(ctx, second))
	for away := range 3 {
		tr.down = [3]bool{}
		tr.down[away] = true
		all, err := k.Tombstones(ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{keyring.Digest(first), keyring.Digest(second)}, all, "without replica %d", away)
	}
	tr.down = [3]bool{true, true, false}
	_, err := k.Tombstones(ctx)
	require.ErrorIs(t, err, keyring.ErrBelowQuorum)
}

func TestTombstonesAreSpreadAlthoughAReplicaIsAway(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	k := tr.open("s")
	gone := uuid.New()
	tr.down = [3]bool{false, true, false}
	require.NoError(t, k.Bury(ctx, gone))
	delete(tr.stores[2].objects, "tombstones/"+keyring.Digest(gone))
	brought, err := k.SpreadTombstones(ctx)
	require.Error(t, err, "one is still away")
	require.Equal(t, 1, brought, "the other was served")
	tr.down = [3]bool{}
	brought, err = k.SpreadTombstones(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, brought)
	require.Equal(t, tr.stores[0].objects, tr.stores[1].objects)
	brought, err = k.SpreadTombstones(ctx)
	require.NoError(t, err)
	require.Zero(t, brought)
}
