package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// Loss says that the log of a write epoch goes on from an earlier entry than the log
// before it had reached: the database was restored, or failed over to a copy that was
// behind. It is signed with the log's key, so that nobody else can pass off what was
// cut away as lost.
type Loss struct {
	// Epoch begins with the loss.
	Epoch int64
	// Kept is how many entries are those of the log before.
	Kept int64
	// Covered is how many entries the newest checkpoint before the loss covers. Entries
	// that no checkpoint covered may be lost besides.
	Covered int64
	// Note is the rest, signed.
	Note string
}

// lossTitle tells the note of a loss from that of a checkpoint.
const lossTitle = origin + "-loss"

func (l Loss) text() string {
	return fmt.Sprintf("%s\nepoch %d\nkept %d\ncovered %d\n", lossTitle, l.Epoch, l.Kept, l.Covered)
}

func (l Loss) possible() bool { return l.Epoch > 1 && l.Kept >= 0 && l.Covered >= l.Kept }

// OpenLoss checks the signature of a note and reads it.
func OpenLoss(key *signing.Public, note string) (Loss, error) {
	text, err := key.Open([]byte(note))
	if err != nil {
		return Loss{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != lossTitle {
		return Loss{}, errors.New("audit: the note is no loss")
	}
	l := Loss{Note: note}
	for i, value := range []*int64{&l.Epoch, &l.Kept, &l.Covered} {
		_, number, _ := strings.Cut(lines[1+i], " ")
		if *value, err = strconv.ParseInt(number, 10, 64); err != nil {
			return Loss{}, errors.New("audit: the loss lacks a number")
		}
	}
	if l.text() != text || !l.possible() {
		return Loss{}, errors.New("audit: the loss is not in the form that it is written in")
	}
	return l, nil
}

// Lose signs that the log of a new epoch keeps so many entries of the one before. It
// says so of the log as it is now, and changes nothing yet: see [Log.ApplyLoss].
func (l *Log) Lose(ctx context.Context, epoch, kept int64) (Loss, error) {
	last, _, err := l.lastCheckpoint(ctx)
	if err != nil {
		return Loss{}, err
	}
	key, err := l.Key(ctx)
	if err != nil {
		return Loss{}, err
	}
	loss := Loss{Epoch: epoch, Kept: kept, Covered: max(kept, last.Size)}
	if !loss.possible() {
		return Loss{}, fmt.Errorf("audit: epoch %d cannot keep %d entries", epoch, kept)
	}
	note, err := key.Sign(loss.text())
	loss.Note = string(note)
	return loss, err
}

// ApplyLoss records a loss, in the transaction that applies its epoch: what was signed
// in earlier epochs beyond what is kept no longer counts, and checkpoints are made again.
func (l *Log) ApplyLoss(ctx context.Context, q *queries.Queries, note string) (Loss, error) {
	key, err := l.Key(ctx)
	if err != nil {
		return Loss{}, err
	}
	loss, err := OpenLoss(&key.Public, note)
	if err != nil {
		return Loss{}, err
	}
	return loss, q.AddAuditLoss(ctx, loss.Epoch, loss.Kept, note)
}

// losses are those of a log, in the order of their epochs.
type losses []Loss

// lost reports whether a checkpoint covers entries that a later epoch did not keep.
func (l losses) lost(c Checkpoint) bool {
	for _, loss := range l {
		if loss.Epoch > c.Epoch && loss.Kept < c.Size {
			return true
		}
	}
	return false
}

// Lost is what a log has lost at the beginning of an epoch.
type Lost struct {
	Epoch int64
	// First is the first entry that is gone, Last the last one that a checkpoint is
	// known to have covered; less than First when there was none.
	First, Last int64
}

// String is the loss as a line for people.
func (l Lost) String() string {
	where := "what came after it and no checkpoint covered"
	if l.Last >= l.First {
		where = fmt.Sprintf("entries %d to %d, which were signed, and what came after them", l.First, l.Last)
	}
	return fmt.Sprintf("epoch %d goes on from entry %d of the log before; %s was lost with the restore", l.Epoch, l.First, where)
}
