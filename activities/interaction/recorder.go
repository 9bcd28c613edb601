package interaction

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	// flushAfter bounds how long a live status lags behind the steps.
	flushAfter = 25 * time.Millisecond
	// flushAt is how many hints are written without waiting for the time.
	flushAt = 256
	// queued bounds the memory that hints take while the database is slow.
	queued = 4096
	// writeTimeout bounds one subject's hints; they are not worth a longer wait.
	writeTimeout = 2 * time.Second
)

// Recorder shows the steps of running interactions in their live status. Its
// rows are hints: written behind, batched, and dropped rather than waited for,
// because they must never slow an activity down. What a step did for good is
// written by [FinishStep], which a late hint cannot overwrite.
//
// A nil Recorder records nothing.
type Recorder struct {
	db      *postgres.DB
	log     *slog.Logger
	now     func() time.Time
	hints   chan hint
	dropped atomic.Uint64

	begin, end sync.Once
	quit       chan struct{}
	done       chan struct{}
}

type hint struct {
	subject uuid.UUID
	record  hintRecord
}

// hintRecord is one row as the statement HintSteps reads it from JSON.
type hintRecord struct {
	Interaction uuid.UUID `json:"interaction"`
	StepRecord
}

// NewRecorder returns a recorder that does nothing until [Recorder.Start].
func NewRecorder(db *postgres.DB, log *slog.Logger) *Recorder {
	if log == nil {
		log = slog.Default()
	}
	return &Recorder{
		db: db, log: log, now: time.Now,
		hints: make(chan hint, queued),
		quit:  make(chan struct{}), done: make(chan struct{}),
	}
}

// Start begins writing in the background.
func (r *Recorder) Start() {
	if r != nil {
		r.begin.Do(func() { go r.run() })
	}
}

// Stop writes what is queued and ends the background work. It returns when that
// is done or ctx is. A stopped recorder drops further hints.
func (r *Recorder) Stop(ctx context.Context) {
	if r == nil {
		return
	}
	r.end.Do(func() { close(r.quit) })
	r.begin.Do(func() { close(r.done) }) // never started: nothing to wait for
	select {
	case <-r.done:
	case <-ctx.Done():
	}
}

// Begin hints that a step has started.
func (r *Recorder) Begin(ref Ref, step Step) {
	if r == nil {
		return
	}
	r.offer(ref, StepRecord{Step: step, State: Started, StartedAt: r.now().UTC()})
}

// End hints how a step finished.
func (r *Recorder) End(ref Ref, rec StepRecord) {
	if r == nil {
		return
	}
	r.offer(ref, rec)
}

// Dropped counts the hints that were not written, because the queue was full,
// the database did not take them or the recorder had stopped.
func (r *Recorder) Dropped() uint64 {
	if r == nil {
		return 0
	}
	return r.dropped.Load()
}

func (r *Recorder) offer(ref Ref, rec StepRecord) {
	if ref.Interaction == uuid.Nil {
		return // a single step that was asked for by itself has no status
	}
	select {
	case <-r.quit:
		r.dropped.Add(1)
		return
	default:
	}
	select {
	case r.hints <- hint{subject: ref.Subject, record: hintRecord{Interaction: ref.Interaction, StepRecord: rec}}:
	default:
		r.dropped.Add(1)
	}
}

func (r *Recorder) run() {
	defer close(r.done)
	pending := hintBatch{}
	timer := time.NewTimer(flushAfter)
	timer.Stop()
	for {
		select {
		case h := <-r.hints:
			if len(pending) == 0 {
				timer.Reset(flushAfter)
			}
			pending.add(h)
			if len(pending) < flushAt {
				continue
			}
		case <-timer.C:
		case <-r.quit:
			r.drain(pending)
			return
		}
		timer.Stop()
		r.flush(pending)
		clear(pending)
	}
}

// drain writes what was queued before the stop.
func (r *Recorder) drain(pending hintBatch) {
	for {
		select {
		case h := <-r.hints:
			pending.add(h)
		default:
			r.flush(pending)
			return
		}
	}
}

func (r *Recorder) flush(pending hintBatch) {
	for subject, records := range pending.bySubject() {
		err := r.write(subject, records)
		if err == nil {
			continue
		}
		r.dropped.Add(uint64(len(records)))
		if !failure.Is(err, failure.SubjectInactive) {
			r.log.Warn("live status of some steps is lost", "steps", len(records), "error", err)
		}
	}
}

func (r *Recorder) write(subject uuid.UUID, records []hintRecord) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	rows, err := json.Marshal(records)
	if err != nil {
		return fmt.Errorf("encode hints: %w", err)
	}
	return r.db.WriteHint(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.HintSteps(ctx, subject, rows); err != nil {
			return fmt.Errorf("write hints: %w", err)
		}
		return nil
	})
}

// hintBatch holds the latest hint of each step: one statement cannot write a
// row twice, and nobody needs to see a start whose end is known.
type hintBatch map[hintKey]StepRecord

type hintKey struct {
	subject, interaction uuid.UUID
	step                 Step
}

func (b hintBatch) add(h hint) {
	key := hintKey{h.subject, h.record.Interaction, h.record.Step}
	if known, ok := b[key]; ok && known.State != Started && h.record.State == Started {
		return
	}
	b[key] = h.record.StepRecord
}

func (b hintBatch) bySubject() map[uuid.UUID][]hintRecord {
	subjects := make(map[uuid.UUID][]hintRecord)
	for key, record := range b {
		subjects[key.subject] = append(subjects[key.subject], hintRecord{key.interaction, record})
	}
	return subjects
}
