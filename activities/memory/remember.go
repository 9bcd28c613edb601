package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/activities/interaction"
	"meai/activities/memory/extraction"
	"meai/activities/memory/when"
	"meai/activities/mirror"
	"meai/internal/embedding"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
)

const (
	// markedFrom is the intensity from which a moment is kept as a marker of its own.
	markedFrom = 0.6
	// unknownImportance is given to what Mirror could not read.
	unknownImportance = 0.3
	// markerLength bounds a marker's text, in bytes; whole sentences are kept.
	markerLength = 280
)

// The ordinals of an interaction's memories; entities follow.
const (
	turnOrdinal = iota
	markerOrdinal
	firstEntityOrdinal
)

// Remember keeps one interaction: its turn, a marker when the moment was intense,
// the entities it mentions and the edges between them, together with the outcome
// of the step, in one transaction. An interaction that is kept already only gets
// what Mirror read in it since. Without the embedding model it keeps the words
// and leaves the vectors to [Activities.IndexVectors].
func (a *Activities) Remember(ctx context.Context, in RememberInput) (Remembered, error) {
	if err := a.checkRemember(in); err != nil {
		return Remembered{}, err
	}
	started := a.now()
	steps := a.stepsOf(in.Origin)
	steps.Begin(in.Ref, interaction.MemoryStorage)
	keys, err := a.keys.Keys(ctx, in.Ref.Subject)
	if err != nil {
		return Remembered{}, fmt.Errorf("remember interaction %s: %w", in.Ref.Interaction, err)
	}
	draft, without := a.draft(ctx, keys, in)
	record := a.outcome(interaction.MemoryStorage, started, without...)
	var kept Remembered
	err = a.db.Write(ctx, in.Ref.Subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, in.Ref.Subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		forgotten, err := q.IsForgotten(ctx, in.Ref.Subject, in.Ref.Interaction)
		if err != nil {
			return fmt.Errorf("ask whether it was forgotten: %w", err)
		}
		if forgotten {
			return failure.New(failure.NotFound, "the person had it forgotten", nil)
		}
		w := writing{q: q, keys: keys, ref: in.Ref, replaces: in.Replaces, now: a.now().UTC()}
		if kept.Nodes, err = w.keep(ctx, draft); err != nil {
			return err
		}
		if in.Replaces != uuid.Nil {
			if kept.Gone, err = q.TakenBack(ctx, in.Ref.Subject, in.Replaces); err != nil {
				return fmt.Errorf("list what is taken back: %w", err)
			}
		}
		if err := q.MemoryStored(ctx, a.now().UTC(), in.Ref.Subject, in.Ref.Interaction); err != nil {
			return fmt.Errorf("note that it is stored: %w", err)
		}
		if w.vaulted { // the audit log comes last
			return a.vaults.record(ctx, q, in.Ref.Subject, access{act: VaultStored, memory: draft.turn.id})
		}
		return finishStep(ctx, q, in.Origin, in.Ref, record)
	})
	if breaksRule(err) {
		err = failure.New(failure.InvalidInput, "the memory breaks a rule of the graph", err)
	}
	if err != nil {
		return Remembered{}, fmt.Errorf("remember interaction %s: %w", in.Ref.Interaction, err)
	}
	steps.End(in.Ref, record)
	return kept, nil
}

// breaksRule: PostgreSQL refused a row for what it says (class 23, integrity constraints),
// which no retry mends.
func breaksRule(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && strings.HasPrefix(refused.Code, "23")
}

// stepsOf shows the steps of interactions alone: a nil recorder records nothing.
func (a *Activities) stepsOf(o Origin) *interaction.Recorder {
	if !o.interaction() {
		return nil
	}
	return a.steps
}

// finishStep notes a step of an interaction; other writes show their state instead.
func finishStep(ctx context.Context, q *queries.Queries, o Origin, ref interaction.Ref, record interaction.StepRecord) error {
	if !o.interaction() {
		return nil
	}
	return interaction.FinishStep(ctx, q, ref, record)
}

func (a *Activities) checkRemember(in RememberInput) error {
	switch {
	case in.Ref.Subject == uuid.Nil, in.Ref.Session == uuid.Nil, in.Ref.Interaction == uuid.Nil, in.Ref.Workflow == "":
		return failure.New(failure.InvalidInput, "remember needs the subject, session, interaction and workflow", nil)
	case strings.TrimSpace(in.Text) == "":
		return failure.New(failure.InvalidInput, "there are no words to remember", nil)
	case in.Vault && a.vaults == nil:
		return failure.New(failure.InvalidInput, "there is no vault here", nil)
	case in.SaidAt.IsZero():
		return failure.New(failure.InvalidInput, "remember needs the time at which it was said", nil)
	}
	return nil
}

// draft is what an interaction leaves, before it meets what is known already.
type draft struct {
	turn     node
	marker   *node
	mentions []extraction.Mention
	facts    []extraction.Fact
	// began is when what a sentence states began to be, by the sentence's place.
	began  map[int]time.Time
	saidAt time.Time
}

func (a *Activities) draft(ctx context.Context, keys *keyring.Keys, in RememberInput) (draft, []string) {
	// PostgreSQL keeps microseconds; the order of turns is compared on both sides.
	saidAt := in.SaidAt.UTC().Truncate(time.Microsecond)
	turn := node{
		id: identify(in.Ref.Workflow, "memory", turnOrdinal), kind: Turn,
		from: in.Ref.Interaction, session: in.Ref.Session,
		text: in.Text, importance: unknownImportance, saidAt: saidAt, origin: in.Origin,
	}
	if in.Origin == "" {
		turn.origin = Told
	}
	d := draft{turn: turn, saidAt: saidAt}
	if in.Vault { // found by nobody: no terms, no entities, no facts
		d.turn.kind = Vault
	} else {
		a.understand(ctx, keys, in, &d)
	}
	if err := a.embedDraft(ctx, &d); err != nil {
		if !errors.Is(err, embedding.ErrWithheld) {
			a.log.WarnContext(ctx, "memories are kept without vectors for now", "interaction", in.Ref.Interaction, "error", err)
		}
		return d, []string{embeddingUnavailable}
	}
	return d, nil
}

// understand reads a message: how it is found, what it tells, and what Mirror saw in it.
func (a *Activities) understand(ctx context.Context, keys *keyring.Keys, in RememberInput, d *draft) {
	if in.Speaker != "" {
		in.Analysis = nil // what others feel is not what the person feels
	}
	if in.Analysis != nil {
		d.turn.emotion, d.turn.importance = in.Analysis.Primary, clamp(in.Analysis.Intensity)
	}
	d.turn.terms = blindTerms(keys, in.Text, mostTerms)
	d.mentions, d.facts = extraction.Mentions(in.Text), statedIn(in)
	a.improve(ctx, in, d)
	d.date(in.Text)
	d.marker = marker(keys, in, d.turn)
}

// statedIn are the facts in a message; what others say of themselves is about them.
func statedIn(in RememberInput) []extraction.Fact {
	facts := extraction.Facts(strings.TrimPrefix(in.Text, in.Speaker+": "))
	for i, f := range facts {
		if f.Subject == "" {
			facts[i].Subject = in.Speaker
		}
	}
	return facts
}

// date resolves the times that the text names against the time at which it was said.
func (d *draft) date(text string) {
	if spans := when.Parse(text, d.saidAt); len(spans) > 0 {
		d.turn.aboutFrom, d.turn.aboutTo = spans[0].From, spans[0].To
	}
	if len(d.facts) == 0 {
		return
	}
	d.began = map[int]time.Time{}
	for i, sentence := range lexicon.Sentences(text) {
		// What is yet to come has not begun.
		if spans := when.Parse(sentence, d.saidAt); len(spans) > 0 && spans[0].From.Before(d.saidAt) {
			d.began[i] = spans[0].From
		}
	}
}

// marker is the significant moment in an intense turn; nil when it was not.
func marker(keys *keyring.Keys, in RememberInput, turn node) *node {
	if !significant(in.Analysis) {
		return nil
	}
	m := turn
	m.id, m.kind = identify(in.Ref.Workflow, "memory", markerOrdinal), Marker
	m.text = opening(in.Text, markerLength)
	m.terms = blindTerms(keys, m.text, mostTerms)
	return &m
}

func significant(analysis *mirror.Analysis) bool {
	return analysis != nil && analysis.Intensity >= markedFrom
}

// opening is as many whole sentences of text as fit, and at least the first; text
// without a sentence stays whole.
func opening(text string, length int) string {
	if len(text) <= length {
		return text
	}
	kept := ""
	for _, sentence := range lexicon.Sentences(text) {
		if kept != "" && len(kept)+1+len(sentence) > length {
			break
		}
		kept = strings.TrimSpace(kept + " " + sentence)
	}
	if kept == "" {
		return text
	}
	return kept
}

// embedDraft gives turn and marker their vectors, in one call.
func (a *Activities) embedDraft(ctx context.Context, d *draft) error {
	texts := []string{d.turn.text}
	if d.marker != nil && d.marker.text != d.turn.text {
		texts = append(texts, d.marker.text)
	}
	embedded, err := a.embedder.Embed(ctx, texts...)
	if err != nil {
		return fmt.Errorf("embed %d texts: %w", len(texts), err)
	}
	d.turn.vector, d.turn.model = embedded[0], a.embedder.Model()
	if d.marker != nil {
		d.marker.vector, d.marker.model = embedded[len(embedded)-1], d.turn.model
	}
	return nil
}

// writing is one interaction's way into the graph, inside a transaction that
// holds the lock on the subject's memories.
type writing struct {
	q    *queries.Queries
	keys *keyring.Keys
	ref  interaction.Ref
	// replaces is the turn that is corrected; zero for none.
	replaces uuid.UUID
	now      time.Time
	// vaulted: it went into the vault just now.
	vaulted bool
	// edges found so far; their ordinals make their ids.
	edges []edge
}

// edge is a row of memory_edges as the statement InsertMemoryEdges reads it.
type edge struct {
	ID       uuid.UUID `json:"id"`
	From     uuid.UUID `json:"from_id"`
	To       uuid.UUID `json:"to_id"`
	Relation string    `json:"relation"`
	Valid    time.Time `json:"valid_from"`
}

// The relations between memories.
const (
	follows     = "follows"
	about       = "about"
	contradicts = "contradicts"
	replaces    = "replaces"
	partOf      = "part_of"
	instanceOf  = "instance_of"
)

// keep writes the draft and returns the ids of the nodes that the interaction
// made. Turn and rest commit together, so a turn that is there already means that
// all of it is, but for what Mirror may have read in it since.
func (w *writing) keep(ctx context.Context, d draft) ([]uuid.UUID, error) {
	fresh, err := w.insert(ctx, d.turn)
	if err != nil {
		return nil, err
	}
	rest := w.reappraise
	if fresh {
		rest = w.keepRest
	}
	if err := rest(ctx, d); err != nil {
		return nil, err
	}
	nodes, err := w.q.MemoriesOfInteraction(ctx, w.ref.Subject, &w.ref.Interaction)
	if err != nil {
		return nil, fmt.Errorf("list what was remembered: %w", err)
	}
	return nodes, nil
}

func (w *writing) keepRest(ctx context.Context, d draft) error {
	if w.replaces != uuid.Nil {
		if err := w.takeBack(ctx, w.replaces); err != nil {
			return err
		}
		w.connect(d.turn.id, replaces, w.replaces, d.saidAt)
	}
	if d.turn.kind == Vault {
		w.vaulted = true
		return nil
	}
	if err := w.followSession(ctx, d.turn); err != nil {
		return err
	}
	speakers := []uuid.UUID{d.turn.id}
	if d.marker != nil {
		if _, err := w.insert(ctx, *d.marker); err != nil {
			return err
		}
		w.connect(d.marker.id, partOf, d.turn.id, d.saidAt)
		speakers = append(speakers, d.marker.id)
	}
	book, entities, err := w.entities(ctx, d)
	if err != nil {
		return err
	}
	for _, entity := range entities {
		for _, speaker := range speakers {
			w.connect(speaker, about, entity, d.saidAt)
		}
	}
	if err := w.learn(ctx, d, book); err != nil {
		return err
	}
	return w.insertEdges(ctx)
}

// reappraise gives a turn that is there already its emotion, and the marker that
// it turns out to deserve.
func (w *writing) reappraise(ctx context.Context, d draft) error {
	if d.turn.emotion == "" {
		return nil
	}
	known, err := w.q.MemoryNode(ctx, w.ref.Subject, d.turn.id)
	if err != nil {
		return fmt.Errorf("read turn %s: %w", d.turn.id, err)
	}
	if known.RetractedAt != nil {
		return nil // it was corrected meanwhile
	}
	row, err := sealed(w.keys, d.turn)
	if err != nil {
		return err
	}
	err = w.q.ReappraiseMemory(ctx, queries.ReappraiseMemoryParams{
		SubjectID: row.SubjectID, ID: row.ID, EmotionSealed: row.EmotionSealed, Importance: row.Importance,
	})
	if err != nil {
		return fmt.Errorf("reappraise %s: %w", row.ID, err)
	}
	if d.marker == nil {
		return nil
	}
	fresh, err := w.insert(ctx, *d.marker)
	if err != nil || !fresh {
		return err
	}
	w.edges = []edge{{
		ID: identify(w.ref.Workflow, "memory_edge_reappraised", 0), From: d.marker.id, To: d.turn.id, Relation: partOf, Valid: d.saidAt,
	}}
	return w.insertEdges(ctx)
}

func (w *writing) insert(ctx context.Context, n node) (bool, error) {
	row, err := sealed(w.keys, n)
	if err != nil {
		return false, err
	}
	inserted, err := w.q.InsertMemoryNode(ctx, row)
	if err != nil {
		return false, fmt.Errorf("write %s %s: %w", n.kind, n.id, err)
	}
	return inserted, nil
}

func (w *writing) connect(from uuid.UUID, relation string, to uuid.UUID, valid time.Time) {
	w.edges = append(w.edges, edge{
		ID: identify(w.ref.Workflow, "memory_edge", len(w.edges)), From: from, To: to, Relation: relation, Valid: valid,
	})
}

func (w *writing) insertEdges(ctx context.Context) error {
	if len(w.edges) == 0 {
		return nil
	}
	rows, err := json.Marshal(w.edges)
	if err != nil {
		return fmt.Errorf("encode edges: %w", err)
	}
	if _, err := w.q.InsertMemoryEdges(ctx, w.ref.Subject, rows); err != nil {
		return fmt.Errorf("write %d edges: %w", len(w.edges), err)
	}
	return nil
}

// followSession puts the turn into the chain of its session. Messages may be
// remembered in another order than they were said, so a later turn may be there
// already. The chain only repeats what the times say; it is mended in place
// rather than kept in versions.
func (w *writing) followSession(ctx context.Context, turn node) error {
	around, err := w.q.TurnsAround(ctx, queries.TurnsAroundParams{
		SubjectID: w.ref.Subject, SessionID: &w.ref.Session, SaidAt: turn.saidAt, ID: turn.id,
	})
	if err != nil {
		return fmt.Errorf("find the turns around: %w", err)
	}
	if around.Previous != uuid.Nil {
		w.connect(turn.id, follows, around.Previous, turn.saidAt)
	}
	if around.Next == uuid.Nil {
		return nil
	}
	repointed, err := w.q.RepointFollows(ctx, turn.id, w.ref.Subject, around.Next)
	if err != nil {
		return fmt.Errorf("mend the chain of turns: %w", err)
	}
	if repointed == 0 {
		w.connect(around.Next, follows, turn.id, turn.saidAt)
	}
	return nil
}

func clamp(x float64) float64 { return min(max(x, 0), 1) }
