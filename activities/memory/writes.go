package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/interaction"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Origin is how something came into memory.
type Origin string

const (
	// Told to the companion, in an interaction.
	Told Origin = "told"
	// Stored by the person, without an interaction.
	Stored Origin = "stored"
	// Imported with a past conversation.
	Imported Origin = "imported"
	// Inferred by MeAi from what was told. It is never evidence for anything.
	Inferred Origin = "inferred"
)

// interaction: it was told in an interaction, whose steps are shown.
func (o Origin) interaction() bool { return o == Told || o == "" }

// WriteState is how far something is on its way into memory.
type WriteState string

const (
	// WriteQueued: it is durable and will be remembered.
	WriteQueued WriteState = "queued"
	// WriteStored: the graph holds it; it is found by its words.
	WriteStored WriteState = "stored"
	// WriteSearchable: the vector index holds it too.
	WriteSearchable WriteState = "searchable"
	// WriteFailed: no retry mended it; it waits to be tried again by hand.
	WriteFailed WriteState = "failed"
	// WriteForgotten: it is gone and does not come back, whatever is repeated.
	WriteForgotten WriteState = "forgotten"
)

// Write is something on its way into memory.
type Write struct {
	// ID names the write, and what it leaves names it as its interaction.
	ID      uuid.UUID
	Session uuid.UUID
	Origin  Origin
	// Import is the conversation that it came with, Position its line from 1; zero for none.
	Import   uuid.UUID
	Position int
	State    WriteState
	// Failure is a code such as "InvalidInput"; "" unless it failed.
	Failure    string
	SaidAt     time.Time
	AcceptedAt time.Time
	// ChangedAt is when it came into its state.
	ChangedAt time.Time
	// Vault: it belongs into the vault, where nobody comes across it.
	Vault bool
}

// Content is what there is to remember.
type Content struct {
	// Speaker is who said it, when it was not the person; "" for the person.
	Speaker string `json:"speaker,omitempty"`
	Text    string `json:"text"`
	// Vault: it belongs into the vault.
	Vault bool `json:"vault,omitempty"`
}

// Words are the text as it is remembered.
func (c Content) Words() string {
	if c.Speaker == "" {
		return c.Text
	}
	return c.Speaker + ": " + c.Text
}

// Offer is a memory that a person stores without an interaction.
type Offer struct {
	Subject uuid.UUID
	// IdempotencyKey is the client's name for this request, Body its canonical JSON.
	IdempotencyKey string
	Body           []byte
	// Session groups what was said in one sitting; zero for a sitting of its own.
	Session uuid.UUID
	Content Content
	SaidAt  time.Time
	// Replaces is the turn that this corrects; zero for none.
	Replaces uuid.UUID
}

// Store reads a person's memory and takes what is to change in it. It is safe for
// concurrent use.
type Store struct {
	// Ledger has each forgetting that is confirmed, so that no restore undoes it; nil for none.
	Ledger audit.Committer

	db       *postgres.DB
	keys     *keyring.Keyring
	holds    *requests.Holds
	requests *requests.Store
	now      func() time.Time
}

// NewStore returns a store on the engines.
func NewStore(db *postgres.DB, keys *keyring.Keyring) *Store {
	return &Store{db: db, keys: keys, holds: requests.NewHolds(keys), requests: requests.NewStore(db, keys), now: time.Now}
}

// WorkflowOf is the id of the workflow that remembers a write.
func WorkflowOf(subject, id uuid.UUID) string {
	return "person/" + subject.String() + "/memory/" + id.String()
}

// Accept makes the row of a memory to store, sealed, or finds the one that the same
// request made before. In either case what is not remembered yet may be started with
// what it returns. Errors: [failure.IdempotencyConflict] when the key came with another body.
func (s *Store) Accept(ctx context.Context, o Offer) (w Write, start RememberInput, fresh bool, err error) {
	keys, err := s.keys.Keys(ctx, o.Subject)
	if err != nil {
		return Write{}, RememberInput{}, false, fmt.Errorf("accept a memory: %w", err)
	}
	id := nameRequest(keys, "memory", o.IdempotencyKey)
	session := o.Session
	if session == uuid.Nil {
		session = id
	}
	content, err := sealContent(keys, id, o.Content)
	if err != nil {
		return Write{}, RememberInput{}, false, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	var correction requests.Received
	if o.Replaces != uuid.Nil {
		if correction, err = s.rectification(ctx, o.Subject, id, now); err != nil {
			return Write{}, RememberInput{}, false, err
		}
	}
	body := keys.Blind(keyring.Body, o.Body)
	var row queries.MemoryWrite
	err = s.db.Write(ctx, o.Subject, func(ctx context.Context, q *queries.Queries) (err error) {
		fresh, err = q.InsertMemoryWrite(ctx, queries.InsertMemoryWriteParams{
			SubjectID: o.Subject, ID: id, SessionID: session, ContentSealed: content, BodyHmac: body, Replaces: unlessZero(o.Replaces), Vault: o.Content.Vault,
			SaidAt: o.SaidAt.UTC().Truncate(time.Microsecond), AcceptedAt: now,
		})
		if err != nil {
			return err
		}
		if fresh && o.Replaces != uuid.Nil { // what is refused leaves no row
			if err := checkReplaceable(ctx, q, o.Subject, o.Replaces); err != nil {
				return err
			}
		}
		row, err = q.MemoryWrite(ctx, o.Subject, id)
		if err == nil && !bytes.Equal(row.BodyHmac, body) {
			return failure.New(failure.IdempotencyConflict, "the idempotency key was used for another request", nil)
		}
		if err == nil && fresh && o.Replaces != uuid.Nil {
			return correction.Write(ctx, q)
		}
		return err
	})
	if err != nil {
		return Write{}, RememberInput{}, false, fmt.Errorf("accept a memory: %w", err)
	}
	return writeOf(row), startOf(row, WorkflowOf(o.Subject, id), o.Content), fresh, nil
}

// nameRequest derives the id of what a request makes from the client's key, so that
// the same request finds it again and nobody else can tell the key.
func nameRequest(keys *keyring.Keys, what, key string) uuid.UUID {
	mac := keys.Blind(keyring.Idempotency, []byte(what+"\x00"+key))
	id := uuid.UUID(mac[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a custom UUID, RFC 9562 section 5.8
	return id
}

func startOf(row queries.MemoryWrite, workflow string, c Content) RememberInput {
	return RememberInput{
		Ref:  interaction.Ref{Subject: row.SubjectID, Session: row.SessionID, Interaction: row.ID, Workflow: workflow},
		Text: c.Words(), SaidAt: row.SaidAt, Origin: Origin(row.Origin), Speaker: c.Speaker, Vault: c.Vault,
		Replaces: valueOf(row.Replaces),
	}
}

// Write is one of the person's writes. Errors: [failure.NotFound].
func (s *Store) Write(ctx context.Context, subject, id uuid.UUID) (Write, error) {
	var row queries.MemoryWrite
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.MemoryWrite(ctx, subject, id)
		return unlessFound(err, "write")
	})
	if err != nil {
		return Write{}, fmt.Errorf("read a write: %w", err)
	}
	return writeOf(row), nil
}

// Writes are the person's writes, newest first: those in a state, or in any for "",
// that were accepted before another; before the zero value is none.
func (s *Store) Writes(ctx context.Context, subject uuid.UUID, state WriteState, before Write, limit int) ([]Write, error) {
	in := queries.MemoryWritesParams{SubjectID: subject, BeforeTime: before.AcceptedAt, BeforeID: before.ID, Page: int32(limit)}
	if before.ID == uuid.Nil {
		in.BeforeTime = s.now().Add(time.Hour) // another machine's clock may be ahead
	}
	if state != "" {
		in.State = new(string(state))
	}
	var writes []Write
	err := s.db.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.MemoryWrites(ctx, in)
		for _, row := range rows {
			writes = append(writes, writeOf(row))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list writes: %w", err)
	}
	return writes, nil
}

// Retry takes a write out of its failure and returns what to start. One that is
// queued may be started once more. Errors: [failure.NotFound] for none, or one that
// is remembered already.
func (s *Store) Retry(ctx context.Context, subject, id uuid.UUID) (Write, RememberInput, error) {
	keys, err := s.keys.Keys(ctx, subject)
	if err != nil {
		return Write{}, RememberInput{}, fmt.Errorf("retry a write: %w", err)
	}
	var row queries.RequeueMemoryWriteRow
	err = s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.RequeueMemoryWrite(ctx, s.now().UTC(), subject, id)
		return unlessFound(err, "write to retry")
	})
	if err != nil {
		return Write{}, RememberInput{}, fmt.Errorf("retry a write: %w", err)
	}
	content, workflow, err := contentOf(keys, row)
	if err != nil {
		return Write{}, RememberInput{}, fmt.Errorf("retry a write: %w", err)
	}
	return writeOf(row.MemoryWrite), startOf(row.MemoryWrite, workflow, content), nil
}

// contentOf is a write's content and the workflow that its memories' ids come from.
func contentOf(keys *keyring.Keys, row queries.RequeueMemoryWriteRow) (c Content, workflow string, err error) {
	w := row.MemoryWrite
	if Origin(w.Origin) == Told {
		at := keyring.Location{Table: "interactions", Column: "words", Row: w.ID}
		said, err := keys.Open(row.WordsSealed, at)
		return Content{Text: string(said)}, row.WorkflowID, err
	}
	c, err = openContent(keys, w)
	return c, WorkflowOf(w.SubjectID, w.ID), err
}

// Drop gives up what has not been remembered, with its words. Errors: [failure.NotFound] for
// none, or one that is remembered, [failure.Held].
func (s *Store) Drop(ctx context.Context, subject, id uuid.UUID) error {
	err := s.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := s.holds.Permit(ctx, q, subject, id); err != nil {
			return err
		}
		dropped, err := q.DropMemoryWrite(ctx, s.now().UTC(), subject, id)
		if err == nil && dropped == 0 {
			return failure.New(failure.NotFound, "there is no such write to give up", nil)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("give a write up: %w", err)
	}
	return nil
}

func sealContent(keys *keyring.Keys, id uuid.UUID, c Content) ([]byte, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode what to remember: %w", err)
	}
	return keys.Seal(plain, keyring.Location{Table: "memory_writes", Column: "content_sealed", Row: id})
}

func openContent(keys *keyring.Keys, row queries.MemoryWrite) (c Content, err error) {
	plain, err := keys.Open(row.ContentSealed, keyring.Location{Table: "memory_writes", Column: "content_sealed", Row: row.ID})
	if err != nil {
		return c, fmt.Errorf("read what to remember: %w", err)
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, fmt.Errorf("decode what to remember: %w", err)
	}
	return c, nil
}

func writeOf(row queries.MemoryWrite) Write {
	return Write{
		ID: row.ID, Session: row.SessionID, Origin: Origin(row.Origin), State: WriteState(row.State),
		SaidAt: row.SaidAt, AcceptedAt: row.AcceptedAt, ChangedAt: row.ChangedAt, Vault: row.Vault,
		Import: valueOf(row.ImportID), Position: int(valueOf(row.Position)), Failure: valueOf(row.Failure),
	}
}

func unlessFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "there is no such "+what, nil)
	}
	return err
}

func noMemory() error { return failure.New(failure.NotFound, "there is no such memory", nil) }

// GiveUpInput names what could not be remembered, and a code for why.
type GiveUpInput struct {
	Ref    interaction.Ref `json:"ref"`
	Reason string          `json:"reason"`
}

// GiveUp puts a write aside that no retry mends: it is listed, and tried again by hand.
func (a *Activities) GiveUp(ctx context.Context, in GiveUpInput) (struct{}, error) {
	err := a.db.Write(ctx, in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		return q.MemoryFailed(ctx, queries.MemoryFailedParams{
			SubjectID: in.Ref.Subject, ID: in.Ref.Interaction, Failure: in.Reason, At: a.now().UTC(),
		})
	})
	if err != nil {
		return struct{}{}, fmt.Errorf("put write %s aside: %w", in.Ref.Interaction, err)
	}
	return struct{}{}, nil
}
