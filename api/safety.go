package api

import (
	"cmp"

	"meai/activities/interaction"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
)

// safetyFor is the help that words call for, nil when they call for none. It
// needs nothing but this process: no engine, no worker, no database has to be up.
// Region is the person's country, "" when it is not known.
func safetyFor(words, region string) *Safety { return safetyIn(crisis.Assess(words), region) }

// safetyIn is the help that what was found calls for.
func safetyIn(danger crisis.Assessment, region string) *Safety {
	if !danger.NeedsSafeAnswer() {
		return nil
	}
	return &Safety{
		Severity: as[CrisisSeverity](danger.Severity),
		Kinds:    each(danger.Kinds, as[CrisisKind]),
		Text:     synthesis.SafeAnswer(danger, region).Text,
	}
}

// withSafety adds the help to whatever went wrong: a person in danger whose
// message could not be taken still gets it.
func withSafety(err error, words, region string) error {
	help := safetyFor(words, region)
	if help == nil {
		return err
	}
	p := classify(err)
	p.safety = help
	return p
}

// regionOf is where the help should be: the country that the person's client names,
// or the one that is configured.
func (s *Server) regionOf(c interaction.Context) string { return cmp.Or(c.Country, s.region) }
