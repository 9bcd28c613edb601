package lexicon

import "math"

// Rarity is the idf of a term that held of total texts hold, as BM25 has it with Lucene:
// ln(1 + (total - held + 0.5) / (held + 0.5)).
func Rarity(held, total float64) float64 { return math.Log(1 + (total-held+0.5)/(held+0.5)) }
