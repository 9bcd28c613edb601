package failover

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/internal/fence"
)

// gauges are the instruments of [Health]: what is not known is absent, and never zero.
type gauges struct {
	lag, rpo, drillAge                                                                  metric.Float64ObservableGauge
	bytes, missing, unknown, agent, primary, observers, degraded, underWay, drillMissed metric.Int64ObservableGauge
}

// newGauges makes the instruments, and lists them.
func newGauges(meter metric.Meter) (g gauges, all []metric.Observable, err error) {
	float := func(into *metric.Float64ObservableGauge, name, unit, what string) {
		if err != nil {
			return
		}
		if *into, err = meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what)); err != nil {
			err = fmt.Errorf("make the gauge %s: %w", name, err)
		}
		all = append(all, *into)
	}
	count := func(into *metric.Int64ObservableGauge, name, unit, what string) {
		if err != nil {
			return
		}
		if *into, err = meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what)); err != nil {
			err = fmt.Errorf("make the gauge %s: %w", name, err)
		}
		all = append(all, *into)
	}
	float(&g.lag, "meai.replication.lag", "s", "How far the copy of a store in the other region is behind; absent while that is not known.")
	count(&g.bytes, "meai.replication.lag_bytes", "By", "How much write-ahead log the standby has not received.")
	count(&g.missing, "meai.replication.missing", "", "How many of the things that were looked at are not in the other region's copy.")
	float(&g.rpo, "meai.replication.rpo", "s", "What would be lost were the region that serves lost now: the worst lag; absent while one is not known.")
	count(&g.unknown, "meai.replication.unknown", "", "How many stores have a copy of which nobody knows how far it is behind.")
	count(&g.degraded, "meai.replication.degraded", "", "1 while commits should wait for the standby and do not, because it is away.")
	count(&g.agent, "meai.region.agent", "", "1 while the agent beside a region's PostgreSQL tells how it is, else 0.")
	count(&g.primary, "meai.region.primary", "", "1 while a server holds the lease under which it takes writes, else 0.")
	count(&g.observers, "meai.region.observers", "", "How many sites have an observer that tells what it sees.")
	count(&g.underWay, "meai.region.failover", "", "1 while a failover is under way, else 0.")
	float(&g.drillAge, "meai.drill.age", "s", "How long ago the last drill began that was kept; absent where there was none.")
	count(&g.drillMissed, "meai.drill.missed", "", "How many targets that drill has missed.")
	return g, all, err
}

// Observe makes the instruments.
func (h *Health) Observe(meters metric.MeterProvider) error {
	meter := meters.Meter("meai/activities/failover")
	g, all, err := newGauges(meter)
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.showCopies(o, g)
		h.showRegions(o, g)
		return nil
	}, all...)
	if err != nil {
		return fmt.Errorf("register the gauges of replication: %w", err)
	}
	return nil
}

func (h *Health) showCopies(o metric.Observer, g gauges) {
	if h.now.At.IsZero() {
		return
	}
	var lost int64
	for _, s := range h.now.Stores {
		of := metric.WithAttributes(attribute.String("store", s.Store))
		o.ObserveInt64(g.missing, s.Missing, of)
		if s.Lag < 0 {
			lost++
			continue
		}
		o.ObserveFloat64(g.lag, s.Lag, of)
		if s.Store == StorePostgres {
			o.ObserveInt64(g.bytes, s.Bytes)
		}
	}
	o.ObserveInt64(g.unknown, lost)
	if h.now.RPO >= 0 {
		o.ObserveFloat64(g.rpo, h.now.RPO)
	}
}

func (h *Health) showRegions(o metric.Observer, g gauges) {
	if h.around == nil {
		return
	}
	for region := range h.Controller.Databases {
		alive := slices.ContainsFunc(h.around.Agents, func(a fence.AgentStatus) bool { return a.Region == region })
		o.ObserveInt64(g.agent, one(alive), metric.WithAttributes(attribute.String("region", region)))
	}
	o.ObserveInt64(g.primary, one(h.around.Primary))
	o.ObserveInt64(g.observers, int64(len(h.around.Observers)))
	o.ObserveInt64(g.degraded, one(h.around.Mode == Degraded))
	o.ObserveInt64(g.underWay, one(h.around.Failover != ""))
	if h.drill != nil {
		o.ObserveFloat64(g.drillAge, h.Controller.now().Sub(h.drill.BeganAt).Seconds())
		o.ObserveInt64(g.drillMissed, int64(len(h.drill.Missed)))
	}
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
