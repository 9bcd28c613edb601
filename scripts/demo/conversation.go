package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/api/client"
)

// messages are what the person says. The last one asks for what only the first one tells,
// so that a right answer must come from memory.
var messages = []string{
	"My sister Maya moved to Lisbon last week. The flat is so quiet now and I feel like I have lost my best friend.",
	"Work isn't helping either. Three deadlines in one week, and my manager keeps adding more. I'm exhausted.",
	"I have to give a presentation tomorrow and I'm terrified that I'll freeze. Is there something I can do to calm down before it?",
	"Thank you, I tried that and it actually helped. I'm really grateful that you listen.",
	"I think I'll visit my sister soon. Do you remember where Maya moved to?",
}

// recalled is what the answer to the last message must hold; that message does not say it.
const recalled = "Lisbon"

const (
	// wait is how long one call may wait for its answer.
	wait = "wait=30"
	// storedWithin bounds the time from an answer to the moment at which it can be recalled.
	storedWithin = 30 * time.Second
)

// person is one who talks with MeAi.
type person struct {
	api     *client.ClientWithResponses
	session uuid.UUID
}

// converse has the conversation and prints it. It fails when anything is refused or when the
// last answer does not recall what was said first.
func converse(ctx context.Context, url, token string, out io.Writer) error {
	p, err := begin(ctx, url, token)
	if err != nil {
		return err
	}
	var last client.Interaction
	for i, words := range messages {
		begun := time.Now()
		last, err = p.say(ctx, words)
		if err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
		if err := printExchange(out, words, last, time.Since(begun)); err != nil {
			return err
		}
		// People take longer than this between two messages.
		if err := p.awaitStored(ctx, last.Id); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	if err := remembers(last); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nThe last answer recalls what the first message told: %s.\n", recalled)
	return err
}

// begin starts a session of the person whom the token stands for, who agrees to
// everything first.
func begin(ctx context.Context, url, token string) (*person, error) {
	api, err := client.NewClientWithResponses(url, client.Bearer(token))
	if err != nil {
		return nil, fmt.Errorf("make a client of the API: %w", err)
	}
	if err := api.AgreeToAll(ctx); err != nil {
		return nil, err
	}
	got, err := api.CreateSessionWithResponse(ctx, client.NewSession{Device: "demo"})
	if err != nil {
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	if err := client.Check(got.HTTPResponse, got.Body); err != nil {
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	return &person{api: api, session: got.JSON201.Id}, nil
}

// say sends one message and returns the answered interaction.
func (p *person) say(ctx context.Context, words string) (client.Interaction, error) {
	prefer := wait
	params := &client.CreateInteractionParams{IdempotencyKey: uuid.NewString(), Prefer: &prefer}
	body := client.NewInteraction{Input: client.InteractionInput{Text: words}}
	got, err := p.api.CreateInteractionWithResponse(ctx, p.session, params, body)
	if err != nil {
		return client.Interaction{}, fmt.Errorf("say it: %w", err)
	}
	if err := client.Check(got.HTTPResponse, got.Body); err != nil {
		return client.Interaction{}, fmt.Errorf("say it: %w", err)
	}
	if got.StatusCode() != http.StatusCreated || got.JSON201.Response == nil {
		return client.Interaction{}, fmt.Errorf("no answer within the time asked for (%s)", wait)
	}
	return *got.JSON201, nil
}

// awaitStored waits until an interaction can be recalled.
func (p *person) awaitStored(ctx context.Context, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, storedWithin)
	defer cancel()
	for {
		got, err := p.api.GetInteractionStatusWithResponse(ctx, p.session, id)
		if err != nil {
			return fmt.Errorf("wait until it is remembered: %w", err)
		}
		if err := client.Check(got.HTTPResponse, got.Body); err != nil {
			return fmt.Errorf("wait until it is remembered: %w", err)
		}
		if ended(got.JSON200.Steps, client.StepStepMemoryStorage) && ended(got.JSON200.Steps, client.StepStepMemoryIndexing) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until it is remembered: %w", ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

func ended(steps []client.Step, name client.StepStep) bool {
	for _, s := range steps {
		if s.Step == name {
			return s.State != client.StepStateStarted
		}
	}
	return false
}

// remembers checks the answer itself and that it names the memory it comes from.
func remembers(last client.Interaction) error {
	if !strings.Contains(last.Response.Text, recalled) {
		return fmt.Errorf("the last answer does not recall %s", recalled)
	}
	for _, m := range last.Response.Memories {
		if strings.Contains(m.Text, recalled) {
			return nil
		}
	}
	return errors.New("the last answer does not name the memory that it comes from")
}
