package requests_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/requests"
	"meai/internal/alias"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

func TestARequestIsRegisteredOnceAndEndsOnce(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	n := requests.New{ID: uuid.New(), Subject: subject, Kind: requests.Erasure, Law: requests.GDPR, At: o.clock}
	for range 2 {
		require.NoError(t, o.Store.Receive(t.Context(), n))
	}
	other := n
	other.Kind = requests.Access
	require.True(t, failure.Is(o.Store.Receive(t.Context(), other), failure.IdempotencyConflict))

	r, err := o.Store.Request(t.Context(), n.ID)
	require.NoError(t, err)
	who, err := alias.Of(t.Context(), o.keys, subject)
	require.NoError(t, err)
	require.Equal(t, requests.Request{
		ID: n.ID, Subject: subject, Alias: who, Kind: requests.Erasure, Law: requests.GDPR, State: requests.Open, ReceivedAt: o.clock,
		ConfirmedAt: o.clock, DueAt: r.DueAt, PromisedAt: o.clock.Add(72 * time.Hour),
	}, r)
	require.True(t, r.DueAt.After(o.clock.AddDate(0, 0, 27)))

	for range 2 {
		require.NoError(t, o.Store.Finish(t.Context(), n.ID, requests.Completed, ""))
	}
	require.True(t, failure.Is(o.Store.Finish(t.Context(), n.ID, requests.Refused, "unfounded"), failure.Decided))
	require.True(t, failure.Is(o.Store.Finish(t.Context(), uuid.New(), requests.Completed, ""), failure.NotFound))
	for _, bad := range []func() error{
		func() error { return o.Store.Finish(t.Context(), n.ID, requests.Refused, "") },
		func() error { return o.Store.Finish(t.Context(), n.ID, requests.Open, "") },
		func() error { return o.Store.Finish(t.Context(), n.ID, requests.Completed, "Because they said so") },
		func() error {
			return o.Store.Receive(t.Context(), requests.New{ID: uuid.New(), Subject: subject, Law: "lgpd", Kind: requests.Access, At: o.clock})
		},
		func() error {
			return o.Store.Receive(t.Context(), requests.New{ID: uuid.New(), Subject: subject, Law: requests.GDPR, Kind: "more", At: o.clock})
		},
		func() error {
			return o.Store.Receive(t.Context(), requests.New{Subject: subject, Law: requests.GDPR, Kind: requests.Access, At: o.clock})
		},
	} {
		require.True(t, failure.Is(bad(), failure.InvalidInput))
	}
	require.Equal(t, []string{"privacy_request.received erasure", "privacy_request.ended completed"}, o.trail(t))
}

func TestAnErasedPersonLeavesTheirAliasInTheRegister(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	other, _ := o.somebody(t, 0)
	id, kept, unmet := o.asks(t, subject, toErase), o.asks(t, other), o.asks(t, subject)
	require.NoError(t, o.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error { return o.Store.Detach(ctx, q, subject) }))
	r, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, r.Subject)
	who, err := alias.Of(t.Context(), o.keys, subject)
	require.NoError(t, err)
	require.Equal(t, who, r.Alias)
	require.Equal(t, requests.Open, r.State, "it is under way")
	r, err = o.Store.Request(t.Context(), unmet)
	require.NoError(t, err)
	require.Equal(t, requests.Cancelled, r.State, "nobody can be given it any more")
	require.False(t, r.EndedAt.IsZero())
	r, err = o.Store.Request(t.Context(), kept)
	require.NoError(t, err)
	require.Equal(t, other, r.Subject)
	require.Equal(t, requests.Open, r.State)
	var rows string
	require.NoError(t, connect(t, o.urls.App).QueryRow(t.Context(), "select string_agg(privacy_requests::text, ' ') from privacy_requests where id = $1", id).Scan(&rows))
	require.NotContains(t, rows, subject.String())
	// What carries it out may be told twice, before and after.
	require.NoError(t, o.Store.Finish(t.Context(), id, requests.Completed, ""))
}

func TestTheLawIsTakenAtItsWordOnceAndInTime(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	who := requests.Who{ID: uuid.New(), Role: "privacy_officer"}
	id := o.asks(t, subject)
	before, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	_, err = o.Store.Extend(t.Context(), who, id, "because")
	require.True(t, failure.Is(err, failure.InvalidInput))
	_, err = o.Store.Extend(t.Context(), who, uuid.New(), "complexity")
	require.True(t, failure.Is(err, failure.NotFound))
	extended, err := o.Store.Extend(t.Context(), who, id, "complexity")
	require.NoError(t, err)
	require.Equal(t, o.clock, extended.ExtendedAt)
	require.Equal(t, "complexity", extended.Reason)
	require.Greater(t, extended.DueAt.Sub(before.DueAt), 58*24*time.Hour)
	_, err = o.Store.Extend(t.Context(), who, id, "complexity")
	require.True(t, failure.Is(err, failure.Decided), "once")

	late := o.asks(t, subject, func(n *requests.New) { n.At = o.clock.AddDate(0, -2, 0) })
	_, err = o.Store.Extend(t.Context(), who, late, "complexity")
	require.True(t, failure.Is(err, failure.Decided), "its time is over")
	sold := o.asks(t, subject, func(n *requests.New) { n.Kind, n.Law = requests.OptOut, requests.CCPA })
	_, err = o.Store.Extend(t.Context(), who, sold, "complexity")
	require.True(t, failure.Is(err, failure.InvalidInput), "no law lets selling go on")
	require.Contains(t, o.trail(t), "privacy_request.extended complexity")

	require.NoError(t, o.Store.Finish(t.Context(), id, requests.Completed, ""))
	done, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "complexity", done.Reason, "why it took longer stays to be seen")
}

func TestPeopleSeeTheirOwnRequestsAndOfficersAll(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	other, _ := o.somebody(t, 0)
	at := func(days int) func(*requests.New) {
		return func(n *requests.New) { n.At = o.clock.AddDate(0, 0, -days) }
	}
	fresh, near, over := o.asks(t, subject), o.asks(t, subject, at(25)), o.asks(t, other, at(40))
	ended := o.asks(t, subject, at(50))
	require.NoError(t, o.Store.Finish(t.Context(), ended, requests.Refused, "unfounded"))

	ids := func(list []requests.Request, err error) (ids []uuid.UUID) {
		require.NoError(t, err)
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{fresh, near}, ids(o.Store.OfPerson(t.Context(), subject, uuid.Nil, 2)))
	require.Equal(t, []uuid.UUID{ended}, ids(o.Store.OfPerson(t.Context(), subject, near, 2)))
	require.Empty(t, ids(o.Store.OfPerson(t.Context(), subject, over, 2)), "another's request is no place to go on")
	who := requests.Who{ID: uuid.New(), Role: "privacy_officer"}
	for standing, want := range map[requests.Standing][]uuid.UUID{
		requests.Any: {fresh, near, over, ended}, requests.Opened: {fresh, near, over}, requests.DueSoon: {near}, requests.Overdue: {over},
	} {
		require.Equal(t, want, ids(o.Store.Register(t.Context(), who, standing, uuid.Nil, 10)), standing)
	}
	require.Equal(t, []uuid.UUID{over, ended}, ids(o.Store.Register(t.Context(), who, requests.Any, near, 10)))
	require.Contains(t, o.trail(t), "privacy_register.read overdue")
	_, err := o.Store.Register(t.Context(), requests.Who{Role: "operator"}, requests.Any, uuid.Nil, 1)
	require.NoError(t, err)
}

func TestWhatCameByLetterIsConfirmedLater(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	id := o.asks(t, subject, func(n *requests.New) { n.Law, n.Unconfirmed = requests.CCPA, true })
	r, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Zero(t, r.ConfirmedAt)
	require.False(t, r.ConfirmBy.IsZero())
	for range 2 {
		require.NoError(t, o.Store.Confirm(t.Context(), requests.Who{Role: "operator"}, id))
	}
	r, err = o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, o.clock, r.ConfirmedAt)
	require.Equal(t, []string{"privacy_request.received access", "privacy_request.confirmed "}, o.trail(t))
}

func TestThePromiseMovesWithTheBeginning(t *testing.T) {
	o := newOffice(t)
	subject, _ := o.somebody(t, 0)
	week := o.clock.Add(7 * 24 * time.Hour)
	id := o.asks(t, subject, toErase, func(n *requests.New) { n.Begins = week })
	promise := func() time.Time {
		r, err := o.Store.Request(t.Context(), id)
		require.NoError(t, err)
		return r.PromisedAt
	}
	require.Equal(t, week.Add(72*time.Hour), promise())
	require.NoError(t, o.Store.Begin(t.Context(), id, o.clock.Add(time.Hour)), "the person did not want to wait")
	require.Equal(t, o.clock.Add(73*time.Hour), promise())

	require.NoError(t, o.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error { return o.Store.Wait(ctx, q, id) }))
	require.Zero(t, promise(), "a legal hold keeps it waiting")
	o.clock = o.clock.Add(200 * time.Hour)
	r, err := o.Store.Request(t.Context(), id)
	require.NoError(t, err)
	require.NotEqual(t, requests.Overdue, r.StandingAt(o.clock))
	require.NoError(t, o.Store.Begin(t.Context(), id, o.clock))
	require.Equal(t, o.clock.Add(72*time.Hour), promise())
	other := o.asks(t, subject)
	require.NoError(t, o.Store.Begin(t.Context(), other, o.clock))
	r, err = o.Store.Request(t.Context(), other)
	require.NoError(t, err)
	require.Zero(t, r.PromisedAt, "nothing is promised of other rights")
}
