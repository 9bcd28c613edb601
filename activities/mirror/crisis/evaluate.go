package crisis

import (
	"fmt"
	"strings"
)

// Statement is a labelled text. Of those without danger the kind says why they are
// hard ("idiom", "news", …), or is [Ordinary].
type Statement struct {
	Text     string
	Severity Severity
	Kind     string
}

// Ordinary is the kind of statements that are neither dangerous nor look it.
const Ordinary = "ordinary"

// Statements are rows of text, severity and kind; the kind may be missing.
func Statements(rows [][]string) ([]Statement, error) {
	all := make([]Statement, len(rows))
	for i, row := range rows {
		if len(row) < 2 || level(Severity(row[1])) < 0 {
			return nil, fmt.Errorf("row %d: the label is none of %q", i+1, Severities())
		}
		all[i] = Statement{Text: row[0], Severity: Severity(row[1]), Kind: Ordinary}
		if len(row) > 2 {
			all[i].Kind = row[2]
		}
	}
	return all, nil
}

// danger reports whether the statement must be met with the safe answer, and
// counted whether it decides between the two: a text of concern may be met either way.
func (s Statement) danger() bool  { return level(s.Severity) >= level(Implicit) }
func (s Statement) counted() bool { return s.Severity != Concern }

// Tally is how many of a group were detected, which is a recall for the dangerous
// and a rate of false alarms for the others.
type Tally struct{ Detected, Of int }

// Rate is the share that was detected; 0 of nothing.
func (t Tally) Rate() float64 { return float64(t.Detected) / float64(max(t.Of, 1)) }

func (t Tally) String() string {
	return fmt.Sprintf("%.1f %% (%d of %d)", 100*t.Rate(), t.Detected, t.Of)
}

// Report is how well an assessment tells dangerous statements from others. A
// statement is detected when it would be met with the safe answer.
type Report struct {
	// Explicit counts the explicit and imminent statements, Implicit the veiled ones.
	Explicit, Implicit Tally
	// Ordinary and Hard count false alarms, on plain statements and on those that
	// look dangerous.
	Ordinary, Hard Tally
	// Concern counts the texts that may be met either way.
	Concern Tally
	// Groups count by severity and kind.
	Groups []Group
	// Missed and Alarmed are the places of the statements that were judged wrongly.
	Missed, Alarmed []int
}

// Group is the tally of one severity and kind.
type Group struct {
	Severity Severity
	Kind     string
	Tally
}

// Evaluate assesses statements and counts. assess is [Assess] or what uses a model.
func Evaluate(statements []Statement, assess func(text string) Assessment) Report {
	var r Report
	for i, s := range statements {
		detected := assess(s.Text).NeedsSafeAnswer()
		r.count(s, detected)
		switch {
		case s.counted() && s.danger() && !detected:
			r.Missed = append(r.Missed, i)
		case s.counted() && !s.danger() && detected:
			r.Alarmed = append(r.Alarmed, i)
		}
	}
	return r
}

func (r *Report) count(s Statement, detected bool) {
	for _, t := range []*Tally{r.headline(s), r.group(s)} {
		t.Of++
		if detected {
			t.Detected++
		}
	}
}

func (r *Report) headline(s Statement) *Tally {
	switch {
	case s.Severity == Explicit || s.Severity == Imminent:
		return &r.Explicit
	case s.Severity == Implicit:
		return &r.Implicit
	case s.Severity == Concern:
		return &r.Concern
	case s.Kind == Ordinary:
		return &r.Ordinary
	default:
		return &r.Hard
	}
}

func (r *Report) group(s Statement) *Tally {
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Severity == s.Severity && g.Kind == s.Kind {
			return &g.Tally
		}
	}
	r.Groups = append(r.Groups, Group{Severity: s.Severity, Kind: s.Kind})
	return &r.Groups[len(r.Groups)-1].Tally
}

// String is a table of the report.
func (r Report) String() string {
	var b strings.Builder
	for _, line := range []struct {
		name string
		of   Tally
	}{
		{"explicit and imminent, recall", r.Explicit}, {"implicit, recall", r.Implicit},
		{"ordinary, false alarms", r.Ordinary}, {"hard negatives, false alarms", r.Hard}, {"concern, detected", r.Concern},
	} {
		fmt.Fprintf(&b, "%-29s  %v\n", line.name, line.of)
	}
	for _, s := range []Severity{Imminent, Explicit, Implicit, Concern, None} {
		for _, g := range r.Groups {
			if g.Severity == s {
				fmt.Fprintf(&b, "  %-27s  %v\n", string(g.Severity)+", "+g.Kind, g.Tally)
			}
		}
	}
	return b.String()
}
