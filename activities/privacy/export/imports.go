package export

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// ImportState is how far an import is.
type ImportState string

const (
	// Receiving: the archive is being sent.
	Receiving ImportState = "receiving"
	// Received: it is all there.
	Received ImportState = "received"
	// Importing: it is checked, and its rows are being added.
	Importing ImportState = "importing"
	// Indexing: the rows are there and are being made searchable.
	Indexing ImportState = "indexing"
	// Done: the account holds what the archive does.
	Done ImportState = "done"
	// ImportFailed: nothing of it is in the account.
	ImportFailed ImportState = "failed"
)

// Import is an archive that a person brings along. Times that have not come are zero.
type Import struct {
	ID                               uuid.UUID
	State                            ImportState
	RequestedAt, ReceivedAt, EndedAt time.Time
	// Size is that of the archive in bytes.
	Size                int64
	RowsDone, RowsTotal int64
	// Export is the one that it is; zero while that is not known.
	Export uuid.UUID
	// Failure is a code such as "account_not_empty"; "" unless it failed.
	Failure string

	parts int
}

// Over reports whether nothing more happens.
func (i Import) Over() bool { return i.State == Done || i.State == ImportFailed }

func importOf(row queries.PrivacyImport) Import {
	i := Import{
		ID: row.ID, State: ImportState(row.State), RequestedAt: row.RequestedAt.UTC(), ReceivedAt: orZero(row.ReceivedAt), EndedAt: orZero(row.EndedAt),
		Size: row.Size, RowsDone: row.RowsDone, RowsTotal: row.RowsTotal, parts: int(row.Parts),
	}
	if row.ExportID != nil {
		i.Export = *row.ExportID
	}
	if row.Failure != nil {
		i.Failure = *row.Failure
	}
	return i
}

var (
	// ErrNotEmpty: the account holds something already.
	ErrNotEmpty = errors.New("export: the account is not empty")
	// ErrSecret: what was sent does not open with the passphrase or identity.
	ErrSecret = errors.New("export: it does not open with that")
	// errNotReceived: nothing, or not all, has arrived in time.
	errNotReceived = errors.New("export: the archive has not arrived")
)

// arrival is how long an archive may take to arrive.
const arrival = 6 * time.Hour

// BeginImport makes the row of an import, and the account where there is none yet, or finds
// the one that the same request made before: fresh tells which. Errors: [ErrRunning].
func (x *Exports) BeginImport(ctx context.Context, subject uuid.UUID, key string) (i Import, fresh bool, err error) {
	if err := x.registered(ctx, subject); err != nil {
		return Import{}, false, fmt.Errorf("begin an import: %w", err)
	}
	keys, err := x.Keyring.Keys(ctx, subject)
	if err != nil {
		return Import{}, false, fmt.Errorf("begin an import: %w", err)
	}
	id := nameRequest(keys, "import", key)
	err = x.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		made, err := q.InsertImport(ctx, subject, id, time.Now().UTC().Truncate(time.Microsecond))
		if err != nil {
			return err
		}
		row, err := q.ImportByID(ctx, subject, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrRunning
		}
		i, fresh = importOf(row), made > 0
		return err
	})
	if err != nil {
		return Import{}, false, fmt.Errorf("begin an import: %w", err)
	}
	return i, fresh, nil
}

// registered makes keys and subject of a person who was never here, as a first session
// does: keys first, so that a subject without keys is one whose keys were lost.
func (x *Exports) registered(ctx context.Context, subject uuid.UUID) error {
	known, err := x.DB.KnowsSubject(ctx, subject)
	if err != nil || known {
		return err
	}
	if err := x.Keyring.Create(ctx, subject); err != nil {
		return fmt.Errorf("create keys: %w", err)
	}
	return x.DB.EnsureSubject(ctx, subject)
}

// Import is one of the person's imports. Errors: [failure.NotFound].
func (x *Exports) Import(ctx context.Context, subject, id uuid.UUID) (i Import, err error) {
	err = x.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.ImportByID(ctx, subject, id)
		i = importOf(row)
		return unlessFound(err, "import")
	})
	if err != nil {
		return Import{}, fmt.Errorf("read an import: %w", err)
	}
	return i, nil
}

// Secret opens what is sent: at most one of its fields. It is used while the archive
// arrives, and kept nowhere.
type Secret struct{ Passphrase, Identity string }

// String keeps it out of logs.
func (Secret) String() string { return "a secret" }

// GoString is for %#v.
func (Secret) GoString() string { return "a secret" }

// identities are what age opens a file with. Errors never quote them.
func (s Secret) identities() ([]age.Identity, error) {
	switch {
	case s.Passphrase != "" && s.Identity != "":
		return nil, ErrSecret
	case s.Passphrase != "":
		i, err := age.NewScryptIdentity(s.Passphrase)
		if err != nil {
			return nil, ErrSecret
		}
		i.SetMaxWorkFactor(WorkFactor)
		return []age.Identity{i}, nil
	default:
		i, err := age.ParseIdentities(bytes.NewReader([]byte(s.Identity)))
		if err != nil {
			return nil, ErrSecret
		}
		return i, nil
	}
}

// ageMagic begins every file of age, zipMagic every zip that has files.
const (
	ageMagic = "age-encryption.org/v1\n"
	zipMagic = "PK\x03\x04"
)

// decrypted opens what is sent: an export as it was fetched, or the zip that its owner
// has decrypted.
func (s Secret) decrypted(ctx context.Context, from io.Reader) (content io.Reader, err error) {
	buffered := bufio.NewReaderSize(from, 64<<10)
	start, err := buffered.Peek(len(ageMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case string(start) == ageMagic:
	case bytes.HasPrefix(start, []byte(zipMagic)):
		return buffered, nil
	default:
		return nil, ErrNoExport
	}
	identities, err := s.identities()
	if err != nil {
		return nil, err
	}
	open := func() error { content, err = age.Decrypt(buffered, identities...); return err }
	if s.Passphrase != "" {
		err = workOn(ctx, open)
	} else {
		err = open()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	return content, nil
}

// Receive takes an archive that is sent, decrypts it and lays it aside, sealed with the
// person's keys. After an error nothing of it is kept, and the import has failed. Errors:
// [ErrSecret], [ErrNoExport], [ErrTooLarge], and those of from.
func (x *Exports) Receive(ctx context.Context, subject, id uuid.UUID, secret Secret, from io.Reader) (Import, error) {
	parts, size, err := x.take(ctx, subject, id, secret, from)
	if err == nil {
		err = x.arrived(ctx, subject, id, parts, size)
	}
	if err != nil {
		// The sender may be gone, and what they sent must go all the same.
		reason := refusal(err)
		if reason == "" {
			reason = "not_received"
		}
		_, failing := x.failImport(context.WithoutCancel(ctx), Ref{subject, id}, reason)
		return Import{}, errors.Join(fmt.Errorf("receive an import: %w", err), failing)
	}
	return x.Import(ctx, subject, id)
}

func (x *Exports) take(ctx context.Context, subject, id uuid.UUID, secret Secret, from io.Reader) (parts int, size int64, err error) {
	content, err := secret.decrypted(ctx, from)
	if err != nil {
		return 0, 0, err
	}
	return x.store(ctx, subject, id, content)
}

func (x *Exports) arrived(ctx context.Context, subject, id uuid.UUID, parts int, size int64) error {
	return x.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		received, err := q.ImportReceived(ctx, queries.ImportReceivedParams{
			SubjectID: subject, ID: id, At: new(time.Now().UTC()), Parts: int32(parts), Size: size,
		})
		if err == nil && received == 0 {
			return errNotReceived // its time was over
		}
		return err
	})
}

// failImport gives an import up; one whose rows are in the account is not.
func (x *Exports) failImport(ctx context.Context, in Ref, reason string) (i Import, err error) {
	err = x.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		_, err := q.FailImport(ctx, queries.FailImportParams{SubjectID: in.Subject, ID: in.ID, Failure: &reason, At: new(time.Now().UTC())})
		return err
	})
	if err != nil {
		return Import{}, fmt.Errorf("give import %s up: %w", in.ID, err)
	}
	if i, err = x.Import(ctx, in.Subject, in.ID); err != nil || i.State != ImportFailed {
		return i, err
	}
	return i, x.removeParts(ctx, in.Subject, in.ID)
}

// concludeImport ends an import whose rows are searchable.
func (x *Exports) concludeImport(ctx context.Context, in Ref) (Import, error) {
	if err := x.removeParts(ctx, in.Subject, in.ID); err != nil {
		return Import{}, err
	}
	err := x.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		ended, err := q.EndImport(ctx, new(time.Now().UTC()), in.Subject, in.ID)
		if err != nil || ended == 0 {
			return err
		}
		return x.record(ctx, q, in.Subject, in.ID, audit.ExportImported)
	})
	if err != nil {
		return Import{}, fmt.Errorf("end import %s: %w", in.ID, err)
	}
	return x.Import(ctx, in.Subject, in.ID)
}

// unsent says what became of an import that is asked about in a state that it is not in.
func unsent(i Import) error {
	if i.State == Receiving {
		return errNotReceived
	}
	return failure.New(failure.Decided, "the import is "+string(i.State), nil)
}
