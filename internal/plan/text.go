package plan

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write prints the plan for a person to read.
func (p Plan) Write(out io.Writer) error {
	var text strings.Builder
	for _, part := range []func(io.Writer){p.writeLoad, p.writeComponents, p.writeBottlenecks, p.writeStorage, p.writeCost, p.writeAvailability, p.writeAssumptions} {
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		part(table)
		if err := table.Flush(); err != nil {
			return err
		}
		text.WriteByte('\n')
	}
	text.WriteString("Notes\n")
	for _, note := range p.Notes {
		text.WriteString("  " + note + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// line writes one; a tabwriter over a strings.Builder does not fail.
func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func (p Plan) writeLoad(w io.Writer) {
	line(w, "Load")
	line(w, "  phase\tusers\tmessages a day\ta second at the peak\tp95 of an answer at the peak")
	for _, l := range p.Load {
		line(w, "  %s\t%s\t%s\t%.1f\t%s", l.Phase, grouped(l.Users), grouped(l.PerDay), l.Peak, duration(l.AnswerP95))
	}
}

func (p Plan) writeComponents(w io.Writer) {
	line(w, "Instances: what the load needs at the peak → how many there are to be, with those that stand by in the second region")
	line(w, "  component\tvCPU\tGB\tms CPU a message\tinitial\t1 year\t3 years\tat most\tCPU busy after 3 years\tbounds from")
	for _, c := range p.Components {
		if c.row.Out {
			line(w, "  %s\t%g\t%g\t\tnot built\t\t\t\t\t", c.Name, c.VCPUs, c.MemoryGB)
			continue
		}
		cpu, busy := "not measured", ""
		if c.CPU > 0 {
			cpu, busy = fmt.Sprintf("%.2f", c.CPU), fmt.Sprintf("%.1f %%", 100*c.Phases[Year3].Busy)
		}
		line(w, "  %s\t%g\t%g\t%s\t%s\t%s\t%s\t%d\t%s\t%s", c.Name, c.VCPUs, c.MemoryGB, cpu, c.Phases[0], c.Phases[1], c.Phases[2], c.Most, busy, c.Source)
	}
}

// String is the numbers of instances in short.
func (s Sized) String() string {
	text := fmt.Sprintf("%d → %d", s.Needed, s.Instances)
	if s.Standby > 0 {
		text += fmt.Sprintf(" + %d", s.Standby)
	}
	if s.Larger > 1 {
		text += fmt.Sprintf(", %g× as large", s.Larger)
	}
	if s.Beyond {
		text += " (!)"
	}
	return text
}

func (p Plan) writeBottlenecks(w io.Writer) {
	line(w, "Bottlenecks, the first to be met first")
	line(w, "  component\tmessages a second\tusers\tbecause of")
	for _, b := range p.Bottlenecks {
		line(w, "  %s\t%.0f\t%s\t%s", b.Component, b.PerSecond, grouped(b.Users), b.Why)
	}
}

func (p Plan) writeStorage(w io.Writer) {
	line(w, "Storage, one copy in GB: what will be there / what the requirements foresee")
	line(w, "  store\tfirst month\t1 year\t3 years")
	for _, s := range p.Storage {
		cells := ""
		for i := range s.GB {
			mark := ""
			if s.GB[i] > s.Foreseen[i] {
				mark = " (!)"
			}
			cells += fmt.Sprintf("\t%s / %s%s", size3(s.GB[i]), grouped(s.Foreseen[i]), mark)
		}
		line(w, "  %s%s", s.Name, cells)
	}
}

func (p Plan) writeCost(w io.Writer) {
	line(w, "Cost a month in dollars: planned / the requirements' budget")
	line(w, "  \tinitial\t1 year\t3 years")
	for _, c := range p.Cost {
		cells := ""
		for _, x := range c.Phases {
			mark := ""
			if x.Over {
				mark = " (!)"
			}
			cells += fmt.Sprintf("\t%s / %s to %s%s", grouped(x.Dollars), grouped(x.Budget[0]), grouped(x.Budget[1]), mark)
		}
		line(w, "  %s%s", c.Name, cells)
	}
}

func (p Plan) writeAvailability(w io.Writer) {
	line(w, "Availability in percent, an estimate (minutes away in a month)")
	line(w, "  \tinitial\t1 year\t3 years\ttarget\t")
	for _, a := range p.Availability {
		target, met := "", ""
		if a.Target > 0 {
			target, met = fmt.Sprintf("%.2f (%.0f)", 100*a.Target, Down(a.Target)), "met"
			if !a.Met {
				met = "NOT met"
			}
		}
		line(w, "  %s\t%s\t%s\t%s\t%s\t%s", a.Name, percent(a.Phases[0]), percent(a.Phases[1]), percent(a.Phases[2]), target, met)
	}
	for _, sentence := range strings.Split(Model, "\n") {
		line(w, "  %s", sentence)
	}
}

func percent(a float64) string { return fmt.Sprintf("%.4f (%.1f)", 100*a, Down(a)) }

func (p Plan) writeAssumptions(w io.Writer) {
	line(w, "What this rests on")
	for _, a := range p.Assumptions {
		line(w, "  --%s\t%s %s\t%s", a.Name, number(a.Value), a.Unit, a.Source)
	}
	line(w, "  service times\t%d messages\tmeasured %s on %s, %.2f cores of which others took", p.Measured.Messages, p.Measured.At, p.Measured.On, p.Measured.Others)
}

func number(x float64) string {
	if x >= 10000 {
		return grouped(x)
	}
	return fmt.Sprintf("%g", x)
}

// size3 has three digits that say something.
func size3(x float64) string {
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return grouped(x)
}

// grouped writes a number with commas between its thousands.
func grouped(x float64) string {
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// duration of milliseconds, for people.
func duration(ms float64) string {
	switch {
	case ms > 1e12:
		return "without end"
	case ms >= 10000:
		return fmt.Sprintf("%.0f s", ms/1000)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
