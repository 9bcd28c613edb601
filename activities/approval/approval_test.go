package approval_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// office is a database, a ledger and a keyring with approvals on them.
type office struct {
	*approval.Activities
	db   *postgres.DB
	urls enginetest.URLs
	keys *keyring.Keyring
	dir  string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db, urls := enginetest.Database(t)
	dir := t.TempDir()
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Bucket: "file://" + dir + "/keyring?create_dir=true", KEK: "file://" + dir + "/kek.key", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	o := &office{db: db, urls: urls, keys: keys, dir: dir}
	o.Activities = &approval.Activities{
		Store:  &approval.Store{DB: db, Keys: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys})},
		Ledger: o.committer(t, db),
	}
	return o
}

// committer opens the ledger for a database.
func (o *office) committer(t *testing.T, db *postgres.DB) *ledger.Committer {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: []string{"file://" + o.dir + "/ledger?create_dir=true"}, Key: ledger.KeyOf(o.keys), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	store := &approval.Store{DB: db, Keys: o.keys, Audit: audit.New(audit.Options{DB: db, Keys: o.keys})}
	return ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{ledger.ApprovalGiven: store.ApplyGiven, ledger.ApprovalUsed: store.ApplyUsed})
}

func (o *office) ask(t *testing.T, act approval.Act, parameters map[string]string) approval.Approval {
	t.Helper()
	require.Empty(t, approval.Check(act, parameters))
	a, err := o.Store.Ask(t.Context(), approval.Asked{
		Key: uuid.NewString(), Act: act, Parameters: parameters, Requester: uuid.New(),
		Reason: "The region is on fire.", Lifetime: time.Hour, Role: "operator",
	})
	require.NoError(t, err)
	require.Equal(t, approval.Pending, a.State)
	return a
}

var restore = map[string]string{"backup": "2026-11-25"}

// decision is one that came through the API.
func (o *office) decision(t *testing.T, id, approver uuid.UUID, approves bool) approval.Decision {
	t.Helper()
	d, err := o.Store.Sign(t.Context(), approval.Decision{Approval: id, Approver: approver, Approves: approves})
	require.NoError(t, err)
	return d
}

func (o *office) agree(t *testing.T, id uuid.UUID) approval.Tally {
	t.Helper()
	tally, err := o.Record(t.Context(), o.decision(t, id, uuid.New(), true))
	require.NoError(t, err)
	return tally
}

func (o *office) conclude(t *testing.T, id uuid.UUID) approval.State {
	t.Helper()
	outcome, err := o.Conclude(t.Context(), approval.Ref{ID: id})
	require.NoError(t, err)
	read, err := o.Store.Approval(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, outcome.State, read.State)
	return outcome.State
}

func (o *office) acts(t *testing.T) []audit.Act {
	t.Helper()
	stored, err := audit.InDatabase(t.Context(), o.db)
	require.NoError(t, err)
	var acts []audit.Act
	for record, err := range stored.Records {
		require.NoError(t, err)
		entry, err := audit.Decode(record.Leaf)
		require.NoError(t, err)
		acts = append(acts, entry.Act)
	}
	return acts
}

func TestTwoOthersAgree(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	require.Equal(t, 2, a.Required)
	require.False(t, o.agree(t, a.ID).Decided)
	_, err := o.Conclude(t.Context(), approval.Ref{ID: a.ID})
	require.Error(t, err, "one is not enough")
	require.True(t, o.agree(t, a.ID).Decided)
	_, err = o.Record(t.Context(), o.decision(t, a.ID, uuid.New(), false))
	require.True(t, failure.Is(err, failure.Decided), "too late, although it is not concluded: %v", err)
	require.Equal(t, approval.Approved, o.conclude(t, a.ID))
	require.Equal(t, approval.Approved, o.conclude(t, a.ID), "a repeat")
	require.Equal(t, []audit.Act{audit.ApprovalRequested, audit.ApprovalGiven, audit.ApprovalGiven}, o.acts(t))
}

func TestWhoDoesNotCount(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	first := o.decision(t, a.ID, uuid.New(), true)
	_, err := o.Record(t.Context(), first)
	require.NoError(t, err)

	t.Run("the same person again", func(t *testing.T) {
		tally, err := o.Record(t.Context(), first)
		require.NoError(t, err, "a repeat is harmless")
		require.False(t, tally.Decided)
		_, err = o.Record(t.Context(), o.decision(t, a.ID, first.Approver, false))
		require.True(t, failure.Is(err, failure.Decided), "%v", err)
	})
	t.Run("the requester", func(t *testing.T) {
		_, err := o.Record(t.Context(), o.decision(t, a.ID, a.Requester, true))
		require.True(t, failure.Is(err, failure.NotAllowed), "%v", err)
	})
	t.Run("a decision that did not come through the API", func(t *testing.T) {
		for name, d := range map[string]approval.Decision{
			"no MAC":               {Approval: a.ID, Approver: uuid.New(), Approves: true},
			"another person's MAC": {Approval: a.ID, Approver: uuid.New(), Approves: true, MAC: first.MAC},
			"for another approval": {Approval: o.ask(t, approval.Restore, restore).ID, Approver: first.Approver, Approves: true, MAC: first.MAC},
		} {
			_, err := o.Record(t.Context(), d)
			require.True(t, failure.Is(err, failure.NotAllowed), "%s: %v", name, err)
		}
	})
	t.Run("nobody, for what was never asked", func(t *testing.T) {
		_, err := o.Record(t.Context(), o.decision(t, uuid.New(), uuid.New(), true))
		require.True(t, failure.Is(err, failure.NotFound), "%v", err)
	})
	require.Equal(t, approval.Pending, mustRead(t, o, a.ID).State)
}

func mustRead(t *testing.T, o *office, id uuid.UUID) approval.Approval {
	t.Helper()
	a, err := o.Store.Approval(t.Context(), id)
	require.NoError(t, err)
	return a
}

func TestOneRefusalEndsIt(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	o.agree(t, a.ID)
	tally, err := o.Record(t.Context(), o.decision(t, a.ID, uuid.New(), false))
	require.NoError(t, err)
	require.True(t, tally.Decided)
	require.Equal(t, approval.Refused, o.conclude(t, a.ID))
	_, err = o.Record(t.Context(), o.decision(t, a.ID, uuid.New(), true))
	require.True(t, failure.Is(err, failure.Decided), "%v", err)
	_, err = o.Use(t.Context(), approval.UseInput{ID: a.ID, Act: approval.Restore, Parameters: restore, By: "restore/1"})
	require.True(t, failure.Is(err, failure.Decided), "%v", err)
}

func TestTimeRunsOut(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	o.agree(t, a.ID)
	o.sql(t, "alter table approvals disable trigger user")
	o.sql(t, "update approvals set created_at = created_at - interval '2 hours', expires_at = expires_at - interval '2 hours' where id = $1", a.ID)
	require.Equal(t, approval.Expired, mustRead(t, o, a.ID).State, "before its workflow says so")
	_, err := o.Record(t.Context(), o.decision(t, a.ID, uuid.New(), true))
	require.True(t, failure.Is(err, failure.Decided), "%v", err)
	require.Equal(t, approval.Expired, o.conclude(t, a.ID))
	require.Contains(t, o.acts(t), audit.ApprovalExpired)
}

func (o *office) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	require.NoError(t, o.try(t, statement, args...))
}

func (o *office) try(t *testing.T, statement string, args ...any) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), o.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), statement, args...)
	return err
}

func TestAnApprovalIsUsedOnceAndForItsActOnly(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	use := approval.UseInput{ID: a.ID, Act: approval.Restore, Parameters: restore, By: "restore/1"}
	_, err := o.Use(t.Context(), use)
	require.True(t, failure.Is(err, failure.Decided), "before it is approved: %v", err)
	o.agree(t, a.ID)
	o.agree(t, a.ID)
	o.conclude(t, a.ID)

	other := use
	other.Parameters = map[string]string{"backup": "2026-11-24"}
	_, err = o.Use(t.Context(), other)
	require.True(t, failure.Is(err, failure.NotAllowed), "%v", err)
	other = use
	other.Act = approval.OverrideFailover
	_, err = o.Use(t.Context(), other)
	require.True(t, failure.Is(err, failure.NotAllowed), "%v", err)
	other = use
	other.By = ""
	_, err = o.Use(t.Context(), other)
	require.Error(t, err)

	var group sync.WaitGroup
	outcomes := make([]error, 6)
	for i := range outcomes {
		group.Go(func() {
			in := use
			in.By = "restore/" + string(rune('a'+i))
			_, outcomes[i] = o.Use(t.Context(), in)
		})
	}
	group.Wait()
	won := ""
	for i, err := range outcomes {
		if err == nil {
			require.Empty(t, won, "used twice")
			won = "restore/" + string(rune('a'+i))
		}
	}
	require.NotEmpty(t, won)
	use.By = won
	_, err = o.Use(t.Context(), use)
	require.NoError(t, err, "a retry of the same workflow")
	require.Equal(t, 1, strings.Count(fmt.Sprint(o.acts(t)), string(audit.ApprovalUsed)))

	// A database from before the use knows of it once the ledger is replayed.
	older, _ := enginetest.Database(t)
	_, err = o.committer(t, older).Replay(t.Context())
	require.NoError(t, err)
	restored := &approval.Activities{Store: &approval.Store{DB: older, Keys: o.keys, Audit: audit.New(audit.Options{DB: older, Keys: o.keys})}, Ledger: o.committer(t, older)}
	use.By = "restore/again"
	_, err = restored.Use(t.Context(), use)
	require.True(t, failure.Is(err, failure.Decided), "%v", err)
	require.Equal(t, won, mustRead(t, o, a.ID).UsedBy)
}

func TestElevationGivesARoleForATime(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Elevate, map[string]string{"role": "auditor", "minutes": "30"})
	require.True(t, o.agree(t, a.ID).Decided, "one other is enough")
	require.Equal(t, approval.Approved, o.conclude(t, a.ID))
	conn, err := pgx.Connect(t.Context(), o.urls.Reader)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var role string
	var lasts time.Duration
	require.NoError(t, conn.QueryRow(t.Context(), "select role, expires_at - granted_at from role_grants where principal_id = $1", a.Requester).Scan(&role, &lasts))
	require.Equal(t, "auditor", role)
	require.Equal(t, 30*time.Minute, lasts)
}

func TestTheDatabaseHoldsToItToo(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	o.agree(t, a.ID)
	app, err := pgx.Connect(t.Context(), o.urls.App)
	require.NoError(t, err)
	defer func() { require.NoError(t, app.Close(context.Background())) }()
	for name, statement := range map[string]string{
		"born approved":           "insert into approvals (id, act, parameters, requester, reason_sealed, required, state, decided_at, expires_at) select gen_random_uuid(), act, parameters, requester, reason_sealed, required, 'approved', now(), expires_at from approvals where id = $1",
		"approved by hand":        "update approvals set state = 'approved', decided_at = now() where id = $1",
		"used before approved":    "update approvals set used_by = 'x', used_at = now() where id = $1",
		"other parameters":        `update approvals set parameters = '{"backup":"x"}' where id = $1`,
		"fewer decisions needed":  "update approvals set required = 1 where id = $1",
		"a longer time":           "update approvals set expires_at = expires_at + interval '1 day' where id = $1",
		"gone":                    "delete from approvals where id = $1",
		"decision taken back":     "delete from approval_decisions where approval_id = $1",
		"decision changed":        "update approval_decisions set approves = false where approval_id = $1",
		"the requester agrees":    "insert into approval_decisions (approval_id, approver, requester, approves) select id, requester, requester, true from approvals where id = $1",
		"agrees under false name": "with d as (insert into approval_decisions (approval_id, approver, requester, approves) select id, requester, gen_random_uuid(), true from approvals where id = $1 returning approval_id) update approvals set state = 'approved', decided_at = now() where id = (select approval_id from d)",
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := app.Begin(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
			_, err = tx.Exec(t.Context(), statement, a.ID)
			require.Error(t, err)
		})
	}
}

func TestTheSameKeyIsTheSameRequest(t *testing.T) {
	o := newOffice(t)
	in := approval.Asked{Key: "k1", Act: approval.Restore, Parameters: restore, Requester: uuid.New(), Reason: "The region is on fire.", Lifetime: time.Hour, Role: "operator"}
	first, err := o.Store.Ask(t.Context(), in)
	require.NoError(t, err)
	again, err := o.Store.Ask(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.Len(t, o.acts(t), 1)
	in.Parameters = map[string]string{"backup": "other"}
	_, err = o.Store.Ask(t.Context(), in)
	require.True(t, failure.Is(err, failure.IdempotencyConflict), "%v", err)
	in.Requester = uuid.New()
	other, err := o.Store.Ask(t.Context(), in)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID)

	list, err := o.Store.Approvals(t.Context(), uuid.Nil, 1)
	require.NoError(t, err)
	require.Equal(t, other.ID, list[0].ID)
	list, err = o.Store.Approvals(t.Context(), other.ID, 5)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, first.ID, list[0].ID)
}

func TestReasonsAreSealed(t *testing.T) {
	o := newOffice(t)
	a := o.ask(t, approval.Restore, restore)
	require.Equal(t, "The region is on fire.", mustRead(t, o, a.ID).Reason)
	conn, err := pgx.Connect(t.Context(), o.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var row string
	require.NoError(t, conn.QueryRow(t.Context(), "select a::text || encode(reason_sealed, 'escape') from approvals a where id = $1", a.ID).Scan(&row))
	require.NotContains(t, row, "fire")
}

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		act        approval.Act
		parameters map[string]string
		faults     []string
	}{
		"good elevation":       {approval.Elevate, map[string]string{"role": "admin", "minutes": "720"}, nil},
		"good decryption":      {approval.Decrypt, map[string]string{"subject": uuid.NewString(), "minutes": "5"}, nil},
		"no such act":          {"reboot", nil, []string{""}},
		"nothing given":        {approval.Elevate, nil, []string{"minutes", "role"}},
		"too long":             {approval.Elevate, map[string]string{"role": "admin", "minutes": "721"}, []string{"minutes"}},
		"never":                {approval.Elevate, map[string]string{"role": "admin", "minutes": "0"}, []string{"minutes"}},
		"number in other form": {approval.Elevate, map[string]string{"role": "admin", "minutes": "+5"}, []string{"minutes"}},
		"person is no role":    {approval.Elevate, map[string]string{"role": "person", "minutes": "5"}, []string{"role"}},
		"service neither":      {approval.Elevate, map[string]string{"role": "service", "minutes": "5"}, []string{"role"}},
		"something else":       {approval.Restore, map[string]string{"backup": "a", "where": "b"}, []string{"where"}},
		"a sentence":           {approval.Restore, map[string]string{"backup": "the last one"}, []string{"backup"}},
		"a line break":         {approval.Restore, map[string]string{"backup": "a\nact elevate"}, []string{"backup"}},
		"good hold":            {approval.Hold, holding(), nil},
		"good release":         {approval.ReleaseHold, map[string]string{"hold": uuid.NewString()}, nil},
		"a hold without end":   {approval.Hold, holding("until", "2027"), []string{"until"}},
		"another time zone":    {approval.Hold, holding("until", "2027-01-31T00:00:00+01:00"), []string{"until"}},
		"reason in words":      {approval.Hold, holding("reason", "The court wrote"), []string{"reason"}},
		"perhaps told":         {approval.Hold, holding("told", "perhaps"), []string{"told"}},
		"a list in the open":   {approval.Hold, holding("items", uuid.NewString()), []string{"items"}},
		"braces":               {approval.EarlyDelete, map[string]string{"subject": "{" + uuid.NewString() + "}"}, []string{"subject"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range approval.Check(c.act, c.parameters) {
				require.NotEmpty(t, f.Reason)
				got = append(got, f.Parameter)
			}
			require.Equal(t, c.faults, got)
		})
	}
	require.Len(t, strings.Join(each(approval.Acts()), " "), len("decrypt early_delete elevate hold override_failover release_hold restore"))
}

// holding are the parameters of a hold, with one changed.
func holding(change ...string) map[string]string {
	p := map[string]string{"subject": uuid.NewString(), "reason": "litigation", "until": "2027-01-31T00:00:00Z", "told": "no", "items": strings.Repeat("0a", 32)}
	if len(change) > 0 {
		p[change[0]] = change[1]
	}
	return p
}

func each(acts []approval.Act) []string {
	names := make([]string, len(acts))
	for i, a := range acts {
		names[i] = string(a)
	}
	return names
}

func TestDecryptionIsForOnePersonByOneForATime(t *testing.T) {
	o := newOffice(t)
	subject := uuid.New()
	a := o.ask(t, approval.Decrypt, map[string]string{"subject": subject.String(), "minutes": "5"})
	may := func(principal, subject uuid.UUID) bool {
		id, ok, err := o.Store.Decryption(t.Context(), principal, subject)
		require.NoError(t, err)
		require.Equal(t, ok, id == a.ID)
		return ok
	}
	o.agree(t, a.ID)
	require.False(t, may(a.Requester, subject), "one is not enough")
	o.agree(t, a.ID)
	o.conclude(t, a.ID)
	require.True(t, may(a.Requester, subject))
	require.False(t, may(uuid.New(), subject))
	require.False(t, may(a.Requester, uuid.New()))
	o.sql(t, "alter table approvals disable trigger user")
	o.sql(t, "update approvals set created_at = created_at - interval '10 minutes', decided_at = decided_at - interval '6 minutes' where id = $1", a.ID)
	require.False(t, may(a.Requester, subject), "its minutes are over")
}
