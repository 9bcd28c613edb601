package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// importPage bounds what one transaction of an import makes or takes.
const importPage = 500

// ImportLine is one message of a past conversation.
type ImportLine struct {
	// Session is the client's name for the sitting that it was said in.
	Session string
	Content
	SaidAt time.Time
}

// Bundle is a past conversation that a person brings along.
type Bundle struct {
	Subject        uuid.UUID
	IdempotencyKey string
	// Body is the request as it came; only its HMAC is kept.
	Body  []byte
	Lines []ImportLine
}

// Import is how far a past conversation is on its way into memory.
type Import struct {
	ID         uuid.UUID
	AcceptedAt time.Time
	// Total is the sum of the others.
	Total, Queued, Stored, Searchable, Failed, Forgotten int
}

// AcceptImport makes the rows of a past conversation, sealed, all or none, or finds
// the import that the same request made before. Errors: [failure.IdempotencyConflict]
// when the key came with another body.
func (s *Store) AcceptImport(ctx context.Context, b Bundle) (i Import, fresh bool, err error) {
	keys, err := s.keys.Keys(ctx, b.Subject)
	if err != nil {
		return Import{}, false, fmt.Errorf("accept an import: %w", err)
	}
	id, now := nameRequest(keys, "import", b.IdempotencyKey), s.now().UTC().Truncate(time.Microsecond)
	row := queries.InsertMemoryImportParams{
		SubjectID: b.Subject, ID: id, BodyHmac: keys.Blind(keyring.Body, b.Body), Total: int32(len(b.Lines)), AcceptedAt: now,
	}
	err = s.db.Write(ctx, b.Subject, func(ctx context.Context, q *queries.Queries) error {
		if fresh, err = q.InsertMemoryImport(ctx, row); err != nil {
			return err
		}
		if fresh {
			if err := checkRoom(ctx, q, b); err != nil {
				return err
			}
			if err := insertLines(ctx, q, keys, row, b.Lines); err != nil {
				return err
			}
		}
		known, err := q.MemoryImport(ctx, b.Subject, id)
		if err == nil && !bytes.Equal(known.BodyHmac, row.BodyHmac) {
			return failure.New(failure.IdempotencyConflict, "the idempotency key was used for another request", nil)
		}
		i = importOf(known)
		return err
	})
	if err != nil {
		return Import{}, false, fmt.Errorf("accept an import: %w", err)
	}
	return i, fresh, nil
}

// mostQueued bounds the lines of a person that wait.
const mostQueued = 20_000

func checkRoom(ctx context.Context, q *queries.Queries, b Bundle) error {
	waiting, err := q.CountQueuedLines(ctx, b.Subject)
	if err == nil && int(waiting)+len(b.Lines) > mostQueued {
		return failure.New(failure.InvalidInput, "too many lines wait to be remembered; send these when fewer do", nil)
	}
	return err
}

func insertLines(ctx context.Context, q *queries.Queries, keys *keyring.Keys, i queries.InsertMemoryImportParams, lines []ImportLine) error {
	for start := 0; start < len(lines); start += importPage {
		page := queries.InsertImportedWritesParams{SubjectID: i.SubjectID, ImportID: &i.ID, AcceptedAt: i.AcceptedAt}
		for n, line := range lines[start:min(start+importPage, len(lines))] {
			position := start + n + 1
			id := identify(i.ID.String(), "line", position)
			content, err := sealContent(keys, id, line.Content)
			if err != nil {
				return err
			}
			page.Ids = append(page.Ids, id)
			page.Sessions = append(page.Sessions, nameRequest(keys, "import "+i.ID.String(), line.Session))
			page.Positions = append(page.Positions, int32(position))
			page.Contents = append(page.Contents, content)
			page.SaidAts = append(page.SaidAts, line.SaidAt.UTC().Truncate(time.Microsecond))
		}
		if err := q.InsertImportedWrites(ctx, page); err != nil {
			return fmt.Errorf("write %d lines: %w", len(page.Ids), err)
		}
	}
	return nil
}

// Import is how far an import is. Errors: [failure.NotFound].
func (s *Store) Import(ctx context.Context, subject, id uuid.UUID) (i Import, err error) {
	err = s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.MemoryImport(ctx, subject, id)
		i = importOf(row)
		return unlessFound(err, "import")
	})
	if err != nil {
		return Import{}, fmt.Errorf("read an import: %w", err)
	}
	return i, nil
}

func importOf(row queries.MemoryImportRow) Import {
	return Import{
		ID: row.ID, AcceptedAt: row.AcceptedAt, Total: int(row.Total), Queued: int(row.Queued),
		Stored: int(row.Stored), Searchable: int(row.Searchable), Failed: int(row.Failed), Forgotten: int(row.Forgotten),
	}
}

// ImportInput names an import.
type ImportInput struct {
	Subject uuid.UUID `json:"subject"`
	Import  uuid.UUID `json:"import"`
}

// importBite bounds what one activity of an import remembers: some seconds' work.
const importBite = 50

// ImportedPage counts what a page of an import came to.
type ImportedPage struct {
	Remembered int `json:"remembered"`
	// Failed counts lines that can never be remembered; they are put aside.
	Failed int `json:"failed"`
	// More says that lines are left.
	More bool `json:"more"`
}

// ImportPage remembers the next lines of an import in their order, with what Mirror
// reads in them, and makes them searchable. Every line is kept by itself, so a retry
// goes on behind the last one. Without the vector index the lines stay stored, and
// the nightly consolidation copies their vectors.
func (a *Activities) ImportPage(ctx context.Context, in ImportInput) (ImportedPage, error) {
	keys, err := a.keys.Keys(ctx, in.Subject)
	if err != nil {
		return ImportedPage{}, fmt.Errorf("import %s: %w", in.Import, err)
	}
	var lines []queries.MemoryWrite
	err = a.db.Read(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) (err error) {
		lines, err = q.QueuedOfImport(ctx, in.Subject, &in.Import, importBite)
		return err
	})
	if err != nil {
		return ImportedPage{}, fmt.Errorf("import %s: list its lines: %w", in.Import, err)
	}
	page := ImportedPage{More: len(lines) == importBite}
	var nodes []uuid.UUID
	for _, line := range lines {
		kept, err := a.importLine(ctx, keys, line)
		switch {
		case failure.Is(err, failure.InvalidInput):
			page.Failed++
			_, err = a.GiveUp(ctx, GiveUpInput{Ref: startOf(line, "", Content{}).Ref, Reason: failure.InvalidInput})
		case err == nil:
			page.Remembered++
			nodes = append(nodes, kept.Nodes...)
		}
		if err != nil {
			return ImportedPage{}, fmt.Errorf("import %s: line %d: %w", in.Import, *line.Position, err)
		}
		a.heartbeat(ctx)
	}
	if _, err := a.indexNodes(ctx, in.Subject, nodes, withFollowed, func(context.Context, *queries.Queries) error { return nil }); err != nil {
		a.log.WarnContext(ctx, "imported memories are left to the nightly consolidation", "error", err)
	}
	return page, nil
}

func (a *Activities) importLine(ctx context.Context, keys *keyring.Keys, line queries.MemoryWrite) (Remembered, error) {
	content, err := openContent(keys, line)
	if err != nil {
		return Remembered{}, err
	}
	in := startOf(line, WorkflowOf(line.SubjectID, line.ID), content)
	if a.read != nil && content.Speaker == "" { // what others feel is not what the person feels
		analysis := a.read(ctx, content.Text)
		in.Analysis = &analysis
	}
	return a.Remember(ctx, in)
}
