package memory

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/patterns"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// fullEcho is the number of turns, or of moments, from which a pattern has full strength.
const fullEcho = 10

// findPatterns looks for what recurs in all that a person told and for the threads that
// join their significant moments, and brings their echoes and storylines into line:
// one transaction under the lock of those who write, so that nothing rests on a turn
// that is being forgotten. done counts what is new, has grown or reads otherwise than
// before, and what has ceased to hold.
func (a *Activities) findPatterns(ctx context.Context, subject uuid.UUID, done *Consolidated) error {
	keys, err := a.keys.Keys(ctx, subject)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		now := a.now().UTC()
		told, err := a.readHistory(ctx, q, keys, now.Add(-patterns.Oldest))
		if err != nil {
			return err
		}
		ledger, err := openPatterns(ctx, q, keys, now)
		if err != nil {
			return err
		}
		echoes := patterns.Find(told.History, patterns.Options{Now: now, Location: a.where, Known: ledger.knows})
		var wanted []finding
		for _, e := range echoes {
			wanted = append(wanted, ledger.echo(e, told))
		}
		for _, s := range patterns.Storylines(told.moments, ledger.threads(), told.History) {
			wanted = append(wanted, ledger.storyline(s, echoes, told))
		}
		counts, err := ledger.reconcile(ctx, wanted)
		done.Echoes, done.Storylines, done.Ceased = counts.echoes, counts.storylines, counts.ceased
		return err
	})
}

// finding is an echo or a storyline as it ought to be.
type finding struct {
	node
	// details are what was found, as JSON.
	details  any
	from, to time.Time
	// evidence are the memories that it rests on, by edges of this relation; since is
	// from when on they are all of them.
	evidence []uuid.UUID
	relation string
	since    time.Time
	// about are the entities that it speaks of.
	about []uuid.UUID
	// said is when the evidence was said.
	said map[uuid.UUID]time.Time
}

// echo is the finding of a recurring pattern.
func (l *ledger) echo(e patterns.Echo, told history) finding {
	f := finding{
		node: node{
			kind: Echo, text: e.Text, emotion: e.Emotion, importance: clamp(float64(len(e.Evidence)) / fullEcho), saidAt: e.Last,
			terms: blindTerms(l.keys, e.Text+" "+e.Emotion, mostTerms),
		},
		details: e, from: e.First, to: e.Last, evidence: e.Evidence, relation: instanceOf, since: e.Since, said: told.said,
	}
	f.id, f.name = l.place(e.Key)
	l.echoes[e.Key] = f.id
	if e.Entity != uuid.Nil {
		f.about = []uuid.UUID{e.Entity}
	}
	return f
}

// storyline is the finding of a thread. Echoes of the same person or theme go with it.
func (l *ledger) storyline(s patterns.Storyline, echoes []patterns.Echo, told history) finding {
	f := finding{
		node: node{
			kind: Storyline, text: s.Text, emotion: s.Arc[len(s.Arc)-1].Emotion, importance: clamp(float64(len(s.Moments)) / fullEcho), saidAt: s.To.UTC(),
			terms: blindTerms(l.keys, s.Text, mostTerms),
		},
		details: s, from: s.From.UTC(), to: s.To.UTC(), evidence: slices.Clone(s.Moments), relation: partOf, said: told.said,
	}
	f.id, f.name = l.place(s.Key)
	for _, e := range echoes {
		if (e.Entity != uuid.Nil && e.Entity == s.Entity) || (e.Theme != "" && e.Theme == s.Theme) {
			f.evidence = append(f.evidence, l.echoes[e.Key])
		}
	}
	if s.Entity != uuid.Nil {
		f.about = []uuid.UUID{s.Entity}
	}
	return f
}

// echoID derives the id from the blinded key: from the key itself anybody could
// tell which feelings keep coming back.
func echoID(keys *keyring.Keys, key string) uuid.UUID {
	return identify(keys.Subject().String(), hex.EncodeToString(blindName(keys, key)), 0)
}

// place gives a pattern its id and name. One that has ceased to hold stays as it was:
// when the same is found again, that is another memory.
func (l *ledger) place(key string) (uuid.UUID, string) {
	name := key
	for again := 1; ; again++ {
		id := echoID(l.keys, name)
		if before := l.stored[id]; before == nil || before.RetractedAt == nil {
			return id, name
		}
		name = key + " " + strconv.Itoa(again)
	}
}

// sealedDetails are a finding's details with the number of edges that it ever rested
// on: fewer tell that some were deleted.
type sealedDetails struct {
	Found   json.RawMessage `json:"found"`
	RestsOn int             `json:"rests_on"`
}
