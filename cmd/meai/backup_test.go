package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/repository"
	"meai/api/client"
	"meai/internal/pgserver"
)

// backedUp is an installation on engines of its own that takes backups.
type backedUp struct {
	site
	engines *cluster
	data    string // the engines'
	local   string // their program
	// dir holds the bucket, the custodians' keys and the folders of scratch servers.
	dir  string
	base string
	up   *process
	log  *process // the archive
}

func (b *backedUp) in(name string) string { return filepath.Join(b.dir, name) }

// backupSettings makes custodians and a prover, whose keys are in a folder, and is what
// a process needs that takes backups, into a bucket in that folder.
func backupSettings(t *testing.T, dir string) []string {
	t.Helper()
	nowhere := site{config: filepath.Join(dir, "none.yaml")}
	require.NoError(t, os.WriteFile(nowhere.config, nil, 0o600))
	var circle []string
	for _, name := range []string{"anna", "bo", "chi"} {
		circle = append(circle, strings.TrimSpace(nowhere.run(t, "backup", "custodian", name, "--private", filepath.Join(dir, name+".key"))))
	}
	prover := strings.TrimSpace(nowhere.run(t, "backup", "custodian", "prover", "--private", filepath.Join(dir, "prover.key")))
	return []string{
		"MEAI_BACKUP_BUCKET=file://" + dir + "/bucket?create_dir=true", "MEAI_BACKUP_SCRATCH=" + dir + "/scratch",
		"MEAI_BACKUP_RESTORES=" + dir + "/restores", "MEAI_BACKUP_WAL_STAGING=" + dir + "/wal", "MEAI_BACKUP_PARTIAL_EVERY=1s",
		"MEAI_BACKUP_CUSTODIANS=" + strings.Join(circle, " "), "MEAI_BACKUP_PROVER=" + prover,
	}
}

// openingSettings are the keys that open backups.
func openingSettings(dir string) []string {
	in := func(name string) string { return filepath.Join(dir, name+".key") }
	return []string{"MEAI_BACKUP_PROVER_IDENTITY=" + in("prover"), "MEAI_BACKUP_CUSTODIAN_IDENTITIES=" + in("anna") + " " + in("bo")}
}

func newBackedUp(t *testing.T, settings ...string) *backedUp {
	t.Helper()
	dir, err := os.MkdirTemp("", "meai-backed-up-") // where PostgreSQL's account can reach it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	local, err := filepath.Abs("../../.local/bin/meai-local")
	require.NoError(t, err)
	require.FileExists(t, local, "build it with: make build")
	b := &backedUp{data: filepath.Join(dir, "engines"), local: local, dir: dir}
	require.NoError(t, os.Mkdir(b.data, 0o755))
	b.engines = &cluster{data: b.data}
	b.engines.up(t, local)
	t.Cleanup(func() { b.engines.down(t) })
	b.site = site{config: filepath.Join(b.data, "meai.yaml"), env: append([]string{
		"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_BRIDGE_CHECK_LINKS=false", "MEAI_API_LISTEN=" + freePort(t),
		"MEAI_KEYRING_BUCKET=file://" + dir + "/keyring?create_dir=true", "MEAI_KEYRING_KEK=file://" + dir + "/kek.key",
		"MEAI_LEDGER_BUCKETS=file://" + dir + "/ledger?create_dir=true",
	}, append(backupSettings(t, dir), settings...)...)}
	b.run(t, "migrate")
	require.Contains(t, b.run(t, "apply"), "+ schedule daily-backup: Backup on batch")
	b.log = b.start(t, "backup", "archive")
	b.up, b.base = b.with(openingSettings(dir)...).serve(t, "up")
	return b
}

// ends runs a command to its end, which must have an exit status, and returns what it
// printed.
func (s site) ends(t *testing.T, status int, args ...string) string {
	t.Helper()
	out, err := s.command(args...).CombinedOutput()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	require.Equal(t, status, code, "meai %s:\n%s", strings.Join(args, " "), out)
	return string(out)
}

var backupName = regexp.MustCompile(`\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{8}`)

// TestBackupsAreProvenAndBringEverythingBack: from the first key to a restored cluster,
// by commands and by the API, on real engines.
func TestBackupsAreProvenAndBringEverythingBack(t *testing.T) {
	b := newBackedUp(t)
	require.Contains(t, b.ends(t, 2, "backup", "status"), "no backup of postgres was ever proven")
	p := newPerson(t, b.base)
	p.begin(t)
	p.says(t, "My sister moved to Porto last week.")

	taken := b.run(t, "backup", "take")
	id := backupName.FindString(taken)
	require.Regexp(t, `(?s)^workflow backup/\S+\n.*taking.*done  `+id, taken)
	b.isProven(t, id)
	p.says(t, "I planted tulips with her.")
	moment := time.Now().UTC()
	p.says(t, "I sold my bike.")

	t.Run("by the API", func(t *testing.T) { b.byTheAPI(t, id, moment, p) })
	t.Run("the archiver needs little memory", b.needsLittleMemory)
	b.run(t, "backup", "mark")
	require.Regexp(t, `postgres +newest \S+ \(.*\), proven .* ago\n`, b.ends(t, 0, "backup", "status"))
	t.Run("from the bucket alone", func(t *testing.T) { b.fromTheBucketAlone(t, id, p) })
	t.Run("damage is named", func(t *testing.T) { b.damageIsNamed(t, id) })
}

// says tells something and waits until all that follows from it is done.
func (p *person) says(t *testing.T, text string) {
	t.Helper()
	p.await(t, p.tell(t, text).Id, within)
}

// isProven looks at a backup in every way that there is.
func (b *backedUp) isProven(t *testing.T, id string) {
	t.Helper()
	require.Regexp(t, id+` +proven .* ago `, b.run(t, "backup", "list"))
	status := b.ends(t, 0, "backup", "status")
	require.Contains(t, status, "postgres  newest "+id)
	require.Regexp(t, `(?m)^postgres  restorable up to .* UTC \(\d+m?\d*s ago, may be 5m0s\)$`, status)
	require.Contains(t, b.ends(t, 0, "backup", "check", "--deep"), "backups   1\n")
	var entry repository.Entry
	require.NoError(t, json.Unmarshal([]byte(b.run(t, "backup", "show", id)), &entry))
	require.Equal(t, repository.Proven, entry.State())
	found := entry.Reports[len(entry.Reports)-1].Found
	require.NotEqual(t, "0", found["check.tables"], "%v", found)
	require.NotEmpty(t, found["check.tables"], "%v", found)
	require.Regexp(t, `[1-9]`, found["check.histories"], "Temporal's histories were read: %v", found)
	t.Logf("proven: %v", found)
}

// awaitRun waits for the end of a run.
func awaitRun(t *testing.T, operator *person, id uuid.UUID) client.BackupRun {
	t.Helper()
	var last client.BackupRun
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got, err := operator.api.GetBackupRunWithResponse(t.Context(), id)
		require.NoError(c, err)
		require.NotNil(c, got.JSON200, "%s", got.Body)
		last = *got.JSON200
		require.NotEqual(c, client.BackupRunStateRunning, last.State, "%+v", last)
	}, time.Minute, 200*time.Millisecond)
	return last
}

// byTheAPI takes a backup and restores another to a moment as operators do.
func (b *backedUp) byTheAPI(t *testing.T, id string, moment time.Time, p *person) {
	olga, key := signedIn(t, b.base, "operator.olga"), uuid.NewString()
	take := func(body client.NewBackup) *client.TakeBackupResponse {
		got, err := olga.api.TakeBackupWithResponse(t.Context(), &client.TakeBackupParams{IdempotencyKey: key}, body)
		require.NoError(t, err)
		return got
	}
	first := take(client.NewBackup{Unproven: true})
	require.NotNil(t, first.JSON202, "%s", first.Body)
	require.Equal(t, first.JSON202.Id, take(client.NewBackup{Unproven: true}).JSON202.Id)
	require.Equal(t, http.StatusConflict, take(client.NewBackup{}).StatusCode())
	run := awaitRun(t, olga, first.JSON202.Id)
	require.Equal(t, client.BackupRunStateDone, run.State, "%+v", run)

	held, err := olga.api.HoldBackupWithResponse(t.Context(), run.Backup, client.BackupHold{Held: true})
	require.NoError(t, err)
	require.NotNil(t, held.JSON200, "%s", held.Body)
	require.True(t, held.JSON200.Held)
	require.Equal(t, client.BackupStateTaken, held.JSON200.State)
	b.run(t, "backup", "release", run.Backup)

	asked := olga.asks(t, client.ApprovalActRestore, map[string]string{"backup": id})
	back := func() client.BackupRun {
		got, err := olga.api.RestoreBackupWithResponse(t.Context(), &client.RestoreBackupParams{IdempotencyKey: uuid.NewString()},
			client.NewRestore{Backup: id, Approval: asked.Id, To: moment, Into: "to-a-moment"})
		require.NoError(t, err)
		require.NotNil(t, got.JSON202, "%s", got.Body)
		return awaitRun(t, olga, got.JSON202.Id)
	}
	refused := back()
	require.Equal(t, client.BackupRunStateFailed, refused.State)
	require.Equal(t, "approving", refused.Step)
	require.Equal(t, id, refused.Backup)
	require.Contains(t, refused.Problem, "approv")
	require.NoDirExists(t, b.in("restores/to-a-moment"))
	for _, name := range []string{"admin.ada", "operator.otto"} {
		require.Equal(t, http.StatusOK, signedIn(t, b.base, name).decides(t, asked.Id, true).StatusCode())
	}
	done := back()
	require.Equal(t, client.BackupRunStateDone, done.State, "%+v", done)
	holds(t, b.in("restores/to-a-moment/data"), p, 2)
	require.Equal(t, client.BackupRunStateFailed, back().State, "an approval is spent once")
}

// fromTheBucketAlone restores with no engine running, after every way in which it should
// be refused, and takes into use what came back.
func (b *backedUp) fromTheBucketAlone(t *testing.T, id string, p *person) {
	require.NoError(t, b.up.stop(t))
	require.NoError(t, b.log.stop(t))
	b.engines.down(t)

	into := b.in("restored")
	plan := b.run(t, "restore", into, "--plan", "--backup", id)
	require.Contains(t, plan, "backup    "+id+" (proven, ")
	require.NoDirExists(t, into)

	var approvers strings.Builder
	for _, name := range []string{"ada", "petra"} {
		approvers.WriteString(b.run(t, "approval", "keygen", uuid.NewString(), "--private", b.in(name)))
	}
	require.NoError(t, os.WriteFile(b.in("approvers"), []byte(approvers.String()), 0o600))
	signed := b.consent(t, "signed", id)
	b.consent(t, "other", strings.Replace(id, id[len(id)-4:], "0000", 1))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"one key":            {[]string{"--custodian", b.in("bo.key"), "--approval", signed}, "two custodians' keys are needed"},
		"one key twice":      {[]string{"--custodian", b.in("anna.key"), "--custodian", b.in("anna.key"), "--approval", signed}, "do not open"},
		"not a custodian":    {[]string{"--custodian", b.in("bo.key"), "--custodian", b.in("prover.key"), "--approval", signed}, "do not open"},
		"no approval":        {[]string{"--custodian", b.in("anna.key"), "--custodian", b.in("bo.key")}, "takes the approval of two others"},
		"of one person":      {[]string{"--custodian", b.in("anna.key"), "--custodian", b.in("bo.key"), "--approval", signed + "-once"}, "approv"},
		"for another backup": {[]string{"--custodian", b.in("anna.key"), "--custodian", b.in("bo.key"), "--approval", b.in("other")}, "approv"},
		"over what is there": {[]string{"--custodian", b.in("anna.key"), "--custodian", b.in("bo.key"), "--approval", signed}, "restore"},
	} {
		folder := filepath.Join(b.dir, "refused-"+strings.ReplaceAll(name, " ", "-"))
		if name == "over what is there" {
			folder = b.in("bucket")
		}
		out := b.ends(t, 1, append([]string{"restore", folder, "--backup", id, "--approvers", b.in("approvers")}, c.args...)...)
		require.Contains(t, out, c.want, name)
		require.NoDirExists(t, filepath.Join(folder, "data"), name)
	}

	done := b.run(t, "restore", into, "--backup", id, "--approvers", b.in("approvers"), "--approval", signed, "--custodian", b.in("anna.key"), "--custodian", b.in("chi.key"))
	require.Regexp(t, `restored into \S+ in \S+\. Measured: RTO [\d.]+ s, RPO \S+`, done)
	b.takenIntoUse(t, into, p)
}

// takenIntoUse follows the runbook's last part.
func (b *backedUp) takenIntoUse(t *testing.T, into string, p *person) {
	t.Helper()
	require.NoError(t, os.Rename(filepath.Join(b.data, "postgres", "data"), b.in("lost")))
	require.NoError(t, os.Rename(filepath.Join(into, "data"), filepath.Join(b.data, "postgres", "data")))
	b.engines.up(t, b.local)
	require.Contains(t, b.ends(t, 3, "quarantine", "status"), "restore")
	require.Contains(t, b.ends(t, 1, "up"), "quarantine")
	b.run(t, "quarantine", "release")
	b.ends(t, 0, "quarantine", "status")
	_, base := b.serve(t, "up")
	p = p.at(t, base)
	page, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, nil)
	require.NoError(t, err)
	require.NotNil(t, page.JSON200, "%s", page.Body)
	require.Len(t, page.JSON200.Interactions, 3)
	p.says(t, "I bought a new bike.")
}

// consent is a document with the signatures of two others; with one alone it lies beside.
func (b *backedUp) consent(t *testing.T, name, backup string) string {
	t.Helper()
	document := b.run(t, "approval", "request", "restore", "--requester", uuid.NewString(), "--parameter", "backup="+backup)
	path := b.in(name)
	for _, signer := range []string{"ada", "petra"} {
		require.NoError(t, os.WriteFile(path, []byte(document), 0o600))
		document = b.run(t, "approval", "sign", path, "--private", b.in(signer))
		if signer == "ada" {
			require.NoError(t, os.WriteFile(path+"-once", []byte(document), 0o600))
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(document), 0o600))
	return path
}

// holds looks into what was restored: it has so many messages of a person, and Temporal's
// histories too.
func holds(t *testing.T, data string, p *person, messages int) {
	t.Helper()
	binaries, err := pgserver.Find(t.Context(), 0)
	require.NoError(t, err)
	account, err := pgserver.Unprivileged()
	require.NoError(t, err)
	server, err := pgserver.Start(t.Context(), binaries, account, data, map[string]string{"max_connections": "200"})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop()) }()
	require.NoError(t, server.AwaitRecovery(t.Context()))
	require.Equal(t, messages, answers(t, server, "meai", "select count(*) from interactions where subject_id = '"+p.subject.String()+"'"))
	require.Positive(t, answers(t, server, "temporal", "select count(*) from history_node"))
}

// answers is what a restored server says to one question.
func answers(t *testing.T, server *pgserver.Server, database, question string) (answer int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL(pgserver.Superuser, database))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, conn.QueryRow(t.Context(), question).Scan(&answer))
	return answer
}

// damageIsNamed flips one byte of the backup: looking at it closely and restoring it both
// name the object.
func (b *backedUp) damageIsNamed(t *testing.T, id string) {
	part := filepath.Join("backups", id, "base.tar.zst")
	contents, err := os.ReadFile(b.in(filepath.Join("bucket", part)))
	require.NoError(t, err)
	contents[len(contents)/2] ^= 1
	require.NoError(t, os.WriteFile(b.in(filepath.Join("bucket", part)), contents, 0o600))
	b.ends(t, 0, "backup", "check")
	require.Regexp(t, `PROBLEM .*`+part, b.ends(t, 2, "backup", "check", "--deep"))
	out := b.ends(t, 1, "restore", b.in("damaged"), "--backup", id, "--approvers", b.in("approvers"), "--approval", b.in("signed"),
		"--custodian", b.in("anna.key"), "--custodian", b.in("bo.key"))
	require.Contains(t, out, part)
	require.NoDirExists(t, b.in("damaged/data"))
}
