package truthfilter

// Thresholds adjusts how strictly TruthFilter judges; each lies in (0, 1]. A field
// that is zero takes its value from [DefaultThresholds].
type Thresholds struct {
	// Pass is the weighted mean from which a text passes.
	Pass float64
	// Safety is the score below which a text is rejected, whatever the rest says.
	Safety float64
	// Relevance is the score below which a resource is rejected and a draft has to
	// be revised.
	Relevance float64
	// Honesty and Resonance are the scores below which a text has to be revised;
	// below half of them it is rejected.
	Honesty   float64
	Resonance float64
	// Weights of the layers in the mean. Only their proportions count.
	Weights Weights
}

// Weights says how much each layer counts in the mean score.
type Weights struct {
	Relevance, Honesty, Safety, Resonance float64
}

// DefaultThresholds are the values that the tables of this package's tests were
// judged with. Safety and honesty weigh most, because a dull answer does less
// harm than a false or a dangerous one.
func DefaultThresholds() Thresholds {
	return Thresholds{
		Pass: 0.55, Safety: 0.6, Relevance: 0.2, Honesty: 0.6, Resonance: 0.5,
		Weights: Weights{Relevance: 0.2, Honesty: 0.3, Safety: 0.3, Resonance: 0.2},
	}
}

// withDefaults fills in what was left at zero.
func (t Thresholds) withDefaults() Thresholds {
	d := DefaultThresholds()
	fill := func(value *float64, standard float64) {
		if *value == 0 {
			*value = standard
		}
	}
	fill(&t.Pass, d.Pass)
	fill(&t.Safety, d.Safety)
	fill(&t.Relevance, d.Relevance)
	fill(&t.Honesty, d.Honesty)
	fill(&t.Resonance, d.Resonance)
	if t.Weights == (Weights{}) {
		t.Weights = d.Weights
	}
	return t
}

// verdict weighs the layers. A draft can be mended; a resource that does not fit
// can only be kept back.
func (t Thresholds) verdict(layers []LayerScore, mean float64, mendable bool) Verdict {
	verdict := Pass
	if mean < t.Pass {
		verdict = Revise
	}
	for _, l := range layers {
		switch {
		case l.Layer == Safety && l.Score < t.Safety:
			return Reject
		case l.Score >= t.least(l.Layer):
		case l.Layer == Relevance && !mendable:
			return Reject
		case l.Layer != Relevance && l.Score < t.least(l.Layer)/2:
			return Reject
		default:
			verdict = Revise
		}
	}
	return verdict
}

func (t Thresholds) least(l Layer) float64 {
	switch l {
	case Relevance:
		return t.Relevance
	case Honesty:
		return t.Honesty
	case Safety:
		return t.Safety
	default:
		return t.Resonance
	}
}

// mean is the weighted mean of the layers, in [0, 1].
func (t Thresholds) mean(layers []LayerScore) float64 {
	var sum, weights float64
	for _, l := range layers {
		w := t.weight(l.Layer)
		sum += w * l.Score
		weights += w
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

func (t Thresholds) weight(l Layer) float64 {
	switch l {
	case Relevance:
		return t.Weights.Relevance
	case Honesty:
		return t.Weights.Honesty
	case Safety:
		return t.Weights.Safety
	default:
		return t.Weights.Resonance
	}
}
