package memory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	acts "meai/internal/ledger"
	"meai/internal/postgres/queries"
)

// A restored database has what was forgotten since. So the ledger is told of each forgetting
// before anything goes by it, as ids and nothing else, and a replay makes a confirmed one of
// it again, which the next night carries out.

const (
	// idsPerAct keeps an act within what an entry of the ledger may hold.
	idsPerAct = 150
	// carriedOutWithin is how long a confirmed forgetting is somebody else's to carry out.
	carriedOutWithin = time.Hour
	actTime          = "2006-01-02T15:04:05.000000Z"
)

// inLedger commits a confirmed forgetting; nil is no ledger, and once more changes nothing.
func inLedger(ctx context.Context, to audit.Committer, keys *keyring.Keyring, row queries.MemoryForgetting) error {
	if to == nil || row.ConfirmedAt == nil {
		return nil
	}
	who, err := alias.Of(ctx, keys, row.SubjectID)
	if err != nil {
		return err
	}
	for i := 0; i == 0 || i < max(len(row.Nodes), len(row.Sources)); i += idsPerAct {
		nodes, sources := packed(row.Nodes, i), packed(row.Sources, i)
		at := row.ConfirmedAt.UTC().Format(actTime)
		// What turned out to go as well makes another act.
		sum := sha256.Sum256([]byte(at + " " + nodes + " " + sources))
		act := acts.Act{Kind: acts.MemoryForgotten, ID: "forgetting/" + row.ID.String() + "/" + hex.EncodeToString(sum[:8]), Fields: map[string]string{
			"alias": who.String(), "forgetting": row.ID.String(), "at": at,
		}}
		for name, ids := range map[string]string{"nodes": nodes, "sources": sources} {
			if ids != "" { // an act has no empty fields
				act.Fields[name] = ids
			}
		}
		if _, err := to.Commit(ctx, act); err != nil {
			return fmt.Errorf("commit a forgetting: %w", err)
		}
	}
	return nil
}

// packed are the ids of one act, from the given one on.
func packed(ids []uuid.UUID, from int) string {
	var raw []byte
	for _, id := range ids[min(from, len(ids)):min(from+idsPerAct, len(ids))] {
		raw = append(raw, id[:]...)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func unpacked(text string) ([]uuid.UUID, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%len(uuid.UUID{}) != 0 {
		return nil, errors.Join(err, errors.New("these are no ids"))
	}
	ids := []uuid.UUID{}
	for part := range slices.Chunk(raw, len(uuid.UUID{})) {
		ids = append(ids, uuid.UUID(part))
	}
	return ids, nil
}

// ApplyForgotten is the [acts.Applier] of forgettings.
func ApplyForgotten(keys *keyring.Keyring) acts.Applier {
	return func(ctx context.Context, q *queries.Queries, e acts.Entry) error {
		a, err1 := alias.Parse(e.Fields["alias"])
		id, err2 := uuid.Parse(e.Fields["forgetting"])
		at, err3 := time.Parse(actTime, e.Fields["at"])
		nodes, err4 := unpacked(e.Fields["nodes"])
		sources, err5 := unpacked(e.Fields["sources"])
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			return failure.New(failure.InvalidInput, "the ledger's entry is no forgetting", err)
		}
		subject, known, err := alias.Find(ctx, q, keys, a)
		if err != nil || !known {
			return err
		}
		state, err := q.HoldSubject(ctx, subject)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && state == erased {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look up the person of an entry: %w", err)
		}
		if err := q.BindSubject(ctx, subject.String()); err != nil {
			return err
		}
		_, err = q.ForgetAsConfirmed(ctx, queries.ForgetAsConfirmedParams{SubjectID: subject, ID: id, Nodes: nodes, Sources: sources, At: at})
		return errors.Join(err, q.BindSubject(ctx, ""))
	}
}

// erased is the state of subjects of whom nothing is left.
const erased = "erased"

// mostUnfinished bounds what is looked at of a person's unfinished forgettings at once.
const mostUnfinished = 100

// Unfinished is the oldest forgetting of a person that was confirmed an hour ago or earlier and
// nobody has carried out: its start was lost, or a restore has undone it. One that a hold keeps
// is passed over; zero for none. Errors are those of [postgres.DB.Write].
func (s *Store) Unfinished(ctx context.Context, subject uuid.UUID) (id uuid.UUID, err error) {
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.UnfinishedForgettings(ctx, subject, s.now().UTC().Add(-carriedOutWithin), mostUnfinished)
		if err != nil {
			return err
		}
		for _, row := range rows {
			err := s.holds.Permit(ctx, q, subject, slices.Concat(row.Nodes, row.Sources)...)
			if failure.Is(err, failure.Held) {
				continue
			}
			id = row.ID
			return err
		}
		return nil
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("look for unfinished forgettings: %w", err)
	}
	return id, nil
}

// committed tells the ledger of a forgetting of the store's, if it is confirmed.
func (s *Store) committed(ctx context.Context, subject, id uuid.UUID) error {
	return commitForgetting(ctx, s.Ledger, s.keys, s.db.Read, subject, id)
}

// reading reads what is one person's, as [postgres.DB.Read] does.
type reading func(ctx context.Context, subject uuid.UUID, fn func(context.Context, *queries.Queries) error) error

func commitForgetting(ctx context.Context, to audit.Committer, keys *keyring.Keyring, read reading, subject, id uuid.UUID) error {
	if to == nil {
		return nil
	}
	var row queries.MemoryForgetting
	err := read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.Forgetting(ctx, subject, id)
		return unlessFound(err, "forgetting")
	})
	if err != nil || ForgettingState(row.State) != Confirmed {
		return err
	}
	return inLedger(ctx, to, keys, row)
}
