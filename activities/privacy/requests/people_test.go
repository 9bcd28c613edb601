package requests_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/activities/escalation"
	"meai/activities/mirror/crisis"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/failure"
)

// seen is who saw something of a person, the newest first.
func (o *office) seen(t *testing.T, subject uuid.UUID) (list []string) {
	t.Helper()
	all, err := o.Store.Accesses(t.Context(), subject, time.Now().Add(time.Hour), 100)
	require.NoError(t, err)
	for _, a := range all {
		who := a.Role
		if a.Self {
			who = "themself"
		}
		list = append(list, a.Act+" by "+who)
	}
	return list
}

func TestWhoeverOfTheStaffSeesSomethingOfAPersonIsSeenByThem(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	other, _ := o.somebody(t, 0)

	t.Run("people on call", func(t *testing.T) {
		cases := escalation.NewStore(o.db, o.keys)
		raised, err := cases.Prepare(t.Context(), escalation.Person{Subject: subject, Interaction: uuid.New()}, escalation.About{Severity: crisis.Explicit, Kinds: []crisis.Kind{crisis.Suicide}})
		require.NoError(t, err)
		require.NoError(t, o.db.WriteShared(t.Context(), raised.Write))
		require.Empty(t, o.seen(t, subject), "nobody has looked")
		duty := escalation.Who{ID: uuid.New(), Role: "support"}
		_, err = cases.Cases(t.Context(), duty, "", uuid.Nil, 10)
		require.NoError(t, err)
		require.Empty(t, o.seen(t, subject), "a list names nobody")
		_, err = cases.Case(t.Context(), duty, raised.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"escalation.read by support"}, o.seen(t, subject))
		for range 2 {
			_, err = cases.Acknowledge(t.Context(), duty, raised.ID)
			require.NoError(t, err)
		}
		require.Len(t, o.seen(t, subject), 3, "an answer names them as well")
		_, err = cases.Close(t.Context(), duty, raised.ID, escalation.Handled)
		require.NoError(t, err)
		_, err = cases.Case(t.Context(), duty, raised.ID)
		require.NoError(t, err)
		require.Len(t, o.seen(t, subject), 3, "a closed case names nobody")
	})
	t.Run("who was allowed to read words", func(t *testing.T) {
		id := o.agreed(t, approval.Decrypt, map[string]string{"subject": subject.String(), "minutes": "5"})
		require.Equal(t, "approval.given by approver", o.seen(t, subject)[0])
		_, err := o.Approvals.Conclude(t.Context(), approval.Ref{ID: id})
		require.NoError(t, err)
		require.Len(t, o.seen(t, subject), 4, "once")
	})
	t.Run("support", func(t *testing.T) {
		_, err := o.Store.View(t.Context(), requests.Who{ID: uuid.New(), Role: "support"}, subject, false)
		require.NoError(t, err)
		require.Equal(t, "person.viewed by support", o.seen(t, subject)[0])
	})
	t.Run("the person's vault", func(t *testing.T) {
		conn := connect(t, o.urls.App)
		_, err := conn.Exec(t.Context(), "select set_config('app.subject', $1, false)", subject.String())
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "insert into memory_vault_accesses (subject_id, id, at, act) values ($1, $2, now(), 'read')", subject, uuid.New())
		require.NoError(t, err)
		require.Contains(t, o.seen(t, subject), "vault.read by themself")
	})
	t.Run("not what MeAi does by itself", func(t *testing.T) {
		object, err := o.audit.Object(t.Context(), audit.Subject, subject.String())
		require.NoError(t, err)
		_, err = o.audit.Record(t.Context(), audit.Entry{Actor: "keys", Role: "system", Act: audit.KeyRotated, Kind: audit.Subject, Object: object, Outcome: audit.Succeeded})
		require.NoError(t, err)
		require.NotContains(t, o.seen(t, subject), "key.rotated by system")
	})
	require.Empty(t, o.seen(t, other))
}

func TestAccessesComeInPages(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	object, err := o.audit.Object(t.Context(), audit.Subject, subject.String())
	require.NoError(t, err)
	for i := range 230 {
		entry := audit.Entry{Actor: "a", Role: "system", Act: audit.KeyRotated, Kind: audit.Subject, Object: object, Outcome: audit.Succeeded}
		if i%23 == 0 {
			entry = audit.Entry{Actor: "b", Role: "privacy_officer", Act: audit.PayloadDecoded, Kind: audit.Subject, Object: object, Outcome: audit.Denied}
		}
		_, err := o.audit.Record(t.Context(), entry)
		require.NoError(t, err)
	}
	var all []requests.Seen
	for before := time.Now().Add(time.Hour); ; {
		page, err := o.Store.Accesses(t.Context(), subject, before, 3)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		all, before = append(all, page...), page[len(page)-1].At
	}
	require.Len(t, all, 10)
	for i, a := range all {
		require.Equal(t, audit.Denied, a.Outcome, "who was not let is shown as well")
		require.True(t, i == 0 || a.At.Before(all[i-1].At))
	}
}

func TestStaffSeeCountsAndDatesAndNeverWords(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 3)
	open := o.asks(t, subject)
	require.NoError(t, o.Store.Finish(t.Context(), o.asks(t, subject), requests.Completed, ""))
	o.hold(t, subject, 30, items[0])
	who := requests.Who{ID: uuid.New(), Role: "support"}
	p, err := o.Store.View(t.Context(), who, subject, false)
	require.NoError(t, err)
	require.Equal(t, "active", p.State)
	require.Equal(t, map[string]int{"sessions": 0, "messages": 3, "memories": 0, "writes_waiting": 0, "writes_failed": 0}, p.Counts)
	require.False(t, p.LastMessageAt.IsZero())
	require.True(t, p.Held)
	require.Nil(t, p.Holds)
	require.Len(t, p.Requests, 1)
	require.Equal(t, open, p.Requests[0].ID)

	p, err = o.Store.View(t.Context(), who, subject, true)
	require.NoError(t, err)
	require.Len(t, p.Requests, 2)
	require.Len(t, p.Holds, 1)
	require.Equal(t, 1, p.Holds[0].Items)

	nobody := uuid.New()
	_, err = o.Store.View(t.Context(), who, nobody, false)
	require.True(t, failure.Is(err, failure.NotFound))
	require.Equal(t, []string{"person.viewed by support"}, o.seen(t, nobody), "who looks for somebody is recorded before it is known that there is nobody")
}
