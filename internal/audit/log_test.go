package audit_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

func TestAnEntryIsThereExactlyWhenTheActIs(t *testing.T) {
	s := newSite(t)
	alice := uuid.New()
	require.NoError(t, s.db.EnsureSubject(t.Context(), alice))
	act := func(session uuid.UUID, result error) error {
		return s.db.Write(t.Context(), alice, func(ctx context.Context, q *queries.Queries) error {
			now := time.Now()
			if err := q.InsertSession(ctx, queries.InsertSessionParams{SubjectID: alice, ID: session, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}); err != nil {
				return err
			}
			if _, err := audit.Append(ctx, q, entry(1)); err != nil {
				return err
			}
			return result
		})
	}
	undone := errors.New("undone")
	require.ErrorIs(t, act(uuid.New(), undone), undone)
	require.Zero(t, s.size(t), "no entry of an act that did not happen")
	require.NoError(t, act(uuid.New(), nil))
	require.EqualValues(t, 1, s.size(t))

	index, err := s.log.Record(t.Context(), entry(2))
	require.NoError(t, err)
	require.EqualValues(t, 1, index, "the index of the undone entry was used again: there are no gaps")
	page, err := s.log.Entries(t.Context(), 0, audit.HMAC{}, 10)
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	got := page.Entries[1]
	require.WithinDuration(t, time.Now(), got.Time, time.Minute)
	want := entry(2)
	want.Index, want.Time = 1, got.Time
	require.Equal(t, want, got)
}

func TestConcurrentActsMakeOneLog(t *testing.T) {
	s := newSite(t)
	const writers, each = 8, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if _, err := s.log.Record(context.Background(), entry(w*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	report := s.verify(t)
	require.True(t, report.Intact(), report.Findings)
	require.EqualValues(t, writers*each, report.Entries)
	c := s.checkpoint(t)
	require.EqualValues(t, writers*each, c.Size)
	require.Equal(t, report.Root, c.Root, "the database's hashes are those of RFC 6962")
}

func TestPagesOfAllAndOfOneObject(t *testing.T) {
	s := newSite(t)
	object, err := s.log.Object(t.Context(), audit.Subject, "someone")
	require.NoError(t, err)
	other, err := s.log.Object(t.Context(), audit.Session, "someone")
	require.NoError(t, err)
	require.NotEqual(t, object, other)
	for i := range 9 {
		e := entry(i)
		if i%3 == 0 {
			e.Kind, e.Object = audit.Subject, object
		}
		_, err := s.log.Record(t.Context(), e)
		require.NoError(t, err)
	}
	page, err := s.log.Entries(t.Context(), 0, object, 2)
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	require.EqualValues(t, 6, page.Next)
	page, err = s.log.Entries(t.Context(), page.Next, object, 2)
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.EqualValues(t, 6, page.Entries[0].Index)
	require.Zero(t, page.Next)
	page, err = s.log.Entries(t.Context(), 8, audit.HMAC{}, 5)
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
}

func TestWordsDoNotFitInAnEntry(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*audit.Entry){
		"a sentence":      func(e *audit.Entry) { e.Reason = "she asked for it" },
		"an address":      func(e *audit.Entry) { e.Actor = "ann@example.org" },
		"an unknown act":  func(e *audit.Entry) { e.Act = "party.held" },
		"an unknown kind": func(e *audit.Entry) { e.Kind = "party" },
		"no outcome":      func(e *audit.Entry) { e.Outcome = "" },
		"no actor":        func(e *audit.Entry) { e.Actor = "" },
		"a person's id":   func(e *audit.Entry) { e.Actor = uuid.NewString() },
		"a person's run":  func(e *audit.Entry) { e.Request = "person/" + uuid.NewString() + "/interaction/1" },
		"too much":        func(e *audit.Entry) { e.Request = strings.Repeat("x", 101) },
		"half an object":  func(e *audit.Entry) { e.Object = audit.HMAC{} },
	} {
		e := entry(0)
		change(&e)
		_, err := s.log.Record(t.Context(), e)
		require.True(t, failure.Is(err, failure.InvalidInput), name)
		require.NotContains(t, err.Error(), "asked")
		require.NotContains(t, err.Error(), "ann")
	}
	require.Zero(t, s.size(t))
	for _, act := range audit.Acts() {
		e := entry(0)
		e.Act = act
		_, err := s.log.Record(t.Context(), e)
		require.NoError(t, err, act)
	}
}

func TestNoRoleButASuperuserChangesTheLog(t *testing.T) {
	s := newSite(t)
	s.record(t, 3, 3)
	for role, url := range map[string]string{"application": s.urls.App, "reader": s.urls.Reader, "owner": s.urls.Owner} {
		conn := s.connect(t, url)
		_, err := conn.Exec(t.Context(), "set default_transaction_read_only = off")
		require.NoError(t, err)
		for _, table := range []string{"audit_log", "audit_checkpoints"} {
			for _, statement := range []string{"delete from %", "update % set %", "truncate %"} {
				statement = strings.Replace(statement, "%", table, 1)
				statement = strings.Replace(statement, "%", map[string]string{"audit_log": "leaf = leaf", "audit_checkpoints": "note = note"}[table], 1)
				_, err := conn.Exec(t.Context(), statement)
				var refused *pgconn.PgError
				require.ErrorAs(t, err, &refused, "%s: %s", role, statement)
				require.Equal(t, "42501", refused.Code, "%s: %s: %v", role, statement, err)
			}
		}
		if role != "owner" {
			_, err = conn.Exec(t.Context(), "insert into audit_log select leaf_index + 10, leaf, hashes from audit_log")
			require.ErrorContains(t, err, "permission denied", "entries come in by the function alone")
		}
		if role == "reader" {
			_, err = conn.Exec(t.Context(), "select meai_audit_append('\\x00')")
			require.ErrorContains(t, err, "permission denied")
		}
	}
	require.True(t, s.verify(t).Intact())
}

func TestProofsHoldAndFalseOnesDoNot(t *testing.T) {
	s := newSite(t)
	s.record(t, 13, 0)
	first := s.checkpoint(t)
	s.record(t, 8, 0)
	second := s.checkpoint(t)
	for index := range second.Size {
		p, err := s.log.ProveInclusion(t.Context(), index, second.Size)
		require.NoError(t, err)
		require.NoError(t, tlog.CheckRecord(p.Proof, second.Size, second.Root, index, tlog.RecordHash(p.Leaf)))
		require.Error(t, tlog.CheckRecord(p.Proof, second.Size, first.Root, index, tlog.RecordHash(p.Leaf)))
		e, err := audit.Decode(p.Leaf)
		require.NoError(t, err)
		require.Equal(t, index, e.Index)
	}
	proof, err := s.log.ProveConsistency(t.Context(), first.Size, second.Size)
	require.NoError(t, err)
	require.NoError(t, tlog.CheckTree(proof, second.Size, second.Root, first.Size, first.Root))
	require.Error(t, tlog.CheckTree(proof, second.Size, first.Root, first.Size, first.Root))
	for _, ask := range [][2]int64{{21, 21}, {-1, 21}, {0, 22}, {3, 2}} {
		_, err := s.log.ProveInclusion(t.Context(), ask[0], ask[1])
		require.True(t, failure.Is(err, failure.NotFound), ask)
	}
	for _, ask := range [][2]int64{{0, 21}, {5, 22}, {5, 4}} {
		_, err := s.log.ProveConsistency(t.Context(), ask[0], ask[1])
		require.True(t, failure.Is(err, failure.NotFound), ask)
	}
}

func TestLeavesHaveOneEncoding(t *testing.T) {
	s := newSite(t)
	s.record(t, 1, 0)
	c, err := audit.InDatabase(t.Context(), s.db)
	require.NoError(t, err)
	var leaf []byte
	for r, err := range c.Records {
		require.NoError(t, err)
		leaf = r.Leaf
	}
	_, err = audit.Decode(leaf)
	require.NoError(t, err)
	longer := bytes.Clone(leaf)
	longer[len(leaf)-1] = 'x' // the length of the last text, beyond the end
	newer := bytes.Clone(leaf)
	newer[16] = 2
	for name, malformed := range map[string][]byte{
		"nothing": nil, "cut": leaf[:len(leaf)-1], "longer": append(bytes.Clone(leaf), 0), "beyond its end": longer, "a newer version": newer,
	} {
		_, err := audit.Decode(malformed)
		require.ErrorIs(t, err, audit.ErrMalformed, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(make([]byte, 89))
	f.Add(append(append(make([]byte, 16), 1), make([]byte, 80)...))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		e, err := audit.Decode(leaf)
		if err != nil {
			require.ErrorIs(t, err, audit.ErrMalformed)
			return
		}
		require.Equal(t, leaf, audit.Encode(e), "one encoding for each entry")
	})
}

// TestARepeatedStepIsRecordedOnce: by any number of attempts at once, while another
// request's entry is another.
func TestARepeatedStepIsRecordedOnce(t *testing.T) {
	s := newSite(t)
	add := func(e audit.Entry) error {
		return s.db.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
			return audit.AppendOnce(ctx, q, e)
		})
	}
	var attempts errgroup.Group
	for range 8 {
		attempts.Go(func() error { return add(entry(1)) })
	}
	require.NoError(t, attempts.Wait())
	another := entry(1)
	another.Request = "another"
	require.NoError(t, add(another))
	page, err := s.log.Entries(t.Context(), 0, entry(1).Object, 10)
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
}
