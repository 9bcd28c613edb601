package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/memory/evaluation"
	"meai/activities/mirror"
	"meai/internal/lexicon"
)

const (
	// turnsInASession and betweenSessions are how the invented people talk.
	turnsInASession = 12
	betweenSessions = 20 * time.Hour
	// mostSentences of others make a message of those that nobody wrote.
	mostSentences = 3
	seed          = 1
)

// texts returns n distinct messages: those of the project's own conversations first,
// then as many as are missing, each of some of their sentences, put together by a
// seeded generator.
func texts(n int) (all []string, written int, err error) {
	conversations, err := evaluation.Own()
	if err != nil {
		return nil, 0, err
	}
	said := map[string]bool{}
	var sentences []string
	for _, c := range conversations {
		for _, t := range c.Turns {
			sentences = append(sentences, lexicon.Sentences(t.Text)...)
			if !said[t.Text] && len(all) < n {
				said[t.Text] = true
				all = append(all, t.Text)
			}
		}
	}
	written = len(all)
	for random := rand.New(rand.NewPCG(seed, seed)); len(all) < n; {
		parts := make([]string, 1+random.IntN(mostSentences))
		for i := range parts {
			parts[i] = sentences[random.IntN(len(sentences))]
		}
		if text := strings.Join(parts, " "); !said[text] {
			said[text] = true
			all = append(all, text)
		}
	}
	return all, written, nil
}

// ingest has people tell all texts through the product's activities, a life each, as
// many at once as there are cores. Mirror reads them first, so that its CPU is known
// apart.
func (b *bench) ingest(ctx context.Context) (tellers []uuid.UUID, err error) {
	all, written, err := texts(b.Texts)
	if err != nil {
		return nil, err
	}
	b.report.texts, b.report.written = len(all), written
	analyses := make([]mirror.Analysis, len(all))
	b.report.analysis, err = b.clock(ctx, "analysed", len(all), 1, func(ctx context.Context, i int) (err error) {
		analyses[i], err = b.mirror.Analyze(ctx, mirror.AnalyzeInput{Text: all[i]})
		return err
	})
	if err != nil {
		return nil, err
	}
	for range slices.Chunk(all, b.Memories) {
		id := uuid.New()
		if err := b.newPerson(ctx, id); err != nil {
			return nil, err
		}
		tellers = append(tellers, id)
	}
	begin := time.Now().UTC().AddDate(-1, 0, 0).Truncate(time.Second)
	// Each person tells one message after the other.
	b.report.remembering, err = b.clock(ctx, "remembered", len(all), b.Memories, func(ctx context.Context, i int) error {
		in := told(tellers[i/b.Memories], i%b.Memories, begin)
		in.Text, in.Analysis = all[i], &analyses[i]
		kept, err := b.memory.Remember(ctx, in)
		if err != nil {
			return err
		}
		_, err = b.memory.IndexVectors(ctx, memory.IndexInput{Ref: in.Ref, Nodes: kept.Nodes})
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range tellers {
		if _, err := b.memory.Consolidate(ctx, memory.ConsolidateInput{Subject: id}); err != nil {
			return nil, err
		}
	}
	// A last life that is shorter than the others is not copied.
	return tellers[:max(1, len(all)/b.Memories)], nil
}

// told is the nth message of somebody, without its text.
func told(subject uuid.UUID, n int, begin time.Time) memory.RememberInput {
	session := n / turnsInASession
	return memory.RememberInput{
		Ref: interaction.Ref{
			Subject: subject, Session: uuid.NewSHA1(subject, fmt.Append(nil, "session ", session)),
			Interaction: uuid.NewSHA1(subject, fmt.Append(nil, "message ", n)), Workflow: fmt.Sprintf("person/%s/interaction/%d", subject, n),
		},
		SaidAt: begin.Add(time.Duration(session)*betweenSessions + time.Duration(n%turnsInASession)*time.Minute),
	}
}

// clocked is how long something took, and what it cost.
type clocked struct {
	result
	spent
}

// clock does something n times, as many at once as there are cores; what lies in the
// same row of the given length is done in order.
func (b *bench) clock(ctx context.Context, what string, n, row int, do func(context.Context, int) error) (clocked, error) {
	progress := newProgress(what, n)
	defer progress.end()
	var mu sync.Mutex
	var c clocked
	started, before := time.Now(), b.spentHere()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for first := 0; first < n; first += row {
		group.Go(func() error {
			for i := first; i < min(n, first+row); i++ {
				begun := time.Now()
				if err := do(ctx, i); err != nil {
					return err
				}
				mu.Lock()
				c.latencies = append(c.latencies, time.Since(begun))
				mu.Unlock()
				progress.add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	c.elapsed, c.spent = time.Since(started), b.spentHere().since(before)
	return c, err
}

// progress tells on stderr how far a long work is.
type progress struct {
	what    string
	of      int
	started time.Time
	mu      sync.Mutex
	done    int
	next    time.Time
}

const tellEvery = 10 * time.Second

func newProgress(what string, of int) *progress {
	now := time.Now()
	return &progress{what: what, of: of, started: now, next: now.Add(tellEvery)}
}

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done += n; time.Now().After(p.next) {
		p.next = time.Now().Add(tellEvery)
		p.tell()
	}
}

func (p *progress) tell() {
	took := time.Since(p.started)
	left := time.Duration(float64(took) * float64(p.of-p.done) / float64(max(1, p.done)))
	fmt.Fprintf(os.Stderr, "%s %d of %d, %.1f a second, %v left\n", p.what, p.done, p.of, float64(p.done)/took.Seconds(), left.Round(time.Second))
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
}
