package encoder

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Comparer tells how two texts relate, such as whether one contradicts the other: it reads
// each with a transformer of the encoder's shape, sets each token beside what the other
// text holds in its place, and judges what it finds there (decomposable attention, Parikh
// et al., 2016, over the transformer's outputs). [meai/internal/embedding/finetune] makes
// its weights. It is safe for concurrent use.
type Comparer struct {
	base                          *Encoder
	stack                         Encoder
	project, first, second, inner matrix
	outer, bias                   []float32 // per relation: ComparisonInner weights
	relations                     []string
}

// The shape of what compares.
const (
	// ComparisonWidth is the width in which tokens are compared.
	ComparisonWidth = 192
	// ComparedWidth is that of a token beside its counterpart: both, the size of their
	// difference, and their product.
	ComparedWidth = 4 * ComparisonWidth
	// ComparisonFeatures are those of both texts together, and ComparisonInner how many
	// values are made of them.
	ComparisonFeatures = 4 * ComparisonWidth
	ComparisonInner    = 128
)

// ComparisonWeights are those of a comparer's head in full precision.
type ComparisonWeights struct {
	// Project brings the transformer's outputs to [ComparisonWidth], First and Second read
	// compared tokens, and Inner the features of both texts.
	Project, First, Second, Inner LinearWeights
	// Outer has [ComparisonInner] weights for each relation, and Bias one.
	Outer, Bias []float32
}

// PackComparer writes the file of a comparer. The same weights always give the same bytes.
func PackComparer(w Weights, relations []string, h ComparisonWeights) ([]byte, error) {
	var file archiveWriter
	w.pack(&file)
	h.Project.pack(&file, "project")
	h.First.pack(&file, "first")
	h.Second.pack(&file, "second")
	h.Inner.pack(&file, "inner")
	file.addFloats("outer", h.Outer)
	file.addFloats("outer.bias", h.Bias)
	file.add("relations", lines, len(relations), 1, []byte(strings.Join(relations, "\n")))
	var out bytes.Buffer
	err := file.writeTo(&out)
	return out.Bytes(), err
}

// Comparer loads the file of a comparer; it keeps pointing into file.
func (e *Encoder) Comparer(file []byte) (*Comparer, error) {
	a, err := openArchive(file)
	if err != nil {
		return nil, err
	}
	l := loader{archive: a}
	c := &Comparer{base: e, relations: l.lines("relations")}
	l.stack(&c.stack, e)
	c.project = l.matrix("project", wide, ComparisonWidth)
	c.first = l.matrix("first", ComparedWidth, ComparisonWidth)
	c.second = l.matrix("second", ComparisonWidth, ComparisonWidth)
	c.inner = l.matrix("inner", ComparisonFeatures, ComparisonInner)
	c.outer, c.bias = l.floats("outer", len(c.relations)*ComparisonInner), l.floats("outer.bias", len(c.relations))
	return c, l.err
}

// Relations name what [Comparer.Compare] gives the log probabilities of, in order.
func (c *Comparer) Relations() []string { return slices.Clone(c.relations) }

// Passage is a text that was read, to be compared with others: [ComparisonWidth] values for
// each of its tokens.
type Passage []float32

// Read reads a text of at least one token; it takes no more than [MaxTokens].
func (c *Comparer) Read(text string) (Passage, error) {
	tokens := c.base.Tokens(text)
	tokens = tokens[:min(len(tokens), MaxTokens)]
	if len(tokens) == 0 {
		return nil, fmt.Errorf("read: no tokens")
	}
	s := c.stack.borrow()
	defer c.stack.scratch.Put(s)
	c.stack.transform(s, tokens)
	c.stack.multiply(&s.projected, &c.project, s, s.x, len(tokens))
	return slices.Clone(s.projected[:len(tokens)*ComparisonWidth]), nil
}

// Compare returns the log probability of each relation of what was said first to what is
// said then.
func (c *Comparer) Compare(first, then Passage) []float32 {
	s := c.stack.borrow()
	defer c.stack.scratch.Put(s)
	features := slices.Concat(c.look(s, first, then), c.look(s, then, first))
	c.stack.multiply(&s.projected, &c.inner, s, features, 1)
	inner := s.projected[:ComparisonInner]
	rectify(inner)
	scores := slices.Clone(c.bias)
	for i := range scores {
		var sum float64
		for j, w := range c.outer[i*ComparisonInner:][:ComparisonInner] {
			sum += float64(float64(w) * float64(inner[j]))
		}
		scores[i] += float32(sum)
	}
	LogSoftmax(scores)
	return scores
}

// look makes the features of a text beside another.
func (c *Comparer) look(s *scratch, text, other Passage) []float32 {
	n := len(text) / ComparisonWidth
	compared, _ := Compared(text, other)
	c.stack.multiply(&s.inner, &c.first, s, compared, n)
	rectify(s.inner)
	c.stack.multiply(&s.projected, &c.second, s, s.inner, n)
	found := s.projected[:n*ComparisonWidth]
	rectify(found)
	return Pool(found, ComparisonWidth)
}

// Compared sets each token of a text beside its counterpart in another: the mean of the
// other's tokens, weighted by how alike they are. It returns a row of [ComparedWidth]
// values for each token, and the weights, row by row.
func Compared(text, other []float32) (rows, weights []float32) {
	const width = ComparisonWidth
	n, m := len(text)/width, len(other)/width
	rows, weights = make([]float32, n*ComparedWidth), make([]float32, n*m)
	lengths, otherLengths := Lengths(text), Lengths(other)
	for i := range n {
		token, row := text[i*width:][:width], rows[i*ComparedWidth:][:ComparedWidth]
		counterpart, alike := row[width:2*width], weights[i*m:][:m]
		for j := range m {
			alike[j] = Sharpness * Dot(token, other[j*width:][:width]) / (lengths[i] * otherLengths[j])
		}
		Softmax(alike)
		for j, w := range alike {
			for k, v := range other[j*width:][:width] {
				counterpart[k] += float32(w * v)
			}
		}
		copy(row, token)
		for k, v := range token {
			row[2*width+k] = float32(math.Abs(float64(v - counterpart[k])))
			row[3*width+k] = v * counterpart[k]
		}
	}
	return rows, weights
}

// Sharpness is by what the cosine of two tokens is multiplied, so that a token that the
// other text has as well is nearly all of its counterpart.
const Sharpness = 8

// Lengths are those of rows of [ComparisonWidth], as vectors, none of them zero.
func Lengths(rows []float32) []float32 {
	lengths := make([]float32, len(rows)/ComparisonWidth)
	for i := range lengths {
		row := rows[i*ComparisonWidth:][:ComparisonWidth]
		lengths[i] = float32(math.Sqrt(float64(Dot(row, row)))) + 1e-6
	}
	return lengths
}

// Dot is the scalar product of vectors whose length is a multiple of four, summed in four
// strands, which a processor does at once. Training uses it, too.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for i := 0; i+4 <= len(a); i += 4 {
		s0 += float32(a[i] * b[i])
		s1 += float32(a[i+1] * b[i+1])
		s2 += float32(a[i+2] * b[i+2])
		s3 += float32(a[i+3] * b[i+3])
	}
	return (s0 + s1) + (s2 + s3)
}

// LogSoftmax turns scores into log probabilities, in place.
func LogSoftmax(scores []float32) {
	largest := slices.Max(scores)
	var sum float64
	for _, v := range scores {
		sum += math.Exp(float64(v - largest))
	}
	all := largest + float32(math.Log(sum))
	for i := range scores {
		scores[i] -= all
	}
}
