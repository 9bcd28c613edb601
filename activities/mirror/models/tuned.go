package models

import (
	"math"
	"slices"
	"strings"
	"time"

	"meai/activities/mirror/crisis"
	"meai/internal/classify"
	"meai/internal/lexicon"
)

// TunedLabels are what the tuned transformer tells of a text: those of a task share the
// prefix before the slash.
var TunedLabels = func() []string {
	all := crisis.Labels()
	for _, task := range []struct{ name, labels string }{
		{"first", feelingNames}, {"present", feelingNames},
		{"need", "autonomy+ autonomy- certainty+ certainty- competence+ competence- connection+ connection- contribution+ contribution- growth+ growth- relatedness+ relatedness- significance+ significance- variety+ variety-"},
		{"kind", "ambiguous expression question resource_request small_talk"},
	} {
		for l := range strings.FieldsSeq(task.labels) {
			all = append(all, task.name+"/"+l)
		}
	}
	for _, l := range Outputs() {
		all = append(all, "goemotions/"+l)
	}
	return append(all, "intensity")
}()

const feelingNames = `anger anxiety calm confusion curiosity despair disappointment exhaustion fear frustration gratitude grief guilt hope
	jealousy joy loneliness love neutral overwhelm pride relief sadness shame surprise`

// TunedAt is the place of a label, or -1.
func TunedAt(label string) int { return slices.Index(TunedLabels, label) }

// Told is what the tuned transformer tells of a text: the log odds of [TunedLabels]. It
// is nil of a text without words.
type Told []float32

// Tell reads a text, which takes about as long as to embed it.
func (m *Models) Tell(text string) Told {
	scores, err := m.tuned.Scores(strings.Join(strings.Fields(text), " "))
	if err != nil {
		return nil // nothing to read
	}
	return scores
}

// Judge is the model as [crisis.Watch] asks it. What was told of the text already is not
// read again.
func (m *Models) Judge(text string, told Told) crisis.Judge {
	return &judge{models: m, text: text, told: told, begun: time.Now()}
}

type judge struct {
	models *Models
	text   string
	told   Told
	begun  time.Time
}

// patience is how long passages of a long text are read: longest texts take a second
// with vector instructions, and many without.
const patience = 1500 * time.Millisecond

// Danger implements [crisis.Judge]: of the text, the mean of what it says as it is written
// and in the plain spelling in which tricks are undone; of a passage, as it is written.
func (j *judge) Danger(passage string) []float32 {
	if passage != j.text && j.text != "" {
		if time.Since(j.begun) > patience || !readable(passage) {
			return nil
		}
		return j.models.danger(passage, j.models.Tell(passage))
	}
	spelling := crisis.Plain(passage)
	if !readable(spelling) {
		return nil
	}
	told := j.told
	if told == nil {
		told = j.models.Tell(passage)
	}
	written, plain := j.models.danger(passage, told), j.models.danger(spelling, j.models.Tell(spelling))
	if written == nil || plain == nil {
		return nil
	}
	odds := make([]float32, len(crisis.Labels()))
	for i := range odds {
		odds[i] = (written[i] + plain[i]) / 2
	}
	return odds
}

// hazardShare is how much the linear model counts beside the transformer in whether there is
// danger at all; chosen on the development statements.
const hazardShare = 0.4

// danger are the log odds of [crisis.Labels], which come first, in one spelling of a text.
func (m *Models) danger(text string, told Told) []float32 {
	if told == nil {
		return nil
	}
	odds := slices.Clone(told[:len(crisis.Labels())])
	linear := m.hazard.Calibrations[0].LogOdds(m.hazard.Scores(text, nil)[0])
	at := TunedAt("crisis/danger")
	odds[at] = (1-hazardShare)*odds[at] + hazardShare*float32(linear)
	return odds
}

// readable reports whether there is anything in a text for a vocabulary of English: of
// other scripts it has no pieces, and what the model says of them means nothing.
func readable(text string) bool { return lexicon.LatinShare(text) >= 0.5 }

// tunedShare is how much the tuned transformer counts beside the linear model of the same
// task; chosen on the development statements.
const tunedShare = 0.3

// mixed brings into probabilities of a linear model what the tuned one tells of the
// same labels.
func (t Told) mixed(task string, labels []string, p []float64) []float64 {
	if t == nil {
		return p
	}
	for i, l := range labels {
		linear := math.Log(max(p[i], 1e-6) / max(1-p[i], 1e-6))
		p[i] = 1 / (1 + math.Exp(-(1-tunedShare)*linear-tunedShare*float64(t[TunedAt(task+"/"+l)])))
	}
	return p
}

// emotions are the log odds of GoEmotions' labels and groups, in the order of [Outputs].
func (t Told) emotions() []float32 {
	from := TunedAt("goemotions/" + Outputs()[0])
	return t[from : from+len(Outputs())]
}

// blendShare is how much the tuned transformer counts beside the linear model of
// GoEmotions; chosen on its development half.
const blendShare = 0.45

// Blend is a model over the scores of the linear model of GoEmotions and the log odds of
// the tuned one, calibrated by texts that neither was trained on.
func Blend(linear [][]float32, told []Told, examples []classify.Example) *classify.Model {
	labels := Outputs()
	m := &classify.Model{Labels: labels, Bias: make([]float32, len(labels)), Calibrations: make([]classify.Calibration, len(labels))}
	for i := range labels {
		row := make([]float32, 2*len(labels))
		row[i], row[len(labels)+i] = 1-blendShare, blendShare
		m.Dense = append(m.Dense, row)
	}
	scores := make([][]float32, len(linear))
	for i := range scores {
		scores[i] = m.Scores("", append(slices.Clone(linear[i]), told[i].emotions()...))
	}
	m.Calibrate(scores, examples)
	return m
}

// strength is how strongly something is felt.
func (t Told) strength() float64 { return 1 / (1 + math.Exp(-float64(t[TunedAt("intensity")]))) }

// normalised shares one probability among labels of which one is right.
func normalised(m *classify.Model, p []float64) []Share {
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	shares := make([]Share, len(p))
	for i, x := range p {
		shares[i] = Share{m.Labels[i], x / sum}
	}
	return shares
}
