package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/activities/memory/evaluation"
	"meai/api/client"
	"meai/internal/identity/devlogin"
)

// leads make several questions of one that was written, so that nobody is asked twice:
// what the engines keep of a question must not make it look fast.
var leads = []string{"", "Tell me, ", "I was wondering: ", "Do you remember? ", "Once more, please: ", "Help me think. ", "Honestly, ", "By the way, "}

// questions are the n of the project's own from the given one on.
func questions(from, n int) ([]string, error) {
	conversations, err := evaluation.Own()
	if err != nil {
		return nil, err
	}
	var written []string
	for _, c := range conversations {
		for _, q := range c.Questions {
			written = append(written, q.Question)
		}
	}
	all := make([]string, n)
	for i := range all {
		round := (from + i) / len(written)
		all[i] = leads[round%len(leads)] + written[(from+i)%len(written)]
		if round >= len(leads) {
			all[i] += fmt.Sprintf(" (%d)", round)
		}
	}
	return all, nil
}

// signIn returns a client with a new token, of somebody who agrees to everything.
func (b *bench) signIn(ctx context.Context, p *person) (*client.ClientWithResponses, error) {
	token, err := devlogin.Machine(ctx, devlogin.Issuer(b.product.base), p.name)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	api, err := client.NewClientWithResponses(b.product.base, client.Bearer(token))
	if err != nil || p.agreed {
		return api, err
	}
	p.agreed = true
	return api, api.AgreeToAll(ctx)
}

// askAll asks the many people in turns, and then the one, over HTTP.
func (b *bench) askAll(ctx context.Context, s *stage) (err error) {
	if s.many, err = b.ask(ctx, b.people[:min(askers, s.people)]); err != nil || b.one.lives == 0 {
		return err
	}
	s.one, err = b.ask(ctx, []*person{b.one})
	return err
}

// ask measures one client that asks people in turns. Some questions before warm up
// what a process that has run for years has warm: plans, connections, pages.
func (b *bench) ask(ctx context.Context, people []*person) (clocked, error) {
	warming := max(len(people), b.Questions/10)
	all, err := questions(b.report.asked, warming+b.Questions)
	if err != nil {
		return clocked{}, err
	}
	b.report.asked += len(all)
	clients := make([]*client.ClientWithResponses, len(people))
	for i, p := range people {
		if clients[i], err = b.signIn(ctx, p); err != nil {
			return clocked{}, err
		}
	}
	var r clocked
	found, started, before := 0, time.Now(), spent{}
	for i, q := range all {
		if i == warming {
			started, before = time.Now(), b.spentThere()
		}
		begun := time.Now()
		got, err := clients[i%len(clients)].QueryMemoryWithResponse(ctx, client.MemoryQuery{Query: q})
		took := time.Since(begun)
		if err != nil {
			return r, err
		}
		if got.JSON200 == nil || len(got.JSON200.Degraded) > 0 {
			return r, fmt.Errorf("a recall failed, or went without a part: %s", got.Status())
		}
		if found += len(got.JSON200.Memories); i >= warming {
			r.latencies = append(r.latencies, took)
		}
	}
	r.elapsed, r.spent = time.Since(started), b.spentThere().since(before)
	if found == 0 {
		return r, errors.New("nothing was ever found")
	}
	return r, nil
}
