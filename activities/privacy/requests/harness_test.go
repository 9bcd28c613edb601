package requests_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/activities/privacy/requests"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/notify"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// place is somewhere time limits are told.
type place struct {
	mu    sync.Mutex
	got   []notify.Message
	fails error
}

func (p *place) Service() string { return "place" }

func (p *place) Notify(_ context.Context, m notify.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails == nil {
		p.got = append(p.got, m)
	}
	return p.fails
}

// office is a register with holds on a database, a keyring and a ledger of its own.
type office struct {
	*requests.Activities
	db    *postgres.DB
	urls  enginetest.URLs
	keys  *keyring.Keyring
	audit *audit.Log
	acts  *ledger.Ledger
	holds *requests.Holds
	told  *place
	woken []uuid.UUID
	log   bytes.Buffer
	clock time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db, urls := enginetest.Database(t)
	keys := enginetest.Keyring(t)
	o := &office{
		db: db, urls: urls, keys: keys, audit: audit.New(audit.Options{DB: db, Keys: keys}), holds: requests.NewHolds(keys), told: &place{},
		clock: time.Now().UTC().Truncate(time.Second),
	}
	var err error
	o.acts, err = ledger.Open(t.Context(), ledger.Options{Buckets: []string{"file://" + t.TempDir() + "/ledger?create_dir=true"}, Key: ledger.KeyOf(keys)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.acts.Close()) })
	o.Activities = o.activities(db)
	return o
}

// activities are those of a database, with the office's keyring and ledger.
func (o *office) activities(db *postgres.DB) *requests.Activities {
	log := audit.New(audit.Options{DB: db, Keys: o.keys})
	approvals := &approval.Store{DB: db, Keys: o.keys, Audit: log}
	committer := ledger.NewCommitter(o.acts, db, map[ledger.Kind]ledger.Applier{
		ledger.ApprovalGiven: approvals.ApplyGiven, ledger.ApprovalUsed: approvals.ApplyUsed,
		ledger.HoldPlaced: requests.ApplyPlaced(log), ledger.HoldReleased: requests.ApplyReleased(log),
	})
	a := &requests.Activities{
		Store: requests.NewStore(db, o.keys), Approvals: &approval.Activities{Store: approvals, Ledger: committer}, Ledger: committer,
		Wake:   func(_ context.Context, id uuid.UUID) error { o.woken = append(o.woken, id); return nil },
		Places: []notify.Notifier{o.told}, Link: "https://meai.example/v1/privacy/register",
		Log: slog.New(slog.NewTextHandler(&o.log, nil)),
	}
	a.Store.Clock(func() time.Time { return o.clock })
	return a
}

// replay brings a database up to the ledger.
func (o *office) replay(t *testing.T, a *requests.Activities) {
	t.Helper()
	_, err := a.Ledger.(*ledger.Committer).Replay(t.Context())
	require.NoError(t, err)
}

// somebody is a person with some messages, whose ids are returned.
func (o *office) somebody(t *testing.T, messages int) (subject uuid.UUID, items []uuid.UUID) {
	t.Helper()
	subject = uuid.New()
	require.NoError(t, o.db.EnsureSubject(t.Context(), subject))
	conn := connect(t, o.urls.App)
	_, err := conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", subject.String())
	require.NoError(t, err)
	for range messages {
		items = append(items, uuid.Must(uuid.NewV7()))
		_, err := conn.Exec(t.Context(), `insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at)
			values ($1, $2, $2, 'w', 'accepted', now())`, subject, items[len(items)-1])
		require.NoError(t, err)
	}
	return subject, items
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// agreed is an approval of two others.
func (o *office) agreed(t *testing.T, act approval.Act, parameters map[string]string) uuid.UUID {
	t.Helper()
	require.Empty(t, approval.Check(act, parameters))
	asked := o.ask(t, act, parameters)
	for range 2 {
		o.agree(t, asked)
	}
	_, err := o.Approvals.Conclude(t.Context(), approval.Ref{ID: asked})
	require.NoError(t, err)
	return asked
}

func (o *office) ask(t *testing.T, act approval.Act, parameters map[string]string) uuid.UUID {
	t.Helper()
	asked, err := o.Approvals.Store.Ask(t.Context(), approval.Asked{
		Key: uuid.NewString(), Act: act, Parameters: parameters, Requester: uuid.New(), Reason: "The court wrote on Tuesday.", Lifetime: time.Hour, Role: "privacy_officer",
	})
	require.NoError(t, err)
	return asked.ID
}

func (o *office) agree(t *testing.T, id uuid.UUID) {
	t.Helper()
	decision, err := o.Approvals.Store.Sign(t.Context(), approval.Decision{Approval: id, Approver: uuid.New(), Approves: true})
	require.NoError(t, err)
	_, err = o.Approvals.Record(t.Context(), decision)
	require.NoError(t, err)
}

// holding are the parameters of a hold for some days.
func (o *office) holding(subject uuid.UUID, days int, items ...uuid.UUID) map[string]string {
	list := approval.Everything
	if len(items) > 0 {
		list = requests.DigestOf(items)
	}
	return map[string]string{
		"subject": subject.String(), "reason": "litigation", "until": o.clock.AddDate(0, 0, days).Format(time.RFC3339), "told": "yes", "items": list,
	}
}

// hold places one.
func (o *office) hold(t *testing.T, subject uuid.UUID, days int, items ...uuid.UUID) uuid.UUID {
	t.Helper()
	ref, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.Hold, o.holding(subject, days, items...)), Items: items})
	require.NoError(t, err)
	return ref.ID
}

// release ends one before its time.
func (o *office) release(t *testing.T, hold uuid.UUID) {
	t.Helper()
	ref, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.ReleaseHold, map[string]string{"hold": hold.String()})})
	require.NoError(t, err)
	require.Equal(t, hold, ref.ID)
}

// held is whether everything of a person is held, and what is held one by one.
func (o *office) held(t *testing.T, db *postgres.DB, subject uuid.UUID) (everything bool, items []uuid.UUID) {
	t.Helper()
	require.NoError(t, db.Read(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
		_, held, err := o.holds.Held(ctx, q, subject)
		everything = held
		list, failed := o.holds.HeldItems(ctx, q, subject)
		items = list
		return errors.Join(err, failed)
	}))
	return everything, items
}

// trail is what the audit log says, in order, without approvals.
func (o *office) trail(t *testing.T) []string {
	t.Helper()
	page, err := o.audit.Entries(t.Context(), 0, audit.HMAC{}, 500)
	require.NoError(t, err)
	var acts []string
	for _, e := range page.Entries {
		if e.Kind != audit.Approval {
			acts = append(acts, string(e.Act)+" "+e.Reason)
		}
	}
	return acts
}

// asks registers a request and returns its id.
func (o *office) asks(t *testing.T, subject uuid.UUID, change ...func(*requests.New)) uuid.UUID {
	t.Helper()
	n := requests.New{ID: uuid.New(), Subject: subject, Kind: requests.Access, Law: requests.GDPR, At: o.clock}
	for _, c := range change {
		c(&n)
	}
	require.NoError(t, o.Store.Receive(t.Context(), n))
	return n.ID
}

// waiting is an erasure of a person that waits, and that the register may know nothing of.
func (o *office) waiting(t *testing.T, subject uuid.UUID, state string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	who, err := alias.Of(t.Context(), o.keys, subject)
	require.NoError(t, err)
	owner := connect(t, o.urls.Owner)
	for _, statement := range []string{
		"insert into erasures (id, alias, law, origin, requested_at, cooling_until) values ($1, $2, 'gdpr', 'person', now(), now())",
		"update erasures set state = '" + state + "', ended_at = case when '" + state + "' = 'cancelled' then now() end where id = $1 and alias = $2",
	} {
		_, err := owner.Exec(t.Context(), statement, id, who[:])
		require.NoError(t, err)
	}
	return id
}

func toErase(n *requests.New) { n.Kind = requests.Erasure }
