package api

import (
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
)

// safetyFor is the help that words call for, nil when they call for none. It
// needs nothing but this process: no engine, no worker, no database has to be up.
func safetyFor(words string) *Safety { return safetyIn(crisis.Assess(words)) }

// safetyIn is the help that what was found calls for.
func safetyIn(danger crisis.Assessment) *Safety {
	if !danger.NeedsSafeAnswer() {
		return nil
	}
	return &Safety{
		Severity: as[CrisisSeverity](danger.Severity),
		Kinds:    each(danger.Kinds, as[CrisisKind]),
		Text:     synthesis.SafeAnswer(danger).Text,
	}
}

// withSafety adds the help to whatever went wrong: a person in danger whose
// message could not be taken still gets it.
func withSafety(err error, words string) error {
	help := safetyFor(words)
	if help == nil {
		return err
	}
	p := classify(err)
	p.safety = help
	return p
}
