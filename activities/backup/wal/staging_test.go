package wal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFolderIsReadAsItIsWhileFilesAreClosed(t *testing.T) {
	dir := t.TempDir()
	s := Source{System: "7", SegmentSize: 1 << 20}
	path := func(number uint64) string { return filepath.Join(dir, s.name(segment{1, number})) }
	const last, many = 6000, 2000 // so many that a folder is not read in one piece
	done := make(chan error, 1)
	go func() {
		for n := uint64(1); n <= last; n++ {
			err := os.WriteFile(path(n)+partialSuffix, nil, 0o600)
			if err == nil {
				err = os.Rename(path(n)+partialSuffix, path(n))
			}
			if err == nil && n > many {
				err = os.Remove(path(n - many))
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for seen := uint64(0); seen < last; {
		files, err := s.staged(dir)
		require.NoError(t, err)
		for i, f := range files {
			if i > 0 {
				require.Equal(t, files[i-1].number+1, f.number, "none is left out, and none is there twice")
			}
			seen = f.number
		}
	}
	require.NoError(t, <-done)
}

func TestStagedFilesAreArchivedInTheOrderOfTheLog(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"000000020000000000000004.partial", "00000002.history", "000000010000000000000004.partial", "000000010000000000000003",
		"000000010000000000000005.partial.left", "00000003.history", ".lock", "000000010000000000000002", "nonsense", "000000020000000000000004",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	s := Source{System: "7", SegmentSize: 16 << 20}
	files, err := s.staged(dir)
	require.NoError(t, err)
	var order []string
	for _, f := range files {
		order = append(order, f.name)
	}
	require.Equal(t, []string{
		"000000010000000000000002", "000000010000000000000003", "000000010000000000000004.partial", "000000010000000000000005.partial.left",
		"00000002.history", "000000020000000000000004.partial", "000000020000000000000004", "00000003.history",
	}, order)
	last, found := newest(files)
	require.True(t, found)
	require.Equal(t, "000000020000000000000004", last.name)
	require.Equal(t, Position{2, 5 << 24}, s.next(last))
}
