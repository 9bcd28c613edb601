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
	var conn *pgx.Conn
	for ctx.Err() == nil {
		var now role
		now, conn = s.look(ctx, conn)
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
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // nothing is under way on it
	}
}

// look asks the local server for its role, on the connection of the last time where that still works.
func (s *site) look(ctx context.Context, conn *pgx.Conn) (role, *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var err error
	if conn == nil {
		if conn, err = pgx.Connect(ctx, s.plan.postgres(s.name, s.name).TemporalURL()); err != nil {
			return absent, nil
		}
	}
	var recovering bool
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering); err != nil {
		_ = conn.Close(ctx) // it is of no more use
		return absent, nil
	}
	if recovering {
		return standby, conn
	}
	return primary, conn
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
