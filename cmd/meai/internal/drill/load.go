// Package drill puts people's traffic on two regions while something is broken, and holds
// what they were told against what is there afterwards.
package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"meai/api/client"
	"meai/internal/identity/devlogin"
)

const (
	// attempt is how long one attempt may take before the next region is tried.
	attempt = 2 * time.Second
	// between attempts that were refused at once.
	pause = 100 * time.Millisecond
	// answerWait is how long an answer is waited for while what saturates is looked for.
	answerWait = 20 * time.Second
	// patience is how long a client tries to have one message accepted.
	patience = 2 * time.Minute
)

// Told is one message that a client was told is accepted. It is kept outside both regions:
// whatever becomes of them, this is what people know.
type Told struct {
	Person  int       `json:"person"`
	Session uuid.UUID `json:"session"`
	// Key is the idempotency key, which is the same in every attempt.
	Key         uuid.UUID `json:"key"`
	Interaction uuid.UUID `json:"interaction"`
	// Begun is when it was first sent, At when it was acknowledged.
	Begun time.Time `json:"begun"`
	At    time.Time `json:"at"`
	// Region is the one that acknowledged it, by its place among the bases.
	Region   int `json:"region"`
	Attempts int `json:"attempts"`
}

// Load is people who write, through whichever region answers.
type Load struct {
	// Bases are the addresses of the regions' APIs.
	Bases []string
	// Ledger gets a line of JSON for each message that was accepted, before the client goes
	// on; nil for none.
	Ledger io.Writer

	people []*person

	mu   sync.Mutex
	told []Told
	// given up on are messages that nobody accepted in time.
	givenUp  []time.Time
	refusals map[string]int
}

type person struct {
	session uuid.UUID
	// apis are the clients of each region, with the person's key.
	apis []*client.ClientWithResponses
}

// Enter has so many new people sign in at a region, agree to everything, begin a session
// and make themselves a key that works in every region.
func (l *Load) Enter(ctx context.Context, people, region int) error {
	l.refusals = map[string]int{}
	for range people {
		p, err := l.enter(ctx, l.Bases[region])
		if err != nil {
			return fmt.Errorf("have somebody sign in: %w", err)
		}
		l.people = append(l.people, p)
	}
	return nil
}

func (l *Load) enter(ctx context.Context, base string) (*person, error) {
	token, err := devlogin.SignIn(ctx, devlogin.Issuer(base), "drill-"+uuid.NewString(), true)
	if err != nil {
		return nil, err
	}
	api, err := client.NewClientWithResponses(base, client.Bearer(token))
	if err != nil {
		return nil, err
	}
	if err := api.AgreeToAll(ctx); err != nil {
		return nil, err
	}
	begun, err := api.CreateSessionWithResponse(ctx, client.NewSession{})
	if err != nil {
		return nil, err
	}
	if err := client.Check(begun.HTTPResponse, begun.Body); err != nil {
		return nil, err
	}
	made, err := api.CreateAPIKeyWithResponse(ctx, client.NewAPIKey{Scopes: []client.Scope{"conversation:read", "conversation:write"}, Days: 1})
	if err != nil {
		return nil, err
	}
	if err := client.Check(made.HTTPResponse, made.Body); err != nil {
		return nil, err
	}
	p := &person{session: begun.JSON201.Id}
	// A connection to a region that is gone must not be waited for.
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second}
	for _, base := range l.Bases {
		api, err := client.NewClientWithResponses(base, client.Bearer(made.JSON201.Key), client.WithHTTPClient(&http.Client{Transport: transport}))
		if err != nil {
			return nil, err
		}
		p.apis = append(p.apis, api)
	}
	return p, nil
}

// Run has everybody write until ctx is over, all together so many messages a second. What is
// under way then is brought to its end.
func (l *Load) Run(ctx context.Context, rate float64) {
	every := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer every.Stop()
	var writing sync.WaitGroup
	for i, p := range l.people {
		writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				select {
				case <-every.C:
				case <-ctx.Done():
					return
				}
				l.say(context.WithoutCancel(ctx), i, p, words(n, i))
			}
		})
	}
	writing.Wait()
}

func words(n, i int) string {
	return fmt.Sprintf("I walked along the river and counted %d boats, then %d more.", n, i)
}

// Saturate has everybody write as fast as they are answered, each of them one message at a
// time, and returns how many answers there are a second. More could be accepted for a while,
// but not answered.
func (l *Load) Saturate(ctx context.Context, region int, lasting time.Duration) float64 {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, lasting)
	defer cancel()
	var writing sync.WaitGroup
	var answered atomic.Int64
	for i, p := range l.people {
		writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				t := Told{Person: i, Session: p.session, Key: uuid.New(), Begun: time.Now(), Attempts: 1}
				id, done, err := p.send(context.WithoutCancel(ctx), region, t.Key, words(n, i), answerWait)
				if err != nil {
					l.refused(err)
					continue
				}
				t.Interaction, t.At, t.Region = id, time.Now(), region
				l.note(t)
				if done {
					answered.Add(1)
				}
			}
		})
	}
	writing.Wait()
	return float64(answered.Load()) / time.Since(begun).Seconds()
}

// say tries to have one message accepted, by one region and the other, under one key.
func (l *Load) say(ctx context.Context, i int, p *person, words string) {
	t := Told{Person: i, Session: p.session, Key: uuid.New(), Begun: time.Now()}
	for region := l.lately(); time.Since(t.Begun) < patience; region = (region + 1) % len(p.apis) {
		t.Attempts++
		id, _, err := p.send(ctx, region, t.Key, words, 0)
		if err == nil {
			t.Interaction, t.At, t.Region = id, time.Now(), region
			l.note(t)
			return
		}
		l.refused(err)
		time.Sleep(pause)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.givenUp = append(l.givenUp, t.Begun)
}

// send makes one attempt, and waits for the answer for as long as wait says; done is whether
// there was one.
func (p *person) send(ctx context.Context, region int, key uuid.UUID, words string, wait time.Duration) (id uuid.UUID, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, attempt+wait)
	defer cancel()
	params := &client.CreateInteractionParams{IdempotencyKey: key.String()}
	if wait > 0 {
		params.Prefer = new(fmt.Sprintf("wait=%d", int(wait.Seconds())))
	}
	got, err := p.apis[region].CreateInteractionWithResponse(ctx, p.session, params, client.NewInteraction{Input: client.InteractionInput{Text: words}})
	if err != nil {
		return uuid.Nil, false, errors.New("no answer")
	}
	switch {
	case got.JSON200 != nil:
		return got.JSON200.Id, true, nil
	case got.JSON201 != nil:
		return got.JSON201.Id, true, nil
	case got.JSON202 != nil:
		return got.JSON202.Id, false, nil
	}
	return uuid.Nil, false, client.Check(got.HTTPResponse, got.Body)
}

// lately is the region that accepted something last.
func (l *Load) lately() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.told) == 0 {
		return 0
	}
	return l.told[len(l.told)-1].Region
}

func (l *Load) note(t Told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, t)
	if l.Ledger != nil {
		// A ledger that cannot be written is seen by what it lacks, at the end.
		_ = json.NewEncoder(l.Ledger).Encode(t)
	}
}

func (l *Load) refused(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals[err.Error()]++
}

// Told is what was accepted so far.
func (l *Load) Told() []Told {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Told(nil), l.told...)
}

// counts are how many messages were accepted, and given up on, so far.
func (l *Load) counts() (accepted, givenUp int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.told), len(l.givenUp)
}

// Pause is the longest time in which nothing was accepted, from a moment on; now ends it.
func (l *Load) Pause(from time.Time) (longest time.Duration) {
	last := from
	for _, t := range append(l.Told(), Told{At: time.Now()}) {
		if t.At.Before(from) {
			continue
		}
		longest, last = max(longest, t.At.Sub(last)), t.At
	}
	return longest
}
