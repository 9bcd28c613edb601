package failover_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/internal/enginetest"
	"meai/internal/fence"
	"meai/internal/pgserver"
	"meai/internal/postgres"
)

// pair is a primary with the product's schema and a streaming standby.
type pair struct {
	binaries         pgserver.Binaries
	account          pgserver.Account
	primary, standby *pgserver.Server
}

const roles = `
create role meai_owner login createdb;
create role meai_app login;
create role meai_reader login;
create role meai_backup login replication bypassrls;
grant pg_read_all_data, pg_monitor to meai_backup`

func newPair(t *testing.T) *pair {
	ctx := t.Context()
	dir, err := os.MkdirTemp("", "meai-failover-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	p := &pair{}
	p.binaries, err = pgserver.Find(ctx, 0)
	require.NoError(t, err)
	p.account, err = pgserver.Unprivileged()
	require.NoError(t, err)
	settings := map[string]string{"wal_level": "replica", "max_wal_senders": "10", "max_locks_per_transaction": "256", "wal_log_hints": "on"}
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	require.NoError(t, p.binaries.Init(ctx, p.account, first))
	p.primary, err = pgserver.Start(ctx, p.binaries, p.account, first, settings)
	require.NoError(t, err)
	t.Cleanup(p.primary.Kill)
	require.NoError(t, p.primary.AwaitRecovery(ctx))
	p.exec(t, p.primary.URL(pgserver.Superuser, "postgres"), roles)
	p.exec(t, p.primary.URL(pgserver.Superuser, "postgres"), "create database meai owner meai_owner")
	require.NoError(t, postgres.Migrate(ctx, p.primary.URL("meai_owner", "meai"), enginetest.Logger(t)))

	require.NoError(t, p.account.MakeFolder(second))
	from := p.primary.URL(pgserver.Superuser, "")
	require.NoError(t, p.binaries.Run(ctx, p.account, "pg_basebackup", "-D", second, "-d", from, "-X", "stream", "-c", "fast"))
	signal := filepath.Join(second, "standby.signal")
	require.NoError(t, os.WriteFile(signal, nil, 0o600))
	require.NoError(t, p.account.Own(signal))
	settings["primary_conninfo"] = from
	p.standby, err = pgserver.Start(ctx, p.binaries, p.account, second, settings)
	require.NoError(t, err)
	t.Cleanup(p.standby.Kill)
	return p
}

func (p *pair) exec(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err)
	}
}

func (p *pair) databases() (a, b failover.Database) {
	return failover.Database{URL: p.primary.URL(pgserver.Superuser, "meai")}, failover.Database{URL: p.standby.URL(pgserver.Superuser, "meai")}
}

// TestWhatServersSayOfThemselves promotes a real standby, and asks both sides before and after.
func TestWhatServersSayOfThemselves(t *testing.T) {
	p, ctx := newPair(t), t.Context()
	a, b := p.databases()
	backups := failover.Database{URL: p.primary.URL("meai_backup", "meai")}
	require.NoError(t, backups.Beat(ctx), "the role that takes backups may")
	require.Eventually(t, func() bool {
		r, err := b.Replica(ctx)
		return err == nil && r.Streaming && time.Since(r.Newest) < time.Minute && !r.Newest.IsZero()
	}, 30*time.Second, 20*time.Millisecond)
	before, err := a.Standing(ctx)
	require.NoError(t, err)
	require.Equal(t, failover.Standing{Timeline: 1}, before)
	before, err = b.Standing(ctx)
	require.NoError(t, err)
	require.Equal(t, failover.Standing{InRecovery: true, Timeline: 1}, before)
	_, err = b.Canary(ctx)
	require.Error(t, err, "a standby takes no canary")
	refusal, err := b.Refusal(ctx)
	require.NoError(t, err)
	require.Equal(t, failover.RefusedReadOnly, refusal)
	_, err = a.Refusal(ctx)
	require.ErrorIs(t, err, failover.ErrTwoWriters)

	told, subject := uuid.New(), uuid.New()
	p.exec(t, a.URL, "set session_replication_role = replica", // a row by itself, without all that belongs to a person
		"insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at) values ('"+subject.String()+"', '"+told.String()+"', '"+uuid.NewString()+"', 'w', 'accepted', now())")
	_, err = a.Canary(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		there, err := b.Present(ctx, []failover.Acknowledged{{Interaction: told}, {Interaction: uuid.New()}})
		return err == nil && len(there) == 1 && there[told]
	}, 30*time.Second, 20*time.Millisecond)

	p.primary.Kill()
	refusal, err = a.Refusal(ctx)
	require.NoError(t, err)
	require.Equal(t, failover.RefusedAway, refusal)
	p.exec(t, p.standby.URL(pgserver.Superuser, "postgres"), "select pg_promote()")
	after, err := b.Standing(ctx)
	require.NoError(t, err)
	require.Equal(t, failover.Standing{Timeline: 2}, after, "before any checkpoint")
	_, err = b.Canary(ctx)
	require.NoError(t, err)
}

// TestAFailoverOfRealServersMeasuresWhatIsMissing: a client was told of an interaction that
// the standby never received.
func TestAFailoverOfRealServersMeasuresWhatIsMissing(t *testing.T) {
	s, p, ctx := newScene(t, fence.Async), newPair(t), t.Context()
	s.servers["a"].standing.Timeline, s.servers["b"].standing.Timeline = 1, 1 // as the real ones
	a, b := p.databases()
	path := filepath.Join(t.TempDir(), "acknowledged.jsonl")
	ledger, err := failover.OpenAcknowledgements(path)
	require.NoError(t, err)
	insert := func(id uuid.UUID) {
		p.exec(t, a.URL, "set session_replication_role = replica",
			"insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at) values (gen_random_uuid(), '"+id.String()+"', gen_random_uuid(), 'w', 'accepted', now())")
		require.NoError(t, ledger.Note(failover.Acknowledged{Key: id.String(), Interaction: id, At: time.Now().UTC()}))
	}
	kept, lost := uuid.New(), uuid.New()
	insert(kept)
	require.NoError(t, a.Beat(ctx))
	require.Eventually(t, func() bool {
		there, err := b.Present(ctx, []failover.Acknowledged{{Interaction: kept}})
		return err == nil && there[kept]
	}, 30*time.Second, 20*time.Millisecond)
	// The line is cut, and one more is acknowledged.
	p.exec(t, b.URL, "alter system set primary_conninfo = ''")
	p.standby = p.restarted(t)
	_, b = p.databases()
	insert(lost)
	require.NoError(t, ledger.Close())
	p.primary.Kill()

	c, _ := s.controller(0)
	c.Now, c.Acknowledgements = nil, path
	c.Databases = map[string]failover.Server{"a": a, "b": promoting{b, s, p, t}}
	c.Limits.RPO = time.Minute
	require.NoError(t, c.Carry(ctx, failover.Input{}, func(step string, _ failover.Done, err error) { require.NoError(t, err, step) }))
	all, err := c.History(ctx)
	require.NoError(t, err)
	var measured *failover.Measured
	for _, done := range all[0].Steps {
		if done.Measured != nil {
			measured = done.Measured
		}
	}
	require.NotNil(t, measured)
	require.Equal(t, failover.ByLedger, measured.Basis)
	require.Equal(t, 2, measured.Missing.Acknowledged)
	require.Equal(t, 1, measured.Missing.Count)
	require.Equal(t, lost, measured.Missing.First[0].Interaction)
	require.Equal(t, 2, all[0].Timeline)
	for _, done := range all[0].Steps {
		if done.Step == "verify" {
			require.Equal(t, failover.RefusedAway, done.Found["old_refused"])
		}
	}
}

// promoting is promoted when it is first asked what it is after it was decided, as its agent
// would have done.
type promoting struct {
	failover.Database
	scene *scene
	pair  *pair
	t     *testing.T
}

func (p promoting) Standing(ctx context.Context) (failover.Standing, error) {
	standing, err := p.Database.Standing(ctx)
	if err == nil && standing.InRecovery && p.scene.desired().Region == "b" {
		u, err := url.Parse(p.URL)
		require.NoError(p.t, err)
		p.pair.exec(p.t, u.String(), "select pg_promote()")
		return p.Database.Standing(ctx)
	}
	return standing, err
}

// restarted is the standby without its primary.
func (p *pair) restarted(t *testing.T) *pgserver.Server {
	t.Helper()
	data := p.data(t)
	require.NoError(t, p.standby.Stop())
	server, err := pgserver.Start(t.Context(), p.binaries, p.account, data, map[string]string{"max_wal_senders": "10", "max_locks_per_transaction": "256"})
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	return server
}

func (p *pair) data(t *testing.T) (dir string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.standby.URL(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, conn.QueryRow(t.Context(), "show data_directory").Scan(&dir))
	return dir
}
