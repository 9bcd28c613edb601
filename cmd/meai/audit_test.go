package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"meai/api/client"
	"meai/internal/audit"
	"meai/internal/config"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/signing"
)

// exits runs a meai command and returns its exit status and what it printed.
func (s site) exits(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out, err := s.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "meai %s", strings.Join(args, " "))
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

// auditLog is the installation's audit log, opened by the test as a process would.
func (s site) auditLog(t *testing.T) (*audit.Log, *ledger.Ledger) {
	t.Helper()
	c, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: c.Postgres.URL})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	keys, err := keyring.Open(t.Context(), keyring.Options{Bucket: c.Keyring.Bucket, KEK: c.Keyring.KEK})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: ledger.Buckets(c.Ledger.Buckets), Key: ledger.KeyOf(keys)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return audit.New(audit.Options{DB: db, Keys: keys}), l
}

func (s site) superuser(t *testing.T, statement string) {
	t.Helper()
	url := enginetest.Superuser(t, enginetest.URLs{Owner: s.setting("MEAI_POSTGRES_OWNER_URL")})
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	for _, sql := range []string{"set session_replication_role = replica", statement} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}

func TestTheAuditLogIsVerifiedAndTamperingEndsWithStatusTwo(t *testing.T) {
	s := newSite(t)
	log, _ := s.auditLog(t)
	for i := range 6 {
		_, err := log.Record(t.Context(), audit.Entry{
			Actor: "operator-1", Role: "operator", Act: audit.PayloadDecoded, Outcome: audit.Succeeded, Reason: "case_" + string(rune('a'+i)),
		})
		require.NoError(t, err)
	}
	note := s.run(t, "audit", "checkpoint")
	require.True(t, strings.HasPrefix(note, "meai-audit\n6\n"), note)
	require.Equal(t, note, s.run(t, "audit", "checkpoint"), "there is nothing new to sign")
	out := s.run(t, "audit", "verify")
	require.Contains(t, out, "1 in the database and 1 in the ledger agree; the newest covers 6 entries")
	require.True(t, strings.HasSuffix(out, "intact\n"), out)

	key := strings.TrimSpace(s.run(t, "audit", "key"))
	export := filepath.Join(t.TempDir(), "audit.jsonl")
	require.Equal(t, "6 entries and 2 checkpoints written.\n", s.run(t, "audit", "export", export))
	offline := site{config: os.DevNull, env: []string{"MEAI_POSTGRES_URL="}}
	require.Contains(t, offline.run(t, "audit", "verify", "--export", export, "--key", key), "intact\n")

	s.superuser(t, "update audit_log set leaf = set_byte(leaf, 90, 88) where leaf_index = 4")
	status, out := s.exits(t, "audit", "verify")
	require.Equal(t, 2, status)
	require.Contains(t, out, "entry 4: changed: its hash is not the one that was stored with it")
	s.superuser(t, "delete from audit_log where leaf_index >= 4")
	s.superuser(t, "delete from audit_checkpoints")
	status, out = s.exits(t, "audit", "verify")
	require.Equal(t, 2, status)
	require.Contains(t, out, "entries 4 to 5: removed: they are missing at the end; a signed checkpoint covers 6")
	status, _ = s.with("MEAI_POSTGRES_READER_URL=postgres://nobody@127.0.0.1:1/x").exits(t, "audit", "verify")
	require.Equal(t, 1, status, "it could not be verified")
	require.Contains(t, offline.run(t, "audit", "verify", "--export", export, "--key", key), "intact\n", "the copy from before is as it was")
}

func TestProofsByTheAPIHoldForWhoTrustsTheKeyAlone(t *testing.T) {
	s := newSite(t)
	log, _ := s.auditLog(t)
	object, err := log.Object(t.Context(), audit.Subject, "somebody")
	require.NoError(t, err)
	record := func(n int) {
		for range n {
			_, err := log.Record(t.Context(), audit.Entry{
				Actor: "a", Role: "support", Act: audit.PayloadDecoded, Kind: audit.Subject, Object: object, Outcome: audit.Denied,
			})
			require.NoError(t, err)
		}
	}
	key, err := signing.ParsePublic(s.run(t, "audit", "key"))
	require.NoError(t, err)
	record(5)
	_, base := s.serve(t, "api")
	c := signedIn(t, base, "auditor.otto").api
	checkpoint := func() audit.Checkpoint {
		s.run(t, "audit", "checkpoint")
		got, err := c.GetAuditCheckpointWithResponse(t.Context())
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, string(got.Body))
		opened, err := audit.OpenCheckpoint(key, got.JSON200.Note)
		require.NoError(t, err)
		return opened
	}
	first := checkpoint()
	record(6)
	second := checkpoint()

	limit, hmac := 4, object.String()
	page, err := c.ListAuditEntriesWithResponse(t.Context(), &client.ListAuditEntriesParams{Limit: &limit, Cursor: 5, Object: &hmac})
	require.NoError(t, err)
	require.NotNil(t, page.JSON200, string(page.Body))
	require.Len(t, page.JSON200.Entries, 4)
	require.EqualValues(t, 10, page.JSON200.NextCursor, "the auditor's own sign-in is entry 5")
	require.Equal(t, "payload.decoded", page.JSON200.Entries[0].Act)

	proof, err := c.ProveAuditEntryWithResponse(t.Context(), 7, &client.ProveAuditEntryParams{})
	require.NoError(t, err)
	require.NotNil(t, proof.JSON200, string(proof.Body))
	require.Equal(t, second.Size, proof.JSON200.Size)
	require.NoError(t, tlog.CheckRecord(hashes(t, proof.JSON200.Hashes), second.Size, second.Root, 7, tlog.RecordHash(proof.JSON200.Leaf)))
	grown, err := c.ProveAuditConsistencyWithResponse(t.Context(), &client.ProveAuditConsistencyParams{From: first.Size, To: second.Size})
	require.NoError(t, err)
	require.NotNil(t, grown.JSON200, string(grown.Body))
	require.NoError(t, tlog.CheckTree(hashes(t, grown.JSON200.Hashes), second.Size, second.Root, first.Size, first.Root))
	beyond, err := c.ProveAuditEntryWithResponse(t.Context(), 12, &client.ProveAuditEntryParams{})
	require.NoError(t, err)
	require.NotNil(t, beyond.ApplicationproblemJSON404)
}

func TestWhoComesInAndWhoIsTurnedAwayIsRecorded(t *testing.T) {
	s := newSite(t, "MEAI_LIMITS_FAILED_LOGINS=3")
	_, base := s.serve(t, "up")
	sam := signedIn(t, base, "support.sam")
	for range 3 {
		require.Equal(t, http.StatusForbidden, sam.readsTheLog(t))
	}
	var guessed int
	for range 6 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/audit/checkpoint", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer guess")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		guessed = response.StatusCode
	}
	require.Equal(t, http.StatusTooManyRequests, guessed)

	acts := map[string]int{}
	for _, e := range s.auditEntries(t) {
		acts[fmt.Sprintf("%s %s %s %s", e.Act, e.Role, e.Reason, e.Outcome)]++
	}
	require.Equal(t, 1, acts["identity.signed_in support several_factors succeeded"], "%v", acts)
	require.Equal(t, 1, acts["access.denied support listAuditEntries denied"], "%v", acts)
	require.Equal(t, 1, acts["identity.sign_in_refused none too_many_attempts denied"], "%v", acts)
}

// auditEntries are all that the log holds.
func (s site) auditEntries(t *testing.T) []audit.Entry {
	t.Helper()
	log, _ := s.auditLog(t)
	page, err := log.Entries(t.Context(), 0, audit.HMAC{}, 1000)
	require.NoError(t, err)
	return page.Entries
}

// acts are the acts in the log, in order.
func (s site) acts(t *testing.T) (acts []audit.Act) {
	t.Helper()
	for _, e := range s.auditEntries(t) {
		acts = append(acts, e.Act)
	}
	return acts
}

func hashes(t *testing.T, texts []string) []tlog.Hash {
	t.Helper()
	var list []tlog.Hash
	for _, text := range texts {
		h, err := tlog.ParseHash(text)
		require.NoError(t, err)
		list = append(list, h)
	}
	return list
}

func TestTheLedgerIsReplayedVerifiedAndShown(t *testing.T) {
	s := newSite(t)
	_, l := s.auditLog(t)
	_, err := l.Append(t.Context(), ledger.Revocation("api_key", "k1")) // and killed
	require.NoError(t, err)
	require.Equal(t, "1 entries applied.\n", s.run(t, "ledger", "replay"))
	require.Equal(t, "0 entries applied.\n", s.run(t, "ledger", "replay"))
	require.Contains(t, s.run(t, "ledger", "show"), "key.revoked  revocation/api_key/k1  id=k1  kind=api_key\n")
	require.Contains(t, s.run(t, "ledger", "verify"), "applied  1\nintact\n")
	require.Contains(t, s.run(t, "ledger", "repair"), "1 stores hold every entry.")

	_, err = l.Append(t.Context(), ledger.Act{Kind: ledger.PepperCustody, ID: "custody-1"})
	require.NoError(t, err)
	status, out := s.exits(t, "ledger", "replay")
	require.Equal(t, 1, status)
	require.Contains(t, out, "nothing applies acts of this kind: pepper.custody")

	bucket := strings.TrimSuffix(strings.TrimPrefix(s.setting("MEAI_LEDGER_BUCKETS"), "file://"), "?create_dir=true")
	names, err := filepath.Glob(filepath.Join(bucket, "entries", "*"))
	require.NoError(t, err)
	require.Len(t, names, 2)
	require.NoError(t, errors.Join(os.Remove(names[0]), os.Remove(names[1])))
	status, out = s.exits(t, "ledger", "verify")
	require.Equal(t, 2, status)
	require.Contains(t, out, "has applied entry 1 and the ledger ends with 0")
}
