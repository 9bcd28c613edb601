package reflection

import "strings"

// With joins the clause with another sentence's self-report: "the flat is quiet"
// and "you feel alone" give "the flat is quiet, and you feel alone". It reports
// false when the two do not go together in so many words.
func (c Clause) With(report Clause, words int) (Clause, bool) {
	if !report.SelfReport || c.SelfReport || c.Loaded || report.Loaded || report.place == c.place ||
		len(strings.Fields(c.Text))+len(strings.Fields(report.Text))+1 > words {
		return c, false
	}
	if report.place < c.place && (!report.Embeds || !c.Embeds) {
		return c, false
	}
	joined := c
	if report.place < c.place {
		joined.Text = report.Text + ", and " + c.Text
	} else {
		joined.Text = c.Text + ", and " + report.Text
	}
	joined.Said = c.Said + ". " + report.Said
	return joined, true
}
