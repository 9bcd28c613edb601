// Package crisis detects signs that a person is in danger, by rules alone.
//
// It is pure: no I/O, no model, no clock. It runs inside the API and inside the
// workflow, so that no queue, engine or provider has to be up for a person in
// crisis to be met with help.
package crisis

// Severity grows with the danger.
type Severity string

const (
	None     Severity = "none"
	Concern  Severity = "concern"
	Implicit Severity = "implicit"
	Explicit Severity = "explicit"
	Imminent Severity = "imminent"
)

// Severities lists them, the least grave first.
func Severities() []Severity { return []Severity{None, Concern, Implicit, Explicit, Imminent} }

// Kind is what the danger is.
type Kind string

const (
	Suicide          Kind = "suicide"
	SelfHarm         Kind = "self_harm"
	Abuse            Kind = "abuse"
	DangerToOthers   Kind = "danger_to_others"
	MedicalEmergency Kind = "medical_emergency"
)

// Assessment is what the rules found. It never quotes the text.
type Assessment struct {
	Severity Severity `json:"severity"`
	Kinds    []Kind   `json:"kinds,omitempty"`
	// Rules are the names of the rules that fired.
	Rules []string `json:"rules,omitempty"`
}

// NeedsSafeAnswer reports whether only the pre-written safe answer may be sent.
func (a Assessment) NeedsSafeAnswer() bool {
	switch a.Severity {
	case Implicit, Explicit, Imminent:
		return true
	default:
		return false
	}
}
