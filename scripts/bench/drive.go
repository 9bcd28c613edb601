package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// drive has clients work, each at least once, until the round is over.
// Every error ends it: a failed interaction must not count as a fast one.
func drive(ctx context.Context, s side, clients int, round time.Duration) (result, error) {
	works := make([]func(context.Context) error, clients)
	for i := range works {
		var err error
		if works[i], err = s.client(ctx); err != nil {
			return result{}, fmt.Errorf("make a client: %w", err)
		}
	}
	var mu sync.Mutex
	var r result
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for _, work := range works {
		group.Go(func() error {
			for n := 0; n == 0 || time.Since(start) < round; n++ {
				begun := time.Now()
				if err := work(ctx); err != nil {
					return err
				}
				took := time.Since(begun)
				mu.Lock()
				r.latencies = append(r.latencies, took)
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	r.elapsed = time.Since(start)
	return r, err
}
