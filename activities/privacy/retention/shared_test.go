package retention_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/keyring"
)

// shared plants what is nobody's own, of a time, as the owner: triggers and times are the
// database's otherwise.
func (s *scene) shared(t *testing.T, days int) (approval uuid.UUID) {
	t.Helper()
	at, approval := ago(days), uuid.New()
	system, err := s.Keys.System(t.Context())
	require.NoError(t, err)
	sealed, err := system.Seal([]byte("because of Maya"), keyring.Location{Table: "approvals", Column: "reason", Row: approval})
	require.NoError(t, err)
	insert := func(statement string, args ...any) {
		t.Helper()
		sql(t, s.owner, statement, append([]any{at}, args...)...)
	}
	insert(`insert into escalation_cases (id, about_sealed, state, created_at, acknowledged_at, acknowledged_by, closed_at, closed_by, outcome)
		values (gen_random_uuid(), $2, 'closed', $1, $1, gen_random_uuid(), $1, gen_random_uuid(), 'handled')`, sealed)
	insert(`insert into approvals (id, act, parameters, requester, reason_sealed, required, state, created_at, expires_at, decided_at)
		values ($2, 'restore', '{}', gen_random_uuid(), $3, 1, 'approved', $1, $1::timestamptz + interval '1 hour', $1)`, approval, sealed)
	insert(`insert into approval_decisions (approval_id, approver, requester, approves, decided_at) values ($2, gen_random_uuid(), gen_random_uuid(), true, $1)`, approval)
	insert(`insert into role_grants (id, principal_id, role, granted_at, expires_at) values (gen_random_uuid(), gen_random_uuid(), 'auditor', $1::timestamptz - interval '1 hour', $1)`)
	insert(`insert into privacy_requests (id, alias, kind, law, state, received_at, due_at, ended_at) values (gen_random_uuid(), sha256('a'), 'access', 'gdpr', 'completed', $1, $1::timestamptz + interval '1 month', $1)`)
	insert(`insert into backups (id, kind, state, started_at, ended_at, bytes, objects, held, problems, expired_at)
		values (to_char($1::timestamptz, 'YYYYMMDD"T"HH24MISS"Z"') || '-postgres-00000001', 'postgres', 'expired', $1, $1, 1, 1, false, 0, $1)`)
	return approval
}

func TestWhatIsNobodysOwnGoesInItsTime(t *testing.T) {
	s := newScene(t)
	s.shared(t, 1200)
	s.shared(t, 400)
	s.shared(t, 10)
	sql(t, s.owner, `insert into escalation_cases (id, about_sealed, person_sealed, state, created_at) values (gen_random_uuid(), '\x01', '\x01', 'open', $1)`, ago(800))
	sql(t, s.owner, `insert into privacy_requests (id, alias, kind, law, received_at, due_at) values (gen_random_uuid(), sha256('a'), 'access', 'gdpr', $1, $1::timestamptz + interval '1 month')`, ago(800))

	r := s.retain(t, s.run)
	require.Equal(t, map[string]int64{
		"escalation_cases": 2, "role_grants": 2, "backups": 2, "approval_decisions": 2, "approvals": 2, "privacy_requests": 1,
	}, deleted(r))
	for table, left := range map[string]int{"escalation_cases": 2, "approvals": 1, "approval_decisions": 1, "role_grants": 1, "privacy_requests": 3, "backups": 1} {
		require.Equal(t, left, one[int](t, s.owner, "select count(*) from "+table), table)
	}
}

func TestAnApprovalThatAHoldRestsOnStays(t *testing.T) {
	s := newScene(t)
	approval := s.shared(t, 800)
	sql(t, s.owner, `insert into legal_holds (id, alias, reason, told, placed_at, expires_at) values ($1, sha256('a'), 'litigation', true, now(), now() + interval '1 year')`, approval)
	r := s.retain(t, s.run)
	require.NotContains(t, deleted(r), "approvals")
	require.NotContains(t, deleted(r), "approval_decisions")
}

func TestDecisionsStayAsTheyWereGivenUntilTheirTimeIsOver(t *testing.T) {
	s := newScene(t)
	s.shared(t, 800)
	s.shared(t, 10)
	for statement, refused := range map[string]string{
		"update approval_decisions set approves = false":                                      "append-only",
		"truncate approval_decisions":                                                         "append-only",
		"delete from approval_decisions where decided_at > now() - interval '1 year'":         "append-only",
		"delete from approvals where decided_at > now() - interval '1 year'":                  "violates foreign key",
		"update approvals set state = 'refused' where decided_at > now() - interval '1 year'": "is decided",
	} {
		_, err := s.owner.Exec(t.Context(), statement)
		require.ErrorContains(t, err, refused, statement)
	}
}
