package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// ErrDiverged: the log does not continue what was signed before. Its tail was cut
// off or its past rewritten; [Verify] says more. Nothing is signed then.
var ErrDiverged = errors.New("audit: the log does not continue its last signed checkpoint")

// Checkpoint commits to the first Size entries.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
	// Epoch is the write epoch that it was made in: see [Loss].
	Epoch int64
	// Note is size and root in the form of a C2SP tlog-checkpoint, signed.
	Note string
}

// text is origin, size and root in a line each, and a line of our own with the epoch
// after the first.
func (c Checkpoint) text() string {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, c.Size, c.Root)
	if c.Epoch > 1 {
		text += fmt.Sprintf("%s%d\n", epochLine, c.Epoch)
	}
	return text
}

const epochLine = "epoch "

func (c Checkpoint) sign(key *signing.Key) (Checkpoint, error) {
	note, err := key.Sign(c.text())
	c.Note = string(note)
	return c, err
}

// OpenCheckpoint checks the signature of a note and reads it.
func OpenCheckpoint(key *signing.Public, note string) (Checkpoint, error) {
	text, err := key.Open([]byte(note))
	if err != nil {
		return Checkpoint{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || len(lines) > 5 || lines[0] != origin {
		return Checkpoint{}, errors.New("audit: the note is no checkpoint")
	}
	c := Checkpoint{Epoch: 1, Note: note}
	if len(lines) == 5 {
		epoch, _ := strings.CutPrefix(lines[3], epochLine)
		if c.Epoch, err = strconv.ParseInt(epoch, 10, 64); err != nil {
			return Checkpoint{}, errors.New("audit: the checkpoint has no epoch")
		}
	}
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 1 {
		return Checkpoint{}, errors.New("audit: the checkpoint has no size")
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Checkpoint{}, errors.New("audit: the checkpoint has no root")
	}
	if c.text() != text {
		return Checkpoint{}, errors.New("audit: the checkpoint is not in the form that it is written in")
	}
	return c, nil
}

// LastCheckpoint is the newest in the database, or [failure.NotFound].
func (l *Log) LastCheckpoint(ctx context.Context) (Checkpoint, error) {
	c, _, err := l.lastCheckpoint(ctx)
	if err == nil && c.Size == 0 {
		err = failure.New(failure.NotFound, "there is no checkpoint yet", nil)
	}
	return c, err
}

// lastCheckpoint is the newest whose entries are all in this log; zero when there is none.
func (l *Log) lastCheckpoint(ctx context.Context) (c Checkpoint, at time.Time, err error) {
	var row queries.LastAuditCheckpointRow
	var lost []queries.AuditLossesRow
	err = l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		if lost, err = q.AuditLosses(ctx); err != nil {
			return err
		}
		row, err = q.LastAuditCheckpoint(ctx)
		return err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return c, at, fmt.Errorf("read the last checkpoint: %w", err)
	}
	none := err != nil
	key, err := l.Key(ctx)
	if err != nil {
		return c, at, err
	}
	for _, loss := range lost {
		signed, err := OpenLoss(&key.Public, loss.Note)
		if err != nil || signed.Epoch != loss.Epoch || signed.Kept != loss.Kept {
			return c, at, fmt.Errorf("%w: the loss that epoch %d is said to begin with is not signed", ErrDiverged, loss.Epoch)
		}
	}
	if none {
		return Checkpoint{}, time.Time{}, nil
	}
	if c, err = OpenCheckpoint(&key.Public, row.Note); err != nil {
		return c, at, fmt.Errorf("read the checkpoint of %d entries: %w", row.Size, err)
	}
	return c, row.CreatedAt, nil
}

// Checkpoint signs the log as it is now and commits that to the ledger, then to the
// database. It returns the last checkpoint when nothing was added since, and fails
// with [ErrDiverged] rather than sign two stories, and with [failure.NotFound] for
// an empty log.
func (l *Log) Checkpoint(ctx context.Context, to Committer) (Checkpoint, error) {
	last, _, err := l.lastCheckpoint(ctx)
	if err != nil {
		return last, err
	}
	next, err := l.head(ctx, last)
	if err != nil {
		return Checkpoint{}, err
	}
	if next.Size == 0 {
		return Checkpoint{}, failure.New(failure.NotFound, "the audit log is empty", nil)
	}
	if next.Size == last.Size {
		return last, nil
	}
	key, err := l.Key(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	if next, err = next.sign(key); err != nil {
		return next, err
	}
	if _, err := to.Commit(ctx, next.act()); err != nil {
		return next, fmt.Errorf("commit the checkpoint of %d entries: %w", next.Size, err)
	}
	return next, nil
}

// head is the log as it is now, unsigned. It must continue the last checkpoint.
func (l *Log) head(ctx context.Context, last Checkpoint) (c Checkpoint, err error) {
	err = l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		state, err := q.ClusterState(ctx)
		if err != nil {
			return err
		}
		c.Epoch = state.Epoch
		if c.Size, err = q.AuditSize(ctx); err != nil || c.Size == 0 && last.Size == 0 {
			return err
		}
		if c.Size < last.Size {
			return fmt.Errorf("%w: it has %d entries and had %d", ErrDiverged, c.Size, last.Size)
		}
		hashes := storedHashes(ctx, q)
		if c.Root, err = tlog.TreeHash(c.Size, hashes); err != nil || last.Size == 0 {
			return err
		}
		then, err := tlog.TreeHash(last.Size, hashes)
		if err == nil && then != last.Root {
			err = fmt.Errorf("%w: its first %d entries are others", ErrDiverged, last.Size)
		}
		return err
	})
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the head of the audit log: %w", err)
	}
	return c, nil
}

// act is what the ledger keeps of a checkpoint. Two processes that sign the same
// state write the same act.
func (c Checkpoint) act() ledger.Act {
	return ledger.Act{
		Kind: ledger.AuditCheckpoint, ID: c.id(),
		Fields: map[string]string{"note": base64.StdEncoding.EncodeToString([]byte(c.Note))},
	}
}

func (c Checkpoint) id() string {
	id := fmt.Sprintf("checkpoint-%d-%x", c.Size, c.Root[:8])
	if c.Epoch > 1 {
		id += fmt.Sprintf("-%d", c.Epoch)
	}
	return id
}

// noteOf is the signed note in an entry of the ledger.
func noteOf(e ledger.Entry) (string, error) {
	note, err := base64.StdEncoding.DecodeString(e.Fields["note"])
	if err != nil {
		return "", fmt.Errorf("ledger entry %d holds no checkpoint", e.Number)
	}
	return string(note), nil
}

// ApplyCheckpoint is the [ledger.Applier] of checkpoints.
func (l *Log) ApplyCheckpoint(ctx context.Context, q *queries.Queries, e ledger.Entry) error {
	note, err := noteOf(e)
	if err != nil {
		return err
	}
	key, err := l.Key(ctx)
	if err != nil {
		return err
	}
	c, err := OpenCheckpoint(&key.Public, note)
	if err != nil {
		return err
	}
	return q.AddAuditCheckpoint(ctx, c.Epoch, c.Size, note)
}

// KeepCheckpoints makes checkpoints until ctx ends: when enough entries wait for
// one, or one has waited long enough. Any number of processes may do so at once.
func (l *Log) KeepCheckpoints(ctx context.Context, to Committer) {
	const look = 5 * time.Second
	for every := time.NewTicker(min(look, l.interval)); ; {
		select {
		case <-ctx.Done():
			every.Stop()
			return
		case <-every.C:
		}
		if err := l.checkpointIfDue(ctx, to); err != nil && ctx.Err() == nil {
			l.log.Error("no checkpoint of the audit log was made", "error", err)
		}
	}
}

func (l *Log) checkpointIfDue(ctx context.Context, to Committer) error {
	last, at, err := l.lastCheckpoint(ctx)
	if err != nil {
		return err
	}
	var size int64
	err = l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		size, err = q.AuditSize(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the size of the audit log: %w", err)
	}
	if size == last.Size || size > last.Size && size-last.Size < l.entries && time.Since(at) < l.interval {
		return nil
	}
	_, err = l.Checkpoint(ctx, to)
	return err
}
