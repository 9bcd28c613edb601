package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres/queries"
)

// Asked is a request for an export.
type Asked struct {
	Subject uuid.UUID
	// IdempotencyKey is the client's name for this request.
	IdempotencyKey string
	Lock           Lock
	// Formats besides JSON, which is always there; none for all.
	Formats []Format
}

// Request makes the row of an export, or finds the one that the same request made before.
// What it returns is to be started, once more too. Nothing of the lock is kept but its
// kind. Errors: [ErrRunning], [failure.IdempotencyConflict], those of the keyring.
func (x *Exports) Request(ctx context.Context, a Asked) (Export, WriteInput, error) {
	keys, err := x.Keyring.Keys(ctx, a.Subject)
	if err != nil {
		return Export{}, WriteInput{}, fmt.Errorf("ask for an export: %w", err)
	}
	in := WriteInput{Subject: a.Subject, Export: nameRequest(keys, "export", a.IdempotencyKey), Lock: a.Lock, Formats: ordered(a.Formats)}
	request := digestOf(keys, in)
	now := time.Now().UTC().Truncate(time.Microsecond)
	var row queries.PrivacyExport
	err = x.DB.Write(ctx, a.Subject, func(ctx context.Context, q *queries.Queries) error {
		made, err := q.InsertExport(ctx, queries.InsertExportParams{
			SubjectID: a.Subject, ID: in.Export, RequestHmac: request, Lock: string(a.Lock.Kind()), Formats: words(in.Formats), RequestedAt: now,
		})
		if err != nil {
			return err
		}
		row, err = q.ExportByID(ctx, a.Subject, in.Export)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrRunning
		case err != nil:
			return err
		case !bytes.Equal(row.RequestHmac, request):
			return failure.New(failure.IdempotencyConflict, "the idempotency key was used for another request", nil)
		case made == 0:
			return nil
		}
		return x.record(ctx, q, a.Subject, in.Export, audit.ExportRequested)
	})
	if err != nil {
		return Export{}, WriteInput{}, fmt.Errorf("ask for an export: %w", err)
	}
	e := of(row)
	return e, in, x.received(ctx, a.Subject, e)
}

// received tells the register of the request, however often.
func (x *Exports) received(ctx context.Context, subject uuid.UUID, e Export) error {
	if x.Register == nil {
		return nil
	}
	if err := x.Register.Received(ctx, e.ID, subject, e.RequestedAt); err != nil {
		return fmt.Errorf("register a request for access: %w", err)
	}
	return nil
}

func (x *Exports) ended(ctx context.Context, id uuid.UUID, fulfilled bool) error {
	if x.Register == nil {
		return nil
	}
	if err := x.Register.Ended(ctx, id, fulfilled); err != nil {
		return fmt.Errorf("end a request for access: %w", err)
	}
	return nil
}

// given ends the request for access that a written export meets, and those before it of which
// the exports failed: the person has now got what they asked for.
func (x *Exports) given(ctx context.Context, subject, id uuid.UUID) error {
	list, err := x.List(ctx, subject)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(e Export) bool { return e.ID == id })
	for i, e := range list {
		if at >= 0 && i > at && e.State == Failed {
			if err := x.ended(ctx, e.ID, true); err != nil {
				return err
			}
		}
	}
	return x.ended(ctx, id, true)
}

// nameRequest derives the id of what a request makes from the client's key, so that the
// same request finds it again and nobody else can tell the key.
func nameRequest(keys *keyring.Keys, what, key string) uuid.UUID {
	mac := keys.Blind(keyring.Idempotency, []byte(what+"\x00"+key))
	id := uuid.UUID(mac[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a custom UUID, RFC 9562 section 5.8
	return id
}

// digestOf tells a request from another one by all but the passphrase, of which nothing is
// kept that could be compared with guesses.
func digestOf(keys *keyring.Keys, in WriteInput) []byte {
	var b []byte
	for _, part := range append([]string{string(in.Lock.Kind()), in.Lock.Recipient}, words(in.Formats)...) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return keys.Blind(keyring.Body, b)
}

// ordered are the formats in their own order, each once, with JSON; all for none.
func ordered(formats []Format) []Format {
	if len(formats) == 0 {
		return slices.Clone(Formats)
	}
	return slices.DeleteFunc(slices.Clone(Formats), func(f Format) bool { return f != JSON && !slices.Contains(formats, f) })
}

func words(formats []Format) []string {
	list := make([]string, len(formats))
	for i, f := range formats {
		list[i] = string(f)
	}
	return list
}

// record adds to the audit log what the person has done with an export; it belongs at the
// end of a transaction.
func (x *Exports) record(ctx context.Context, q *queries.Queries, subject, id uuid.UUID, act audit.Act) error {
	entry := audit.Entry{Role: "person", Act: act, Kind: audit.ExportFile, Outcome: audit.Succeeded}
	who, err := alias.Of(ctx, x.Keyring, subject)
	if err != nil {
		return err
	}
	entry.Actor = who.String()
	if entry.Object, err = x.Audit.Object(ctx, audit.ExportFile, id.String()); err != nil {
		return err
	}
	_, err = audit.Append(ctx, q, entry)
	return err
}

// Get is one of the person's exports. Errors: [failure.NotFound].
func (x *Exports) Get(ctx context.Context, subject, id uuid.UUID) (e Export, err error) {
	err = x.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.ExportByID(ctx, subject, id)
		e = of(row)
		return unlessFound(err, "export")
	})
	if err != nil {
		return Export{}, fmt.Errorf("read an export: %w", err)
	}
	return e, nil
}

func unlessFound(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return failure.New(failure.NotFound, "there is no such "+what, nil)
	}
	return err
}

// MostListed bounds a list of exports.
const MostListed = 100

// List is the person's exports, newest first, the last [MostListed].
func (x *Exports) List(ctx context.Context, subject uuid.UUID) (list []Export, err error) {
	err = x.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.ExportsOf(ctx, subject, MostListed)
		for _, row := range rows {
			list = append(list, of(row))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list exports: %w", err)
	}
	return list, nil
}

// Delete deletes an export: no attempt that still runs brings it back. Deleting it once
// more changes nothing. Errors: [failure.NotFound].
func (x *Exports) Delete(ctx context.Context, subject, id uuid.UUID) error {
	e, err := x.Get(ctx, subject, id)
	if err != nil {
		return err
	}
	unfinished := e.FinishedAt.IsZero()
	err = x.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.DeleteExport(ctx, new(time.Now().UTC()), subject, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it is gone already
		}
		if err != nil {
			return err
		}
		unfinished = row.FinishedAt == nil
		return x.record(ctx, q, subject, id, audit.ExportDeleted)
	})
	if err != nil {
		return fmt.Errorf("delete an export: %w", err)
	}
	// What was broken off here before is made up for by the next call.
	if err := x.remove(ctx, subject, id); err != nil || !unfinished {
		return err
	}
	return x.ended(ctx, id, false)
}

// remove removes the object, and what writes left that were broken off.
func (x *Exports) remove(ctx context.Context, subject, id uuid.UUID) error {
	folder, _, err := x.place(ctx, subject, id)
	if err != nil {
		return err
	}
	return errors.Join(x.removeNamed(ctx, subject, id), x.Store.Tidy(ctx, folder))
}

func (x *Exports) removeNamed(ctx context.Context, subject, id uuid.UUID) error {
	_, name, err := x.place(ctx, subject, id)
	if err != nil {
		return err
	}
	if err := x.Store.Remove(ctx, name); err != nil {
		return fmt.Errorf("remove an export: %w", err)
	}
	return nil
}

// content is an encrypted export that is read: any part of it, any number of times.
type content struct {
	ctx   context.Context // of the request that it is read for
	store objects.Store
	name  string
	size  int64
	at    int64
	open  io.ReadCloser
}

// Fetch opens the encrypted file of an export. Close what it returns. Errors:
// [failure.NotFound], [ErrGone], [ErrNotReady].
func (x *Exports) Fetch(ctx context.Context, subject, id uuid.UUID) (Export, io.ReadSeekCloser, error) {
	e, err := x.Get(ctx, subject, id)
	switch {
	case err != nil:
		return e, nil, err
	case e.State == Deleted, e.State == Expired, e.State == Ready && !time.Now().Before(e.ExpiresAt):
		return e, nil, ErrGone
	case e.State != Ready:
		return e, nil, ErrNotReady
	}
	_, name, err := x.place(ctx, subject, id)
	if err != nil {
		return e, nil, err
	}
	if _, err := x.Store.Stat(ctx, name); errors.Is(err, objects.ErrAbsent) {
		return e, nil, ErrGone
	} else if err != nil {
		return e, nil, fmt.Errorf("look for an export: %w", err)
	}
	err = x.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		return x.record(ctx, q, subject, id, audit.ExportFetched)
	})
	if err != nil {
		return e, nil, fmt.Errorf("record the fetching of an export: %w", err)
	}
	return e, &content{ctx: ctx, store: x.Store, name: name, size: e.Size}, nil
}

// Read implements [io.Reader].
func (c *content) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	if c.open == nil {
		var err error
		if c.open, err = c.store.Open(c.ctx, c.name); err != nil {
			return 0, fmt.Errorf("read an export: %w", err)
		}
		if err := skip(c.open, c.at); err != nil {
			return 0, err
		}
	}
	n, err := c.open.Read(p)
	c.at += int64(n)
	return n, err
}

// Seek implements [io.Seeker]. Stores read from the beginning, so what lies before a place
// is read away when it is read from there.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("export: a place before the beginning")
	}
	if offset != c.at && c.open != nil {
		if err := c.Close(); err != nil {
			return 0, err
		}
	}
	c.at = offset
	return offset, nil
}

// Close ends the reading.
func (c *content) Close() error {
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	c.open = nil
	return err
}
