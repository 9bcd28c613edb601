package evaluation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// Engines are MeAi's memory on PostgreSQL and Weaviate.
type Engines struct {
	DB     *postgres.DB
	Keys   *keyring.Keyring
	Index  *vectors.Index
	Memory *memory.Activities
}

// A Person is a [Finder] on the engines: somebody invented, who has told a conversation.
type Person struct {
	engines Engines
	subject uuid.UUID
	told    Conversation
	turn    map[uuid.UUID]string // by interaction
}

// Tell makes up a person and has them tell a conversation, turn by turn, as interactions do
// after their answer; without Mirror's reading, and no night comes that finds patterns. Call
// [Person.Forget] whatever becomes of it.
func (e Engines) Tell(ctx context.Context, c Conversation, progress func(turns int)) (*Person, error) {
	p := &Person{engines: e, told: c, subject: uuid.New(), turn: map[uuid.UUID]string{}}
	if err := e.Keys.Create(ctx, p.subject); err != nil {
		return p, fmt.Errorf("make keys: %w", err)
	}
	if err := e.DB.EnsureSubject(ctx, p.subject); err != nil {
		return p, err
	}
	for i, t := range c.Turns {
		ref := interaction.Ref{
			Subject: p.subject, Session: uuid.NewSHA1(p.subject, []byte(t.Session)), Interaction: uuid.NewSHA1(p.subject, []byte("turn "+t.ID)),
			Workflow: fmt.Sprintf("person/%s/interaction/%d", p.subject, i),
		}
		kept, err := e.Memory.Remember(ctx, memory.RememberInput{Ref: ref, Text: c.Remembered(t), SaidAt: t.At})
		if err != nil {
			return p, fmt.Errorf("%s: turn %s: %w", c.Name, t.ID, err)
		}
		if _, err := e.Memory.IndexVectors(ctx, memory.IndexInput{Ref: ref, Nodes: kept.Nodes}); err != nil {
			return p, fmt.Errorf("%s: turn %s: %w", c.Name, t.ID, err)
		}
		p.turn[ref.Interaction] = t.ID
		progress(i + 1)
	}
	return p, nil
}

// Find implements [Finder] by a recall.
func (p *Person) Find(ctx context.Context, q Question, _, limit int) ([]string, error) {
	asked := p.told.AskedAt(q)
	in := memory.RecallInput{Ref: interaction.Ref{Subject: p.subject}, Query: q.Question, Limit: limit, At: &asked}
	if !q.AskedAt.IsZero() {
		after := q.AskedAt.Add(time.Microsecond) // what was said then is known
		in.To = &after
	}
	found, err := p.engines.Memory.Recall(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(found.Degraded) > 0 {
		return nil, fmt.Errorf("the recall went without a part: %v", found.Degraded)
	}
	var ids []string
	for _, m := range found.Memories {
		if id, told := p.turn[m.Interaction]; told {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Forget removes the person's vectors and keys. Their rows stay sealed, and nobody can open
// them any more.
func (p *Person) Forget(ctx context.Context) error {
	err := errors.Join(
		p.engines.DB.Freeze(ctx, p.subject),
		p.engines.Index.DeleteTenant(ctx, p.subject),
		p.engines.Keys.Destroy(ctx, p.subject),
	)
	if err != nil {
		return fmt.Errorf("forget the invented person %s: %w", p.subject, err)
	}
	return p.engines.DB.MarkErased(ctx, p.subject, func(context.Context, *queries.Queries) error { return nil })
}
