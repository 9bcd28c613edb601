// Package wal archives PostgreSQL's write-ahead log into the repository of backups while
// it is being written, finds out whether what is archived is complete, and fetches it for
// a restore.
//
// The [Archiver] has pg_receivewal stream the log into a folder, the staging, and brings
// it into the bucket from there: closed segments at once, the one that is being written
// every half minute. What it has received is safe from the loss of the database's
// machine, what is in the bucket from the loss of both. [Push] is the second way, for
// archive_command: the server keeps a segment until that has succeeded.
package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/custody"
	"meai/internal/pgserver"
)

const (
	// DefaultName is that of the slot, and what synchronous_standby_names can name.
	DefaultName = "meai_archive"

	defaultPartialEvery = 30 * time.Second
	mostPartialEvery    = time.Minute
	defaultKeep         = 4

	lookEvery    = 500 * time.Millisecond // at the staging folder
	guardEvery   = 5 * time.Second        // the slot is looked at
	lastUploads  = 30 * time.Second       // after the archiver was told to end
	uploadWithin = 5 * time.Minute        // each object
	firstPause   = 250 * time.Millisecond // after a failure, doubled each time
	// A commit that waits for the synchronous archive waits through the receiver's pause.
	longestPause = 5 * time.Second
	// A receiver that ran for so long had not failed to start.
	calm = time.Minute
)

// Options configure an [Archiver].
type Options struct {
	Repository *repository.Repository
	Recipients custody.Recipients // for whom the data keys are wrapped
	// URL (postgres://) connects to the server as a role with REPLICATION and
	// pg_monitor, which must be let in for replication and to the URL's database. Its
	// password is given to pg_receivewal by the environment.
	URL      string
	Binaries pgserver.Binaries
	Account  pgserver.Account // runs pg_receivewal
	// Staging is the folder for what was received; it is made when it is missing, and
	// should lie on another disk than the database.
	Staging string
	// Slot is the name of the replication slot, and by which the archiver is named in
	// synchronous_standby_names; [DefaultName] when empty.
	Slot string
	// PartialEvery is how often the segment that is being written is archived: half a
	// minute when zero, a minute at most.
	PartialEvery time.Duration
	// Keep is how many closed segments stay in the staging folder though they are in
	// the bucket; four when zero.
	Keep   int
	Logger *slog.Logger
}

// Archiver archives the write-ahead log of one server, until it is told to end.
type Archiver struct {
	Options
	upload  uploader
	changed chan struct{} // the receiver ended: archive the part at once

	mu     sync.Mutex
	status Status
	alarms map[Alarm]string // with what is wrong

	learning sync.Mutex
	learned  bool // the tip

	// The scanner's own.
	durable map[string]bool // local files that are in the bucket
	partAt  time.Time       // all that was received before is, too
}

// New makes an archiver; [Archiver.Run] has it work.
func New(o Options) *Archiver {
	if o.Slot == "" {
		o.Slot = DefaultName
	}
	if o.PartialEvery <= 0 {
		o.PartialEvery = defaultPartialEvery
	}
	o.PartialEvery = min(o.PartialEvery, mostPartialEvery)
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	keys := &stretch{repository: o.Repository, to: o.Recipients}
	return &Archiver{
		Options: o, upload: uploader{o.Repository, keys.key}, changed: make(chan struct{}, 1),
		alarms: map[Alarm]string{}, durable: map[string]bool{},
	}
}

// Run archives until the context ends, and then what is left of what was received. It
// goes on after failures, which [Archiver.Status] tells and the log says. It fails only
// when it cannot begin: another archiver works on the staging folder, or that or the URL
// cannot be used.
func (a *Archiver) Run(ctx context.Context) error {
	child, err := a.receiver()
	if err != nil {
		return err
	}
	lock, err := a.claim()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	var receiving, guarding sync.WaitGroup
	received := make(chan struct{})
	receiving.Go(func() {
		defer close(received)
		a.receive(ctx, child)
	})
	guarding.Go(func() { a.guard(ctx) })
	a.scan(ctx, received)
	guarding.Wait()
	return nil
}

// claim makes the staging folder and locks it: two archivers would remove what the other
// still needs.
func (a *Archiver) claim() (*os.File, error) {
	if _, err := os.Stat(a.Staging); errors.Is(err, os.ErrNotExist) {
		if err := a.Account.MakeFolder(a.Staging); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(a.Staging, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the staging folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another archiver works on %s: %w", a.Staging, err)
	}
	return lock, nil
}

// scan archives what comes into the staging folder until nothing more is received, and
// then has one last attempt.
func (a *Archiver) scan(ctx context.Context, received <-chan struct{}) {
	pause, wait := firstPause, time.Duration(0)
	for {
		why := routine
		select {
		case <-ctx.Done():
			<-received
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUploads)
			defer cancel()
			a.note(UploadFailing, a.archive(ending, ended))
			return
		case <-a.changed:
			why = interrupted
		case <-time.After(wait):
		}
		err := a.archive(ctx, why)
		if ctx.Err() != nil {
			continue
		}
		a.note(UploadFailing, err)
		if err == nil {
			pause, wait = firstPause, lookEvery
		} else {
			pause, wait = min(2*pause, longestPause), pause
		}
	}
}
