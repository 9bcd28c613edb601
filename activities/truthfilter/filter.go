package truthfilter

import (
	"context"
	"crypto/sha256"
	"math"
	"slices"

	"github.com/maypok86/otter/v2"

	"meai/activities/truthfilter/models"
	"meai/internal/embedding"
)

// Filter judges texts. It is safe for concurrent use. It keeps nothing of what people
// write; what it read in resources, which are judged over and over, it remembers.
type Filter struct {
	embedder  embedding.Embedder
	policy    Policy
	models    *models.Models
	resources *otter.Cache[[sha256.Size]byte, resourceReading]
}

// remembered is how many resources' readings are kept.
const remembered = 4096

// A reading is what the models find in a text, whoever it is for.
type reading struct {
	worst     hazard
	misstated []Reason
}

func read(m *models.Models, text string) reading {
	r := reading{worst: worstOf(m, text)}
	if said, found := misstatementIn(m, text); found {
		r.misstated = []Reason{said.reason()}
	}
	return r
}

// New returns a filter that judges under a policy. Without an embedder, and whenever it
// fails, relevance is judged by words alone and the judgement says so by less confidence.
func New(e embedding.Embedder, p Policy) *Filter {
	m, err := models.Load()
	if err != nil { // they are part of the program
		panic(err)
	}
	return &Filter{
		embedder: e, policy: p, models: m,
		resources: otter.Must(&otter.Options[[sha256.Size]byte, resourceReading]{MaximumSize: remembered}),
	}
}

// Under is the same filter under another policy.
func (f *Filter) Under(p Policy) *Filter {
	other := *f
	other.policy = p
	return &other
}

// By is the same filter with another embedder, of the same model.
func (f *Filter) By(e embedding.Embedder) *Filter {
	other := *f
	other.embedder = e
	return &other
}

// Review judges a drafted answer.
func (f *Filter) Review(ctx context.Context, in ReviewInput) Judgement {
	return f.review(ctx, in, draftOdds)
}

// review judges a text for which the models count as unsafe what has these odds.
func (f *Filter) review(ctx context.Context, in ReviewInput, unsafe float64) Judgement {
	sources := []string{in.Words}
	for _, m := range in.Memories {
		sources = append(sources, m.Text)
	}
	var opposed []Reason
	if o, found := f.opposes(in.Draft, in.told()); found {
		opposed = []Reason{o.reason()}
	}
	s, read := newSubject(in.Draft, sources...), read(f.models, in.Draft)
	relevance, embedded := f.judgeDraftRelevance(ctx, in)
	safety := judgeSafety(s, read.worst, unsafe)
	f.spare(&safety, in.Draft, in.Words)
	layers := []LayerScore{
		relevance,
		judgeHonesty(s, in.Draft, sources, read.misstated, opposed),
		safety,
		judgeResonance(s, in.Draft, in.Analysis),
	}
	return f.judgement(layers, true, confidence(embedded, in.Analysis != nil))
}

// Screen names the safety and honesty rules that a piece of a draft would break,
// given what the person said. It needs no model: a composer asks it before it
// gives words back.
func Screen(text string, sources ...string) []string {
	s := newSubject(text, sources...)
	var codes []string
	for _, r := range append(s.judge(Safety, rulebook.safety).Reasons, s.judge(Honesty, rulebook.honesty).Reasons...) {
		codes = append(codes, r.Code)
	}
	return codes
}

func (f *Filter) judgement(layers []LayerScore, mendable bool, sure float64) Judgement {
	for i := range layers {
		layers[i].Score = round(layers[i].Score)
	}
	mean, facts := f.policy.mean(layers), Unverified
	verdict, escalate := f.policy.verdict(layers, mean, mendable), keepBack(layers)
	if escalate {
		verdict = Reject
	}
	if slices.ContainsFunc(layers, func(l LayerScore) bool { return l.Has(misconception) }) {
		facts = Contradicted
	}
	return Judgement{
		Verdict: verdict, Escalate: escalate,
		Score: round(mean), Layers: layers, Facts: facts, Framing: framing(layers), Confidence: round(sure),
		Policy: f.policy.Version, Adjusted: f.policy.Adjusted,
	}
}

// keepBack reports whether there is sexual content about minors, and takes its words out of
// the reasons: nobody is shown them.
func keepBack(layers []LayerScore) (found bool) {
	for _, l := range layers {
		for i := range l.Reasons {
			if l.Reasons[i].Code == sexualMinors {
				l.Reasons[i].Words, found = "", true
			}
		}
	}
	return found
}

const (
	confident = 0.9
	// wordsOnly and unread scale confidence down when no embedding, and when no
	// analysis of the person's words, was at hand.
	wordsOnly, unread = 0.75, 0.85
)

func confidence(embedded, analysed bool) float64 {
	sure := confident
	if !embedded {
		sure *= wordsOnly
	}
	if !analysed {
		sure *= unread
	}
	return sure
}

// round keeps three decimals, so that judgements read well and compare stably.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// Unsafe reports whether a text is rejected for its safety, as a resource or a request,
// whoever it is for.
func (f *Filter) Unsafe(_ context.Context, text string) bool {
	return judgeSafety(newSubject(text), worstOf(f.models, text), unsafeOdds).Score < f.policy.Least.Safety
}

// Misstated reports whether the models hold a text for a misconception of the list.
func (f *Filter) Misstated(_ context.Context, text string) bool {
	_, found := misstatementIn(f.models, text)
	return found
}

// Contradicts reports whether what is said to a person contradicts what they told.
func (f *Filter) Contradicts(said, told string) bool {
	_, found := f.opposes(said, conversation{words: told})
	return found
}
