package truthfilter

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

//go:embed policy.yaml
var builtinPolicy []byte

// Standard is the policy that is part of the program.
var Standard = func() Policy {
	p, err := ParsePolicy(builtinPolicy)
	if err != nil {
		panic(err)
	}
	return p
}()

// A Policy says how strictly TruthFilter judges. It is written in YAML as policy.yaml is.
type Policy struct {
	// Version is named by every judgement made under the policy.
	Version string  `yaml:"version"`
	Least   Scores  `yaml:"least"`
	Weights Weights `yaml:"weights"`
	Bounds  Bounds  `yaml:"bounds"`
	// Adjusted lists what feedback has moved since, already part of Least.
	Adjusted []Adjustment `yaml:"-"`
	// Triggers are what a person does not want to be reminded of, in their words.
	Triggers []string `yaml:"-"`
	// written is Least as it is in the file, from where the bounds count, where that is
	// no longer Least.
	written *Scores
}

// versions fit into an audit entry, as what names a learned policy has to.
var versions = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// Scores are thresholds, each in (0, 1].
type Scores struct {
	// Mean is the weighted mean from which a text passes.
	Mean float64 `yaml:"mean" json:"mean"`
	// Safety is the score below which a text is rejected, whatever the rest says.
	Safety float64 `yaml:"safety" json:"safety"`
	// Relevance is the score below which a resource is rejected and a draft has to be
	// revised.
	Relevance float64 `yaml:"relevance" json:"relevance"`
	// Honesty and Resonance are the scores below which a text has to be revised; below
	// half of them it is rejected.
	Honesty   float64 `yaml:"honesty" json:"honesty"`
	Resonance float64 `yaml:"resonance" json:"resonance"`
}

// Weights says how much each layer counts in the mean score.
type Weights struct {
	Relevance float64 `yaml:"relevance"`
	Honesty   float64 `yaml:"honesty"`
	Safety    float64 `yaml:"safety"`
	Resonance float64 `yaml:"resonance"`
}

// Bounds are how far feedback may move each threshold: down, as a number of at most 0,
// and up.
type Bounds struct {
	Mean, Relevance, Honesty, Safety, Resonance [2]float64
}

// An Adjustment is a threshold that feedback moved.
type Adjustment struct {
	Layer Layer `json:"layer"`
	// By is what was added to the layer's threshold.
	By float64 `json:"by"`
	// Because says in words why.
	Because string `json:"because"`
}

// ParsePolicy reads a policy and checks it.
func ParsePolicy(written []byte) (Policy, error) {
	var p Policy
	decoder := yaml.NewDecoder(bytes.NewReader(written))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	if err := p.validate(); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

func (p Policy) validate() error {
	var faults []error
	if p.Version == "" {
		faults = append(faults, errors.New("no version"))
	} else if !versions.MatchString(p.Version) {
		faults = append(faults, errors.New("the version has to be of at most 40 letters, digits, dots, dashes and underscores"))
	}
	if p.Least.Mean <= 0 || p.Least.Mean > 1 {
		faults = append(faults, errors.New("least.mean has to be in (0, 1]"))
	}
	sum := 0.0
	for _, l := range Layers {
		if least := *p.Least.of(l); least <= 0 || least > 1 {
			// A layer that is switched off would be a filter in name only.
			faults = append(faults, fmt.Errorf("least.%s has to be in (0, 1]", l))
		}
		if p.weight(l) < 0 {
			faults = append(faults, fmt.Errorf("weights.%s is negative", l))
		}
		if b := p.Bounds.of(l); b[0] > 0 || b[1] < 0 {
			faults = append(faults, fmt.Errorf("bounds.%s has to be a number of at most 0 and one of at least 0", l))
		}
		sum += p.weight(l)
	}
	if sum <= 0 {
		faults = append(faults, errors.New("no layer has a weight"))
	}
	for _, l := range []Layer{Honesty, Safety} {
		if p.Bounds.of(l)[0] < 0 {
			faults = append(faults, fmt.Errorf("bounds.%s: feedback must not lower it", l))
		}
	}
	return errors.Join(faults...)
}

// Adjust moves thresholds, each within the policy's bounds and within [0.01, 1]. The
// result lists what has been moved by how much.
func (p Policy) Adjust(moves ...Adjustment) Policy {
	start := p.start()
	for _, m := range moves {
		at := p.Least.of(m.Layer)
		before := *at
		*at = p.bounded(m.Layer, before+m.By, *start.of(m.Layer))
		if m.By = round(*at - before); m.By != 0 {
			p.Adjusted = append(p.Adjusted[:len(p.Adjusted):len(p.Adjusted)], m)
		}
	}
	p.written = &start
	return p
}

// Learned is the policy with thresholds that were learned, under a version of their
// own. What lies beyond the bounds is brought back to them.
func (p Policy) Learned(version string, least Scores) Policy {
	start := p.start()
	for _, l := range Layers {
		*p.Least.of(l) = p.bounded(l, *least.of(l), *start.of(l))
	}
	p.Version, p.written = version, &start
	return p
}

func (p Policy) start() Scores {
	if p.written != nil {
		return *p.written
	}
	return p.Least
}

func (p Policy) bounded(l Layer, to, start float64) float64 {
	bounds := p.Bounds.of(l)
	return round(min(max(to, start+bounds[0], 0.01), start+bounds[1], 1))
}

// of is where the threshold of a layer is.
func (s *Scores) of(l Layer) *float64 {
	switch l {
	case Relevance:
		return &s.Relevance
	case Honesty:
		return &s.Honesty
	case Safety:
		return &s.Safety
	default:
		return &s.Resonance
	}
}

func (b Bounds) of(l Layer) [2]float64 {
	switch l {
	case Relevance:
		return b.Relevance
	case Honesty:
		return b.Honesty
	case Safety:
		return b.Safety
	default:
		return b.Resonance
	}
}

// verdict weighs the layers. A draft can be mended; a resource that does not fit
// can only be kept back.
func (p Policy) verdict(layers []LayerScore, mean float64, mendable bool) Verdict {
	verdict := Pass
	if mean < p.Least.Mean {
		verdict = Revise
	}
	for _, l := range layers {
		least := *p.Least.of(l.Layer)
		switch {
		case l.Layer == Safety && l.Score < least:
			return Reject
		case l.Score >= least:
		case l.Layer == Relevance && !mendable:
			return Reject
		case l.Layer != Relevance && l.Score < least/2:
			return Reject
		default:
			verdict = Revise
		}
	}
	return verdict
}

// mean is the weighted mean of the layers, in [0, 1].
func (p Policy) mean(layers []LayerScore) float64 {
	var sum, weights float64
	for _, l := range layers {
		w := p.weight(l.Layer)
		sum += w * l.Score
		weights += w
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

func (p Policy) weight(l Layer) float64 {
	switch l {
	case Relevance:
		return p.Weights.Relevance
	case Honesty:
		return p.Weights.Honesty
	case Safety:
		return p.Weights.Safety
	default:
		return p.Weights.Resonance
	}
}
