package requests_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/approval"
	"meai/activities/privacy/requests"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

func TestAHoldTakesTwoOthersAndIsPlacedOnce(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	other, _ := o.somebody(t, 0)
	asked := o.ask(t, approval.Hold, o.holding(subject, 30))
	o.agree(t, asked)
	_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: asked})
	require.True(t, failure.Is(err, failure.Decided), "one has agreed: %v", err)
	everything, _ := o.held(t, o.db, subject)
	require.False(t, everything)

	o.agree(t, asked)
	_, err = o.Approvals.Conclude(t.Context(), approval.Ref{ID: asked})
	require.NoError(t, err)
	for range 2 { // a worker may die after any step
		ref, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: asked})
		require.NoError(t, err)
		require.Equal(t, asked, ref.ID)
	}
	everything, _ = o.held(t, o.db, subject)
	require.True(t, everything)
	everything, _ = o.held(t, o.db, other)
	require.False(t, everything)
	require.Equal(t, []string{"hold.placed litigation"}, o.trail(t))

	listed, err := o.Store.Hold(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, "The court wrote on Tuesday.", listed.Note)
	require.Equal(t, subject, listed.Subject)
	require.True(t, listed.Everything)
	var row string
	require.NoError(t, connect(t, o.urls.App).QueryRow(t.Context(), "select legal_holds::text from legal_holds").Scan(&row))
	require.NotContains(t, row, subject.String())
	require.NotContains(t, row, "court")
	require.Error(t, connect(t, o.urls.Reader).QueryRow(t.Context(), "select note_sealed::text from legal_holds").Scan(&row))
}

func TestTheLedgerNamesWhoIsHeldByAlias(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 2)
	o.release(t, o.hold(t, subject, 30, items...))
	kinds := 0
	_, err := o.acts.Replay(t.Context(), 1, func(_ context.Context, e ledger.Entry) error {
		if e.Kind == ledger.HoldPlaced || e.Kind == ledger.HoldReleased {
			kinds++
			for _, value := range append([]string{e.ID}, fieldsOf(e)...) {
				for _, secret := range append(items, subject) {
					require.NotContains(t, value, secret.String())
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, kinds)
}

func fieldsOf(e ledger.Entry) (values []string) {
	for _, value := range e.Fields {
		values = append(values, value)
	}
	return values
}

func TestItemsAreHeldOneByOne(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 4)
	id := o.hold(t, subject, 30, items[2], items[0])
	everything, held := o.held(t, o.db, subject)
	require.False(t, everything)
	require.Equal(t, []uuid.UUID{items[0], items[2]}, held)
	permit := func(ids ...uuid.UUID) (err error) {
		return o.db.Read(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error { return o.holds.Permit(ctx, q, subject, ids...) })
	}
	require.NoError(t, permit(items[1], items[3]))
	require.True(t, failure.Is(permit(items[1], items[2]), failure.Held))
	require.NoError(t, o.db.Read(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
		_, _, err := o.holds.Held(ctx, q, subject)
		require.NoError(t, err)
		any, held, err := o.holds.Any(ctx, q, subject)
		require.True(t, held)
		require.Equal(t, id, any.ID)
		return err
	}))
	o.release(t, id)
	require.NoError(t, permit(items...))
	_, err := o.SettleHolds(t.Context(), struct{}{})
	require.NoError(t, err)
	var left int
	require.NoError(t, connect(t, o.urls.App).QueryRow(t.Context(), "select count(*) from legal_hold_items").Scan(&left))
	require.Zero(t, left, "the list goes with the hold")
}

func TestWhatIsNotApprovedIsNotHeld(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 2)
	_, others := o.somebody(t, 1)
	carry := func(parameters map[string]string, items ...uuid.UUID) error {
		_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.Hold, parameters), Items: items})
		return err
	}
	for name, c := range map[string]struct {
		parameters map[string]string
		items      []uuid.UUID
		want       failure.Type
	}{
		"another list":            {o.holding(subject, 1, items[0]), items[1:], failure.InvalidInput},
		"no list":                 {o.holding(subject, 1, items[0]), nil, failure.InvalidInput},
		"a list of everything":    {o.holding(subject, 1), items, failure.InvalidInput},
		"another person's things": {o.holding(subject, 1, others[0]), others, failure.NotFound},
		"nobody":                  {o.holding(uuid.New(), 1), nil, failure.NotFound},
		"the past":                {o.holding(subject, -1), nil, failure.InvalidInput},
		"for ever":                {o.holding(subject, 365*11), nil, failure.InvalidInput},
	} {
		err := carry(c.parameters, c.items...)
		require.True(t, failure.Is(err, c.want), "%s: %v", name, err)
	}
	_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.EarlyDelete, map[string]string{"subject": subject.String()})})
	require.True(t, failure.Is(err, failure.NotAllowed))
	_, err = o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.ReleaseHold, map[string]string{"hold": uuid.NewString()})})
	require.True(t, failure.Is(err, failure.NotFound))
	everything, held := o.held(t, o.db, subject)
	require.False(t, everything)
	require.Empty(t, held)
	require.NotContains(t, o.trail(t), "hold.placed litigation")
}

// A crash between the spending of an approval and the act: the next attempt brings it to its
// end, though meanwhile it could not be begun any more.
func TestABegunHoldIsBroughtToItsEnd(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 1)
	parameters := o.holding(subject, 1, items...)
	agreed := o.agreed(t, approval.Hold, parameters)
	_, err := o.Approvals.Use(t.Context(), approval.UseInput{ID: agreed, Act: approval.Hold, Parameters: parameters, By: requests.HoldWorkflow(agreed)})
	require.NoError(t, err)
	o.clock = o.clock.AddDate(0, 0, 2)
	_, err = o.CarryHold(t.Context(), requests.HoldInput{Approval: agreed, Items: items})
	require.NoError(t, err)
	_, held := o.held(t, o.db, subject)
	require.Equal(t, items, held)
}

func TestAHoldThatIsReleasedWakesWhatWaited(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	other, _ := o.somebody(t, 0)
	first, second := o.hold(t, subject, 30), o.hold(t, subject, 60)
	o.waiting(t, subject, "cancelled")
	waits := o.waiting(t, subject, "held") // a restore has lost what the register had of it
	o.asks(t, subject)
	o.waiting(t, other, "held")

	o.release(t, first)
	everything, _ := o.held(t, o.db, subject)
	require.True(t, everything, "the other one holds")
	o.release(t, second)
	everything, _ = o.held(t, o.db, subject)
	require.False(t, everything)
	settled, err := o.SettleHolds(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Equal(t, requests.Settled{Holds: 2}, settled)
	require.Equal(t, []uuid.UUID{waits, waits}, o.woken)
	settled, err = o.SettleHolds(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Zero(t, settled.Holds, "once")

	ref, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.ReleaseHold, map[string]string{"hold": first.String()})})
	require.NoError(t, err, "released already")
	require.Equal(t, first, ref.ID)
	_, err = connect(t, o.urls.App).Exec(t.Context(), "update legal_holds set released_at = null")
	require.Error(t, err, "the database holds to it as well")
}

func TestAHoldEndsByItself(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 1)
	waits := o.waiting(t, subject, "requested")
	o.clock = time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -2) // "until" is a day later
	parameters := o.holding(subject, 1, items...)
	agreed := o.agreed(t, approval.Hold, parameters)
	_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: agreed, Items: items})
	require.NoError(t, err)
	everything, held := o.held(t, o.db, subject)
	require.False(t, everything)
	require.Empty(t, held)
	settled, err := o.SettleHolds(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Equal(t, 1, settled.Holds)
	require.Equal(t, []uuid.UUID{waits}, o.woken)
	require.Contains(t, o.trail(t), "hold.released expired")
}

func TestARestoreUndoesNeitherAHoldNorItsRelease(t *testing.T) {
	o := newOffice(t)
	subject, items := o.somebody(t, 2)
	listed, list := uuid.Nil, items[:1]
	whole, released := o.hold(t, subject, 30), o.hold(t, subject, 90)
	o.release(t, released)

	// A database from before all that, with the same ledger and keyring.
	older, urls := enginetest.Database(t)
	require.NoError(t, older.EnsureSubject(t.Context(), subject))
	restored := o.activities(older)
	for range 2 {
		o.replay(t, restored)
	}
	everything, _ := o.held(t, older, subject)
	require.True(t, everything)
	holds, err := restored.Store.AllHolds(t.Context(), requests.Who{Role: "operator"}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, holds, 2)
	ended := map[uuid.UUID]bool{}
	for _, h := range holds {
		ended[h.ID] = h.Over(o.clock)
		require.Equal(t, "litigation", h.Reason)
		require.Empty(t, h.Note, "no words are in the ledger")
	}
	require.Equal(t, map[uuid.UUID]bool{whole: false, released: true}, ended)

	t.Run("a list is held as everything until it is given again", func(t *testing.T) {
		o.release(t, whole)
		listed = o.hold(t, subject, 30, list...)
		o.replay(t, restored)
		everything, held := o.held(t, older, subject)
		require.True(t, everything)
		require.Empty(t, held)
		h, err := restored.Store.Hold(t.Context(), listed)
		require.NoError(t, err)
		require.True(t, h.Unlisted)
		_, err = restored.CarryHold(t.Context(), requests.HoldInput{Approval: listed, Items: items[1:]})
		require.True(t, failure.Is(err, failure.InvalidInput), "another list than was approved: %v", err)
		_, err = restored.CarryHold(t.Context(), requests.HoldInput{Approval: listed, Items: list})
		require.NoError(t, err)
		everything, held = o.held(t, older, subject)
		require.False(t, everything)
		require.Equal(t, list, held)
	})
	var audited int
	require.NoError(t, connect(t, urls.App).QueryRow(t.Context(), "select count(*) from legal_holds").Scan(&audited))
	require.Equal(t, 3, audited)
}

// Whoever is about to do what cannot be undone and whoever places a hold wait for each other.
func TestNoHoldComesToBeBetweenTheLookAndTheAct(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	agreed := o.agreed(t, approval.Hold, o.holding(subject, 30))
	looked, act := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(act) })
	defer goOn()
	acted := make(chan error, 1)
	go func() {
		acted <- o.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
			_, held, err := o.holds.Held(ctx, q, subject)
			close(looked)
			<-act
			if held {
				return failure.New(failure.Held, "it was held", nil)
			}
			return err
		})
	}()
	<-looked
	placed := make(chan error, 1)
	go func() {
		_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: agreed})
		placed <- err
	}()
	waiting := connect(t, o.urls.Owner)
	require.Eventually(t, func() bool {
		var n int
		err := waiting.QueryRow(t.Context(), `select count(*) from pg_locks where locktype = 'advisory' and not granted
			and database = (select oid from pg_database where datname = current_database())`).Scan(&n)
		return err == nil && n == 1
	}, time.Minute, 20*time.Millisecond, "the hold waits")
	goOn()
	require.NoError(t, <-acted)
	require.NoError(t, <-placed)
	everything, _ := o.held(t, o.db, subject)
	require.True(t, everything)
}

func TestAPersonSeesTheHoldsThatTheyMayKnowOf(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	open := o.hold(t, subject, 30)
	secret := o.holding(subject, 60)
	secret["told"] = "no"
	_, err := o.CarryHold(t.Context(), requests.HoldInput{Approval: o.agreed(t, approval.Hold, secret)})
	require.NoError(t, err)
	told, err := o.Store.ToldHolds(t.Context(), subject)
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, open, told[0].ID)
	require.True(t, told[0].ExpiresAt.Equal(o.clock.AddDate(0, 0, 30)))
	o.release(t, open)
	told, err = o.Store.ToldHolds(t.Context(), subject)
	require.NoError(t, err)
	require.True(t, told[0].ExpiresAt.Before(o.clock.AddDate(0, 0, 1)), "it is over")
	seen, err := o.Store.Accesses(t.Context(), subject, time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Empty(t, seen, "nor does the access log tell of one")
}
