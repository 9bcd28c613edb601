package postgres_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// colleague is somebody with an account who is a person, and one of the staff as well: in
// every column that can hold their id outside the tables of people.
func colleague(t *testing.T, db *postgres.DB, urls enginetest.URLs, other uuid.UUID) uuid.UUID {
	t.Helper()
	id := newSubject(t, db)
	conn := connect(t, enginetest.Superuser(t, urls))
	hmac := append(id[:], id[:]...)
	for i := range hmac {
		hmac[i] ^= 0xa5 // of its length, and not the id
	}
	exec(t, conn, "insert into principals (identity_hmac, id) values ($1, $2)", hmac, id)
	exec(t, conn, "insert into api_keys (id, principal_id, secret_hmac, roles, scopes, expires_at) values (gen_random_uuid(), $1, $2, '{}', '{}', now() + interval '1 day')", id, hmac)
	exec(t, conn, "insert into role_grants (id, principal_id, role, expires_at) values (gen_random_uuid(), $1, 'support', now() + interval '1 hour')", id)
	approval := `insert into approvals (id, act, parameters, requester, reason_sealed, required, expires_at)
		values (gen_random_uuid(), 'decrypt', jsonb_build_object('subject', $1::text, 'minutes', '5'), $2, '', 2, now() + interval '1 day') returning id`
	about := query[uuid.UUID](t, conn, approval, id.String(), other)[0]
	own := query[uuid.UUID](t, conn, approval, uuid.NewString(), id)[0]
	exec(t, conn, "insert into approval_decisions (approval_id, approver, requester, approves) values ($1, $2, $3, true)", about, id, other)
	exec(t, conn, "insert into approval_decisions (approval_id, approver, requester, approves) values ($1, $2, $3, true)", own, other, id)
	for _, state := range []string{"acknowledged", "closed"} {
		exec(t, conn, `insert into escalation_cases (id, about_sealed, state, acknowledged_by, acknowledged_at, closed_by, closed_at, outcome)
			values (gen_random_uuid(), '', $1, $2, now(), case when $1 = 'closed' then $2::uuid end, case when $1 = 'closed' then now() end, case when $1 = 'closed' then 'handled' end)`, state, id)
	}
	return id
}

// holding are the tables with a row that has an id in it.
func holding(t *testing.T, conn *pgx.Conn, id uuid.UUID) (tables []string) {
	t.Helper()
	for _, table := range query[string](t, conn, `select c.relname::text from pg_class c
		where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace order by 1`) {
		if query[bool](t, conn, "select exists (select from "+table+" r where r::text like '%' || $1 || '%')", id.String())[0] {
			tables = append(tables, table)
		}
	}
	return tables
}

func TestNoTableButTheRegistryHoldsTheIdOfWhoIsErased(t *testing.T) {
	db, urls, bystander := newDatabase(t)
	alice := colleague(t, db, urls, bystander)
	bob := colleague(t, db, urls, alice)
	conn := connect(t, enginetest.Superuser(t, urls))
	all := []string{"api_keys", "approval_decisions", "approvals", "escalation_cases", "principals", "role_grants", "subjects"}
	require.Equal(t, all, holding(t, conn, alice))
	forget := func(who uuid.UUID) (account, records int64, err error) {
		err = db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
			if account, err = q.ForgetAccount(ctx, who); err != nil {
				return err
			}
			records, err = q.ForgetInRecords(ctx, who)
			return err
		})
		return account, records, err
	}
	count := func(who uuid.UUID) (account, records int64) {
		require.NoError(t, db.ReadShared(t.Context(), func(ctx context.Context, q *queries.Queries) (err error) {
			if account, err = q.CountAccount(ctx, who); err != nil {
				return err
			}
			records, err = q.CountInRecords(ctx, who)
			return err
		}))
		return account, records
	}
	account, records := count(alice)
	require.EqualValues(t, 3, account)
	require.EqualValues(t, 9, records)

	_, _, err := forget(alice)
	requireRefused(t, err, checkViolation)
	exec(t, conn, "update subjects set state = 'freezing' where id = $1", alice)
	exec(t, conn, "update subjects set state = 'erased' where id = $1", alice)
	_, _, err = forget(alice)
	requireRefused(t, err, checkViolation)
	require.Equal(t, all, holding(t, conn, alice), "without an alias nothing stands for her")
	name := make([]byte, 32)
	name[0] = 0xa1
	exec(t, conn, "update subjects set alias = $1 where id = $2", name, alice)
	account, records, err = forget(alice)
	require.NoError(t, err)
	require.EqualValues(t, 3, account)
	require.EqualValues(t, 9, records)
	require.Equal(t, []string{"subjects"}, holding(t, conn, alice))
	require.Equal(t, all, holding(t, conn, bob), "nobody else is touched")

	stand := uuid.UUID(name[:16])
	require.Equal(t, []string{"approval_decisions", "approvals", "escalation_cases"}, holding(t, conn, stand), "her alias stands for her")
	require.Equal(t, []string{"a1" + "00000000000000000000000000000000000000000000000000000000000000"},
		query[string](t, conn, "select parameters ->> 'subject' from approvals where parameters ->> 'subject' like 'a1%'"))
	account, records, err = forget(alice)
	require.NoError(t, err)
	require.Zero(t, account+records, "once more")
	account, records = count(alice)
	require.Zero(t, account+records)
}

func TestWhatTheStaffDidStaysAsItWasWrittenForWhoIsNotErased(t *testing.T) {
	db, urls, bystander := newDatabase(t)
	colleague(t, db, urls, bystander)
	_, err := connect(t, urls.Owner).Exec(t.Context(), "update approval_decisions set approves = false")
	requireRefused(t, err, insufficientPrivilege)
	app := connect(t, urls.App)
	exec(t, app, "select set_config('meai.forgetting', 'on', false)") // anybody can say so
	_, err = app.Exec(t.Context(), "update approval_decisions set approves = false")
	requireRefused(t, err, insufficientPrivilege)
	_, err = app.Exec(t.Context(), "update escalation_cases set outcome = 'false_alarm' where state = 'closed'")
	requireRefused(t, err, checkViolation)
	_, err = app.Exec(t.Context(), "delete from principals")
	requireRefused(t, err, insufficientPrivilege)
	_, err = connect(t, urls.Reader).Exec(t.Context(), "select meai_forget_account($1)", bystander)
	requireRefused(t, err, insufficientPrivilege)
}
