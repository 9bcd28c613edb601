package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/turns"
)

// WriteInput names an export that is to be written, and what it is encrypted to.
type WriteInput struct {
	Subject uuid.UUID `json:"subject"`
	Export  uuid.UUID `json:"export"`
	Lock    Lock      `json:"lock"`
	Formats []Format  `json:"formats"`
}

// Write writes an export, however often it is tried: it exists whole under its name, or
// not at all. beat, which may be nil, is called as it goes on. Errors: those of
// [postgres.DB.Snapshot]; [failure.Decided] when the person has deleted it meanwhile.
func (x *Exports) Write(ctx context.Context, in WriteInput, beat func(done int64)) (Export, error) {
	if _, err := in.Lock.recipient(); err != nil {
		return Export{}, failure.New(failure.InvalidInput, "nothing to encrypt the export to", err)
	}
	// What an attempt left that was killed goes: its unfinished file, or a whole one that
	// the row does not know of. An attempt that still runs fails.
	e, err := x.clear(ctx, in.Subject, in.Export, x.remove)
	switch {
	case err != nil:
		return e, err
	case e.State == Ready:
		return e, nil // an attempt before has done it
	case e.State != Queued && e.State != Writing:
		return e, decided(e)
	}
	leave, err := atOnce.Take(ctx, tellEvery, func() { give(beat, 0) })
	if err != nil {
		return e, err
	}
	defer leave()
	err = x.DB.Snapshot(ctx, in.Subject, func(ctx context.Context, s *postgres.Snapshot) error {
		return x.publish(ctx, s, in, beat)
	})
	if err != nil {
		// The commit may have failed behind the object's name, and there may be no next attempt.
		_, cleared := x.clear(context.WithoutCancel(ctx), in.Subject, in.Export, x.removeNamed)
		return e, errors.Join(fmt.Errorf("write export %s: %w", in.Export, err), cleared)
	}
	return x.Get(ctx, in.Subject, in.Export)
}

// clear removes the object of an export that is not ready, and returns the export. The row
// is held meanwhile, so that nothing is removed that another attempt is just publishing.
func (x *Exports) clear(ctx context.Context, subject, id uuid.UUID, remove func(context.Context, uuid.UUID, uuid.UUID) error) (e Export, err error) {
	err = x.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.LockExport(ctx, subject, id)
		if err != nil {
			return unlessFound(err, "export")
		}
		if e = of(row); e.State == Ready {
			return nil
		}
		return remove(ctx, subject, id)
	})
	if failure.Is(err, failure.SubjectInactive) {
		// Nobody publishes anything for them any more.
		err = errors.Join(err, remove(ctx, subject, id))
	}
	if err != nil {
		return e, fmt.Errorf("clear the place of export %s: %w", id, err)
	}
	return e, nil
}

// atOnce is how many are written, or filled in, at a time by one process: each holds a
// connection to the database for as long as it takes.
var atOnce = make(turns.Turns, 2)

// give gives a sign of life to whom it may concern.
func give(beat func(int64), done int64) {
	if beat != nil {
		beat(done)
	}
}

func decided(e Export) error {
	return failure.New(failure.Decided, "the export is "+string(e.State), nil)
}

// publish writes the object and gives it its name in the transaction that says it is
// ready. The person is locked as active meanwhile: once erasure has begun, and once the
// export was deleted, nothing appears.
func (x *Exports) publish(ctx context.Context, s *postgres.Snapshot, in WriteInput, beat func(int64)) error {
	_, name, err := x.place(ctx, in.Subject, in.Export)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var made sealed
	whole, may, named := make(chan struct{}), make(chan bool, 1), make(chan error, 1)
	var once sync.Once
	permit := func(yes bool) { once.Do(func() { may <- yes }) }
	defer permit(false)
	go func() {
		named <- x.Store.Write(ctx, name, func(out io.Writer) (err error) {
			if made, err = x.seal(ctx, s, in, out, beat); err != nil {
				return err
			}
			close(whole)
			if !<-may {
				return errWithdrawn
			}
			return nil
		})
	}()
	select {
	case err := <-named:
		return err
	case <-whole:
	}
	return x.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		now := time.Now().UTC()
		finished, err := q.FinishExport(ctx, queries.FinishExportParams{
			SubjectID: in.Subject, ID: in.Export, At: &now, ExpiresAt: new(now.Add(x.Lifetime)), Size: &made.size, Sha256: made.sum,
		})
		if err != nil {
			return err
		}
		if finished == 0 {
			return failure.New(failure.Decided, "the export is not wanted any more", nil)
		}
		permit(true)
		return <-named
	})
}

var errWithdrawn = errors.New("the export is not given a name")

// sealed is an encrypted file that was written.
type sealed struct {
	size int64
	sum  []byte
}

// seal writes the encrypted archive.
func (x *Exports) seal(ctx context.Context, s *postgres.Snapshot, in WriteInput, out io.Writer, beat func(int64)) (sealed, error) {
	manifest, err := x.describe(s, in)
	if err != nil {
		return sealed{}, err
	}
	sum, size := sha256.New(), &counter{}
	encrypting, err := in.Lock.Encrypt(ctx, io.MultiWriter(out, sum, size))
	if err != nil {
		return sealed{}, err
	}
	w := &writing{
		exports: x, snapshot: s, formats: in.Formats, zip: newZip(encrypting),
		seen: newDigest(product+" "+x.Version, manifest.Schema), progress: x.telling(ctx, in, beat),
	}
	total, err := w.plan(ctx)
	if err != nil {
		return sealed{}, err
	}
	if err := x.begun(ctx, in, total); err != nil {
		return sealed{}, err
	}
	if err := w.all(ctx, manifest); err != nil {
		return sealed{}, err
	}
	if err := encrypting.Close(); err != nil {
		return sealed{}, fmt.Errorf("end the encryption: %w", err)
	}
	return sealed{size.n, sum.Sum(nil)}, nil
}

// begun notes how much there is to write.
func (x *Exports) begun(ctx context.Context, in WriteInput, total int64) error {
	return x.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		begun, err := q.BeginExport(ctx, queries.BeginExportParams{SubjectID: in.Subject, ID: in.Export, At: new(time.Now().UTC()), RowsTotal: total})
		if err == nil && begun == 0 {
			return failure.New(failure.Decided, "the export is not wanted any more", nil)
		}
		return err
	})
}

const (
	// beatEvery is after how many records a sign of life is given, tellEvery how often the
	// person is told how far it is.
	beatEvery = 500
	tellEvery = 2 * time.Second
)

// telling shows how far it is.
func (x *Exports) telling(ctx context.Context, in WriteInput, beat func(int64)) func(int64) {
	told := time.Now()
	return func(done int64) {
		if done%beatEvery != 0 {
			return
		}
		give(beat, done)
		if time.Since(told) < tellEvery {
			return
		}
		told = time.Now()
		// A hint: when it is lost, the next one tells more.
		_ = x.DB.WriteHint(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
			return q.ExportProgress(ctx, done, in.Subject, in.Export)
		})
	}
}
