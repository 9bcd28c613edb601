package observe

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// shown are the instruments of what is read when somebody asks for the metrics.
type shown struct {
	tasks, pollers, overdue, connections, most, bytes metric.Int64ObservableGauge
	oldest                                            metric.Float64ObservableGauge
	blocks                                            metric.Int64ObservableCounter
}

func (o *Observer) gauges(meter metric.Meter) error {
	var g shown
	var all []metric.Observable
	var err error
	count := func(into *metric.Int64ObservableGauge, name, unit, what string) {
		if err == nil {
			*into, err = meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
			all = append(all, *into)
		}
	}
	count(&g.tasks, "meai.queue.backlog", "{task}", "Tasks that wait in a queue and no worker has taken, as Temporal counts them; absent while nobody knows.")
	count(&g.pollers, "meai.queue.pollers", "{poller}", "Workers that have asked a queue for work in the last minutes.")
	count(&g.overdue, "meai.workflow.overdue", "{workflow}", "Open workflows that should have ended, by type; absent while nobody knows.")
	count(&g.connections, "meai.postgres.connections", "{connection}", "Connections to the database, of all processes.")
	count(&g.most, "meai.postgres.connections_limit", "{connection}", "How many connections PostgreSQL allows.")
	count(&g.bytes, "meai.postgres.size", "By", "Size of the database on disk.")
	if err == nil {
		g.oldest, err = meter.Float64ObservableGauge("meai.queue.backlog_age", metric.WithUnit("s"),
			metric.WithDescription("How long the first task in a queue has waited."))
	}
	if err == nil {
		g.blocks, err = meter.Int64ObservableCounter("meai.postgres.blocks", metric.WithUnit("{block}"),
			metric.WithDescription("Blocks that PostgreSQL needed, by outcome: hit in its memory, or read from disk or the system's cache."))
	}
	if err != nil {
		return fmt.Errorf("make the gauges of engines: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, to metric.Observer) error { o.show(to, g); return nil }, append(all, g.oldest, g.blocks)...)
	if err != nil {
		return fmt.Errorf("register the gauges of engines: %w", err)
	}
	return nil
}

func (o *Observer) show(to metric.Observer, g shown) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.backlogs {
		of := metric.WithAttributes(attribute.String("task_queue", b.Queue), attribute.String("kind", b.Kind))
		to.ObserveInt64(g.tasks, b.Tasks, of)
		to.ObserveInt64(g.pollers, int64(b.Pollers), of)
		to.ObserveFloat64(g.oldest, b.Oldest.Seconds(), of)
	}
	for of, n := range o.overdue {
		to.ObserveInt64(g.overdue, n, metric.WithAttributes(attribute.String("workflow_type", of)))
	}
	if d := o.database; d != nil {
		to.ObserveInt64(g.connections, d.Connections)
		to.ObserveInt64(g.most, d.Most)
		to.ObserveInt64(g.bytes, d.Bytes)
		to.ObserveInt64(g.blocks, d.Hits, metric.WithAttributes(attribute.String("outcome", "hit")))
		to.ObserveInt64(g.blocks, d.Reads, metric.WithAttributes(attribute.String("outcome", "read")))
	}
}
