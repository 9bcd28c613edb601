package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/activities/backup/marks"
	"meai/activities/backup/wal"
)

const (
	// beatEvery is how often a heartbeat is committed, and found again in the archive.
	beatEvery = 10 * time.Second
	// findEvery is how often is looked in the buckets for the points of other stores.
	findEvery = time.Minute
)

// Watch commits heartbeats and measures how far the archive is behind them: what would be
// lost were cluster and disks gone now. It is no setting that is shown but a commit that
// was found again.
type Watch struct {
	Archiver *wal.Archiver
	// URL connects as meai_backup to the product's database.
	URL string
	// Points are those of the stores beside; nil for none.
	Points *Points
	Logger *slog.Logger

	mu     sync.Mutex
	behind time.Duration
	since  time.Time // when that was measured; zero when it is not known
	// points are those of the other stores; one that was never found is as old as the look
	// for it.
	points map[string]time.Time
}

// Observe makes the instruments.
func (w *Watch) Observe(meters metric.MeterProvider) error {
	meter := meters.Meter("meai/activities/backup")
	lag, err := meter.Float64ObservableGauge("meai.backup.archive_lag", metric.WithUnit("s"),
		metric.WithDescription("Age of the newest heartbeat that is durable in the bucket: what would be lost now, at most."))
	if err != nil {
		return fmt.Errorf("make the gauge of the archive's lag: %w", err)
	}
	alarms, err := meter.Int64ObservableGauge("meai.backup.archive_alarms", metric.WithDescription("What is wrong with the archive, by name."))
	if err != nil {
		return fmt.Errorf("make the gauge of alarms: %w", err)
	}
	point, err := meter.Float64ObservableGauge("meai.backup.recovery_point_age", metric.WithUnit("s"),
		metric.WithDescription("Age of the newest moment of a store of which all can be restored; of one that was never backed up, since when it is looked for."))
	if err != nil {
		return fmt.Errorf("make the gauge of recovery points: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if behind, ok := w.Behind(); ok {
			o.ObserveFloat64(lag, behind.Seconds())
		}
		for store, age := range w.Ages() {
			o.ObserveFloat64(point, age.Seconds(), metric.WithAttributes(attribute.String("store", store)))
		}
		for _, alarm := range w.Archiver.Status().Alarmed() {
			o.ObserveInt64(alarms, 1, metric.WithAttributes(attribute.String("alarm", string(alarm))))
		}
		return nil
	}, lag, point, alarms)
	if err != nil {
		return fmt.Errorf("register the gauges of the archive: %w", err)
	}
	return nil
}

// Behind is how far the archive is behind now; false when it was never measured.
func (w *Watch) Behind() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.behind + time.Since(w.since), !w.since.IsZero()
}

// Ages are those of the recovery points of all stores that are looked for.
func (w *Watch) Ages() map[string]time.Duration {
	ages := map[string]time.Duration{}
	if behind, ok := w.Behind(); ok {
		ages[StorePostgres] = behind
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for store, at := range w.points {
		ages[store] = time.Since(at)
	}
	return ages
}

// Run beats, and looks for recovery points, until the context ends.
func (w *Watch) Run(ctx context.Context) {
	if w.Points != nil {
		w.begin()
		go w.look(ctx)
	}
	for {
		if err := w.beat(ctx); err != nil && ctx.Err() == nil {
			w.Logger.Warn("the archive's lag could not be measured", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(beatEvery):
		}
	}
}

func (w *Watch) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	if _, err := marks.Heartbeat(ctx, w.URL); err != nil {
		return err
	}
	tip := w.Archiver.Status().Tip
	if tip == (wal.Position{}) {
		return nil // nothing is known to be archived yet
	}
	_, behind, err := marks.Lag(ctx, w.URL, tip.LSN.String())
	if errors.Is(err, marks.ErrNoHeartbeat) {
		return nil // what is archived is older than the first heartbeat: the age goes on
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.behind, w.since = behind, time.Now()
	w.mu.Unlock()
	return nil
}

// look finds points until the context ends. A bucket that is slow keeps no heartbeat back.
func (w *Watch) look(ctx context.Context) {
	for {
		found, err := w.Points.Find(ctx)
		if err != nil && ctx.Err() == nil {
			w.Logger.Warn("recovery points could not be found", "error", err)
		}
		w.show(found)
		select {
		case <-ctx.Done():
			return
		case <-time.After(findEvery):
		}
	}
}

// begin has every store be as old as the look for it, until its point is found: a bucket
// that cannot be read is no reason to say nothing.
func (w *Watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.points = map[string]time.Time{}
	for store := range w.Points.sources() {
		w.points[store] = time.Now()
	}
}

// show keeps the points before of stores of which none was found: they grow older.
func (w *Watch) show(found map[string]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for store, at := range found {
		if !at.IsZero() {
			w.points[store] = at
		}
	}
}
