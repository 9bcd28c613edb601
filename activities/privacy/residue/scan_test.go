package residue_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/residue"
	"meai/internal/canary"
)

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func TestAScanTellsWhatAndWhereAndNeverTheBytes(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	subject, row, piece := uuid.New(), uuid.New(), random(32)
	patterns := residue.Patterns(subject, map[string][][]byte{"sessions": {row[:], piece, make([]byte, 32), []byte("short")}})
	options := residue.Options{Folders: []string{one, other}, Patterns: patterns}
	write(t, filepath.Join(one, "base", "1", "2619"), random(3<<20))
	report, err := residue.Scan(t.Context(), options, nil)
	require.NoError(t, err)
	require.True(t, report.Clean())
	require.Equal(t, 1, report.Files)
	require.GreaterOrEqual(t, report.Bytes, int64(3<<20))

	write(t, filepath.Join(one, "base", "1", "2620"), append(random(2<<20), row[:]...))
	write(t, filepath.Join(one, "pg_wal", "0001"), append(append(random(77), piece...), piece...))
	write(t, filepath.Join(other, "people", subject.String(), "x.mar"), random(10))
	write(t, filepath.Join(other, "log"), []byte("started person/"+subject.String()+"/memory/1\n"))
	report, err = residue.Scan(t.Context(), options, nil)
	require.NoError(t, err)
	require.False(t, report.Clean())
	found := map[string]string{}
	for _, f := range report.Findings {
		require.NotContains(t, f.File, subject.String(), "what is looked for is not told")
		found[filepath.Base(f.File)] = f.Pattern
		if f.Pattern == "piece of sessions" {
			require.Equal(t, 2, f.Times)
		}
	}
	require.Equal(t, map[string]string{"2620": "id of sessions", "0001": "piece of sessions", "<subject>": "subject", "log": "subject"}, found)
	told, err := json.Marshal(report)
	require.NoError(t, err)
	require.NotContains(t, string(told), subject.String())
}

func TestAScanShowsThatItGoesOnAndEndsWhenItIsTold(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		write(t, filepath.Join(dir, uuid.NewString()), random(33<<20))
	}
	options := residue.Options{Folders: []string{dir}, Patterns: residue.Patterns(uuid.New(), nil)}
	var beats []int64
	_, err := residue.Scan(t.Context(), options, func(n int64) { beats = append(beats, n) })
	require.NoError(t, err)
	require.Len(t, beats, 3)
	require.IsIncreasing(t, beats)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = residue.Scan(ctx, options, func(int64) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatCannotBeLookedAtIsNotClean(t *testing.T) {
	subject := uuid.New()
	patterns := residue.Patterns(subject, nil)
	_, err := residue.Scan(t.Context(), residue.Options{Folders: []string{filepath.Join(t.TempDir(), subject.String())}, Patterns: patterns}, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), subject.String())
	_, err = residue.Scan(t.Context(), residue.Options{Patterns: patterns}, nil)
	require.Error(t, err)
	_, err = residue.Scan(t.Context(), residue.Options{Folders: []string{t.TempDir()}}, nil)
	require.Error(t, err)
	require.False(t, residue.Report{}.Clean(), "nothing was looked at")
}

func TestFoldersWithoutFilesAreNotSearched(t *testing.T) {
	empty := t.TempDir()
	files := residue.Files{Folders: []string{empty}}
	_, searched, err := files.Scan(t.Context(), uuid.New(), nil, nil)
	require.Error(t, err)
	require.False(t, searched)
	write(t, filepath.Join(empty, "base", "1"), random(100))
	found, searched, err := files.Scan(t.Context(), uuid.New(), nil, nil)
	require.NoError(t, err)
	require.True(t, searched)
	require.Empty(t, found)
}

// More of somebody else's than a report holds hides nothing of the person's.
func TestWhatIsExcusedHidesNothing(t *testing.T) {
	dir, subject := t.TempDir(), uuid.New()
	write(t, filepath.Join(dir, "a", "theirs"), bytes.Repeat(subject[:], canary.MostFindings+1))
	write(t, filepath.Join(dir, "b"), subject[:])
	files := residue.Files{Folders: []string{dir}, Excuses: func(context.Context) (func(residue.Finding) bool, error) {
		return func(f residue.Finding) bool { return filepath.Base(f.File) == "theirs" }, nil
	}}
	found, searched, err := files.Scan(t.Context(), subject, nil, nil)
	require.NoError(t, err)
	require.True(t, searched)
	require.Len(t, found, 1)
	for place := range found {
		require.Contains(t, place, filepath.Join(dir, "b"))
	}
}
