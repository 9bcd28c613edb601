package people_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/activities/backup/repository"
)

// TestAnArchiveThatIsNotWholeInItselfIsFound forges archives with the person's own key, as
// a mistake in the writer would.
func TestAnArchiveThatIsNotWholeInItselfIsFound(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t, before()), s.newPerson(t, before())
	w := s.write(t, alice.subject)
	keys, err := s.Keyring.Keys(t.Context(), alice.subject)
	require.NoError(t, err)
	whole := bytes.NewReader(read(t, s.file(w.Name)))
	preamble, _, err := people.ReadPreamble(whole)
	require.NoError(t, err)
	opened, err := keys.OpenStream(whole, people.Place(w.Name, preamble))
	require.NoError(t, err)
	unpacked, err := zstd.NewReader(opened)
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines = lines[:len(lines)-1]
	last := len(lines) - 1

	forge := func(lines [][]byte) error {
		var file bytes.Buffer
		file.Write(preamble)
		sealing, err := keys.SealStream(&file, people.Place(w.Name, preamble))
		require.NoError(t, err)
		packing, err := zstd.NewWriter(sealing, zstd.WithWindowSize(1<<20))
		require.NoError(t, err)
		_, err = packing.Write(bytes.Join(lines, nil))
		require.NoError(t, err)
		require.NoError(t, packing.Close())
		require.NoError(t, sealing.Close())
		require.NoError(t, os.WriteFile(s.file(w.Name), file.Bytes(), 0o600))
		_, err = s.Check(t.Context(), alice.subject, w.Name)
		return err
	}
	require.NoError(t, forge(lines))
	header, err := s.Check(t.Context(), alice.subject, w.Name)
	require.NoError(t, err)
	require.Equal(t, w.Header.Tables["sessions"].Rows, header.Tables["sessions"].Rows)
	// headed has another header, and the checksum that goes with it.
	headed := func(old, replacement string) [][]byte {
		head := bytes.Replace(lines[0], []byte(old), []byte(replacement), 1)
		require.NotEqual(t, lines[0], head)
		changed := slices.Concat([][]byte{head}, lines[1:last])
		return append(changed, sumOf(changed))
	}
	require.NoError(t, forge(headed(`"schema":`, `"schema": `)))
	for what, forged := range map[string][][]byte{
		"its rows in another order": slices.Concat(lines[:1], lines[2:3], lines[1:2], lines[3:]),
		"no end":                    lines[:last],
		"more after the end":        slices.Concat(lines, lines[1:2]),
		"a row of no table":         slices.Concat(lines[:1], [][]byte{[]byte(`{"table":"x","row":{}}` + "\n")}, lines[1:]),
		"no JSON":                   slices.Concat(lines[:1], [][]byte{[]byte("{\n")}, lines[1:]),
		"another's header":          headed(alice.subject.String(), bob.subject.String()),
		"another count":             headed(`"sessions":{"rows":1`, `"sessions":{"rows":2`),
		"nothing":                   nil,
	} {
		require.ErrorIs(t, forge(forged), repository.ErrAltered, what)
	}
	require.ErrorContains(t, forge(headed(`"format":1`, `"format":2`)), "format 2 is not known")
}

// sumOf is the last line of an archive of these lines.
func sumOf(lines [][]byte) []byte {
	sum := sha256.Sum256(bytes.Join(lines, nil))
	return fmt.Appendf(nil, "{\"sha256\":\"%x\"}\n", sum)
}
