package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres"
)

// watchEvery is how often a process asks whether it may go on.
const watchEvery = 2 * time.Second

// admitted fails with one sentence when the database is in quarantine. Where it does not
// answer, nobody knows: with wait, the process goes no further until it does, because a
// worker must not touch a run before; without, every connection is held to it later.
func (p *parts) admitted(ctx context.Context, db *postgres.DB, wait bool) (err error) {
	if !wait {
		ctx, cancel := context.WithTimeout(ctx, watchEvery)
		defer cancel()
		_, err := db.Serving(ctx)
		return ended(err)
	}
	return p.untilServing(ctx, db, ended)
}

// inTurn is [parts.admitted] for a process that begins. Where there are two regions it waits
// for the end of a quarantine as well: a failover that may have lost something begins with
// one, and ends it within seconds, in which people wait.
func (p *parts) inTurn(ctx context.Context, db *postgres.DB) error {
	if p.fenced == nil {
		return p.admitted(ctx, db, true)
	}
	return p.untilServing(ctx, db, func(error) error { return nil })
}

// untilServing asks the database until it serves, or answers something that ends it.
func (p *parts) untilServing(ctx context.Context, db *postgres.DB, ends func(error) error) error {
	var warned time.Time
	for {
		_, unknown := db.Serving(ctx)
		if err := ends(unknown); err != nil || unknown == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(warned) >= watchEvery {
			warned = time.Now()
			p.telemetry.Logger.Warn("the database does not serve yet, or is not known to", "error", unknown)
		}
		p.untilItsTurn(ctx)
	}
}

// The pauses between two questions to a database that does not serve yet, once writes belong
// to it, and between two looks at whether they do.
const soon = 50 * time.Millisecond

// untilItsTurn pauses: for a moment where the register says that writes belong here, because
// the database opens any moment then and people wait for it, and else for [watchEvery], or
// until they do.
func (p *parts) untilItsTurn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(soon):
		}
		// A server may be ahead of the register, never behind: this asks for the region alone.
		if p.fenced != nil && p.fenced.Check(math.MaxInt64) == nil {
			return
		}
	}
}

// catchUpTimeout bounds how long a starting worker waits for the ledger.
const catchUpTimeout = 10 * time.Second

// caughtUp applies what the database lacks of the ledger before a worker polls, above
// all that another database has begun an epoch, and fails if that has put this one into
// quarantine. Help for a person in danger does not wait for a ledger that is away.
func (p *parts) caughtUp(ctx context.Context, db *postgres.DB, committer *ledger.Committer) error {
	applying, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	if _, err := committer.Replay(applying); err != nil && ctx.Err() == nil {
		p.telemetry.Logger.Warn("the ledger is not applied to the database yet", "error", err)
	}
	return p.admitted(ctx, db, true)
}

// ended is err if it says that the process must end, and otherwise nil.
func ended(err error) error {
	if failure.Is(err, failure.Quarantined) {
		return fmt.Errorf("refused: %w", err)
	}
	return nil
}

// watch yields an error once the database is in quarantine, or in another write epoch
// than this process works in.
func (p *parts) watch(ctx context.Context, db *postgres.DB) <-chan error {
	ctx, cancel := context.WithCancel(ctx)
	over, done := make(chan error, 1), make(chan struct{})
	p.closing(func() error { cancel(); <-done; return nil })
	go func() {
		defer close(done)
		for every := time.NewTicker(watchEvery); ; {
			select {
			case <-ctx.Done():
				every.Stop()
				return
			case <-every.C:
			}
			asking, stop := context.WithTimeout(ctx, 2*watchEvery)
			_, err := db.Serving(asking)
			stop()
			if err = ended(err); err != nil {
				over <- err
				return
			}
		}
	}()
	return over
}

// firstOf yields what comes first from any channel; nil ones never yield.
func firstOf(ctx context.Context, channels ...<-chan error) <-chan error {
	first := make(chan error, len(channels))
	for _, c := range channels {
		if c == nil {
			continue
		}
		go func() {
			select {
			case err := <-c:
				first <- err
			case <-ctx.Done():
			}
		}()
	}
	return first
}

// serving fails unless the database is known to serve.
func (p *parts) serving(ctx context.Context) error {
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	_, err = db.Serving(ctx)
	if refused := ended(err); refused != nil {
		return refused
	}
	return err
}
