package lab

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/deploy/local/internal/temporal"
)

const (
	lookEvery = 100 * time.Millisecond
	// goneAfter is how long the local server may be away before its Temporal is stopped; a server that crashed is
	// back within this.
	goneAfter = 3 * time.Second
	retryIn   = 500 * time.Millisecond
)

// role of the region's own PostgreSQL, as Temporal's role sees it.
type role int

const (
	absent role = iota // does not answer, or lets the product's roles not in
	primary
	standby
)

// followPrimary runs the region's Temporal while the region's PostgreSQL is the primary and open to it. It returns when
// ctx ends.
func (s *site) followPrimary(ctx context.Context) {
	var stop func()
	seen := time.Now()
	w := watch{plan: s.plan, region: s.name}
	defer w.hangUp()
	for ctx.Err() == nil {
		now := w.look(ctx)
		if now != absent {
			seen = time.Now()
		}
		switch {
		case now == primary && stop == nil:
			s.report("postgres", "is primary here; Temporal starts")
			stop = s.startTemporal(ctx)
		case stop != nil && (now == standby || time.Since(seen) > goneAfter):
			s.report("postgres", "is no primary here any more; Temporal stops")
			stop()
			stop = nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
	if stop != nil {
		stop()
	}
}

// watch is an eye on a region's own server.
type watch struct {
	plan   *Plan
	region string
	conn   *pgx.Conn // as the superuser, who may always look; nil for none
	open   bool      // the product's roles may connect to the server of this connection
}

// look asks the server for its role. A server that does not recover is a primary only once Temporal's role may connect.
func (w *watch) look(ctx context.Context) role {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	server := w.plan.postgres(w.region, w.region)
	var err error
	if w.conn == nil {
		if w.conn, err = pgx.Connect(ctx, server.SuperuserURL()); err != nil {
			w.conn = nil
			return absent
		}
	}
	var recovering bool
	if err := w.conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering); err != nil {
		w.hangUp()
		return absent
	}
	if recovering {
		return standby
	}
	if !w.open {
		conn, err := pgx.Connect(ctx, server.TemporalURL())
		if err != nil {
			return absent
		}
		w.open = conn.Close(ctx) == nil
	}
	return primary
}

func (w *watch) hangUp() {
	if w.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = w.conn.Close(ctx) // nothing is under way on it
	}
	w.conn, w.open = nil, false
}

// startTemporal starts the server beside the watch over PostgreSQL, which may end at any moment; the function that it
// returns stops it.
func (s *site) startTemporal(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		began := time.Now()
		for ctx.Err() == nil {
			err := temporal.ApplySchema(s.plan.temporal(s.name))
			if err == nil {
				err = s.run(ctx, s.temporal(s.plan.temporal(s.name)))
			}
			if err == nil {
				s.report("temporal", "serves after "+time.Since(began).Round(time.Millisecond).String())
				<-ctx.Done()
				return
			}
			if ctx.Err() == nil {
				s.report("temporal", err.Error())
			}
			select {
			case <-ctx.Done():
			case <-time.After(retryIn):
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		s.stop("temporal")
	}
}
