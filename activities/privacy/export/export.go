// Package export gives people everything that is kept of them, and takes it back into an
// empty account.
//
// An export is a zip inside age encryption (https://age-encryption.org/v1), to a key of
// the person's own or a passphrase, so that nobody else opens it, not even who runs the
// system. It lies in a bucket until it expires:
//
//	exports/<alias of the person>/<id>.age
//
// The zip holds, in this order,
//
//	data/<table>.json        all rows of one snapshot, open, as docs/export-schema.json says
//	csv/<table>.csv          the same for spreadsheets, without vectors
//	provenance/*.json        where memories came from, and which models and rules read them
//	history/*.json           account, requests, and the audit log's entries about the person
//	schema/export-schema.json
//	summary.html, README.txt
//	manifest.json            every file with its size and SHA-256, and what was left out
//	manifest.note            a signature of the manifest's SHA-256
//
// It is written as a stream: memory does not grow with what there is.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// Exports are those of all people. Store, DB, Keyring, Audit and Lifetime are required.
// It is safe for concurrent use.
type Exports struct {
	// Store is the bucket of the exports; what is imported lies there for a while, too.
	Store   objects.Erasable
	DB      *postgres.DB
	Keyring *keyring.Keyring
	Audit   *audit.Log
	// Register is told of requests for access; nil for none.
	Register Register
	// Lifetime is how long an export can be fetched.
	Lifetime time.Duration
	// Version is the program's, for manifests.
	Version string
}

// Register keeps requests of people with their time limits. Both are idempotent.
type Register interface {
	// Received registers a request for access.
	Received(ctx context.Context, id, subject uuid.UUID, at time.Time) error
	// Ended says that it was fulfilled, or taken back by the person. One that it does not know,
	// or that has ended otherwise, is no failure.
	Ended(ctx context.Context, id uuid.UUID, fulfilled bool) error
}

// State is how far an export is.
type State string

const (
	// Queued: it will be written.
	Queued State = "queued"
	// Writing: it is being written.
	Writing State = "writing"
	// Ready: it can be fetched until it expires.
	Ready State = "ready"
	// Failed: no retry could write it.
	Failed State = "failed"
	// Deleted by the person.
	Deleted State = "deleted"
	// Expired: its time was over.
	Expired State = "expired"
)

// Format is a form in which data is given besides JSON, which is always there.
type Format string

const (
	JSON Format = "json"
	CSV  Format = "csv"
	HTML Format = "html"
)

// Formats are all of them.
var Formats = []Format{JSON, CSV, HTML}

// Export is one that was asked for. Times that have not come are zero.
type Export struct {
	ID      uuid.UUID
	State   State
	Lock    LockKind
	Formats []Format

	RequestedAt, StartedAt, FinishedAt time.Time
	// ExpiresAt is when it is deleted, EndedAt when it was.
	ExpiresAt, EndedAt time.Time
	// RowsTotal are the rows to write, in all forms, and RowsDone those that are written.
	RowsDone, RowsTotal int64
	// Size is that of the encrypted file in bytes, SHA256 its checksum in hexadecimal.
	Size   int64
	SHA256 string
	// Failure is a code such as "InvalidInput"; "" unless it failed.
	Failure string
}

// Left estimates the time that is left from the pace so far; ok is false while nothing
// can be told.
func (e Export) Left(now time.Time) (left time.Duration, ok bool) {
	if e.State != Writing || e.RowsDone <= 0 || e.RowsTotal < e.RowsDone {
		return 0, false
	}
	return remaining(now.Sub(e.StartedAt), e.RowsDone, e.RowsTotal), true
}

func remaining(spent time.Duration, done, total int64) time.Duration {
	return time.Duration(float64(spent) * float64(total-done) / float64(done))
}

var (
	// ErrRunning: another one of the same person is under way.
	ErrRunning = errors.New("export: another one is under way")
	// ErrGone: it was deleted, or its time was over.
	ErrGone = errors.New("export: it is not there any more")
	// ErrNotReady: it is not written yet, or could not be.
	ErrNotReady = errors.New("export: it cannot be fetched")
	// errNone is the answer of processes in which nothing is configured: another may be.
	errNone = errors.New("no bucket for exports is open in this process")
)

// The key that signs manifests.
const (
	signerName                       = "meai-export"
	signaturePurpose keyring.Purpose = "export-manifest"
)

// Key signs manifests. Its public part goes to people, who verify with it.
func (x *Exports) Key(ctx context.Context) (*signing.Key, error) {
	return signing.Derive(ctx, x.Keyring, signerName, signaturePurpose)
}

const (
	exportsPrefix = "exports/"
	importsPrefix = "imports/"
)

// Folders are the prefixes below which everything lies in the bucket that was exported
// for a person, or is being imported by them.
func (x *Exports) Folders(ctx context.Context, subject uuid.UUID) ([]string, error) {
	a, err := alias.Of(ctx, x.Keyring, subject)
	if err != nil {
		return nil, err
	}
	return []string{exportsPrefix + a.String() + "/", importsPrefix + a.String() + "/"}, nil
}

// place is the object of an export.
func (x *Exports) place(ctx context.Context, subject, id uuid.UUID) (folder, name string, err error) {
	folders, err := x.Folders(ctx, subject)
	if err != nil {
		return "", "", err
	}
	return folders[0], folders[0] + id.String() + ".age", nil
}

// names are the objects below a prefix.
func (x *Exports) names(ctx context.Context, prefix string) (all []string, err error) {
	const page = 1000
	for token := []byte(nil); ; {
		names, next, err := x.Store.List(ctx, prefix, token, page)
		if err != nil {
			return nil, fmt.Errorf("list exports: %w", err)
		}
		if all = append(all, names...); len(next) == 0 {
			return all, nil
		}
		token = next
	}
}

// Count is how many objects there are of a person, in the bucket of exports and imports.
func (x *Exports) Count(ctx context.Context, subject uuid.UUID) (int64, error) {
	folders, err := x.Folders(ctx, subject)
	if err != nil {
		return 0, err
	}
	count := int64(0)
	for _, folder := range folders {
		names, err := x.names(ctx, folder)
		if err != nil {
			return 0, err
		}
		count += int64(len(names))
	}
	return count, nil
}

// Erase removes all objects of a person, what broken-off writes left too, and returns how
// many they were. It is for who erases them: rows stay. beat, which may be nil, is called
// as it goes on.
func (x *Exports) Erase(ctx context.Context, subject uuid.UUID, beat func(n int64)) (removed int64, err error) {
	folders, err := x.Folders(ctx, subject)
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		names, err := x.names(ctx, folder)
		if err != nil {
			return removed, err
		}
		for _, name := range names {
			if err := x.Store.Remove(ctx, name); err != nil {
				return removed, fmt.Errorf("remove an export: %w", err)
			}
			if removed++; beat != nil {
				beat(removed)
			}
		}
		if err := x.Store.Tidy(ctx, folder); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func of(row queries.PrivacyExport) Export {
	e := Export{
		ID: row.ID, State: State(row.State), Lock: LockKind(row.Lock), RequestedAt: row.RequestedAt.UTC(),
		StartedAt: orZero(row.StartedAt), FinishedAt: orZero(row.FinishedAt), ExpiresAt: orZero(row.ExpiresAt), EndedAt: orZero(row.EndedAt),
		RowsDone: row.RowsDone, RowsTotal: row.RowsTotal,
	}
	for _, f := range row.Formats {
		e.Formats = append(e.Formats, Format(f))
	}
	if row.Size != nil {
		e.Size, e.SHA256 = *row.Size, fmt.Sprintf("%x", row.Sha256)
	}
	if row.Failure != nil {
		e.Failure = *row.Failure
	}
	return e
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// skip reads so many bytes away.
func skip(r io.Reader, n int64) error {
	if _, err := io.CopyN(io.Discard, r, n); err != nil {
		return fmt.Errorf("read to the place that was asked for: %w", err)
	}
	return nil
}
