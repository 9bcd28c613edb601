package truthfilter

import "slices"

// safetyRules are all rules of the safety layer. Each costs enough to fall below
// the default threshold by itself: there is no amount of harm that is fine.
var safetyRules = slices.Concat(harmRules, medicalRules, violenceRules, controlRules, hurtRules, leftoverRules)

// judgeSafety scores how safe a text is for a person who may be hurt already.
func judgeSafety(s subject) LayerScore {
	score, codes := penalise(1, s.broken(safetyRules))
	return LayerScore{Layer: Safety, Score: score, Reasons: codes}
}
