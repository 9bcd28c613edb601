// Package turns has work that is heavy wait for its turn within one process.
package turns

import (
	"context"
	"time"
)

// Turns are as many as its capacity holds at a time: make(turns.Turns, 2).
type Turns chan struct{}

// Take waits for one's turn, and gives a sign of life each time that every has passed. It
// fails with the context; leave gives the turn back.
func (t Turns) Take(ctx context.Context, every time.Duration, alive func()) (leave func(), err error) {
	signs := time.NewTicker(every)
	defer signs.Stop()
	for {
		select {
		case t <- struct{}{}:
			return func() { <-t }, nil
		case <-signs.C:
			alive()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
