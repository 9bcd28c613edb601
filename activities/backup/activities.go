package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"meai/activities/backup/base"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/index"
	"meai/activities/backup/marks"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/audit"
	"meai/internal/custody"
	"meai/internal/failure"
)

// Activities are the steps of taking and keeping backups. Every exported method is an
// activity that can run twice without harm.
type Activities struct {
	Repository *repository.Repository
	Recipients custody.Recipients
	// URL connects as meai_backup to the product's database.
	URL string
	// Second is the second location, where marks are kept as well; nil for none.
	Second *repository.Repository
	// MaxRate bounds how fast the cluster is read, in KiB/s; 0 for as fast as it goes.
	MaxRate int
	// Index says how Weaviate backs up.
	Index     index.Options
	Catalogue *catalogue.Store
	Trail     Recorder
	// Permit is asked before anything is deleted; nil for nobody.
	Permit func(context.Context) error
	// Age is how long any moment of the past can be restored.
	Age    time.Duration
	Gauges *Gauges // nil for none
	Logger *slog.Logger
}

// errNone is the answer of processes in which nothing is configured: another may be.
var errNone = errors.New("backups are not configured in this process (backup.bucket)")

func (a *Activities) configured() error {
	if a.Repository == nil {
		return errNone
	}
	return nil
}

// Progress is what a long step shows of itself, as the details of its heartbeat.
type Progress struct {
	// Backup is what is being taken.
	Backup string `json:"backup,omitempty"`
	Step   string `json:"step,omitempty"`
	// Done and Total count bytes, or whatever the step has most of; Total is 0 when it is
	// not known.
	Done    int64     `json:"done"`
	Total   int64     `json:"total"`
	BegunAt time.Time `json:"begun_at"`
}

// Left estimates how long the step will take, from how fast it went; false when that
// cannot be said.
func (p Progress) Left(now time.Time) (time.Duration, bool) {
	spent := now.Sub(p.BegunAt)
	if p.Done <= 0 || p.Total < p.Done || spent <= 0 {
		return 0, false
	}
	return time.Duration(float64(spent) * float64(p.Total-p.Done) / float64(p.Done)), true
}

// every is how often progress is shown.
const every = time.Second

// beats shows progress, at most once in a while.
type beats struct {
	ctx  context.Context
	last time.Time
	now  Progress
}

func newBeats(ctx context.Context, backup, step string) *beats {
	b := &beats{ctx: ctx, now: Progress{Backup: backup, Step: step, BegunAt: time.Now().UTC()}}
	b.show()
	return b
}

func (b *beats) progress(done, total int64) {
	b.now.Done, b.now.Total = done, total
	if time.Since(b.last) >= every {
		b.last = time.Now()
		b.show()
	}
}

// show does nothing where no activity runs, as in a drill.
func (b *beats) show() {
	if activity.IsActivity(b.ctx) {
		activity.RecordHeartbeat(b.ctx, b.now)
	}
}

// Take takes a backup and commits it. An attempt that breaks off leaves nothing: this
// one removes what it wrote, and a later one what a crash left of an earlier.
func (a *Activities) Take(ctx context.Context, in TakeInput) (Taken, error) {
	if err := a.configured(); err != nil {
		return Taken{}, err
	}
	begun := time.Now().UTC()
	if taken, ok, err := a.takenBy(ctx, in.Run); ok || err != nil {
		return taken, err
	}
	if err := a.discardEarlier(ctx); err != nil {
		return Taken{}, err
	}
	id, err := repository.NewID(in.Kind, begun)
	if err != nil {
		return Taken{}, err
	}
	m := repository.Manifest{ID: id, Kind: in.Kind, Run: in.Run, StartedAt: begun}
	shown := newBeats(ctx, id, "take")
	if err := a.fill(ctx, &m, in, shown); err != nil {
		// Cancelling cleans up as well.
		return Taken{}, errors.Join(fmt.Errorf("take a backup of %s: %w", in.Kind, err), a.Repository.Discard(context.WithoutCancel(ctx), id))
	}
	m.EndedAt = time.Now().UTC()
	if err := a.Repository.Commit(ctx, m); err != nil {
		return Taken{}, err
	}
	return taken(m), a.Trail.Record(ctx, audit.BackupTaken, id)
}

// takenBy finds what an earlier attempt of the same run finished.
func (a *Activities) takenBy(ctx context.Context, run string) (Taken, bool, error) {
	if run == "" {
		return Taken{}, false, nil
	}
	entries, err := a.Repository.Catalogue(ctx)
	for _, e := range entries {
		if e.Run == run {
			return taken(e.Manifest), true, nil
		}
	}
	return Taken{}, false, err
}

// discardEarlier removes what the last attempt was writing when its process died.
func (a *Activities) discardEarlier(ctx context.Context) error {
	var last Progress
	if !activity.IsActivity(ctx) || !activity.HasHeartbeatDetails(ctx) {
		return nil
	}
	if err := activity.GetHeartbeatDetails(ctx, &last); err != nil {
		return fmt.Errorf("read what the last attempt did: %w", err)
	}
	if last.Backup == "" {
		return nil
	}
	return a.Repository.Discard(ctx, last.Backup)
}

func taken(m repository.Manifest) Taken {
	return Taken{Backup: m.ID, Bytes: m.Size(), Objects: len(m.Objects), Seconds: m.EndedAt.Sub(m.StartedAt).Seconds()}
}

// fill writes the parts of a backup.
func (a *Activities) fill(ctx context.Context, m *repository.Manifest, in TakeInput, shown *beats) error {
	key, err := a.Repository.NewKey(ctx, a.Recipients)
	if err != nil {
		return err
	}
	switch in.Kind {
	case repository.Postgres:
		rate := in.MaxRate
		if rate == 0 {
			rate = a.MaxRate
		}
		cluster, parts, err := base.Take(ctx, a.Repository, key, m.ID, base.Options{URL: a.URL, Label: m.ID, MaxRate: rate, Progress: shown.progress})
		m.Cluster, m.Objects = &cluster, parts
		return err
	case repository.Weaviate:
		options := a.Index
		options.Progress = func(p index.Progress) { shown.progress(p.Done, p.Total) }
		held, parts, err := index.Take(ctx, a.Repository, key, m.ID, options)
		m.Index, m.Objects = &held, parts
		if lost := held.LostSamples(); lost > 0 && a.Logger != nil {
			// Not the backup's fault: a server that was killed loses vectors that it had taken.
			a.Logger.Warn("the index had lost vectors before it was backed up; run RepairIndex", "entries", lost)
		}
		return err
	default:
		return failure.New(failure.InvalidInput, fmt.Sprintf("there are no backups of %q; there are of postgres and weaviate", in.Kind), nil)
	}
}

// Mark marks what the product's database holds now.
func (a *Activities) Mark(ctx context.Context, _ struct{}) (Marked, error) {
	if err := a.configured(); err != nil {
		return Marked{}, err
	}
	mark, err := marks.Take(ctx, a.URL)
	if err != nil {
		return Marked{}, fmt.Errorf("mark what the database holds: %w", err)
	}
	// A bucket that lacks a mark which the second location has is an old copy: so it goes
	// to the bucket first.
	for _, r := range []*repository.Repository{a.Repository, a.Second} {
		if r == nil {
			continue
		}
		if err := r.PutMark(ctx, mark); err != nil {
			return Marked{}, err
		}
	}
	marked := Marked{At: mark.At, LSN: mark.LSN}
	for _, contents := range mark.Tables {
		marked.Rows += contents.Rows
	}
	return marked, nil
}

// Sync brings the catalogue in PostgreSQL up to date with the bucket. While that lacks a
// backup which the catalogue knows, it fails and changes nothing: the catalogue is the
// only witness. Whoever has found out why deletes the rows.
func (a *Activities) Sync(ctx context.Context, _ struct{}) (struct{}, error) {
	if err := a.configured(); err != nil {
		return struct{}{}, err
	}
	entries, err := a.Repository.Catalogue(ctx)
	a.Gauges.show(entries)
	if err != nil {
		// With a part of it the copy would forget the rest.
		return struct{}{}, final(fmt.Errorf("read the catalogue: %w", err))
	}
	// Descriptions are never deleted: what only the copy knows has vanished from the bucket.
	lacking, err := a.Catalogue.Lacking(ctx, entries)
	if err != nil {
		return struct{}{}, err
	}
	if len(lacking) > 0 {
		return struct{}{}, final(fmt.Errorf("%w, or somebody removed what was in it: the catalogue knows of backups that it lacks: %s",
			restore.ErrStale, strings.Join(lacking, ", ")))
	}
	return struct{}{}, a.Catalogue.Sync(ctx, entries)
}

// Hold keeps a backup from expiring.
func (a *Activities) Hold(ctx context.Context, in Ref) (struct{}, error) {
	return a.report(ctx, in, repository.Held)
}

// Release ends what [Activities.Hold] began.
func (a *Activities) Release(ctx context.Context, in Ref) (struct{}, error) {
	return a.report(ctx, in, repository.Released)
}

func (a *Activities) report(ctx context.Context, in Ref, state repository.State) (struct{}, error) {
	if err := a.configured(); err != nil {
		return struct{}{}, err
	}
	entry, err := a.Repository.Entry(ctx, in.Backup)
	if errors.Is(err, repository.ErrMissing) {
		return struct{}{}, failure.New(failure.NotFound, "there is no such backup", err)
	}
	if err != nil || entry.Held() == (state == repository.Held) {
		return struct{}{}, err
	}
	return struct{}{}, a.Repository.Report(ctx, repository.Report{Backup: in.Backup, State: state, At: time.Now().UTC()})
}
