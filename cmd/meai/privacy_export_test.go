package main_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

const (
	strongPassphrase = "lantern gravel oboe tuesday"
	// noArchive looks like the beginning of one.
	noArchive = "PK\x03\x04 and nothing more"
)

// asksForExport asks for an export that is not written yet.
func (p *person) asksForExport(t *testing.T, key string, in client.NewExport) client.Export {
	t.Helper()
	got, err := p.api.RequestExportWithResponse(t.Context(), &client.RequestExportParams{IdempotencyKey: key}, in)
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	return *got.JSON202
}

// exports asks for an export, once no other is under way, and waits until it can be fetched.
func (p *person) exports(t *testing.T, in client.NewExport) client.Export {
	t.Helper()
	var asked client.Export
	key := uuid.NewString()
	require.Eventually(t, func() bool {
		got, err := p.api.RequestExportWithResponse(t.Context(), &client.RequestExportParams{IdempotencyKey: key}, in)
		require.NoError(t, err)
		require.Contains(t, []int{http.StatusAccepted, http.StatusConflict}, got.StatusCode(), "%s", got.Body)
		if got.JSON202 != nil {
			asked = *got.JSON202
		}
		return got.JSON202 != nil
	}, within, pollEvery)
	return p.untilReady(t, asked.Id)
}

const pollEvery = 50_000_000 // nanoseconds

func (p *person) untilReady(t *testing.T, id uuid.UUID) (e client.Export) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := p.api.GetExportWithResponse(t.Context(), id)
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, "%s", got.Body)
		e = *got.JSON200
		return e.State != client.ExportStateQueued && e.State != client.ExportStateWriting
	}, within, pollEvery)
	require.Equal(t, client.ExportStateReady, e.State, e.Failure)
	return e
}

// fetches is the encrypted file of an export.
func (p *person) fetches(t *testing.T, id uuid.UUID, part *string) (int, []byte) {
	t.Helper()
	got, err := p.api.DownloadExportWithResponse(t.Context(), id, &client.DownloadExportParams{Range: part})
	require.NoError(t, err)
	return got.StatusCode(), got.Body
}

// formOf is a body in parts, and its type. The secret is a private key, or "".
func formOf(t *testing.T, identity string, file io.Reader) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	if identity != "" {
		require.NoError(t, form.WriteField("identity", identity))
	}
	part, err := form.CreateFormFile("file", "export.zip.age")
	require.NoError(t, err)
	_, err = io.Copy(part, file)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return b.String(), form.FormDataContentType()
}

// brings brings an archive along.
func (p *person) brings(t *testing.T, identity string, file io.Reader) client.ExportImport {
	t.Helper()
	body, kind := formOf(t, identity, file)
	got, err := p.api.ImportExportWithBodyWithResponse(t.Context(), &client.ImportExportParams{IdempotencyKey: uuid.NewString()}, kind, strings.NewReader(body))
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	return *got.JSON202
}

func (p *person) untilBrought(t *testing.T, id uuid.UUID) (i client.ExportImport) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := p.api.GetExportImportWithResponse(t.Context(), id)
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, "%s", got.Body)
		i = *got.JSON200
		return i.State == client.ExportImportStateDone || i.State == client.ExportImportStateFailed
	}, within, pollEvery)
	return i
}

// TestWhatIsKeptOfAPersonIsTheirsToTakeAndToBring goes the whole way, by API and by the
// commands that a person has at home.
func TestWhatIsKeptOfAPersonIsTheirsToTakeAndToBring(t *testing.T) {
	s := newSite(t)
	up, base := s.serve(t, "up")
	alice := newPerson(t, base)
	alice.begin(t)
	alice.await(t, alice.tell(t, "I live in Porto. My grandmother taught me to bake bread.").Id, within)
	alice.vaults(t, secret)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	e := alice.exports(t, client.NewExport{Recipient: key.Recipient().String()})
	require.Equal(t, e.RowsTotal, e.RowsDone)
	status, file := alice.fetches(t, e.Id, nil)
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, e.Size, len(file))
	require.NotContains(t, string(file), "Porto")
	part := "bytes=100-"
	status, rest := alice.fetches(t, e.Id, &part)
	require.Equal(t, http.StatusPartialContent, status)
	require.Equal(t, file[100:], rest)
	list, err := alice.api.ListExportsWithResponse(t.Context())
	require.NoError(t, err)
	require.Len(t, list.JSON200.Exports, 1)
	up.kill() // what follows needs no server

	home := t.TempDir()
	fetched, identity, zipped := filepath.Join(home, "mine.zip.age"), filepath.Join(home, "mine.key"), filepath.Join(home, "mine.zip")
	require.NoError(t, os.WriteFile(fetched, file, 0o600))
	require.NoError(t, os.WriteFile(identity, []byte("# mine\n"+key.String()+"\n"), 0o600))
	t.Run("it is verified and opened at home", func(t *testing.T) {
		out := s.run(t, "privacy", "verify-export", fetched, "--identity", identity, "--key", list.JSON200.SigningKey)
		require.Contains(t, out, "intact")
		require.NotContains(t, out, "Porto")
		require.Contains(t, s.run(t, "privacy", "verify-export", fetched, "--identity", identity), "compare it")
		s.run(t, "privacy", "open-export", fetched, "--identity", identity, "--key", list.JSON200.SigningKey, "--out", zipped)
		info, err := os.Stat(zipped)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.Contains(t, s.run(t, "privacy", "verify-export", zipped, "--key", list.JSON200.SigningKey), "intact")
		again := s.command("privacy", "open-export", fetched, "--identity", identity, "--out", zipped)
		require.Error(t, again.Run(), "nothing is overwritten")
		entries, err := os.ReadDir(home)
		require.NoError(t, err)
		require.Len(t, entries, 3, "no temporary file is left")
	})
	t.Run("what was changed is found", func(t *testing.T) {
		content, err := os.ReadFile(zipped)
		require.NoError(t, err)
		content[len(content)/2] ^= 1
		broken := filepath.Join(home, "broken.zip")
		require.NoError(t, os.WriteFile(broken, content, 0o600))
		requireStatus(t, s, 2, "privacy", "verify-export", broken)
		requireStatus(t, s, 2, "privacy", "verify-export", zipped, "--key", "meai-export+2cc0fdd1+AVdeFCVEpRS2NQTeB92TjXfcyjSJUo1+RCWYgwGTZzmc")
	})

	_, base = s.serve(t, "up")
	t.Run("it fills an empty account", func(t *testing.T) {
		bob := newPerson(t, base)
		i := bob.untilBrought(t, bob.brings(t, key.String(), bytes.NewReader(file)).Id)
		require.Equal(t, client.ExportImportStateDone, i.State, i.Failure)
		require.Equal(t, e.Id, i.ExportId)
		require.Contains(t, strings.Join(bob.recall(t, "Where do I live?"), " "), "Porto")
		items, err := bob.api.ListVaultItemsWithResponse(t.Context(), &client.ListVaultItemsParams{Consent: true})
		require.NoError(t, err)
		require.Len(t, items.JSON200.Items, 1)
		again := bob.untilBrought(t, bob.brings(t, "", strings.NewReader(noArchive)).Id)
		require.Equal(t, "not_an_export", again.Failure)
	})
	alice = alice.at(t, base)
	deleted, err := alice.api.DeleteExportWithResponse(t.Context(), e.Id)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, deleted.StatusCode(), "%s", deleted.Body)
	status, _ = alice.fetches(t, e.Id, nil)
	require.Equal(t, http.StatusGone, status)
	require.Zero(t, filesIn(t, strings.TrimSuffix(strings.TrimPrefix(s.setting("MEAI_PRIVACY_EXPORTS"), "file://"), "?create_dir=true")))
}

// requireStatus runs a command that ends with an exit status.
func requireStatus(t *testing.T, s site, want int, args ...string) {
	t.Helper()
	cmd := s.command(args...)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Equal(t, want, cmd.ProcessState.ExitCode(), "%s", out)
}

func filesIn(t *testing.T, dir string) (n int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}

// export has somebody take along what is kept of them, and bring it to another account,
// with words wherever there is room for any.
func (w *watch) export(t *testing.T) {
	t.Helper()
	word := w.canaries.word
	p, other := w.person, newPerson(t, w.base)
	refused, err := p.api.RequestExportWithResponse(t.Context(), &client.RequestExportParams{IdempotencyKey: word("RequestExport Idempotency-Key")},
		client.NewExport{Recipient: "age1" + word("RequestExport /recipient")})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode(), "%s", refused.Body)
	passphrase := "lantern " + word("RequestExport /passphrase") + " tuesday"
	e := p.untilReady(t, p.asksForExport(t, word("RequestExport Idempotency-Key"), client.NewExport{Passphrase: passphrase}).Id)
	part := word("DownloadExport Range")
	status, _ := p.fetches(t, e.Id, &part)
	require.Equal(t, http.StatusBadRequest, status)
	status, file := p.fetches(t, e.Id, nil)
	require.Equal(t, http.StatusOK, status)

	send := func(fields ...[2]string) *client.ImportExportResponse {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		for _, f := range fields {
			require.NoError(t, form.WriteField(f[0], f[1]))
		}
		require.NoError(t, form.Close())
		got, err := other.api.ImportExportWithBodyWithResponse(t.Context(), &client.ImportExportParams{IdempotencyKey: word("ImportExport Idempotency-Key")}, form.FormDataContentType(), &b)
		require.NoError(t, err)
		return got
	}
	for _, fields := range [][][2]string{
		{{"passphrase", "a wrong " + word("ImportExport /passphrase")}, {"file", string(file)}},
		{{"identity", "AGE-SECRET-KEY-1" + word("ImportExport /identity")}, {"file", string(file)}},
		{{"file", "Dear " + word("ImportExport /file")}},
	} {
		got := send(fields...)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode(), "%s", got.Body)
	}
	begun := send([2]string{"passphrase", passphrase}, [2]string{"file", string(file)})
	require.NotNil(t, begun.JSON202, "%s", begun.Body)
	i := other.untilBrought(t, begun.JSON202.Id)
	require.Equal(t, client.ExportImportStateDone, i.State, i.Failure)
	deleted, err := p.api.DeleteExportWithResponse(t.Context(), e.Id)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, deleted.StatusCode(), "%s", deleted.Body)
}
