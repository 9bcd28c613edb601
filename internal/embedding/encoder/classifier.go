package encoder

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Classifier gives a text scores for labels. It is a transformer of the encoder's shape
// with weights of its own, which [meai/internal/embedding/finetune] makes, and reads
// tokens as the encoder does. It is safe for concurrent use.
type Classifier struct {
	base   *Encoder
	stack  Encoder
	head   []float32 // per label: Features weights
	bias   []float32
	labels []string
}

// Features is how many values the head sees of a text: the mean and the largest value
// over its tokens of each of the last layer's outputs, divided by [FeatureScale].
const (
	Features     = 2 * wide
	FeatureScale = 3
)

// PackClassifier writes the file of a classifier; head holds [Features] weights for each
// label. The same weights always give the same bytes.
func PackClassifier(w Weights, labels []string, head, bias []float32) ([]byte, error) {
	var file archiveWriter
	w.pack(&file)
	file.addFloats("head", head)
	file.addFloats("head.bias", bias)
	file.add("labels", lines, len(labels), 1, []byte(strings.Join(labels, "\n")))
	var out bytes.Buffer
	err := file.writeTo(&out)
	return out.Bytes(), err
}

// Classifier loads the file of a classifier; it keeps pointing into file.
func (e *Encoder) Classifier(file []byte) (*Classifier, error) {
	a, err := openArchive(file)
	if err != nil {
		return nil, err
	}
	l := loader{archive: a}
	c := &Classifier{base: e, labels: l.lines("labels")}
	l.stack(&c.stack, e)
	c.head, c.bias = l.floats("head", len(c.labels)*Features), l.floats("head.bias", len(c.labels))
	return c, l.err
}

// Labels name the scores, in order.
func (c *Classifier) Labels() []string { return slices.Clone(c.labels) }

// Tokens are those of [Encoder.Tokens].
func (c *Classifier) Tokens(text string) []int32 { return c.base.Tokens(text) }

// Scores returns the log odds of each label for a text of at least one token. A text of
// more than [MaxTokens] is read in windows whose scores are averaged.
func (c *Classifier) Scores(text string) ([]float32, error) {
	tokens := c.Tokens(text)
	tokens = tokens[:min(len(tokens), MaxWindows*MaxTokens)]
	if len(tokens) == 0 {
		return nil, fmt.Errorf("score: no tokens")
	}
	s := c.stack.borrow()
	defer c.stack.scratch.Put(s)
	scores := make([]float32, len(c.labels))
	for window := range slices.Chunk(tokens, MaxTokens) {
		c.stack.transform(s, window)
		c.judge(scores, Pool(s.x[:len(window)*wide], wide), float32(len(window))/float32(len(tokens)))
	}
	return scores, nil
}

// judge adds a share of what the head says of features to scores.
func (c *Classifier) judge(scores, features []float32, share float32) {
	for i := range scores {
		sum := float64(c.bias[i])
		for j, w := range c.head[i*Features:][:Features] {
			sum += float64(float64(w) * float64(features[j]))
		}
		scores[i] += float32(share * float32(sum))
	}
}

// Pool makes a text's features of rows of some width, one for each of its tokens: the mean
// and the largest of each column, divided by [FeatureScale].
func Pool(rows []float32, width int) []float32 {
	features := make([]float32, 2*width)
	mean, largest := features[:width], features[width:]
	copy(largest, rows)
	for row := rows; len(row) > 0; row = row[width:] {
		for i, v := range row[:width] {
			mean[i] += v
			largest[i] = max(largest[i], v)
		}
	}
	for i := range mean {
		mean[i] /= float32(len(rows)/width) * FeatureScale
		largest[i] /= FeatureScale
	}
	return features
}
