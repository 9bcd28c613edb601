package truthfilter

import (
	"slices"
	"strings"
)

// advice says, for a reason code, how the same could be said better.
var advice = map[string]string{
	"off_topic":            "Take up what the person said, in their words, before anything else.",
	"absolute_promise":     "Say what may happen, and promise nothing.",
	"false_reassurance":    "Stay with how it is now instead of saying how it will turn out.",
	"cure_claim":           "Say what it can ease, not what it cures.",
	"unsupported_claim":    "Leave out what cannot be shown, or say how little is known.",
	"mind_reading":         "Speak of what the person saw, not of what others think or feel.",
	"false_humanity":       "Speak as a companion that is not a person.",
	"invented_memory":      "Leave out what the person is supposed to have told.",
	"contradiction":        "Follow the person's own account.",
	"hedging":              "Say the main thing once and plainly.",
	"empty_qualifiers":     "Leave out the intensifying words.",
	"evasion":              "Say what you can, and in one sentence what you can't.",
	"flattery":             "Name what the person did instead of praising who they are.",
	"empty_statement":      "Replace the commonplace by something about this person.",
	"diagnosis":            "Name feelings, never conditions.",
	"stop_medication":      "Leave medicines to those who prescribe them.",
	"medical_advice":       "Leave medicines to those who prescribe them.",
	"pressure":             "Offer, and leave the choice with the person.",
	"guilt":                "Leave out what makes the person feel guilty.",
	"blame":                "Leave the fault where it belongs, not with the person.",
	"minimising":           "Let the feeling be as big as it is.",
	"platitude":            "Leave out the consolation and stay with the loss.",
	"dependency":           "Point to people besides the companion.",
	"cheerleading":         "Match the quietness of the moment.",
	"gloomy":               "Share the good moment.",
	"harm":                 "Leave out what could hurt somebody.",
	misconception:          "Say what is so instead, and where that can be read.",
	TriggerReason:          "Leave this out: the person does not want to be reminded of it.",
	"misnamed_feeling":     "Name the feeling that is there, tentatively.",
	"cold":                 "Speak to the person, not about a case.",
	"shouting":             "Lower the voice.",
	"too_short":            "Give it a sentence more.",
	"too_long":             "Shorten it; strong feelings leave little room for words.",
	"far_too_long":         "Shorten it to what matters most.",
	"long_sentences":       "Break up the long sentences.",
	"interrogating":        "Ask one question.",
	"lecturing":            "Offer one thing instead of several instructions.",
	"unmet_feeling":        "Meet the feeling before anything else.",
	"takes_long":           "Offer it for later, when there is time and calm.",
	"needs_care":           "Say the caution along with it.",
	"not_for_this_feeling": "Say why it might fit all the same, or offer something else.",
}

// framing collects the advice for all reasons, in the order of the layers.
func framing(layers []LayerScore) []string {
	var found []string
	for _, l := range layers {
		for _, reason := range l.Reasons {
			code := reason.Code
			if strings.HasPrefix(code, "harm_") {
				code = "harm"
			}
			if a, known := advice[code]; known && !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	return found
}
