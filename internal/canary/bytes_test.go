package canary_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"meai/internal/canary"
)

func scanFor(t testing.TB, b []byte, patterns ...canary.Pattern) []canary.Finding {
	t.Helper()
	s, err := canary.NewBytes(patterns...)
	require.NoError(t, err)
	report, err := s.Bytes("bytes", bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return report.Findings
}

func TestEveryFormOfAnID(t *testing.T) {
	id := uuid.MustParse("0190a1b2-c3d4-7e5f-8a6b-fc9d8e7f6a5b")
	text, digits := id.String(), hex.EncodeToString(id[:])
	around := func(b []byte, before, after int) []byte {
		return append(append(noise(before, 1), b...), noise(after, 2)...)
	}
	forms := map[string][]byte{
		"bytes": id[:], "text": []byte(text), "capitals": []byte(strings.ToUpper(text)),
		"hex": []byte(digits), "hex in capitals": []byte(strings.ToUpper(digits)),
		"in a path":   []byte("person/" + text + "/memory/x"),
		"as bytea":    []byte(`\x00` + digits + `00`),
		"utf-16le":    wide(text, 0, 8),
		"utf-16be":    wide(text, 8, 0),
		"hex of text": []byte(hex.EncodeToString([]byte(text))),
	}
	for before := range 3 {
		for name, alphabet := range map[string]*base64.Encoding{"standard": base64.StdEncoding, "URL": base64.RawURLEncoding} {
			forms["base64 "+name+string(rune('0'+before))] = []byte(alphabet.EncodeToString(around(id[:], before, 1)))
			forms["base64 of text "+name+string(rune('0'+before))] = []byte(alphabet.EncodeToString(around([]byte(text), before, 2)))
		}
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			for before := range 7 {
				found := scanFor(t, around(form, before, 9), canary.ID("somebody", id)...)
				require.NotEmpty(t, found, "%d bytes before", before)
				require.Equal(t, "somebody", found[0].Text)
				require.NotContains(t, found[0].String(), text)
			}
			require.Empty(t, scanFor(t, form, canary.ID("somebody", uuid.New())...), "another's")
		})
	}
}

func TestPiecesAreFoundAsTheyAreAlsoInsideWhatIsPacked(t *testing.T) {
	piece := noise(32, 11)
	b := append(append(noise(3<<20, 12), piece...), noise(100, 13)...)
	found := scanFor(t, b, canary.Pattern{Name: "piece of words", Bytes: piece})
	require.Len(t, found, 1)
	require.EqualValues(t, 3<<20, found[0].Offset)
	require.Equal(t, "bytes", found[0].Form)
	piece[31]++
	require.Empty(t, scanFor(t, b, canary.Pattern{Name: "piece of words", Bytes: piece}), "all but the last byte")

	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	packed := z.EncodeAll(bytes.Repeat([]byte("packed well "), 1000), nil)
	found = scanFor(t, packed, canary.Pattern{Name: "words", Bytes: []byte("well packed")})
	require.NotEmpty(t, found)
	require.NotEmpty(t, found[0].Packed)
}

func TestWhatIsEverywhereIsNotLookedFor(t *testing.T) {
	for name, bad := range map[string][]byte{
		"short": {1, 2, 3, 4, 5, 6, 7}, "zeros": make([]byte, 16), "nearly zeros": append(make([]byte, 30), 1, 2), "nothing": nil,
	} {
		require.False(t, canary.Telling(bad), name)
		_, err := canary.NewBytes(canary.Pattern{Name: "piece", Bytes: bad})
		require.ErrorContains(t, err, `"piece"`, name)
	}
}

// TestVeryManyPatterns is what the samples of a hundred people are.
func TestVeryManyPatterns(t *testing.T) {
	pieces := noise(20_000*32, 3)
	var all []canary.Pattern
	for i := range 20_000 {
		all = append(all, canary.Pattern{Name: "piece", Bytes: pieces[32*i : 32*i+32]})
	}
	all = append(all, all[7])
	b := noise(1<<20, 200)
	copy(b[777_777:], all[7].Bytes)
	found := scanFor(t, b, all...)
	require.Len(t, found, 1, "the same bytes are found once")
	require.EqualValues(t, 777_777, found[0].Offset)
}

func TestAWatchedScanTellsHowFarItIsAndEnds(t *testing.T) {
	s, err := canary.NewBytes(canary.Pattern{Name: "piece", Bytes: noise(32, 1)})
	require.NoError(t, err)
	b := noise(5<<20, 2)
	var seen int64
	watched := s.Watched(func(n int64) error {
		require.LessOrEqual(t, n, int64(1<<20))
		seen += n
		return nil
	})
	_, err = watched.Bytes("x", bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, seen, int64(len(b)))

	ended, cancel := context.WithCancel(t.Context())
	_, err = s.Watched(func(int64) error { cancel(); return ended.Err() }).Bytes("x", bytes.NewReader(b), int64(len(b)))
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkScanForBytes(b *testing.B) {
	for name, people := range map[string]int{"one person": 1, "a hundred people": 100} {
		var all []canary.Pattern
		for range people {
			all = append(all, canary.ID("subject", uuid.New())...)
			for range 100 {
				piece := uuid.New()
				all = append(all, canary.ID("row", uuid.New())...)
				all = append(all, canary.Pattern{Name: "piece", Bytes: append(piece[:], piece[:]...)})
			}
		}
		s, err := canary.NewBytes(all...)
		require.NoError(b, err)
		for kind, data := range map[string][]byte{"noise": noise(64<<20, 10), "zeros": make([]byte, 64<<20)} {
			b.Run(name+" "+kind, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					if _, err := s.Bytes("x", bytes.NewReader(data), int64(len(data))); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
