package drill

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meai/api/client"
)

// Account is what became of what people were told.
type Account struct {
	// Accepted is how many messages were acknowledged, GivenUp how many nobody accepted
	// within a client's patience.
	Accepted int `json:"accepted"`
	GivenUp  int `json:"given_up"`
	// Retried were acknowledged by another attempt than the first.
	Retried int `json:"retried"`
	// Lost were acknowledged and are not there.
	Lost int `json:"lost"`
	// Unanswered are there, and had no answer within the time.
	Unanswered int `json:"unanswered"`
	// Twice are more interactions than messages that were sent: work that was done twice.
	Twice int `json:"twice"`
	// Answered is how long after it was asked the last one had its answer.
	Answered time.Duration `json:"answered"`
	// Refusals count, by what was said, the attempts that failed.
	Refusals map[string]int `json:"refusals,omitempty"`
	// Missing is what was lost.
	Missing []Told `json:"missing,omitempty"`
}

// Account asks a region, for at most some time, for all that people were told since so many
// messages that were accepted, and so many that were given up on.
func (l *Load) Account(ctx context.Context, region, since, givenUp int, within time.Duration) (Account, error) {
	begun := time.Now()
	told := l.Told()[since:]
	l.mu.Lock()
	a := Account{Accepted: len(told), GivenUp: len(l.givenUp) - givenUp, Refusals: l.refusals}
	l.refusals = map[string]int{}
	l.mu.Unlock()
	waiting := map[uuid.UUID]Told{}
	for _, t := range told {
		waiting[t.Interaction] = t
		if t.Attempts > 1 {
			a.Retried++
		}
	}
	a.Twice = len(told) - len(waiting) // one interaction for two keys
	for {
		for id, state := range l.states(ctx, region, waiting) {
			switch state {
			case client.InteractionStateAnswered:
				a.Answered = time.Since(begun)
				delete(waiting, id)
			case gone:
				a.Lost++
				a.Missing = append(a.Missing, waiting[id])
				delete(waiting, id)
			}
		}
		if len(waiting) == 0 || time.Since(begun) > within || ctx.Err() != nil {
			break
		}
		time.Sleep(pause)
	}
	a.Unanswered = len(waiting)
	extra, err := l.extra(ctx, region)
	a.Twice += extra
	return a, err
}

// states asks what became of messages. Who does not get an answer asks again later.
func (l *Load) states(ctx context.Context, region int, of map[uuid.UUID]Told) map[uuid.UUID]client.InteractionState {
	all := map[uuid.UUID]client.InteractionState{}
	var mu sync.Mutex
	var asking errgroup.Group
	asking.SetLimit(4)
	for id, t := range of {
		asking.Go(func() error {
			if state, err := l.people[t.Person].state(ctx, region, id, t.Session); err == nil {
				mu.Lock()
				defer mu.Unlock()
				all[id] = state
			}
			return nil
		})
	}
	_ = asking.Wait() // nobody fails
	return all
}

// gone is the state of what a region does not know.
const gone client.InteractionState = "gone"

func (p *person) state(ctx context.Context, region int, id, session uuid.UUID) (client.InteractionState, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	got, err := p.apis[region].GetInteractionWithResponse(ctx, session, id)
	switch {
	case err != nil:
		return "", err
	case got.JSON200 != nil:
		return got.JSON200.State, nil
	case got.StatusCode() == http.StatusNotFound:
		return gone, nil
	default:
		return "", fmt.Errorf("read an interaction: %s", got.Status())
	}
}

// extra counts the interactions that a region has beyond what was sent: of a message that
// was accepted there is one, of one that was given up on one at most.
func (l *Load) extra(ctx context.Context, region int) (extra int, err error) {
	accepted := map[int]int{}
	for _, t := range l.Told() {
		accepted[t.Person]++
	}
	l.mu.Lock()
	spare := len(l.givenUp)
	l.mu.Unlock()
	for i, p := range l.people {
		n, err := p.interactions(ctx, region)
		if err != nil {
			return 0, err
		}
		extra += max(0, n-accepted[i])
	}
	return max(0, extra-spare), nil
}

func (p *person) interactions(ctx context.Context, region int) (n int, err error) {
	params := &client.ListInteractionsParams{Limit: new(100)}
	for {
		asking, cancel := context.WithTimeout(ctx, answerWait)
		got, err := p.apis[region].ListInteractionsWithResponse(asking, p.session, params)
		cancel()
		if err != nil {
			return 0, fmt.Errorf("list interactions: %w", err)
		}
		if err := client.Check(got.HTTPResponse, got.Body); err != nil {
			return 0, fmt.Errorf("list interactions: %w", err)
		}
		n += len(got.JSON200.Interactions)
		if params.Cursor = got.JSON200.NextCursor; params.Cursor == nil {
			return n, nil
		}
	}
}
