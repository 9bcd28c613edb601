package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"meai/internal/alias"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// The purposes of the system's keys here. Changing one makes what was blinded or
// signed with it strange.
const (
	objectPurpose    keyring.Purpose = "audit-object"
	notePurpose      keyring.Purpose = "audit-note"
	signaturePurpose keyring.Purpose = "audit-checkpoint"
)

// origin names the log, in its checkpoints and their signatures.
const origin = "meai-audit"

// Append adds an entry in the caller's transaction and returns its index. Appending
// transactions take turns from here to their end: append last, just before the
// commit, and take no lock afterwards.
func Append(ctx context.Context, q *queries.Queries, e Entry) (int64, error) {
	body, err := e.encode()
	if err != nil {
		return 0, err
	}
	index, err := q.AppendAuditEntry(ctx, body)
	if err != nil {
		return 0, fmt.Errorf("append %s to the audit log: %w", e.Act, err)
	}
	return index, nil
}

// AppendOnce is [Append] for a step that may be repeated: it adds nothing when the
// very same entry is there, which its request's id tells from another act's. The
// entry has an object.
func AppendOnce(ctx context.Context, q *queries.Queries, e Entry) error {
	body, err := e.encode()
	if err != nil {
		return err
	}
	if err := q.LockAuditLog(ctx); err != nil {
		return fmt.Errorf("wait for the audit log: %w", err)
	}
	known, err := q.KnowsAuditEntry(ctx, e.Object[:], body)
	if err != nil {
		return fmt.Errorf("look for %s in the audit log: %w", e.Act, err)
	}
	if known {
		return nil
	}
	_, err = Append(ctx, q, e)
	return err
}

// Committer takes an act into the ledger and then into the database;
// [ledger.Committer] is the real one.
type Committer interface {
	Commit(ctx context.Context, act ledger.Act) (ledger.Entry, error)
}

// Options of a log. DB and Keys are required.
type Options struct {
	DB   *postgres.DB
	Keys *keyring.Keyring
	// Logger receives warnings; nil for slog.Default.
	Logger *slog.Logger
	// Interval is the longest time that an entry waits for a checkpoint; zero means
	// ten minutes.
	Interval time.Duration
	// Entries is how many may wait at most before then; zero means 1,000.
	Entries int64
}

// Log is the audit log of one database.
type Log struct {
	db       *postgres.DB
	keys     *keyring.Keyring
	log      *slog.Logger
	interval time.Duration
	entries  int64
}

// New makes a log. It touches neither the database nor the keyring.
func New(o Options) *Log {
	l := &Log{db: o.DB, keys: o.Keys, log: o.Logger, interval: o.Interval, entries: o.Entries}
	if l.log == nil {
		l.log = slog.Default()
	}
	if l.interval == 0 {
		l.interval = 10 * time.Minute
	}
	if l.entries == 0 {
		l.entries = 1000
	}
	return l
}

// Record adds the entry of an act that has no transaction of its own. Whoever shows
// something secret records first and shows after.
func (l *Log) Record(ctx context.Context, e Entry) (index int64, err error) {
	err = l.db.Alone(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		index, err = Append(ctx, q, e)
		return err
	})
	return index, err
}

// Object is what stands in an entry for the object of this kind and id.
func (l *Log) Object(ctx context.Context, kind Kind, id string) (HMAC, error) {
	return l.blind(ctx, objectPurpose, string(kind)+"\x00"+id)
}

// Person is what stands in an entry for who acted, where that is somebody with an id: a
// person, or one of the staff, who may be a person of this system too. It is their alias,
// for the log is kept for good and never changed.
func (l *Log) Person(ctx context.Context, id uuid.UUID) (string, error) {
	a, err := alias.Of(ctx, l.keys, id)
	return a.String(), err
}

// Note is what stands in an entry for words that are kept elsewhere, sealed.
func (l *Log) Note(ctx context.Context, words string) (HMAC, error) {
	return l.blind(ctx, notePurpose, words)
}

func (l *Log) blind(ctx context.Context, p keyring.Purpose, value string) (HMAC, error) {
	system, err := l.keys.System(ctx)
	if err != nil {
		return HMAC{}, fmt.Errorf("load the system's keys: %w", err)
	}
	return HMAC(system.Blind(p, []byte(value))), nil
}

// Key signs checkpoints.
func (l *Log) Key(ctx context.Context) (*signing.Key, error) {
	return signing.Derive(ctx, l.keys, origin, signaturePurpose)
}

// Page is a part of the log in the order of the indexes.
type Page struct {
	Entries []Entry
	// Next is where the following page begins; zero after the last.
	Next int64
}

// Entries returns up to limit entries from an index on, all or those of one object.
func (l *Log) Entries(ctx context.Context, first int64, object HMAC, limit int) (page Page, err error) {
	var rows []queries.AuditLog
	err = l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if object == (HMAC{}) {
			rows, err = q.AuditEntries(ctx, first, int32(limit)+1)
		} else {
			rows, err = q.AuditEntriesOfObject(ctx, object[:], first, int32(limit)+1)
		}
		return err
	})
	if err != nil {
		return page, fmt.Errorf("read the audit log: %w", err)
	}
	if len(rows) > limit {
		page.Next, rows = rows[limit].LeafIndex, rows[:limit]
	}
	for _, row := range rows {
		entry, err := Decode(row.Leaf)
		if err != nil {
			return page, fmt.Errorf("read audit entry %d: %w", row.LeafIndex, err)
		}
		page.Entries = append(page.Entries, entry)
	}
	return page, nil
}

// Inclusion proves that a tree of Size entries holds Leaf at Index
// (tlog.CheckRecord with tlog.RecordHash(Leaf)).
type Inclusion struct {
	Index, Size int64
	Leaf        []byte
	Proof       tlog.RecordProof
}

// ProveInclusion fails with [failure.NotFound] when the tree has no such entry.
func (l *Log) ProveInclusion(ctx context.Context, index, size int64) (Inclusion, error) {
	p := Inclusion{Index: index, Size: size}
	err := l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if err := covers(ctx, q, index+1, size); err != nil {
			return err
		}
		if p.Leaf, err = q.AuditEntry(ctx, index); errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("audit entry %d is missing", index)
		}
		if err != nil {
			return err
		}
		p.Proof, err = tlog.ProveRecord(size, index, storedHashes(ctx, q))
		return err
	})
	if err != nil {
		return p, fmt.Errorf("prove audit entry %d: %w", index, err)
	}
	return p, nil
}

// ProveConsistency proves that the tree of the first from entries is the beginning
// of that of the first to (tlog.CheckTree). It fails with [failure.NotFound] when
// there are not that many.
func (l *Log) ProveConsistency(ctx context.Context, from, to int64) (proof tlog.TreeProof, err error) {
	err = l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if err := covers(ctx, q, from, to); err != nil {
			return err
		}
		proof, err = tlog.ProveTree(to, from, storedHashes(ctx, q))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prove that %d audit entries extend %d: %w", to, from, err)
	}
	return proof, nil
}

func covers(ctx context.Context, q *queries.Queries, part, whole int64) error {
	size, err := q.AuditSize(ctx)
	if err != nil {
		return err
	}
	if part < 1 || part > whole || whole > size {
		return failure.New(failure.NotFound, fmt.Sprintf("there is no such part of %d audit entries", size), nil)
	}
	return nil
}

// storedHashes reads the hashes that the entries completed. A subtree's hash is in
// the row of its last leaf, at the place of its level.
func storedHashes(ctx context.Context, q *queries.Queries) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		leaves := make([]int64, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			leaves[i] = (n+1)<<level - 1
		}
		rows, err := q.AuditHashes(ctx, leaves)
		if err != nil {
			return nil, fmt.Errorf("read the audit log's hashes: %w", err)
		}
		stored := make(map[int64][]byte, len(rows))
		for _, row := range rows {
			stored[row.LeafIndex] = row.Hashes
		}
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, _ := tlog.SplitStoredHashIndex(index)
			row := stored[leaves[i]]
			if len(row) < (level+1)*tlog.HashSize {
				return nil, fmt.Errorf("the audit log is damaged: entry %d lacks a hash", leaves[i])
			}
			hashes[i] = tlog.Hash(row[level*tlog.HashSize:][:tlog.HashSize])
		}
		return hashes, nil
	})
}
