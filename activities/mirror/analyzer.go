package mirror

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"meai/activities/mirror/crisis"
	"meai/activities/mirror/models"
	"meai/internal/embedding"
	"meai/internal/lexicon"
)

const (
	// secondaryLeast is the probability from which an emotion is named besides the
	// primary, and mostSecondary how many are; chosen on the development statements.
	secondaryLeast = 0.06
	mostSecondary  = 3
	// deniedShare is what is left of an emotion whose name the text denies.
	deniedShare = 0.2
	// mostSentences bounds how many sentences are read one by one.
	mostSentences = 12
)

// Analyzer reads emotions, needs and intent from a text. It is safe for
// concurrent use.
type Analyzer struct {
	vocabulary map[string]*emotion
	models     *models.Models
	embedder   embedding.Embedder
}

// NewAnalyzer prepares an analyzer. Its models were trained with the vectors of
// [embedding.Builtin]; e is that one, perhaps cached.
func NewAnalyzer(e embedding.Embedder) (*Analyzer, error) {
	vocabulary, err := loadVocabulary()
	if err != nil {
		return nil, fmt.Errorf("load the vocabulary of emotions: %w", err)
	}
	m, err := models.Load()
	if err != nil {
		return nil, err
	}
	return &Analyzer{vocabulary: vocabulary, models: m, embedder: e}, nil
}

// Analyze reads a text. It never fails: what it could not use is named in
// Degraded. Of a text in another language it tells danger and nothing else.
func (a *Analyzer) Analyze(ctx context.Context, text string) Analysis {
	begun := time.Now()
	told := a.models.Tell(text)
	result := Analysis{Kind: Ambiguous, Primary: neutral, Language: a.language(text)}
	var watching sync.WaitGroup
	watching.Go(func() { result.Crisis = a.watch(text, told) })
	if result.Readable() {
		a.understand(ctx, &result, read(text), told)
	} else {
		result.Degraded = append(result.Degraded, "unsupported_language")
	}
	watching.Wait()
	result.Milliseconds = float64(time.Since(begun).Microseconds()) / 1000
	return result
}

// watch leaves danger to the rules should the model panic, which outside of the
// activity's own goroutine would end the worker.
func (a *Analyzer) watch(text string, told models.Told) (found crisis.Assessment) {
	defer func() {
		if recover() != nil {
			found = crisis.Assess(text)
		}
	}()
	return crisis.Watch(text, a.models.Judge(text, told))
}

// understand fills in all but danger.
func (a *Analyzer) understand(ctx context.Context, result *Analysis, r reading, told models.Told) {
	result.Valence = models.Valence(r.text)[0]
	var meaning []float32
	if vectors, err := a.embedder.Embed(ctx, r.text); err == nil {
		meaning = vectors[0]
	} else {
		result.Degraded = append(result.Degraded, "embedding_unavailable")
	}
	result.Kind = a.kind(r, meaning, told)
	result.Needs = a.needs(r, meaning, told)
	a.feel(result, r, meaning, told)
	result.Sentences = a.sentences(ctx, r.text)
}

func (a *Analyzer) language(text string) string {
	plain := read(crisis.Plain(text))
	return languageOf(plain, a.models.Pieces(strings.Join(plain.words, " ")))
}

// feel fills in what the person feels.
func (a *Analyzer) feel(result *Analysis, r reading, meaning []float32, told models.Told) {
	felt := a.feelings(r, meaning, told)
	primary := a.vocabulary[felt[0].Label]
	result.Primary, result.Confidence = felt[0].Label, felt[0].Score
	result.Secondary = felt[1:]
	result.Intensity = round(r.intensity(a.models.Intensity(r.text, meaning, told), primary))
	result.Approaches = primary.Approaches
	result.Evidence = a.evidence(r.text, felt)
	result.Basic = basic(a.models.Emotions(r.text, meaning, told))
}

// feelings are MeAi's emotions that the text shows: the foremost, then others.
func (a *Analyzer) feelings(r reading, meaning []float32, told models.Told) []Emotion {
	first := slices.MaxFunc(a.undenied(r, a.models.Feelings(r.text, meaning, told)), byProbability)
	felt := []Emotion{{Label: first.Label, Score: round(first.Probability)}}
	if first.Label == neutral {
		return felt
	}
	others := a.undenied(r, a.models.Present(r.text, meaning, told))
	slices.SortStableFunc(others, func(x, y models.Share) int { return byProbability(y, x) })
	for _, s := range others {
		if s.Label != first.Label && s.Label != neutral && s.Probability >= secondaryLeast && len(felt) <= mostSecondary {
			felt = append(felt, Emotion{Label: s.Label, Score: round(s.Probability)})
		}
	}
	return felt
}

// undenied takes most of the probability from what the text names only to deny it.
func (a *Analyzer) undenied(r reading, shares []models.Share) []models.Share {
	for i, s := range shares {
		if a.vocabulary[s.Label].denied(r) {
			shares[i].Probability *= deniedShare
		}
	}
	return shares
}

// sentences reads each sentence of a text that has several by itself, by the linear models:
// the transformer would take as long again as for the text.
func (a *Analyzer) sentences(ctx context.Context, text string) []Sentence {
	parts := lexicon.Sentences(text)
	if len(parts) < 2 || len(parts) > mostSentences {
		return nil
	}
	vectors, err := a.embedder.Embed(ctx, parts...)
	if err != nil {
		vectors = make([][]float32, len(parts))
	}
	var all []Sentence
	from := 0
	for i, part := range parts {
		at := strings.Index(text[from:], part)
		if at < 0 {
			return nil
		}
		all = append(all, Sentence{Span: span(text, from+at, from+at+len(part)), Emotions: a.feelings(read(part), vectors[i], nil)})
		from += at + len(part)
	}
	return all
}

func (a *Analyzer) kind(r reading, meaning []float32, told models.Told) Kind {
	if len(r.words) == 0 {
		return Ambiguous
	}
	return Kind(slices.MaxFunc(a.models.Kinds(r.text, meaning, told), byProbability).Label)
}

func (a *Analyzer) needs(r reading, meaning []float32, told models.Told) []Need {
	var all []Need
	for _, s := range a.models.Needs(r.text, meaning, told) {
		name, lacking := strings.CutSuffix(s.Label, "-")
		name = strings.TrimSuffix(name, "+")
		if i := slices.IndexFunc(all, func(n Need) bool { return n.Name == name }); i >= 0 {
			continue // both: the first is the one that the labels' order puts first, met
		}
		all = append(all, Need{Name: name, Lacking: lacking, Score: round(s.Probability), Evidence: spans(r.text, a.models.NeedWords(r.text, s.Label))})
	}
	return all
}

// mostEvidence is how many words are named for one emotion or need.
const mostEvidence = 3

// evidence names the words that speak for the emotions.
func (a *Analyzer) evidence(text string, felt []Emotion) []Evidence {
	var all []Evidence
	for _, e := range felt {
		if e.Label == neutral {
			continue
		}
		for _, s := range spans(text, a.models.FeelingWords(text, e.Label)) {
			all = append(all, Evidence{Label: e.Label, Span: s})
		}
	}
	return all
}

func byProbability(x, y models.Share) int { return compare(x.Probability, y.Probability) }

func compare(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// round keeps three digits: more would claim a precision that is not there.
func round(x float64) float64 { return math.Round(min(max(x, 0), 1)*1000) / 1000 }
