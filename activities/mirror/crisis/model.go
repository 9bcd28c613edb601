package crisis

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"meai/internal/classify"
)

// Model finds danger that is said in words no rule knows. It raises what the rules
// found and never lowers it. It is safe for concurrent use.
type Model struct {
	classifier *classify.Model
}

// The classifier's labels: danger from [Implicit] on, grave from [Explicit] on, and
// what the danger is.
var (
	modelLabels = []string{"danger", "grave", string(Suicide), string(SelfHarm), string(Abuse), string(DangerToOthers), string(MedicalEmergency)}
	firstKind   = 2
)

// ModelRule is the name that stands for the model among the rules that fired.
const ModelRule = "model"

//go:embed model.zst
var modelFile []byte

// TrainedModel is the model that belongs to this version, which scripts/train-crisis
// made. It was taught with the vectors of [Embedding] and needs them.
var TrainedModel = sync.OnceValues(func() (*Model, error) { return ReadModel(modelFile) })

// ReadModel reads what [Model.File] made.
func ReadModel(file []byte) (*Model, error) {
	c, err := classify.Unpack(file)
	if err != nil {
		return nil, fmt.Errorf("read the crisis model: %w", err)
	}
	if !slices.Equal(c.Labels, modelLabels) || len(c.Dense) == 0 {
		return nil, fmt.Errorf("read the crisis model: unexpected labels %v", c.Labels)
	}
	return &Model{c}, nil
}

// File is the model in the form that [ReadModel] reads. The same model gives the same
// bytes.
func (m *Model) File() ([]byte, error) { return m.classifier.Pack() }

// Raise lets the model judge a passage of the text, given with its embedding, and
// raises the assessment where the model is sure enough. A nil model, an embedding of
// another length or none leave it as it is.
func (m *Model) Raise(found Assessment, passage string, embedding []float32) Assessment {
	if m == nil || len(embedding) != len(m.classifier.Dense[0]) {
		return found
	}
	p := m.classifier.Probabilities(m.classifier.Scores(features(passage), dense(embedding)))
	severity := None
	if p[0] >= float64(m.classifier.Calibrations[0].Threshold) {
		severity = Implicit
		if p[1] >= float64(m.classifier.Calibrations[1].Threshold) {
			severity = Explicit
		}
	}
	if level(severity) <= level(found.Severity) {
		return found
	}
	raised := Assessment{Severity: severity, Kinds: slices.Clone(found.Kinds), Rules: slices.Clone(found.Rules)}
	if len(raised.Kinds) == 0 {
		most := firstKind
		for i := firstKind; i < len(p); i++ {
			if p[i] > p[most] {
				most = i
			}
		}
		raised.Kinds = []Kind{Kind(modelLabels[most])}
	}
	if !slices.Contains(raised.Rules, ModelRule) {
		raised.Rules = append(raised.Rules, ModelRule)
	}
	return raised
}

// Embedding is the name of the embedding model whose vectors the model was taught with.
const Embedding = "use-lite-en-int8/1"

// Embedder makes the vectors of texts; [meai/internal/embedding.Embedder] is one.
type Embedder interface {
	Embed(ctx context.Context, texts ...string) ([][]float32, error)
	Model() string
}

// Watch assesses a text by the rules and by the model, the whole and, if it is long,
// each passage of it. Where the embedder fails or is another than [Embedding], the
// rules decide alone: a model without embeddings finds half as much, too little to be
// worth its false alarms.
func Watch(ctx context.Context, text string, e Embedder) Assessment {
	found := Assess(text)
	if e.Model() != Embedding || strings.TrimSpace(text) == "" {
		return found
	}
	m, err := TrainedModel()
	if err != nil {
		return found
	}
	parts := passages(text)
	vectors, err := e.Embed(ctx, parts...)
	if err != nil || len(vectors) != len(parts) {
		return found
	}
	for i, part := range parts {
		found = m.Raise(found, part, vectors[i])
	}
	return found
}

const (
	// passageWords is about how long the statements are that the model learned from.
	passageWords = 40
	// mostPassages bounds the time; what is beyond them is in the whole.
	mostPassages = 8
)

// passages are the text itself and, if it is longer than a passage, its sentences, short
// ones together.
func passages(text string) []string {
	all := []string{text}
	if len(strings.Fields(text)) <= passageWords {
		return all
	}
	var passage strings.Builder
	length := 0
	for _, sentence := range sentences(text) {
		words := len(strings.Fields(sentence))
		if length > 0 && length+words > passageWords {
			all = append(all, passage.String())
			passage.Reset()
			length = 0
		}
		passage.WriteString(sentence)
		length += words
	}
	if length > 0 {
		all = append(all, passage.String())
	}
	return all[:min(len(all), mostPassages+1)]
}

// sentences cuts a text behind the ends of its sentences.
func sentences(text string) []string {
	var all []string
	begin := 0
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		all = append(all, text[begin:at[1]])
		begin = at[1]
	}
	return append(all, text[begin:])
}
