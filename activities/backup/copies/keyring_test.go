package copies_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"meai/activities/backup/copies"
	"meai/internal/canary"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
)

func TestPlacesOfKeysAreRefusedHoweverTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"keyring/subjects", "keyring2", "data", "second", "kek", "behind/a/link"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o700))
	}
	put(t, filepath.Join(dir, "kek/kek.key"), "x")
	require.NoError(t, os.Symlink(filepath.Join(dir, "keyring"), filepath.Join(dir, "data/link")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "keyring"), filepath.Join(dir, "alias")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "behind/a/link"), filepath.Join(dir, "replica")))
	t.Chdir(dir)
	url := func(path string) string { return "file://" + filepath.Join(dir, path) }
	keys := []string{url("keyring") + "?create_dir=true", "s3://keys?region=eu-west-1&prefix=eu/", "gs://keys-us", url("kek/kek.key"), url("replica"), "awskms://alias/kek?region=x"}
	signer := newSigner(t)
	open := func(source, destination string) error {
		all, err := copies.Open(t.Context(), copies.Options{Sources: []copies.Source{{Name: "one", URL: source}}, Destination: destination, Keyring: keys, Signer: signer})
		if err == nil {
			require.NoError(t, all.Close())
		}
		return err
	}
	for _, place := range []string{
		url("keyring"), url("keyring") + "/", url("keyring/subjects"), url(""), url("data/../keyring"), url("alias"), url("data/link"), url("data/link/subjects"),
		"file://localhost" + filepath.Join(dir, "keyring"), "file://./keyring", "FILE://" + filepath.Join(dir, "keyring"), url("keyring") + "?create_dir=yes", url("kek"), url("keyring/not/yet"), url("behind"), url("replica/below"),
		"s3://keys", "s3://keys?prefix=eu/", "s3://keys?prefix=e", "s3://keys?prefix=eu/subjects/", "s3://KEYS?endpoint=elsewhere.example", "gs://keys-us",
	} {
		require.ErrorIs(t, open(place, url("second")), copies.ErrKeyring, place)
		require.ErrorIs(t, open(url("data"), place), copies.ErrKeyring, "as the destination: %s", place)
	}
	for _, place := range []string{url("keyring2"), url("data")} {
		require.NoError(t, open(place, url("second")), place)
	}
	for _, place := range []string{"s3://keys?prefix=us/", "s3://others", "gs://keys"} {
		require.NotErrorIs(t, open(place, url("second")), copies.ErrKeyring, place)
	}
	require.ErrorContains(t, open(url("data"), url("data/inside")), "copies would be copied")
	require.Error(t, open("not a url", url("second")))
	keys = nil
	require.ErrorContains(t, open(url("data"), url("second")), "where the keyring is")
}

func TestSourcesAreParsedWithoutTellingTheirURLs(t *testing.T) {
	all, err := copies.ParseSources(" ledger=file:///a?b=c media=s3://m ")
	require.NoError(t, err)
	require.Equal(t, []copies.Source{{Name: "ledger", URL: "file:///a?b=c"}, {Name: "media", URL: "s3://m"}}, all)
	_, err = copies.ParseSources("ledger=s3://m s3://secret")
	require.ErrorContains(t, err, "entry 2")
	require.NotContains(t, err.Error(), "secret")
}

// TestTheKeyringIsInNoCopy has everything copied that may be, and much that may not, and
// looks for keys in every byte of the second place.
func TestTheKeyringIsInNoCopy(t *testing.T) {
	dir := t.TempDir()
	at := func(path string) string { return filepath.Join(dir, path) }
	options := keyring.Options{
		Bucket: "file://" + at("keyring") + "?create_dir=true", KEK: "file://" + at("kek.key"), Logger: enginetest.Logger(t),
		Replicas: []keyring.Replica{{Region: "b", URL: "file://" + at("replica-b") + "?create_dir=true"}, {Region: "c", URL: "file://" + at("replica-c") + "?create_dir=true"}},
	}
	keys, err := keyring.Open(t.Context(), options)
	require.NoError(t, err)
	defer func() { require.NoError(t, keys.Close()) }()
	person := uuid.New()
	require.NoError(t, keys.Create(t.Context(), person))
	_, err = keys.System(t.Context())
	require.NoError(t, err)
	const planted = "these-are-planted-key-bytes"
	for _, magic := range []string{"MeAiKey1", "MeAiKey2"} {
		put(t, at("keyring/generations/"+person.String()+"/"+magic), magic+planted)
	}
	put(t, at("ledger/entries/1"), "an entry")
	// By ways that no URL shows: the same files in another folder.
	put(t, at("media/a-photo"), "a photo")
	put(t, at("media/z-photo"), "another")
	require.NoError(t, os.Link(at("keyring/subjects/"+person.String()), at("media/b-photo")))
	require.NoError(t, os.MkdirAll(at("more"), 0o700))
	require.NoError(t, os.Link(at("keyring/generations/"+person.String()+"/MeAiKey1"), at("more/c")))
	require.NoError(t, os.Mkdir(at("second"), 0o700))

	places := []string{options.Bucket, options.KEK}
	for _, r := range options.Replicas {
		places = append(places, r.URL)
	}
	open := func(sources ...copies.Source) (*copies.Copies, error) {
		return copies.Open(t.Context(), copies.Options{Sources: sources, Destination: "file://" + at("second"), Keyring: places, Signer: newSigner(t)})
	}
	for _, place := range append(places, "file://"+dir) {
		_, err := open(copies.Source{Name: "ledger", URL: "file://" + at("ledger")}, copies.Source{Name: "keys", URL: place})
		require.ErrorIs(t, err, copies.ErrKeyring)
	}
	all, err := open(copies.Source{Name: "ledger", URL: "file://" + at("ledger")}, copies.Source{Name: "media", URL: "file://" + at("media")}, copies.Source{Name: "more", URL: "file://" + at("more")})
	require.NoError(t, err)
	defer func() { require.NoError(t, all.Close()) }()
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	a := &copies.Activities{Copies: all}
	env.RegisterActivity(a)
	for source, allowed := range map[string]bool{"ledger": true, "media": false, "more": false} {
		_, err := env.ExecuteActivity(a.Copy, copies.Input{Source: source})
		require.Equal(t, allowed, err == nil, "%s: %v", source, err)
		require.Equal(t, !allowed, failure.Is(err, failure.NotAllowed), "%s: %v", source, err)
	}
	copied := contents(t, at("second"))
	require.Contains(t, copied, "copies/ledger/objects/entries/1")
	require.Contains(t, copied, "copies/media/objects/a-photo")

	kek := strings.TrimSpace(contents(t, dir)["kek.key"])
	raw, err := base64.StdEncoding.DecodeString(kek)
	require.NoError(t, err)
	scanner, err := canary.New(planted, kek)
	require.NoError(t, err)
	report, err := scanner.Folder(at("second"))
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	require.Equal(t, len(copied), report.Files)
	secrets := [][]byte{raw, []byte("MeAiKey")}
	for _, folder := range []string{"keyring", "replica-b", "replica-c"} {
		for _, object := range contents(t, at(folder)) {
			if len(object) > 64 { // a tombstone or an epoch holds no key
				secrets = append(secrets, []byte(object[len(object)-48:]), []byte(object[40:72]))
			}
		}
	}
	require.Greater(t, len(secrets), 10)
	for file, content := range copied {
		for _, secret := range secrets {
			require.False(t, bytes.Contains([]byte(content), secret), file)
		}
	}
}
