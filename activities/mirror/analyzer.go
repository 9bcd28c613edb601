package mirror

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jonreiter/govader"

	"meai/activities/mirror/crisis"
	"meai/internal/embedding"
)

const (
	// sharpness turns scores into shares: the softmax's inverse temperature, chosen
	// on the development half of testdata/statements.yaml.
	sharpness = 9.0
	// secondaryShare is the share of the primary's score from which an emotion is
	// named besides it, and mostSecondary how many are.
	secondaryShare = 0.8
	mostSecondary  = 3
)

// Analyzer reads emotions, needs and intent from a text. It is safe for
// concurrent use.
type Analyzer struct {
	vocabulary []*emotion
	exemplars  *exemplars
	vader      *govader.SentimentIntensityAnalyzer
}

// NewAnalyzer prepares an analyzer that compares texts by means of e. It loads
// the vocabulary; the exemplars are embedded at the first use.
func NewAnalyzer(e embedding.Embedder) (*Analyzer, error) {
	vocabulary, err := loadVocabulary()
	if err != nil {
		return nil, fmt.Errorf("load the vocabulary of emotions: %w", err)
	}
	return &Analyzer{
		vocabulary: vocabulary,
		exemplars:  newExemplars(e, vocabulary),
		vader:      govader.NewSentimentIntensityAnalyzer(),
	}, nil
}

// Analyze reads a text. It never fails: what it could not use is named in
// Degraded.
func (a *Analyzer) Analyze(ctx context.Context, text string) Analysis {
	begun := time.Now()
	r := read(text)
	result := Analysis{
		Kind: r.kind(), Valence: a.vader.PolarityScores(text).Compound,
		Crisis: crisis.Assess(text), Needs: r.needs(), Language: r.language(),
	}
	if result.Language == undetermined {
		result.Degraded = append(result.Degraded, "unsupported_language")
	}
	similar, err := a.exemplars.similarity(ctx, text)
	if err != nil {
		result.Degraded = append(result.Degraded, "embedding_unavailable")
	}
	a.feel(&result, r, similar)
	result.Milliseconds = float64(time.Since(begun).Microseconds()) / 1000
	return result
}

// feel fills in what the person feels, from the similarity to each emotion's
// statements (nil when it is not to be had), cues and valence.
func (a *Analyzer) feel(result *Analysis, r reading, similar []float64) {
	scores := make([]float64, len(a.vocabulary))
	for i, e := range a.vocabulary {
		scores[i] = e.score(r, result.Valence)
		if similar != nil {
			scores[i] += similar[i]
		}
	}
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return compare(scores[y], scores[x]) })

	shares := softmax(scores)
	primary := a.vocabulary[order[0]]
	result.Primary = primary.Label
	result.Confidence = round(shares[order[0]])
	result.Intensity = round(r.intensity(result.Valence, primary))
	result.Approaches = primary.Approaches
	for _, i := range order[1 : mostSecondary+1] {
		if e := a.vocabulary[i]; e.Label != neutral && shares[i] >= 0.08 && scores[i] >= secondaryShare*scores[order[0]] {
			result.Secondary = append(result.Secondary, Emotion{Label: e.Label, Score: round(shares[i])})
		}
	}
}

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

// softmax turns scores into shares that sum to one.
func softmax(scores []float64) []float64 {
	shares, sum := make([]float64, len(scores)), 0.0
	top := slices.Max(scores)
	for i, s := range scores {
		shares[i] = math.Exp(sharpness * (s - top))
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

// round keeps three digits: more would claim a precision that is not there.
func round(x float64) float64 { return math.Round(min(max(x, 0), 1)*1000) / 1000 }
