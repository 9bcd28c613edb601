package export_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/export"
	"meai/internal/enginetest"
	"meai/internal/signing"
)

// forgery is an archive that is made by hand.
type forgery struct {
	key      *signing.Key
	manifest export.Manifest
	// files are what is in the zip besides the manifest, in this order.
	files [][2]string
	// change is made to the encoded manifest behind the signature's back.
	change func([]byte) []byte
	header func(*zip.FileHeader)
}

func newForgery(t *testing.T) *forgery {
	t.Helper()
	key, err := signing.Derive(t.Context(), enginetest.Keyring(t), "meai-export", "export-manifest")
	require.NoError(t, err)
	f := &forgery{key: key, manifest: export.Manifest{Format: export.FormatVersion, Product: "MeAi", Export: uuid.New(), PublicKey: key.String()}}
	f.add("data/sessions.json", "[]\n")
	f.add("README.txt", "Read me.")
	return f
}

func (f *forgery) add(name, content string) {
	f.files = append(f.files, [2]string{name, content})
	sum := sha256.Sum256([]byte(content))
	f.manifest.Files = append(f.manifest.Files, export.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
}

func (f *forgery) bytes(t *testing.T) []byte {
	t.Helper()
	manifest, signature, err := f.manifest.Encode(f.key)
	require.NoError(t, err)
	if f.change != nil {
		manifest = f.change(manifest)
	}
	var b bytes.Buffer
	z := export.NewZip(&b)
	for _, file := range append(f.files, [2]string{"manifest.json", string(manifest)}, [2]string{"manifest.note", string(signature)}) {
		h := &zip.FileHeader{Name: file[0], Method: zip.Deflate}
		if f.header != nil {
			f.header(h)
		}
		w, err := z.CreateHeader(h)
		require.NoError(t, err)
		_, err = io.WriteString(w, file[1])
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// read opens an archive and reads all of it.
func read(t *testing.T, content []byte, key *signing.Public) error {
	t.Helper()
	a, err := export.Open(bytes.NewReader(content), int64(len(content)), key)
	if err != nil {
		return err
	}
	return a.Check(t.Context(), nil)
}

func TestAnArchiveIsWhatItsManifestSays(t *testing.T) {
	f := newForgery(t)
	whole := f.bytes(t)
	require.NoError(t, read(t, whole, &f.key.Public))
	require.NoError(t, read(t, whole, nil), "with the key that it names itself")
	a, err := export.Open(bytes.NewReader(whole), int64(len(whole)), nil)
	require.NoError(t, err)
	require.Equal(t, f.key.String(), a.Key.String())
	_, err = a.Open("data/other.json")
	require.ErrorIs(t, err, export.ErrAltered)

	stranger := newForgery(t)
	require.ErrorIs(t, read(t, whole, &stranger.key.Public), export.ErrForged, "another system's key")
}

func TestWhatIsChangedInAnArchiveIsFound(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*forgery)
		want   error
	}{
		"a manifest that says more": {func(f *forgery) {
			f.change = func(m []byte) []byte { return bytes.Replace(m, []byte("MeAi"), []byte("MeAi"), 1)[:len(m)-1] }
		}, export.ErrForged},
		"a manifest of another export": {func(f *forgery) {
			f.change = func(m []byte) []byte {
				return bytes.ReplaceAll(m, []byte(f.manifest.Export.String()), []byte(uuid.NewString()))
			}
		}, export.ErrForged},
		"a file's content":               {func(f *forgery) { f.files[0][1] = "{}\n" }, export.ErrAltered},
		"a file that grew":               {func(f *forgery) { f.files[0][1] = "[     ]\n" }, export.ErrAltered},
		"a file that is missing":         {func(f *forgery) { f.files = f.files[:1] }, export.ErrAltered},
		"a file that nobody named":       {func(f *forgery) { f.files = append(f.files, [2]string{"data/more.json", "[]"}) }, export.ErrAltered},
		"a file twice":                   {func(f *forgery) { f.files = append(f.files, f.files[0]) }, export.ErrAltered},
		"a folder above":                 {func(f *forgery) { f.add("../escape.json", "[]") }, export.ErrAltered},
		"an absolute place":              {func(f *forgery) { f.add("/etc/passwd.txt", "x") }, export.ErrAltered},
		"a hidden file":                  {func(f *forgery) { f.add("data/.hidden.json", "x") }, export.ErrAltered},
		"a backslash":                    {func(f *forgery) { f.add(`data\x.json`, "x") }, export.ErrAltered},
		"a folder below a folder":        {func(f *forgery) { f.add("data/x/y.json", "x") }, export.ErrAltered},
		"a manifest in the manifest":     {func(f *forgery) { f.manifest.Files = append(f.manifest.Files, export.File{Name: "manifest.json"}) }, export.ErrAltered},
		"a link":                         {func(f *forgery) { f.header = func(h *zip.FileHeader) { h.SetMode(0o777 | 1<<27) } }, export.ErrAltered},
		"a later format":                 {func(f *forgery) { f.manifest.Format++ }, export.ErrNewer},
		"another program's":              {func(f *forgery) { f.manifest.Product = "Other" }, export.ErrNoExport},
		"no manifest that could be read": {func(f *forgery) { f.change = func([]byte) []byte { return []byte("{") } }, export.ErrNoExport},
	} {
		f := newForgery(t)
		c.change(f)
		require.ErrorIs(t, read(t, f.bytes(t), &f.key.Public), c.want, what)
	}
}

func TestEveryFlippedBitAndEveryCutIsFound(t *testing.T) {
	f := newForgery(t)
	whole := f.bytes(t)
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		err := read(t, changed, &f.key.Public)
		if err == nil { // the times and the like of a zip, of which nothing is used
			a, err := export.Open(bytes.NewReader(changed), int64(len(changed)), &f.key.Public)
			require.NoError(t, err)
			require.Equal(t, f.manifest.Export, a.Manifest.Export)
			continue
		}
		require.Error(t, read(t, whole[:at], &f.key.Public), "cut at %d", at)
	}
}

func TestNoExportAtAll(t *testing.T) {
	for what, content := range map[string][]byte{
		"nothing": nil, "text": []byte(strings.Repeat("words ", 100)), "the beginning of a zip": append([]byte("PK\x03\x04"), make([]byte, 200)...),
	} {
		require.ErrorIs(t, read(t, content, nil), export.ErrNoExport, what)
	}
	var empty bytes.Buffer
	z := zip.NewWriter(&empty)
	for i := range 5 {
		_, err := z.Create(fmt.Sprint("data/", i, ".json"))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.ErrorIs(t, read(t, empty.Bytes(), nil), export.ErrNoExport, "a zip of somebody else")
}

// heap is how much is allocated while f runs, at most and all told.
func heap(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestAZipThatWouldFillTheMemoryIsRefusedBeforeItDoes(t *testing.T) {
	f := newForgery(t)
	t.Run("a manifest of a gigabyte", func(t *testing.T) {
		var b bytes.Buffer
		z := export.NewZip(&b)
		w, err := z.Create("manifest.json")
		require.NoError(t, err)
		zeros := make([]byte, 1<<20)
		for range 256 {
			_, err = w.Write(zeros)
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		require.Less(t, b.Len(), 2<<20, "it is small until it is unpacked")
		used := heap(func() { require.ErrorIs(t, read(t, b.Bytes(), &f.key.Public), export.ErrNoExport) })
		require.Less(t, used, uint64(16<<20))
	})
	t.Run("a million files", func(t *testing.T) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range 70_000 {
			_, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("data/%06d.json", i)})
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		content := b.Bytes()
		used := heap(func() { require.ErrorIs(t, read(t, content, nil), export.ErrNoExport) })
		require.Less(t, used, uint64(1<<20))

		// The same directory, whose end says that there are three files.
		end := content[len(content)-22:]
		binary.LittleEndian.PutUint16(end[8:], 3)
		binary.LittleEndian.PutUint16(end[10:], 3)
		binary.LittleEndian.PutUint32(end[12:], 150)
		used = heap(func() { require.ErrorIs(t, read(t, content, nil), export.ErrNoExport) })
		require.Less(t, used, uint64(32<<20))
	})
	t.Run("one file that unpacks to more than was signed", func(t *testing.T) {
		f := newForgery(t)
		f.add("data/interactions.json", strings.Repeat("0", 64<<20))
		f.manifest.Files[2].Size = 10
		require.ErrorIs(t, read(t, f.bytes(t), &f.key.Public), export.ErrAltered)
	})
	t.Run("a comment behind the end", func(t *testing.T) {
		content := append(f.bytes(t), "more"...)
		binary.LittleEndian.PutUint16(content[len(content)-6:], 4)
		require.ErrorIs(t, read(t, content, &f.key.Public), export.ErrNoExport)
	})
}

func FuzzOpen(f *testing.F) {
	text, _ := json.Marshal(export.Manifest{Product: "MeAi", Format: 1})
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{"manifest.json": string(text), "manifest.note": "x\n\n— y AAAA\n"} {
		w, err := z.Create(name)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			f.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := export.Open(bytes.NewReader(content), int64(len(content)), nil)
		if err == nil {
			t.Fatalf("nobody has signed this: %+v", a.Manifest)
		}
	})
}
