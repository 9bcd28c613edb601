package canary_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"meai/internal/canary"
)

const plain, accented = "Qorvexalith", "Zúrqelindörne"

func scanner(t testing.TB) *canary.Scanner {
	t.Helper()
	s, err := canary.New(plain, accented)
	require.NoError(t, err)
	return s
}

func scan(t testing.TB, b []byte) canary.Report {
	t.Helper()
	report, err := scanner(t).Bytes("bytes", bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return report
}

// noise is bytes without meaning; the same for the same seed.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = source.Read(b) // never fails
	return b
}

func wide(s string, high, low int) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>high), byte(u>>low))
	}
	return b
}

func TestEveryForm(t *testing.T) {
	escaped, err := json.Marshal(map[string]string{"text": accented})
	require.NoError(t, err)
	ascii := strings.NewReplacer("ú", `\u00fa`, "ö", `\u00F6`)
	forms := map[string][]byte{
		"utf-8":             []byte(accented),
		"lower case":        []byte(strings.ToLower(accented)),
		"capitals":          []byte(strings.ToUpper(accented)),
		"accents apart":     norm.NFD.Bytes([]byte(accented)),
		"utf-16le":          wide(accented, 0, 8),
		"utf-16be":          wide(accented, 8, 0),
		"utf-16be capitals": wide(strings.ToUpper(plain), 8, 0),
		"json":              escaped,
		"json in ASCII":     []byte(strings.ReplaceAll(ascii.Replace(accented), `\u00F6`, `\u00f6`)),
		"json all escaped":  []byte(`\u0051\u006f\u0072\u0076\u0065\u0078\u0061\u006c\u0069\u0074\u0068`),
		"url":               []byte("/search?q=" + url.QueryEscape(accented)),
		"hex":               []byte(hex.EncodeToString([]byte(plain))),
		"hex in capitals":   []byte(strings.ToUpper(hex.EncodeToString([]byte(plain)))),
		"hex of utf-16le":   []byte(hex.EncodeToString(wide(plain, 0, 8))),
	}
	for alphabet, encoding := range map[string]*base64.Encoding{
		"standard": base64.StdEncoding, "URL": base64.URLEncoding, "no padding": base64.RawStdEncoding,
	} {
		for before := range 5 {
			for after := range 3 {
				around := append(append(noise(before, 1), accented...), noise(after, 2)...)
				forms["base64 "+alphabet+" at "+string(rune('0'+before))+" before "+string(rune('0'+after))] = []byte(encoding.EncodeToString(around))
			}
		}
		forms["base64 of utf-16le "+alphabet] = []byte(encoding.EncodeToString(wide(plain, 0, 8)))
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			for before := range 7 { // every position relative to the look-ups
				report := scan(t, append(append(noise(before, 3), form...), noise(9, 4)...))
				require.NotEmpty(t, report.Findings, "%d bytes before", before)
			}
			require.Empty(t, scan(t, form[:len(form)/2]).Findings, "half of it is not it")
		})
	}
}

// TestBase64 uses bytes around the text that give digits of which the two
// alphabets differ.
func TestBothAlphabetsOfBase64(t *testing.T) {
	const text = "~~~???>>>ÿÿÿ"
	s, err := canary.New(text)
	require.NoError(t, err)
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		encoded := e.EncodeToString([]byte("a" + text))
		report, err := s.Bytes("x", strings.NewReader(encoded), int64(len(encoded)))
		require.NoError(t, err)
		require.Len(t, report.Findings, 1, encoded)
		require.Equal(t, "base64 of utf-8", report.Findings[0].Form)
	}
}

func TestInsideWhatIsPacked(t *testing.T) {
	text := append(append(noise(200_000, 5), plain...), noise(1000, 6)...)
	for name, pack := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":   func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zlib":   func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"snappy": func(w io.Writer) io.WriteCloser { return snappy.NewBufferedWriter(w) },
		"s2":     func(w io.Writer) io.WriteCloser { return s2.NewWriter(w, s2.WriterBetterCompression()) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			require.NoError(t, err)
			return z
		},
	} {
		t.Run(name, func(t *testing.T) {
			var packed bytes.Buffer
			packed.Write(noise(1<<20-3, 7)) // the block begins across two windows
			w := pack(&packed)
			_, err := w.Write(text)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			report := scan(t, packed.Bytes())
			require.NotEmpty(t, report.Findings)
			for _, f := range report.Findings {
				require.Equal(t, plain, f.Text)
			}
			inside := report.Findings[len(report.Findings)-1]
			require.Equal(t, name+" at 1048573", inside.Packed)
			require.EqualValues(t, 200_000, inside.Offset)

			// A block that is cut off gives what comes before the cut.
			require.NotEmpty(t, scan(t, packed.Bytes()[:packed.Len()-400]).Findings)
		})
	}
}

func TestAcrossWindowsOnceEach(t *testing.T) {
	const window = 1 << 20
	for at := window - 40; at < window+40; at++ {
		b := noise(2*window+100, 8)
		copy(b[at:], plain)
		report := scan(t, b)
		require.Len(t, report.Findings, 1, "at %d", at)
		require.EqualValues(t, at, report.Findings[0].Offset)
		require.EqualValues(t, len(b), report.Bytes)
	}
}

func TestNothingInNoise(t *testing.T) {
	report := scan(t, noise(16<<20, 9))
	require.Empty(t, report.Findings)
}

func TestShortTextsAreRefused(t *testing.T) {
	_, err := canary.New("Maya")
	require.ErrorContains(t, err, "too short")
}

func TestFolder(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(filepath.Join(root, "a", "b", "deep"), "x"+plain)
	write(filepath.Join(root, "empty"), "")
	write(filepath.Join(root, "is-"+plain), "nothing")
	write(filepath.Join(elsewhere, "linked"), "y"+accented)
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(root, "link")))
	require.NoError(t, os.Symlink(root, filepath.Join(root, "a", "circle")))
	require.NoError(t, os.Symlink("/nowhere/at/all", filepath.Join(root, "broken")))

	report, err := scanner(t).Folder(root)
	require.NoError(t, err)
	var found []string
	for _, f := range report.Findings {
		found = append(found, filepath.Base(f.Source)+" "+f.Text)
	}
	require.ElementsMatch(t, []string{"deep " + plain, "is-" + plain + " " + plain, "linked " + accented}, found)
	require.Equal(t, 4, report.Files)

	_, err = scanner(t).Folder(filepath.Join(root, "absent"))
	require.Error(t, err, "what cannot be looked at is not clean")
}

func BenchmarkScan(b *testing.B) {
	texts := make([]string, 12)
	for i := range texts {
		texts[i] = plain + strings.Repeat(string(rune('a'+i)), 3)
	}
	s, err := canary.New(texts...)
	require.NoError(b, err)
	for name, data := range map[string][]byte{
		"noise": noise(64<<20, 10),
		"text":  bytes.Repeat([]byte(`{"level":"INFO","msg":"request","route":"/v1/sessions/:session_id","status":201}`+"\n"), 800_000),
		"zeros": make([]byte, 64<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := s.Bytes("x", bytes.NewReader(data), int64(len(data))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
