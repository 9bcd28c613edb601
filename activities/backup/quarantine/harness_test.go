package quarantine_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"meai/activities/backup/quarantine"
	"meai/activities/keys"
	"meai/internal/audit"
	"meai/internal/cluster"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// namespace is one for all tests, with the declared schedules in it: making it takes
// some seconds. The tests do not run side by side.
var namespace = struct {
	sync.Once
	name string
}{name: "quarantine-" + uuid.NewString()[:8]}

func temporal(t *testing.T) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{
		HostPort: enginetest.Config(t).Temporal.Address, Namespace: namespace.name, Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	namespace.Do(func() {
		declared, err := cluster.Load("../../../temporal.yaml")
		require.NoError(t, err)
		_, err = cluster.Applier{Client: c, Namespace: namespace.name, Declared: declared}.Apply(t.Context())
		require.NoError(t, err)
	})
	return c
}

// world is what is outside of a database, and goes on when that goes back.
type world struct {
	keys *keyring.Keyring
	acts *ledger.Ledger
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{keys: enginetest.Keyring(t)}
	var err error
	w.acts, err = ledger.Open(t.Context(), ledger.Options{
		Buckets: []string{"file://" + t.TempDir() + "/ledger?create_dir=true"}, Key: ledger.KeyOf(w.keys), Logger: enginetest.Logger(t),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.acts.Close()) })
	return w
}

// begun counts the epochs that the ledger knows of.
func (w *world) begun(t *testing.T) (n int) {
	t.Helper()
	_, err := w.acts.Replay(t.Context(), 1, func(_ context.Context, e ledger.Entry) error {
		if e.Kind == ledger.EpochBegun {
			n++
		}
		return nil
	})
	require.NoError(t, err)
	return n
}

// place is one copy of the database: as a process has it open, and as who releases it.
type place struct {
	world *world
	urls  enginetest.URLs
	db    *postgres.DB
	acts  *ledger.Committer // of the process
	log   *audit.Log        // of who releases
	steps []quarantine.Progress
	quarantine.Release
}

func (w *world) place(t *testing.T) *place {
	t.Helper()
	p := &place{world: w}
	p.db, p.urls = enginetest.Database(t)
	p.acts = p.committer(p.db)
	looks, err := postgres.Open(t.Context(), postgres.Options{URL: p.urls.App, Quarantine: true})
	require.NoError(t, err)
	t.Cleanup(looks.Close)
	p.log = audit.New(audit.Options{DB: looks, Keys: w.keys})
	p.Release = quarantine.Release{
		DB: looks, OwnerURL: p.urls.Owner, Temporal: temporal(t), Namespace: namespace.name,
		Ledger: p.committer(looks), Audit: p.log, Queues: []string{"privacy", "operations", "batch"},
		Approved: func(context.Context, uuid.UUID) error { return nil },
		Report:   func(s quarantine.Progress) { p.steps = append(p.steps, s) },
	}
	return p
}

func (p *place) committer(db *postgres.DB) *ledger.Committer {
	log := audit.New(audit.Options{DB: db, Keys: p.world.keys})
	return ledger.NewCommitter(p.world.acts, db, map[ledger.Kind]ledger.Applier{
		ledger.EpochBegun: quarantine.ApplyEpoch(log), ledger.ErasureCompleted: keys.ApplyErased(log, p.world.keys), ledger.AuditCheckpoint: log.ApplyCheckpoint,
	})
}

// begin begins a quarantine as the owner.
func (p *place) begin(t *testing.T, restore string) {
	t.Helper()
	begun, err := quarantine.Begin(t.Context(), p.urls.Owner, quarantine.Facts{Reason: quarantine.Restored, Restore: restore, Approval: uuid.New()})
	require.NoError(t, err)
	require.True(t, begun)
}

func (p *place) state(t *testing.T) postgres.State {
	t.Helper()
	s, err := p.DB.State(t.Context())
	require.NoError(t, err)
	return s
}

// recorded counts the entries of an act in the audit log.
func (p *place) recorded(t *testing.T, act audit.Act) (n int) {
	t.Helper()
	page, err := p.log.Entries(t.Context(), 0, audit.HMAC{}, 1000)
	require.NoError(t, err)
	for _, e := range page.Entries {
		if e.Act == act {
			n++
		}
	}
	return n
}

func nothing(context.Context, *queries.Queries) error { return nil }
