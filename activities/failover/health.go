package failover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meai/internal/fence"
)

// The stores that a region has a copy of.
const (
	StorePostgres = "postgres"
	StoreIndex    = "index"
	StoreObjects  = "objects"
	StoreKeyring  = "keyring"
)

// Unknown is a lag that nobody knows.
const Unknown = -1

// Copied is how far the copy of one store is behind.
type Copied struct {
	Store string `json:"store"`
	// Lag is the age of the oldest thing that the copy lacks, in seconds; 0 when it lacks
	// nothing, negative when that is not known.
	Lag float64 `json:"lag"`
	// Bytes of log that it lacks, of PostgreSQL.
	Bytes int64 `json:"bytes"`
	// Looked at so many things, of which Missing are not there.
	Looked  int64 `json:"looked"`
	Missing int64 `json:"missing"`
	// Derived: it is made anew from another store, so nothing is lost with it.
	Derived bool `json:"derived,omitempty"`
	// Reason says why the lag is not known: a code.
	Reason string `json:"reason,omitempty"`
}

// Replication is how far the region that does not serve is behind.
type Replication struct {
	At      time.Time `json:"at"`
	Serving string    `json:"serving"`
	Epoch   int64     `json:"epoch"`
	Mode    Mode      `json:"mode"`
	Stores  []Copied  `json:"stores"`
	// RPO is what would be lost were the region that serves lost now, in seconds; negative
	// when it is not known. Worst is the store that it is for.
	RPO   float64 `json:"rpo"`
	Worst string  `json:"worst,omitempty"`
}

// RPOOf is the worst of all stores. One that is not known is worse than any that is: no
// number stands for it. In synchronous mode PostgreSQL counts as lacking nothing.
func RPOOf(mode Mode, stores []Copied) (rpo float64, worst string) {
	for _, s := range stores {
		lag := s.Lag
		switch {
		case s.Derived:
			continue
		case s.Store == StorePostgres && mode == Synchronous:
			lag = 0
		}
		if lag < 0 {
			return Unknown, s.Store
		}
		if lag > rpo {
			rpo, worst = lag, s.Store
		}
	}
	return rpo, worst
}

// Glance looks at one store's copy in the region that does not serve.
type Glance func(ctx context.Context, serving, other string) (Copied, error)

// Health measures how far copies are behind. It commits a heartbeat on the primary now and
// then and finds it on the standby: what is shown is a commit that was found again.
type Health struct {
	Controller *Controller
	// Others look at the stores beside PostgreSQL, by name. They may take minutes.
	Others map[string]Glance

	mu   sync.Mutex
	seen map[string]Copied
	now  Replication
}

const (
	// heartbeatEvery bounds how exactly the lag of an idle database is known.
	heartbeatEvery = 2 * time.Second
	// othersEvery is how often inventories are compared, which reads them.
	othersEvery = 5 * time.Minute
)

// Run measures until ctx ends.
func (h *Health) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for store, look := range h.Others {
		group.Go(func() { h.watch(ctx, store, look) })
	}
	ticks := time.NewTicker(heartbeatEvery)
	defer ticks.Stop()
	for {
		if _, err := h.Measure(ctx); err != nil && ctx.Err() == nil {
			h.Controller.Logger.Warn("how far the standby is behind is not known", "error", err)
		}
		select {
		case <-ctx.Done():
			group.Wait()
			return nil
		case <-ticks.C:
		}
	}
}

func (h *Health) watch(ctx context.Context, store string, look Glance) {
	for {
		h.keep(h.lookAt(ctx, store, look))
		select {
		case <-ctx.Done():
			return
		case <-time.After(othersEvery):
		}
	}
}

// LookAtOthers looks at all stores beside PostgreSQL once.
func (h *Health) LookAtOthers(ctx context.Context) error {
	for store, look := range h.Others {
		h.keep(h.lookAt(ctx, store, look))
	}
	return ctx.Err()
}

func (h *Health) lookAt(ctx context.Context, store string, look Glance) Copied {
	serving, other, err := h.regions(ctx)
	if err == nil {
		var copied Copied
		if copied, err = look(ctx, serving, other); err == nil {
			copied.Store = store
			return copied
		}
	}
	if ctx.Err() == nil {
		h.Controller.Logger.Warn("a copy cannot be looked at", "store", store, "error", err)
	}
	return Copied{Store: store, Lag: Unknown, Reason: "unreachable"}
}

func (h *Health) keep(c Copied) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[string]Copied{}
	}
	h.seen[c.Store] = c
}

func (h *Health) regions(ctx context.Context) (serving, other string, err error) {
	snapshot, err := h.Controller.Register.Read(ctx)
	if err != nil {
		return "", "", fmt.Errorf("read which region serves: %w", err)
	}
	serving = snapshot.Desired.Value.Region
	other, err = h.Controller.other(serving)
	return serving, other, err
}

// Measure measures PostgreSQL now, and puts it together with what is known of the others.
func (h *Health) Measure(ctx context.Context) (Replication, error) {
	c := h.Controller
	snapshot, err := c.Register.Read(ctx)
	if err != nil {
		return Replication{}, fmt.Errorf("read which region serves: %w", err)
	}
	desired := snapshot.Desired.Value
	other, err := c.other(desired.Region)
	if err != nil {
		return Replication{}, err
	}
	h.keep(c.replicated(ctx, desired.Region, other))
	r := Replication{At: c.now(), Serving: desired.Region, Epoch: desired.Epoch, Mode: Mode(snapshot.Mode.Value.Replication)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, store := range []string{StorePostgres, StoreObjects, StoreKeyring, StoreIndex} {
		if copied, ok := h.seen[store]; ok {
			r.Stores = append(r.Stores, copied)
		} else if _, ok := h.Others[store]; ok {
			r.Stores = append(r.Stores, Copied{Store: store, Lag: Unknown, Reason: "not_looked_yet"})
		}
	}
	r.RPO, r.Worst = RPOOf(r.Mode, r.Stores)
	h.now = r
	return r, nil
}

// replicated finds the newest heartbeat of the primary on the standby.
func (c *Controller) replicated(ctx context.Context, serving, other string) Copied {
	copied := Copied{Store: StorePostgres, Lag: Unknown}
	agents, err := c.Register.Agents(ctx)
	primary, standby := agents[serving], agents[other]
	if err == nil && primary.Role == fence.RolePrimary && standby.Role == fence.RoleStandby && primary.Flushed > standby.Received {
		copied.Bytes = int64(primary.Flushed - standby.Received)
	}
	// What the standby has is asked for first: what is committed in between is not missing.
	there, err := c.Databases[other].Replica(ctx)
	if err != nil {
		copied.Reason = "standby"
		return copied
	}
	here, err := c.Databases[serving].Replica(ctx)
	if err = errors.Join(err, c.Databases[serving].Beat(ctx)); err != nil {
		copied.Reason = "primary"
		return copied
	}
	switch {
	case there.Newest.IsZero():
		copied.Reason = "no_heartbeat"
	case !here.Newest.After(there.Newest):
		copied.Lag = 0
	default:
		copied.Lag = here.Newest.Sub(there.Newest).Seconds()
	}
	copied.Looked = 1
	return copied
}

// Observe makes the instruments.
func (h *Health) Observe(meters metric.MeterProvider) error {
	meter := meters.Meter("meai/activities/failover")
	lag, err := meter.Float64ObservableGauge("meai.replication.lag", metric.WithUnit("s"),
		metric.WithDescription("How far the copy of a store in the other region is behind; absent while that is not known."))
	if err != nil {
		return fmt.Errorf("make the gauge of lags: %w", err)
	}
	bytes, err := meter.Int64ObservableGauge("meai.replication.lag_bytes", metric.WithUnit("By"),
		metric.WithDescription("How much write-ahead log the standby has not received."))
	if err != nil {
		return fmt.Errorf("make the gauge of bytes: %w", err)
	}
	missing, err := meter.Int64ObservableGauge("meai.replication.missing",
		metric.WithDescription("How many of the things that were looked at are not in the other region's copy."))
	if err != nil {
		return fmt.Errorf("make the gauge of what is missing: %w", err)
	}
	rpo, err := meter.Float64ObservableGauge("meai.replication.rpo", metric.WithUnit("s"),
		metric.WithDescription("What would be lost were the region that serves lost now: the worst lag; absent while one is not known."))
	if err != nil {
		return fmt.Errorf("make the gauge of the loss: %w", err)
	}
	unknown, err := meter.Int64ObservableGauge("meai.replication.unknown",
		metric.WithDescription("How many stores have a copy of which nobody knows how far it is behind."))
	if err != nil {
		return fmt.Errorf("make the gauge of what is unknown: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		var lost int64
		for _, s := range h.now.Stores {
			of := metric.WithAttributes(attribute.String("store", s.Store))
			o.ObserveInt64(missing, s.Missing, of)
			if s.Lag < 0 {
				lost++
				continue
			}
			o.ObserveFloat64(lag, s.Lag, of)
			if s.Store == StorePostgres {
				o.ObserveInt64(bytes, s.Bytes)
			}
		}
		o.ObserveInt64(unknown, lost)
		if h.now.RPO >= 0 && !h.now.At.IsZero() {
			o.ObserveFloat64(rpo, h.now.RPO)
		}
		return nil
	}, lag, bytes, missing, rpo, unknown)
	if err != nil {
		return fmt.Errorf("register the gauges of replication: %w", err)
	}
	return nil
}
