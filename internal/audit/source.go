package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Copy is the log as it is stored somewhere, for [Verify].
type Copy struct {
	Records    iter.Seq2[Record, error]
	Statements []Statement
}

// pageSize is how many rows are read at once (about 250 bytes each).
const pageSize = 5000

// InDatabase reads the log through a pool of any role. What was signed is read first:
// entries that are added meanwhile are then simply not covered yet.
func InDatabase(ctx context.Context, db *postgres.DB) (Copy, error) {
	c := Copy{Records: recordsOf(ctx, db)}
	for epoch, after := int64(0), int64(0); ; {
		var rows []queries.AuditCheckpointsRow
		var lost []queries.AuditLossesRow
		err := db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
			if rows, err = q.AuditCheckpoints(ctx, epoch, after, pageSize); err == nil && len(rows) == 0 {
				lost, err = q.AuditLosses(ctx)
			}
			return err
		})
		if err != nil {
			return c, fmt.Errorf("read the checkpoints: %w", err)
		}
		for _, row := range rows {
			c.Statements = append(c.Statements, Statement{Where: "database", Size: row.Size, Note: row.Note})
		}
		if len(rows) == 0 {
			for _, loss := range lost {
				c.Statements = append(c.Statements, Statement{Where: "database", Note: loss.Note})
			}
			return c, nil
		}
		epoch, after = rows[len(rows)-1].Epoch, rows[len(rows)-1].Size
	}
}

func recordsOf(ctx context.Context, db *postgres.DB) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for first := int64(0); ; {
			var rows []queries.AuditLog
			err := db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
				rows, err = q.AuditEntries(ctx, first, pageSize)
				return err
			})
			if err != nil {
				yield(Record{}, fmt.Errorf("read the audit log: %w", err))
				return
			}
			if len(rows) == 0 {
				return
			}
			for _, row := range rows {
				if !yield(Record{Index: row.LeafIndex, Leaf: row.Leaf, Hashes: row.Hashes}, nil) {
					return
				}
			}
			first = rows[len(rows)-1].LeafIndex + 1
		}
	}
}

// InLedger are the checkpoints and losses that the ledger keeps.
func InLedger(ctx context.Context, l *ledger.Ledger) ([]Statement, error) {
	var statements []Statement
	_, err := l.Replay(ctx, 1, func(_ context.Context, e ledger.Entry) error {
		if e.Kind != ledger.AuditCheckpoint && e.Kind != ledger.EpochBegun {
			return nil
		}
		note, err := noteOf(e)
		statements = append(statements, Statement{Where: "ledger", Note: note})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints in the ledger: %w", err)
	}
	return statements, nil
}

// exportLine is one line of an export: a record or a statement.
type exportLine struct {
	Index      *int64     `json:"index,omitempty"`
	Leaf       []byte     `json:"leaf,omitempty"`
	Hashes     []byte     `json:"hashes,omitempty"`
	Checkpoint *Statement `json:"checkpoint,omitempty"`
}

// Export writes a copy as lines of JSON, checkpoints first.
func Export(w io.Writer, c Copy) (entries int64, err error) {
	buffered := bufio.NewWriter(w)
	lines := json.NewEncoder(buffered)
	for _, s := range c.Statements {
		if err := lines.Encode(exportLine{Checkpoint: &s}); err != nil {
			return 0, fmt.Errorf("write the export: %w", err)
		}
	}
	for r, err := range c.Records {
		if err != nil {
			return entries, err
		}
		if err := lines.Encode(exportLine{Index: &r.Index, Leaf: r.Leaf, Hashes: r.Hashes}); err != nil {
			return entries, fmt.Errorf("write the export: %w", err)
		}
		entries++
	}
	if err := buffered.Flush(); err != nil {
		return entries, fmt.Errorf("write the export: %w", err)
	}
	return entries, nil
}

// ErrExport: a file is not what [Export] writes.
var ErrExport = errors.New("audit: malformed export")

// InExport reads what [Export] wrote. The reader is used until the records are read.
func InExport(r io.Reader) (Copy, error) {
	lines := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	var c Copy
	var first exportLine
	for {
		first = exportLine{}
		err := lines.Decode(&first)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, fmt.Errorf("%w: %w", ErrExport, err)
		}
		if first.Checkpoint == nil {
			break
		}
		c.Statements = append(c.Statements, *first.Checkpoint)
	}
	c.Records = func(yield func(Record, error) bool) {
		for line := first; line.Index != nil; {
			if !yield(Record{*line.Index, line.Leaf, line.Hashes}, nil) {
				return
			}
			line = exportLine{}
			err := lines.Decode(&line)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && line.Index == nil {
				err = errors.New("a line holds no entry")
			}
			if err != nil {
				yield(Record{}, fmt.Errorf("%w: %w", ErrExport, err))
				return
			}
		}
	}
	return c, nil
}
