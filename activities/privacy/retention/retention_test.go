package retention_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/retention"
	"meai/internal/postgres/queries"
)

// eightYears is older than anything is kept; hundredDays is older than activity is.
const (
	eightYears  = 8 * 366
	hundredDays = 100
)

// everything is what a person's rows of a very old time are, by rule; memories come apart.
var everything = map[string]int64{
	"interaction_steps": 1, "escalations": 1, "interactions": 1, "memory_writes": 1, "memory_imports": 1, "sessions": 1, "memory_forgettings": 1,
	"forgetting_previews": 1, "idempotency_keys": 1, "filter_feedback": 1, "vault_openings": 1, "vault_accesses": 1,
}

// ninetyDays is what goes after ninety days.
var ninetyDays = map[string]int64{"interaction_steps": 1, "idempotency_keys": 1, "filter_feedback": 1, "forgetting_previews": 1}

func times(counts map[string]int64, n int64) map[string]int64 {
	all := map[string]int64{}
	for rule, c := range counts {
		all[rule] = c * n
	}
	return all
}

func TestWhatIsOldEnoughGoesAndNothingElseDoes(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t), s.newPerson(t)
	for range 7 { // more than a page
		alice.plant(t, ago(eightYears))
	}
	alice.plant(t, ago(hundredDays))
	alice.plant(t, ago(1))
	before := s.fingerprint(t)
	bob.plant(t, ago(80))
	bob.plant(t, ago(0))
	theirs := s.of(t, bob)

	r := s.retain(t, s.run, alice, bob)
	want := times(everything, 7)
	for rule := range ninetyDays {
		want[rule]++
	}
	require.Equal(t, want, deleted(r))
	require.Empty(t, kept(r))
	require.Equal(t, retention.Completed, r.State)
	require.Equal(t, 2, r.People)
	for _, table := range []string{"sessions", "interactions", "escalations", "memory_writes", "memory_imports", "memory_vault_accesses", "memory_vault_openings"} {
		require.Equal(t, 2, alice.count(t, table), table)
	}
	for _, table := range []string{"interaction_steps", "idempotency_keys", "filter_feedback"} {
		require.Equal(t, 1, alice.count(t, table), table)
	}
	require.Equal(t, theirs, s.of(t, bob), "others' rows are as they were")
	require.NotEqual(t, before, s.fingerprint(t))

	again := s.retain(t, retention.Run{ID: uuid.New(), At: s.run.At}, alice, bob)
	require.Empty(t, deleted(again), "there is nothing left to do")
}

// of sums up what a person has.
func (s *scene) of(t *testing.T, p *person) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, table := range []string{
		"sessions", "interactions", "interaction_steps", "idempotency_keys", "escalations", "filter_feedback", "memory_imports", "memory_writes",
		"memory_forgettings", "memory_vault_openings", "memory_vault_accesses", "memory_nodes",
	} {
		sums[table] = one[string](t, p.conn, "select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) from "+table+" t")
	}
	return sums
}

func TestADryRunCountsAndChangesNothing(t *testing.T) {
	s := newScene(t)
	alice, held := s.newPerson(t), s.newPerson(t)
	ids := alice.plant(t, ago(eightYears))
	alice.remember(t, ids, ago(eightYears))
	held.plant(t, ago(eightYears))
	s.hold(t, held)
	partition := s.partition(t, "interaction_steps", alice.subject, "2015q1")
	before := s.fingerprint(t)

	dry := retention.Run{ID: uuid.New(), At: s.run.At, DryRun: true}
	r := s.retain(t, dry, alice, held)
	require.True(t, r.DryRun)
	require.Equal(t, before, s.fingerprint(t), "not a row differs")
	require.True(t, one[bool](t, s.owner, "select to_regclass($1) is not null", partition))
	require.Equal(t, 1, r.Partitions.Dropped, "what would be")
	want := times(everything, 1)
	want["memories"] = 1
	require.Equal(t, want, deleted(r))

	r = s.retain(t, s.run, alice, held)
	require.Equal(t, int64(1), deleted(r)["interactions"], "a run does what the dry run said")
}

func TestWhatHoldsBackIsCountedAndGoesWhenItEnds(t *testing.T) {
	s := newScene(t)
	held, asking, restricted, free := s.newPerson(t), s.newPerson(t), s.newPerson(t), s.newPerson(t)
	everybody := []*person{held, asking, restricted, free}
	for _, p := range everybody {
		p.plant(t, ago(eightYears))
	}
	hold := s.hold(t, held)
	request := s.request(t, asking, "access", ago(1))
	sql(t, connect(t, s.urls.App), "update subjects set restricted_at = now() where id = $1", restricted.subject)

	r := s.retain(t, s.run, everybody...)
	require.Equal(t, everything, deleted(r), "of the one whom nothing holds back")
	// What waits for other rows is not due yet, for whom it is about nothing else has gone.
	want := map[retention.Reason]int64{retention.LegalHold: 1, retention.OpenRequest: 1, retention.Restricted: 1}
	for _, rule := range []string{"interactions", "interaction_steps", "memory_writes", "idempotency_keys", "vault_accesses"} {
		require.Equal(t, want, kept(r)[rule], rule)
	}
	for _, p := range []*person{held, asking, restricted} {
		require.Equal(t, 1, p.count(t, "interactions"))
		require.Equal(t, 1, p.count(t, "memory_vault_accesses"))
	}

	s.release(t, hold)
	app := connect(t, s.urls.App)
	sql(t, app, "update privacy_requests set state = 'completed', ended_at = now() where id = $1", request)
	sql(t, app, "update subjects set restricted_at = null where id = $1", restricted.subject)
	r = s.retain(t, retention.Run{ID: uuid.New(), At: s.run.At}, everybody...)
	require.Equal(t, times(everything, 3), deleted(r))
	require.Empty(t, kept(r))
}

func TestAnItemUnderAHoldStaysWithWhatItRestsOn(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	heldIDs := alice.plant(t, ago(eightYears))
	alice.plant(t, ago(eightYears))
	s.hold(t, alice, heldIDs.interaction)
	r := s.retain(t, s.run, alice)
	require.Equal(t, int64(1), deleted(r)["interactions"])
	require.Equal(t, map[retention.Reason]int64{retention.HeldItem: 1}, kept(r)["interactions"])
	require.Equal(t, 1, alice.count(t, "interactions"))
	require.Equal(t, 1, alice.count(t, "interaction_steps"), "the steps of the message, too")
	require.Equal(t, 1, alice.count(t, "sessions"), "and the conversation that it is part of")
	require.Equal(t, heldIDs.interaction, one[uuid.UUID](t, alice.conn, "select id from interactions"))
}

func TestAHoldThatComesBetweenTwoPagesHolds(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	for range 8 {
		alice.plant(t, ago(eightYears))
	}
	// The first page has gone when the hold comes.
	n := s.page(t, alice, "interactions", 3)
	require.Equal(t, int64(3), n)
	s.hold(t, alice)
	require.Equal(t, int64(-1), s.page(t, alice, "interactions", 3), "the database itself refuses")
	done := perform(t, s, s.ApplyToPeople, retention.PeopleInput{Run: s.run, Subjects: []uuid.UUID{alice.subject}})
	require.Equal(t, int64(5), done.Counts["interactions"].Kept[retention.LegalHold])
	require.Equal(t, 5, alice.count(t, "interactions"))
}

// page asks the database itself to delete a page.
func (s *scene) page(t *testing.T, p *person, rule string, rows int32) (n int64) {
	t.Helper()
	require.NoError(t, s.DB.Write(t.Context(), p.subject, func(ctx context.Context, q *queries.Queries) (err error) {
		n, err = q.Retain(ctx, queries.RetainParams{Rule: rule, AsOf: s.run.At, Run: s.run.ID, Spare: []uuid.UUID{}, Page: rows})
		return err
	}))
	return n
}

func TestWhoIsBeingErasedIsLeftToTheErasure(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	alice.plant(t, ago(eightYears))
	require.NoError(t, s.DB.Freeze(t.Context(), alice.subject))
	r := s.retain(t, s.run, alice)
	require.Empty(t, deleted(r))
	require.Equal(t, 1, r.Inactive)
	require.Equal(t, 1, alice.count(t, "interactions"))
}

func TestTheDatabaseDeletesNothingThatNoRuleNames(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	alice.plant(t, ago(80))
	retain := func(rule string, at any) (n int64, err error) {
		err = alice.conn.QueryRow(t.Context(), "select meai_retain($1, $2, $3, '{}', 100)", rule, at, uuid.New()).Scan(&n)
		return n, err
	}
	for _, rule := range []string{"interaction_steps", "idempotency_keys", "interactions"} {
		n, err := retain(rule, ago(-5000))
		require.NoError(t, err)
		require.Zero(t, n, "%s: a time to come makes nothing older", rule)
	}
	_, err := retain("memories", ago(0))
	require.ErrorContains(t, err, "go by being forgotten")
	_, err = retain("subjects", ago(0))
	require.ErrorContains(t, err, "no rule of retention")
	_, err = retain("approvals", ago(0))
	require.ErrorContains(t, err, "for these rows", "a transaction of a person's has no hand in what is nobody's")
	nobody := connect(t, s.urls.App)
	_, err = nobody.Exec(t.Context(), "select meai_retain('interactions', now(), gen_random_uuid(), '{}', 100)")
	require.ErrorContains(t, err, "for these rows")
	for _, statement := range []string{
		"update retention_rules set days = 1", "insert into retention_rules values (1, 'x', 'sessions', true, 1, 'now()')",
		"delete from interactions", "delete from retention_reports", "update retention_reports set state = 'completed'",
		"select meai_retention_protected()",
	} {
		_, err := alice.conn.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "permission denied", statement)
	}
}
