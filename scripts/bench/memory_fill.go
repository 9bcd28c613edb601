package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"meai/activities/memory"
	"meai/internal/failure"
	"meai/internal/vectors"
)

const (
	// askers of the many people are enough that nobody is asked the same part twice.
	askers = 50
	// checked people are compared by the product's own repair after each filling.
	checked = 2
)

// invite makes up the people; those who will ask sign in as everybody does.
func (b *bench) invite(ctx context.Context) error {
	b.people = make([]*person, b.People)
	for i := range b.people {
		b.people[i] = &person{id: uuid.New()}
		if i < askers {
			b.people[i].name = "bench-" + uuid.NewString()
		}
	}
	b.one = &person{name: "bench-" + uuid.NewString()}
	for _, p := range append(b.people[:min(askers, b.People):min(askers, b.People)], b.one) {
		api, err := b.signIn(ctx, p)
		if err != nil {
			return err
		}
		me, err := api.GetMeWithResponse(ctx)
		if err != nil {
			return err
		}
		if me.JSON200 == nil {
			return fmt.Errorf("who am I: %s", me.Status())
		}
		p.id = me.JSON200.Subject
	}
	return nil
}

// stage fills up to a part of everything, lets the engines come to rest, and measures.
func (b *bench) stage(ctx context.Context, fraction float64) error {
	s := stage{fraction: fraction}
	if err := b.fill(ctx, fraction, &s); err != nil {
		return err
	}
	if err := b.check(ctx); err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	for _, p := range b.people {
		s.people += min(1, p.lives)
	}
	s.largest = b.one.lives * b.Memories
	s.messages = len(b.lives)*b.Memories + s.people*b.Memories + s.largest
	if err := b.weigh(ctx, &s); err != nil {
		return err
	}
	if err := b.askAll(ctx, &s); err != nil {
		return err
	}
	b.report.stages = append(b.report.stages, s)
	return nil
}

// fill copies lives until each of the fraction's people has one, and the one person as
// many as the fraction says. Indexes stay, and rows are as durable as ever.
func (b *bench) fill(ctx context.Context, fraction float64, s *stage) error {
	people := int(math.Ceil(fraction * float64(b.People)))
	copies := int(math.Ceil(fraction * float64(b.One) / float64(b.Memories)))
	missing := max(0, copies-b.one.lives)
	for _, p := range b.people[:people] {
		missing += 1 - p.lives
	}
	progress := newProgress("messages filled in", missing*b.Memories)
	defer progress.end()
	started, before := time.Now(), b.spentHere()
	conns := make(chan *pgx.Conn, runtime.NumCPU())
	for range cap(conns) {
		conn, err := pgx.Connect(ctx, b.cfg.Postgres.OwnerURL)
		if err != nil {
			return fmt.Errorf("connect as owner: %w", err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // what counts is committed
		conns <- conn
	}
	give := func(ctx context.Context, p *person, life int) error {
		conn := <-conns
		defer func() { conns <- conn }()
		if p.lives == 0 {
			if err := b.newPerson(ctx, p.id); err != nil {
				return err
			}
		}
		if err := b.give(ctx, conn, p, life); err != nil {
			return err
		}
		p.lives++
		progress.add(b.Memories)
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cap(conns))
	group.Go(func() error {
		for b.one.lives < copies {
			if err := give(ctx, b.one, b.one.lives); err != nil {
				return err
			}
		}
		return nil
	})
	for i, p := range b.people[:people] {
		if p.lives == 0 {
			group.Go(func() error { return give(ctx, p, i) })
		}
	}
	err := group.Wait()
	s.filled, s.filling, s.filledFor = missing*b.Memories, time.Since(started), b.spentHere().since(before)
	return err
}

// give copies one life to somebody.
func (b *bench) give(ctx context.Context, conn *pgx.Conn, p *person, life int) error {
	keys, err := b.keys.Keys(ctx, p.id)
	if err != nil {
		return err
	}
	c, err := b.lives[life%len(b.lives)].As(keys, p.lives)
	if err != nil {
		return err
	}
	if err := c.Insert(ctx, conn); err != nil {
		return err
	}
	return patiently(ctx, func() error { return b.index.Put(ctx, p.id, c.Objects...) })
}

// patiently tries again while Weaviate is busy with what it was given.
func patiently(ctx context.Context, do func() error) error {
	const attempts, pause = 10, 5 * time.Second
	for n := 1; ; n++ {
		err := do()
		if !errors.Is(err, vectors.ErrUnavailable) || n == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// check has the product compare some people's index with their rows: a copy is what
// the product would have written, or nothing is measured.
func (b *bench) check(ctx context.Context) error {
	for _, p := range b.people[:min(checked, len(b.people))] {
		found, err := b.memory.Repair(ctx, memory.RepairInput{Subject: p.id})
		if failure.Is(err, failure.NotFound) {
			continue // not there yet at this fraction
		}
		if err != nil {
			return err
		}
		if found.Missing+found.Stale+found.Stray > 0 {
			return fmt.Errorf("a copied life is not what the product would have written: %+v", found)
		}
	}
	return nil
}

// settle lets the engines finish what a bulk load leaves behind, as they would have
// done over the years: PostgreSQL's statistics, and what Weaviate has in memory.
func (b *bench) settle(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.cfg.Postgres.OwnerURL)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for again := 0; ; again++ {
		_, err := conn.Exec(ctx, "vacuum analyze")
		var stated *pgconn.PgError
		// A table that somebody drops meanwhile, such as a temporary one, ends the whole.
		if errors.As(err, &stated) && stated.Code == "42P01" && again < 10 {
			continue
		}
		if err != nil {
			return fmt.Errorf("vacuum: %w", err)
		}
		break
	}
	fmt.Fprintf(os.Stderr, "the engines rest for %v\n", b.Settle)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.Settle):
		return nil
	}
}
