package export

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"meai/internal/unsealed"
)

// Origin says where one memory came from, and what read it.
type Origin struct {
	Memory string `json:"memory"`
	Kind   string `json:"kind"`
	// Origin is "told", "stored", "imported" or "inferred".
	Origin string `json:"origin"`
	// Interaction is the one of data/interactions.json, or the write of
	// data/memory_writes.json, that it came with; "" for a pattern, which rests on the
	// memories that edges tell.
	Interaction string `json:"interaction,omitempty"`
	Session     string `json:"session,omitempty"`
	RecordedAt  string `json:"recorded_at"`
	// Model made its vector, and TermsVersion and NameVersion are of the rules that cut its
	// words and normalised its name.
	Model        string `json:"model,omitempty"`
	TermsVersion string `json:"terms_version,omitempty"`
	NameVersion  string `json:"name_version,omitempty"`
}

// Versions tell what has read and answered, with how often.
type Versions struct {
	Product string `json:"product"`
	Schema  int64  `json:"schema"`
	// VectorModels, TermRules and NameRules are those of memories.
	VectorModels map[string]int64 `json:"vector_models"`
	TermRules    map[string]int64 `json:"term_rules"`
	NameRules    map[string]int64 `json:"name_rules"`
	// AnswerSources say where the words of answers came from, ReviewPolicies which policy
	// judged them.
	AnswerSources  map[string]int64 `json:"answer_sources"`
	ReviewPolicies map[string]int64 `json:"review_policies"`
	// Memories are counted by how they came about.
	Origins map[string]int64 `json:"memory_origins"`
}

// provenanceColumns are those of memory_nodes that it is made of.
var provenanceColumns = []string{
	"subject_id", "id", "kind", "origin", "interaction_id", "session_id", "recorded_at", "model", "terms_version", "name_version",
}

// provenance writes where memories came from, and which models and rules have read them.
func (w *writing) provenance(ctx context.Context) error {
	for _, t := range w.tables {
		if t.Name != nodesTable {
			continue
		}
		t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c string) bool { return !slices.Contains(provenanceColumns, c) })
		err := w.file(provenanceFolder+"memories.json", schemaName+"#/$defs/provenance", func(out io.Writer) (int64, error) {
			all := &list{to: out}
			err := w.each(ctx, t, func(row unsealed.Columns) error { return all.addValue(originOf(row)) })
			if err != nil {
				return 0, err
			}
			return all.end()
		})
		if err != nil {
			return err
		}
	}
	return w.document(provenanceFolder+"versions.json", schemaName+"#/$defs/versions", w.seen.versions)
}

func originOf(row unsealed.Columns) Origin {
	return Origin{
		Memory: text(row, "id"), Kind: text(row, "kind"), Origin: text(row, "origin"), Interaction: text(row, "interaction_id"),
		Session: text(row, "session_id"), RecordedAt: text(row, "recorded_at"), Model: text(row, "model"),
		TermsVersion: text(row, "terms_version"), NameVersion: text(row, "name_version"),
	}
}

const (
	// mostShown bounds each list of the summary.
	mostShown = 100
	// mostCounted bounds how many different values are told apart.
	mostCounted = 1000
)

// digest is what is noticed while rows are written: for the summary and the versions. It
// does not grow with how many there are.
type digest struct {
	versions Versions
	counts   map[string]int64 // rows by table
	kinds    map[string]int64 // memories
	emotions map[string]int64 // of turns
	// messages and memories by month.
	messages, memories map[string]int64
	first, last        time.Time // of what was said
	recent             []said    // the last turns
	patterns, facts    []string
	// about is how much is about each entity, by id; clear are their names.
	about map[string]int64
	clear *inTheClear
}

// said is something that was said at a time.
type said struct {
	At   time.Time
	Text string
}

func newDigest(program string, schema int64) *digest {
	return &digest{
		versions: Versions{
			Product: program, Schema: schema, VectorModels: map[string]int64{}, TermRules: map[string]int64{}, NameRules: map[string]int64{},
			AnswerSources: map[string]int64{}, ReviewPolicies: map[string]int64{}, Origins: map[string]int64{},
		},
		counts: map[string]int64{}, kinds: map[string]int64{}, emotions: map[string]int64{},
		messages: map[string]int64{}, memories: map[string]int64{}, about: map[string]int64{}, clear: &inTheClear{},
	}
}

// count counts a value, as long as there are not too many different ones.
func count(in map[string]int64, value string) {
	if _, known := in[value]; value != "" && (known || len(in) < mostCounted) {
		in[value]++
	}
}

func (d *digest) add(table string, row unsealed.Columns) {
	d.counts[table]++
	switch table {
	case "interactions":
		d.interaction(row)
	case nodesTable:
		d.memory(row)
	case edgesTable:
		d.edge(row)
	}
}

func (d *digest) edge(row unsealed.Columns) {
	switch text(row, "relation") {
	case "about":
		d.about[text(row, "to_id")]++ // no more than there are entities
	case "fact":
		if len(d.facts) < mostShown && text(row, "valid_to") == "" && text(row, "retracted_at") == "" {
			d.facts = append(d.facts, d.clear.name(text(row, "from_id"))+" "+text(row, "label")+" "+d.clear.name(text(row, "to_id")))
		}
	}
}

func (d *digest) interaction(row unsealed.Columns) {
	count(d.messages, month(text(row, "accepted_at")))
	var answer struct {
		Source string `json:"source"`
		Review *struct {
			Policy string `json:"policy"`
		} `json:"review"`
	}
	if json.Unmarshal(row["answer"], &answer) != nil {
		return
	}
	count(d.versions.AnswerSources, answer.Source)
	if answer.Review != nil {
		count(d.versions.ReviewPolicies, answer.Review.Policy)
	}
}

func (d *digest) memory(row unsealed.Columns) {
	kind := text(row, "kind")
	count(d.kinds, kind)
	count(d.versions.Origins, text(row, "origin"))
	count(d.versions.VectorModels, text(row, "model"))
	count(d.versions.TermRules, text(row, "terms_version"))
	count(d.versions.NameRules, text(row, "name_version"))
	switch kind {
	case "turn":
		count(d.memories, month(text(row, "said_at")))
		count(d.emotions, text(row, "emotion"))
		d.turn(row)
	case "echo", "storyline":
		if len(d.patterns) < mostShown && text(row, "retracted_at") == "" {
			d.patterns = append(d.patterns, text(row, "text"))
		}
	}
}

// turn keeps the last of what was said.
func (d *digest) turn(row unsealed.Columns) {
	at, err := time.Parse(time.RFC3339, text(row, "said_at"))
	if err != nil {
		return
	}
	if d.first.IsZero() || at.Before(d.first) {
		d.first = at
	}
	if at.After(d.last) {
		d.last = at
	}
	if len(d.recent) == mostShown && !at.After(d.recent[0].At) {
		return
	}
	place, _ := slices.BinarySearchFunc(d.recent, at, func(s said, at time.Time) int { return s.At.Compare(at) })
	d.recent = slices.Insert(d.recent, place, said{at, text(row, "text")})
	if len(d.recent) > mostShown {
		d.recent = slices.Delete(d.recent, 0, 1)
	}
}

// month is that of a time as JSON has it; "" for none.
func month(at string) string {
	if len(at) < len("2006-01") {
		return ""
	}
	return at[:len("2006-01")]
}

// most are the values with the highest counts, highest first.
func most(counts map[string]int64, n int) (values []string) {
	values = slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		switch {
		case counts[a] != counts[b]:
			return int(min(max(counts[b]-counts[a], -1), 1))
		case a < b:
			return -1
		default:
			return 1
		}
	})
	return values[:min(n, len(values))]
}
