// Package crisis detects signs that a person is in danger.
//
// [Assess] goes by rules alone. It is pure: no I/O, no model, no clock. It runs inside
// the API and inside the workflow, so that no queue, engine or provider has to be up for
// a person in crisis to be met with help. A text is normalised, which undoes spellings
// that hide a word, and cut into sentences; a rule is a pattern for one way of saying
// one kind of danger, and what is denied, over, or told as a story softens what it finds.
//
// [Watch] lets a model look at the text after the rules. It raises what the rules are
// sure of and never lowers it; what they only suspect is for the model to decide, and
// counts where there is none. Rules know the plain ways of saying it and why they fired;
// the model knows what is like the statements that it was taught, in words that no rule has.
//
// [Evaluate] measures either on labelled statements.
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
	// ChildSexualContent is found in what was to be said to a person, by TruthFilter.
	ChildSexualContent Kind = "child_sexual_content"
)

// Assessment is what the rules and the model found. It never quotes the text.
type Assessment struct {
	Severity Severity `json:"severity"`
	Kinds    []Kind   `json:"kinds,omitempty"`
	// Rules are the names of the rules that fired.
	Rules []string `json:"rules,omitempty"`
	// Suspected is what doubtful rules would make of it, until a model has decided.
	Suspected Severity `json:"suspected,omitempty"`
}

// Settled counts what is suspected: no model will look.
func (a Assessment) Settled() Assessment {
	a.Severity, a.Suspected = graver(a.Severity, a.Suspected), ""
	return a
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
