package index

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob"

	"meai/activities/backup/repository"
)

// with is a collection whose shards are declared, some of them packed.
func with(tenants bool, declared, packed string) described {
	s := shards{declared: map[string]bool{}, packed: map[string]bool{}, tenants: tenants}
	for name := range strings.FieldsSeq(declared) {
		s.declared[name] = true
	}
	for name := range strings.FieldsSeq(packed) {
		s.packed[name] = true
	}
	return described{"C": s}
}

func TestWhatABackupLacksIsNamed(t *testing.T) {
	type held = map[string]int
	for what, c := range map[string]struct {
		says          described
		before, after held
		want          repository.Collection
		lacks         string
	}{
		"all is there":            {with(true, "a b", "a b"), held{"a": 1, "b": 0}, held{"a": 1, "b": 0}, repository.Collection{Tenants: held{"a": 1, "b": 0}, Moved: held{}}, ""},
		"one without tenants":     {with(false, "x y", "y x"), held{"": 7}, held{"": 7}, repository.Collection{Tenants: held{"": 7}, Moved: held{}}, ""},
		"one was written to":      {with(true, "a", "a"), held{"a": 5}, held{"a": 3}, repository.Collection{Tenants: held{"a": 3}, Moved: held{"a": 5}}, ""},
		"one was made, and is in": {with(true, "a b", "a b"), held{"a": 1}, held{"a": 1, "b": 2}, repository.Collection{Tenants: held{"a": 1, "b": 2}, Moved: held{"b": 0}}, ""},
		"one was made too late":   {with(true, "a", "a"), held{"a": 1}, held{"a": 1, "b": 2}, repository.Collection{Tenants: held{"a": 1}, Moved: held{}}, ""},
		"one was made, empty":     {with(true, "a b", "a"), held{"a": 1}, held{"a": 1, "b": 2}, repository.Collection{Tenants: held{"a": 1, "b": 2}, Moved: held{"b": 0}}, ""},
		"one was removed after":   {with(true, "a b", "a b"), held{"a": 1, "b": 2}, held{"a": 1}, repository.Collection{Tenants: held{"a": 1, "b": 2}, Moved: held{"b": 0}}, ""},
		"one was removed before":  {with(true, "a", "a"), held{"a": 1, "b": 2}, held{"a": 1}, repository.Collection{Tenants: held{"a": 1}, Moved: held{}}, ""},
		"one was inactive":        {with(true, "a b", "a"), held{"a": 1, "b": 2}, held{"a": 1, "b": 2}, repository.Collection{}, `tenant "b" of C`},
		"one is unknown to it":    {with(true, "a", "a"), held{"a": 1, "b": 2}, held{"a": 1, "b": 2}, repository.Collection{}, `tenant "b" of C`},
		"half of a collection":    {with(false, "x y", "x"), held{"": 7}, held{"": 7}, repository.Collection{}, `tenant "" of C`},
		"a whole collection":      {described{}, held{"": 7}, held{"": 7}, repository.Collection{}, "collection C"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := c.says.collections(holdings{"C": c.before}, holdings{"C": c.after})
			if c.lacks != "" {
				require.ErrorIs(t, err, ErrIncomplete)
				require.ErrorContains(t, err, "it lacks "+c.lacks)
				return
			}
			require.NoError(t, err)
			c.want.Name = "C"
			require.Equal(t, []repository.Collection{c.want}, got)
			for tenant, n := range c.want.Moved { // either end is no difference, beyond is
				for _, is := range []int{n, c.want.Tenants[tenant]} {
					require.Empty(t, differences(got, holdings{"C": changed(c.want.Tenants, tenant, is)}))
				}
				more := max(n, c.want.Tenants[tenant]) + 1
				require.Len(t, differences(got, holdings{"C": changed(c.want.Tenants, tenant, more)}), 1)
			}
		})
	}
}

func changed(tenants map[string]int, tenant string, n int) map[string]int {
	other := map[string]int{tenant: n}
	for name, is := range tenants {
		if name != tenant {
			other[name] = is
		}
	}
	return other
}

// TestAStagedBackupThatIsNotWholeIsRefused goes through what Weaviate's own files can say.
func TestAStagedBackupThatIsNotWholeIsRefused(t *testing.T) {
	const (
		config = `{"id":"b","status":"SUCCESS","nodes":{"n":{"classes":["C"]}}}`
		backup = `{"id":"b","status":"SUCCESS","classes":[{"name":"C","shards":[{"name":"a","files":["f"]}],
			"shardingState":"eyJwYXJ0aXRpb25pbmdFbmFibGVkIjp0cnVlLCJwaHlzaWNhbCI6eyJhIjp7Im5hbWUiOiJhIn19fQ==","chunks":{"1":["a"]}}]}`
	)
	for what, files := range map[string]map[string]string{
		"":                         {"backup_config.json": config, "n/backup.json": backup, "n/C/chunk-1": "x"},
		"no description":           {"n/backup.json": backup, "n/C/chunk-1": "x"},
		"none of the node":         {"backup_config.json": config, "n/C/chunk-1": "x"},
		"half a description":       {"backup_config.json": config, "n/backup.json": backup[:50], "n/C/chunk-1": "x"},
		"another backup":           {"backup_config.json": strings.Replace(config, `"b"`, `"c"`, 1), "n/backup.json": backup, "n/C/chunk-1": "x"},
		"one that was cancelled":   {"backup_config.json": strings.Replace(config, "SUCCESS", "CANCELED", 1), "n/backup.json": backup, "n/C/chunk-1": "x"},
		"a node that gave up":      {"backup_config.json": config, "n/backup.json": strings.Replace(backup, "SUCCESS", "FAILED", 1), "n/C/chunk-1": "x"},
		"several nodes":            {"backup_config.json": strings.Replace(config, `"n":`, `"m":{},"n":`, 1), "n/backup.json": backup, "n/C/chunk-1": "x"},
		"a file that is not there": {"backup_config.json": config, "n/backup.json": backup},
		"a shard in no file":       {"backup_config.json": config, "n/backup.json": strings.Replace(backup, `["a"]`, `[]`, 1), "n/C/chunk-1": "x"},
	} {
		t.Run(what, func(t *testing.T) {
			s := stagedIn(t, "mem://", files)
			d, err := s.describe(t.Context(), "n")
			if what == "" {
				require.NoError(t, err)
				require.Equal(t, with(true, "a", "a")["C"], d["C"])
				return
			}
			require.ErrorIs(t, err, ErrIncomplete)
		})
	}
}

// stagedIn is a staging with a backup of some parts.
func stagedIn(t *testing.T, url string, files map[string]string) *staging {
	t.Helper()
	s, err := openStaging(t.Context(), url, "b")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	for name, text := range files {
		require.NoError(t, s.store.Create(t.Context(), s.path(name), []byte(text)))
	}
	return s
}

func TestABackupIsPackedAndUnpackedInAFolderAndInABucket(t *testing.T) {
	files := map[string]string{"backup_config.json": "{}", "n/C/chunk-1": strings.Repeat("vectors ", 300_000), "n/C/chunk-2": ""}
	for _, url := range []string{"file://" + t.TempDir(), "mem://"} {
		s := stagedIn(t, url, files)
		require.NoError(t, s.store.Create(t.Context(), "bc/other", []byte("of another backup")))
		r, w := io.Pipe()
		var done, total int64
		go func() {
			w.CloseWithError(s.pack(context.Background(), w, func(d, of int64) { done, total = d, of }))
		}()
		to := stagedIn(t, "mem://", nil)
		require.NoError(t, to.unpack(t.Context(), r))
		require.EqualValues(t, 2_400_002, total)
		require.Equal(t, total, done)
		parts, err := to.parts(t.Context())
		require.NoError(t, err)
		require.Len(t, parts, 3)
		for name, text := range files {
			got, err := to.store.Read(t.Context(), to.path(name))
			require.NoError(t, err)
			require.True(t, text == string(got), name)
		}
		require.NoError(t, s.clear(t.Context()))
		parts, err = s.parts(t.Context())
		require.NoError(t, err)
		require.Empty(t, parts)
		_, err = s.store.Read(t.Context(), "bc/other")
		require.NoError(t, err)
	}
}

// TestTheSourceIsReadToItsEnd has it fail after the last byte of what was packed: that is
// where a sealed object says that it was cut off.
func TestTheSourceIsReadToItsEnd(t *testing.T) {
	text := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text) // it never fails
	var packed bytes.Buffer
	require.NoError(t, stagedIn(t, "mem://", map[string]string{"a": string(text)}).pack(t.Context(), &packed, func(int64, int64) {}))
	cut := errors.New("it was cut off")
	err := stagedIn(t, "mem://", nil).unpack(t.Context(), io.MultiReader(&packed, iotest.ErrReader(cut)))
	require.ErrorIs(t, err, cut)
}

func TestTheModuleIsThatOfTheStaging(t *testing.T) {
	for url, want := range map[string]string{"file:///x": "filesystem", "s3://b?prefix=a/": "s3", "gs://b": "gcs", "azblob://b": "azure"} {
		got, err := Options{Staging: url}.backend()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Options{Staging: "mem://"}.backend()
	require.ErrorContains(t, err, `"mem"`)
}

func TestTheVersionsThatKnowIncrementalBackups(t *testing.T) {
	for version, want := range map[string]bool{
		"1.33.9": false, "1.34.17": false, "1.34.18": true, "1.35.2": false, "1.35.13": true,
		"1.36.2": false, "1.36.3": true, "1.37.0-rc.1": false, "1.37.0": true, "1.40.1": true, "2.0.0": true,
	} {
		require.Equal(t, want, knowsIncremental(version), version)
	}
	require.ErrorContains(t, checkBase("x", "1.37.0"), "no longer in the staging")
	require.NoError(t, checkBase("", "1.37.0"))
}
