package main_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/internal/audit"
)

var archiveName = regexp.MustCompile(`people/[0-9a-f]{64}/\S+\.mar`)

// approvers have made their keys, in files of their names in a folder.
type approvers struct {
	site
	dir string
}

func newApprovers(t *testing.T, s site, names ...string) approvers {
	t.Helper()
	a := approvers{s, t.TempDir()}
	var keys string
	for _, name := range names {
		keys += s.run(t, "approval", "keygen", uuid.NewString(), "--private", a.in(name))
	}
	require.NoError(t, os.WriteFile(a.in("approvers"), []byte(keys), 0o600))
	return a
}

func (a approvers) in(name string) string { return filepath.Join(a.dir, name) }

// sign has a request signed, and returns the file.
func (a approvers) sign(t *testing.T, act string, parameters []string, names ...string) string {
	t.Helper()
	args := []string{"approval", "request", act, "--requester", uuid.NewString()}
	for _, p := range parameters {
		args = append(args, "--parameter", p)
	}
	file := a.in(uuid.NewString())
	require.NoError(t, os.WriteFile(file, []byte(a.run(t, args...)), 0o600))
	for _, name := range names {
		signed := a.run(t, "approval", "sign", file, "--private", a.in(name))
		require.NoError(t, os.WriteFile(file, []byte(signed), 0o600))
	}
	return file
}

// TestAnArchiveIsReadByWhoseItIsWithNothingButItsBucketAndTheKeys: from a conversation to
// a file that only the person opens, without PostgreSQL.
func TestAnArchiveIsReadByWhoseItIsWithNothingButItsBucketAndTheKeys(t *testing.T) {
	dir := t.TempDir()
	s := newSite(t, "MEAI_BACKUP_ARCHIVE=file://"+dir+"/archive?create_dir=true")
	up, base := s.serve(t, "up")
	ann, other := newPerson(t, base), newPerson(t, base)
	for _, p := range []*person{ann, other} {
		p.begin(t)
	}
	ann.await(t, ann.tell(t, "My grandmother taught me to bake bread every Sunday.").Id, within)
	run, err := s.dial(t).ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "archive/by-hand", TaskQueue: "batch"}, "ArchivePeople", json.RawMessage("{}"))
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, up.stop(t))

	alone := s.with("MEAI_POSTGRES_URL=postgres://nobody@127.0.0.1:1/gone", "MEAI_TEMPORAL_ADDRESS=127.0.0.1:1")
	name := archiveName.FindString(alone.run(t, "backup", "people", "list", ann.subject.String()))
	require.NotEmpty(t, name)
	whole := alone.run(t, "backup", "people", "check", ann.subject.String())
	require.Regexp(t, `(?s)whole +\d+ rows\n.* interactions +1\n`, whole)
	require.NotContains(t, whole, "bread")

	two := newApprovers(t, s, "ada", "petra")
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	export := func(from site, status int, says string, more ...string) {
		t.Helper()
		code, out := from.exits(t, append([]string{
			"backup", "people", "export", ann.subject.String(), "--recipient", identity.Recipient().String(), "--approvers", two.in("approvers"),
		}, more...)...)
		require.Equal(t, status, code, "%s", out)
		require.Contains(t, out, says)
		require.NotContains(t, out, "bread")
	}
	file := filepath.Join(dir, "ann.age")
	of := func(p *person) []string { return []string{"subject=" + p.subject.String(), "minutes=60"} }
	agreed := two.sign(t, "decrypt", of(ann), "ada", "petra")
	export(alone, 1, "approv", "--to", file, "--unrecorded", "--approval", two.sign(t, "decrypt", of(ann), "ada"))
	export(alone, 1, "approv", "--to", file, "--unrecorded", "--approval", two.sign(t, "decrypt", of(other), "ada", "petra"))
	export(alone, 1, "note in the audit log", "--to", file, "--approval", agreed)
	require.NoFileExists(t, file)
	export(alone, 0, name, "--to", file, "--unrecorded", "--approval", agreed)
	export(alone, 1, "exists", "--to", file, "--unrecorded", "--approval", agreed)
	require.Contains(t, opened(t, file, identity), "My grandmother taught me to bake bread every Sunday.")

	export(s, 0, name, "--to", filepath.Join(dir, "recorded.age"), "--approval", agreed)
	require.Contains(t, s.acts(t), audit.BackupOpened)
	export(s, 1, "no archive of that name", "--to", filepath.Join(dir, "x"), "--approval", agreed, "people/other.mar")
}

// opened is what is in an encrypted file.
func opened(t *testing.T, path string, identity age.Identity) string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	plain, err := age.Decrypt(file, identity)
	require.NoError(t, err)
	text, err := io.ReadAll(plain)
	require.NoError(t, err)
	return string(text)
}
