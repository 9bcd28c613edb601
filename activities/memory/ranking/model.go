package ranking

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"sync"
)

// Model weighs features.
type Model struct {
	// Weights are by the names of the features.
	Weights map[string]float64 `json:"weights"`
	// Slope and Shift turn the sum into the logarithm of odds.
	Slope float64 `json:"slope"`
	Shift float64 `json:"shift"`

	list [features]float64
}

// Models are those for questions with an embedding and for those without.
type Models struct {
	Meaning Model `json:"meaning"`
	Words   Model `json:"words"`
}

//go:embed model.json
var fitted []byte

// fittedModels are what scripts/train-recall wrote.
var fittedModels = sync.OnceValue(func() Models {
	m, err := ReadModels(fitted)
	if err != nil {
		panic(err) // it is part of the binary, and a test reads it
	}
	return m
})

// ReadModels reads what [Models.Write] wrote.
func ReadModels(raw []byte) (Models, error) {
	var m Models
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("read the weights of recall: %w", err)
	}
	for _, one := range []*Model{&m.Meaning, &m.Words} {
		if len(one.Weights) != int(features) {
			return m, fmt.Errorf("read the weights of recall: %d of %d", len(one.Weights), int(features))
		}
		for i, name := range Names {
			w, known := one.Weights[name]
			if !known {
				return m, fmt.Errorf("read the weights of recall: %s is missing", name)
			}
			one.list[i] = w
		}
	}
	return m, nil
}

// Write is the models as [ReadModels] reads them.
func (m Models) Write() ([]byte, error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the weights of recall: %w", err)
	}
	return append(raw, '\n'), nil
}

// Score is the probability, in (0, 1), that a memory is part of the answer.
func (q *Question) Score(f Features) float64 {
	models := fittedModels()
	if q.Vector == nil {
		return models.Words.Score(f)
	}
	return models.Meaning.Score(f)
}

// Score is the probability that the model gives.
func (m Model) Score(f Features) float64 {
	sum := 0.0
	for i, w := range m.list {
		sum += w * f[i]
	}
	return 1 / (1 + math.Exp(-(m.Slope*sum + m.Shift)))
}
