package encoder

import _ "embed"

// weights is written by scripts/embedding-weights.
//
//go:embed weights.bin
var weights []byte

// WeightsSHA256 is the hash of the embedded weights file, which
// scripts/embedding-weights has to reproduce.
const WeightsSHA256 = "a5e09382cd7265dfdaffc3a90d0c3082dfa164f5863d7bf0bbd393e8270a8a99"

// New makes an encoder from the embedded weights; see [Load].
func New() (*Encoder, error) {
	return Load(weights)
}
