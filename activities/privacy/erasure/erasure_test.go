package erasure_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/erasure"
	"meai/internal/audit"
	"meai/internal/failure"
)

var errUsed = failure.New(failure.Decided, "the approval is used", nil)

func TestAnErasureLeavesNothingOfOnePersonAndEverythingOfOthers(t *testing.T) {
	s := newScene(t)
	subject, other := s.newPerson(t), s.newPerson(t)
	theirs := s.rows(t, other)
	require.GreaterOrEqual(t, s.rows(t, subject), int64(4))
	ref := s.request(t, subject)
	s.prepare(t, ref)
	require.True(t, failure.Is(s.Store.DB.CheckActive(t.Context(), subject), failure.SubjectInactive))
	e, err := s.Store.Erasure(t.Context(), ref.ID)
	require.NoError(t, err)
	require.EqualValues(t, 3, e.Counts["postgres.sessions"])
	require.EqualValues(t, 1, e.Counts["postgres.memory_writes"])
	_, err = s.world.keys.Keys(t.Context(), subject)
	require.NoError(t, err, "until the point of no return all is there")

	s.destroy(t, ref)
	require.Positive(t, s.rows(t, subject))
	s.empty(t, ref)
	require.Zero(t, s.rows(t, subject))
	known, err := s.Store.DB.KnowsSubject(t.Context(), subject)
	require.NoError(t, err)
	require.False(t, known)
	s.finish(t, ref)
	require.Equal(t, theirs, s.rows(t, other))
	require.NoError(t, s.Store.DB.CheckActive(t.Context(), other))
	require.Equal(t, []audit.Act{audit.ErasureRequested, audit.KeyDestroyed, audit.ErasureCompleted}, s.trail(t))

	t.Run("what is kept does not name them", func(t *testing.T) {
		owner := connect(t, s.urls.Owner)
		for _, table := range []string{"erasures", "erasure_certificates", "erased_people", "subjects", "ledger_applied"} {
			var text *string
			require.NoError(t, owner.QueryRow(t.Context(), "select string_agg(t::text, ' ') from "+table+" t").Scan(&text))
			if text != nil {
				require.NotContains(t, *text, subject.String(), table)
				require.NotContains(t, *text, strings.ReplaceAll(subject.String(), "-", ""), table)
			}
		}
	})
	t.Run("every step again changes nothing", func(t *testing.T) {
		s.destroyed(t, ref)
		require.Equal(t, []audit.Act{audit.ErasureRequested, audit.KeyDestroyed, audit.ErasureCompleted}, s.trail(t))
		_, issued, err := s.Store.Certificates(t.Context(), ref.ID)
		require.NoError(t, err)
		require.Len(t, issued, 1)
	})
}

// destroyed runs all steps of an erasure that has ended.
func (s *scene) destroyed(t *testing.T, ref erasure.Ref) {
	t.Helper()
	for _, f := range []any{s.Look, s.Freeze, s.Count, s.EndWorkflows, s.PassPoint, s.Bury, s.Clear, s.Plan, s.Remove, s.CleanUp, s.Scan, s.Certify, s.Thaw, s.EndCancelled} {
		_, err := s.env.ExecuteActivity(f, ref)
		require.NoError(t, err)
	}
	do(t, s, s.DeleteStores, erasure.StoresInput{Ref: ref, Stores: []string{"postgres.sessions"}})
	require.Equal(t, erasure.Certified, s.state(t, ref))
}

func TestAPersonHasOneErasureUnderWay(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	var group sync.WaitGroup
	ids := make([]uuid.UUID, 4)
	for i := range ids {
		group.Go(func() {
			e, err := s.Store.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.CCPA})
			if err != nil {
				t.Error(err)
			}
			ids[i] = e.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	e, err := s.Store.Own(t.Context(), subject, ids[0])
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), time.Until(e.CoolingUntil).Seconds(), 60)
	require.Equal(t, erasure.Requested, do(t, s, s.Freeze, erasure.Ref{ID: e.ID}).State, "it cools off")
	require.NoError(t, s.Store.DB.CheckActive(t.Context(), subject))

	_, err = s.Store.Own(t.Context(), uuid.New(), e.ID)
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)
	_, err = s.Store.Confirm(t.Context(), uuid.New(), e.ID)
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)
	e, err = s.Store.Confirm(t.Context(), subject, e.ID)
	require.NoError(t, err)
	require.False(t, e.CoolingUntil.After(time.Now()))
	require.Equal(t, erasure.Freezing, do(t, s, s.Freeze, erasure.Ref{ID: e.ID}).State)

	_, err = s.Store.Request(t.Context(), erasure.New{Subject: uuid.New(), Law: erasure.GDPR})
	require.True(t, failure.Is(err, failure.NotFound), "%v", err)
}

func TestStaffBeginNothingWithoutAnApprovalAndHastenWhatIsUnderWay(t *testing.T) {
	s := newScene(t)
	subject, other := s.newPerson(t), s.newPerson(t)
	agreed := uuid.New()
	own, err := s.Store.Request(t.Context(), erasure.New{Subject: other, Law: erasure.GDPR})
	require.NoError(t, err)
	for range 2 { // after whatever has stopped it
		e, err := s.Store.Request(t.Context(), erasure.New{Subject: subject, Law: erasure.GDPR, Approval: agreed})
		require.NoError(t, err)
		require.Equal(t, []any{erasure.ByStaff, agreed}, []any{e.By, e.Approval})
		require.False(t, e.CoolingUntil.After(time.Now()))
		require.Equal(t, erasure.WorkflowID(e.ID), s.spent[agreed])
	}
	s.spent[agreed] = "another"
	_, err = s.Store.Request(t.Context(), erasure.New{Subject: other, Law: erasure.GDPR, Approval: agreed})
	require.True(t, failure.Is(err, failure.Decided), "%v", err)
	hastened, err := s.Store.Request(t.Context(), erasure.New{Subject: other, Law: erasure.GDPR, Approval: uuid.New()})
	require.NoError(t, err)
	require.Equal(t, own.ID, hastened.ID)
	require.False(t, hastened.CoolingUntil.After(time.Now()))
}

func TestEitherTheCancellationOrThePointOfNoReturnWins(t *testing.T) {
	s := newScene(t)
	won := map[erasure.State]int{}
	for range 12 {
		subject := s.newPerson(t)
		ref := s.request(t, subject)
		s.prepare(t, ref)
		var group sync.WaitGroup
		var passed erasure.Standing
		var cancelled, failed error
		group.Go(func() { _, cancelled = s.Store.Cancel(t.Context(), subject, ref.ID) })
		group.Go(func() { passed, failed = s.PassPoint(t.Context(), ref) })
		group.Wait()
		require.NoError(t, failed)
		state := s.state(t, ref)
		won[state]++
		if state == erasure.Destroying {
			require.Equal(t, erasure.Destroying, passed.State)
			require.True(t, failure.Is(cancelled, failure.Decided), "%v", cancelled)
			continue
		}
		require.NoError(t, cancelled)
		require.Equal(t, []erasure.State{erasure.Cancelled, erasure.Cancelled}, []erasure.State{state, passed.State})
		require.Equal(t, erasure.Cancelled, do(t, s, s.Bury, ref).State)
		_, err := s.world.keys.Keys(t.Context(), subject)
		require.NoError(t, err)
		do(t, s, s.Thaw, ref)
		_, err = s.env.ExecuteActivity(s.EndCancelled, ref)
		require.NoError(t, err)
		s.addRows(t, subject) // they go on
	}
	t.Log(won)
}

func TestWhatWasTakenBackDoesNotThawWhoIsErasedAgain(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	first := s.request(t, subject)
	s.prepare(t, first)
	_, err := s.Store.Cancel(t.Context(), subject, first.ID)
	require.NoError(t, err)
	second := s.request(t, subject)
	require.NotEqual(t, first, second)
	require.Equal(t, erasure.Freezing, do(t, s, s.Freeze, second).State)
	do(t, s, s.Thaw, first)
	require.True(t, failure.Is(s.Store.DB.CheckActive(t.Context(), subject), failure.SubjectInactive))
}

func TestALegalHoldStopsAnErasureAtAnyStepBeforeThePointOfNoReturn(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	ref := s.request(t, subject)
	s.held = true
	require.Equal(t, erasure.Held, do(t, s, s.Look, ref).State)
	require.Equal(t, erasure.Held, do(t, s, s.Freeze, ref).State)
	require.NoError(t, s.Store.DB.CheckActive(t.Context(), subject))
	s.held = false
	require.Equal(t, erasure.Held, do(t, s, s.Freeze, ref).State, "it waits until it looks again")
	require.Equal(t, erasure.Requested, do(t, s, s.Look, ref).State)
	s.prepare(t, ref)

	s.held = true
	require.Equal(t, erasure.Held, do(t, s, s.PassPoint, ref).State)
	require.Equal(t, erasure.Held, do(t, s, s.Bury, ref).State)
	do(t, s, s.Thaw, ref)
	s.addRows(t, subject)
	s.held = false
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.held = true // too late
	s.empty(t, ref)
	s.finish(t, ref)
}

func TestALateWriteIsFoundAndDeletedBeforeTheCertificate(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	ref := s.request(t, subject)
	s.prepare(t, ref)
	s.destroy(t, ref)
	s.empty(t, ref)
	_, err := try(s, s.Certify, ref)
	require.ErrorContains(t, err, "it was not found yet that nothing is left")
	do(t, s, s.CleanUp, ref)
	s.lateWrite(t, subject)
	require.NoError(t, s.Store.DB.EnsureSubject(t.Context(), subject), "and somebody registers them")
	left := do(t, s, s.Scan, ref)
	require.Equal(t, map[string]int64{"postgres.sessions": 1, "postgres.subjects": 1}, left.Stores)
	require.Equal(t, erasure.Deleting, left.State)
	_, err = try(s, s.Certify, ref)
	require.Error(t, err)
	s.empty(t, ref)
	s.finish(t, ref)
	require.Zero(t, s.rows(t, subject))
}

func TestAPersonStaysRegisteredWhileATableThatNobodyEmptiesHoldsRows(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	ref := s.request(t, subject)
	s.prepare(t, ref)
	s.destroy(t, ref)
	for i, store := range s.Store.Stores {
		if store.Name() == "postgres.sessions" {
			s.Store.Stores = append(s.Store.Stores[:i:i], s.Store.Stores[i+1:]...)
			break
		}
	}
	for _, store := range do(t, s, s.Plan, ref).Stores {
		do(t, s, s.DeleteStores, erasure.StoresInput{Ref: ref, Stores: []string{store.Name}})
	}
	_, err := try(s, s.Remove, ref)
	require.ErrorContains(t, err, "sessions holds rows of the person")
	require.Equal(t, erasure.Deleting, s.state(t, ref))
}

func TestRowsAreDeletedOfPeopleWhoAreErasedAndOfNobodyElse(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	db := s.Store.DB
	_, err := db.ErasePage(t.Context(), subject, "sessions", 10)
	refused(t, err, checkViolation)
	require.NoError(t, db.Freeze(t.Context(), subject))
	_, err = db.ErasePage(t.Context(), subject, "sessions", 10)
	refused(t, err, checkViolation)
	conn := connect(t, s.urls.App)
	_, err = conn.Exec(t.Context(), "select meai_remove_person($1)", subject)
	refused(t, err, checkViolation)
	for _, statement := range []string{"delete from subjects", "delete from erasures", "delete from sessions", "truncate erasures", "update erasures set alias = ''", "update erasures set requested_at = now()"} {
		_, err := conn.Exec(t.Context(), statement)
		refused(t, err, insufficientPrivilege)
	}
	exec(t, conn, "update subjects set state = 'erased' where id = $1", subject)
	_, err = conn.Exec(t.Context(), "select meai_remove_person($1)", subject)
	refused(t, err, checkViolation)
	for _, table := range []string{"subjects", "audit_log", "sessions_h0", "no_such", "sessions; drop table sessions"} {
		_, err = db.ErasePage(t.Context(), subject, table, 10)
		require.Error(t, err, table)
	}
	n, err := db.ErasePage(t.Context(), subject, "sessions", 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "page by page")
	reader := connect(t, s.urls.Reader)
	_, err = reader.Exec(t.Context(), "select meai_erase_page('sessions', $1, 10)", subject)
	refused(t, err, insufficientPrivilege)
	_, err = reader.Exec(t.Context(), "select person_sealed from erasures")
	refused(t, err, insufficientPrivilege)
}

func TestAnErasuresRowGoesOneWay(t *testing.T) {
	s := newScene(t)
	ref := s.request(t, s.newPerson(t))
	conn := connect(t, s.urls.App)
	change := func(statement string) error {
		_, err := conn.Exec(t.Context(), "update erasures set "+statement+" where id = $1", ref.ID)
		return err
	}
	for _, state := range []string{"inventory", "ending", "destroying", "deleting", "cleaning", "scanning", "certified", "nonsense"} {
		refused(t, change("state = '"+state+"'"), checkViolation)
	}
	s.prepare(t, ref)
	for _, state := range []string{"requested", "freezing", "deleting", "certified"} {
		refused(t, change("state = '"+state+"'"), checkViolation)
	}
	refused(t, change("cooling_until = now() + interval '1 day'"), checkViolation)
	refused(t, change("person_sealed = '\\x00'"), checkViolation)
	s.destroy(t, ref)
	for _, state := range []string{"cancelled", "held", "ending", "certified"} {
		refused(t, change("state = '"+state+"'"), checkViolation)
	}
	refused(t, change("unreadable_at = now() - interval '1 day'"), checkViolation)
	refused(t, change("scanned_at = now()"), checkViolation)
	_, err := conn.Exec(t.Context(), "insert into erasure_certificates (erasure, stage, note, issued_at) values ($1, 'live', 'x', now())", ref.ID)
	refused(t, err, checkViolation)
	s.empty(t, ref)
	s.finish(t, ref)
	for _, statement := range []string{"state = 'scanning'", "ended_at = now()", "counts = '{}'", "searched = true", "erased_at = now()"} {
		refused(t, change(statement), checkViolation)
	}
	_, err = conn.Exec(t.Context(), "insert into erasures (id, alias, state, law, origin, requested_at, cooling_until) values ($1, $2, 'destroying', 'gdpr', 'sweep', now(), now())", uuid.New(), make([]byte, 32))
	refused(t, err, checkViolation)
	owner := connect(t, s.urls.Owner)
	for _, statement := range []string{"delete from erasure_certificates", "update erasure_certificates set note = 'x'"} {
		_, err := owner.Exec(t.Context(), statement)
		refused(t, err, insufficientPrivilege)
	}
}

func TestAPreviewSaysWhatWouldGoAndWhatStays(t *testing.T) {
	s := newScene(t)
	subject := s.newPerson(t)
	p, err := s.Store.Preview(t.Context(), subject)
	require.NoError(t, err)
	require.EqualValues(t, 3, p.Counts["postgres.sessions"])
	require.Contains(t, p.Stays, erasure.Stay{What: "backups", Why: "unreadable_without_the_keys_until_they_expire", For: 40 * 24 * time.Hour})
	require.Positive(t, s.rows(t, subject), "nothing has happened")
	require.Empty(t, s.trail(t))
}
