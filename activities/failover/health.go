package failover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
	// around is what the register said beside that, and drills the newest that was kept; nil
	// while that is not known.
	around *Overview
	drill  *Drilled
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
		if err := h.round(ctx); err != nil && ctx.Err() == nil {
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

// round measures once and tells others. What cannot be measured any more is not shown as if
// it could.
func (h *Health) round(ctx context.Context) error {
	r, err := h.Measure(ctx)
	if err == nil {
		err = h.publish(ctx, r)
	}
	around, unknown := h.Controller.Overview(ctx)
	drills, unlisted := h.Controller.Drilled(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.around, h.drill = &around, nil; unknown != nil {
		h.around, h.now = nil, Replication{}
	}
	if len(drills) > 0 {
		h.drill = &drills[0]
	}
	return errors.Join(err, unknown, unlisted)
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
