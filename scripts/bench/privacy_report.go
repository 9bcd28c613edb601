package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"meai/activities/privacy/erasure"
	"meai/activities/privacy/residue"
)

// The bars that the figures are held against.
const (
	mostReadable = 5 * time.Second
	mostErasing  = time.Minute
	mostSlower   = 1.5
)

// privacyReport is what a run found.
type privacyReport struct {
	machine string
	o       privacyCommand
	samples int
	exports []time.Duration
	one     oneErased
	many    many
}

// oneErased is what the erasure of one person has come to.
type oneErased struct {
	timeline
	readers []*reader
	// before and after are what the stores hold, as they are asked from outside.
	before, after map[string]int64
	// rounds is how often the erasure searched for what is left.
	rounds int
	proven erasure.Certificate
	report residue.Report
	beside struct{ before, after picture }
}

// bar is something that was asked for, and what was found of it.
type bar struct {
	what, limit, found string
	met                bool
}

// page is the report as a page of documentation.
func (r privacyReport) page() []byte {
	var out bytes.Buffer
	out.WriteString("<!-- Written by make bench-privacy. -->\n# Erasure at scale\n\n")
	r.print(&out)
	return out.Bytes()
}

func (r privacyReport) print(out io.Writer) {
	var b strings.Builder
	r.head(&b)
	b.WriteString("## Bars\n\n| | bar | found | met |\n|---|---|---|---|\n")
	for _, bar := range r.bars() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", bar.what, bar.limit, bar.found, yes(bar.met))
	}
	r.steps(&b)
	r.reading(&b)
	r.holdings(&b)
	r.sideBySide(&b)
	_, _ = io.WriteString(out, b.String()) // a terminal that is gone stops nothing
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

// missed are the bars that are not met.
func (r privacyReport) missed() (all []string) {
	for _, b := range r.bars() {
		if !b.met {
			all = append(all, b.what)
		}
	}
	return all
}

func (r privacyReport) head(b *strings.Builder) {
	fmt.Fprintf(b, "One person with %d messages in memory, %d interactions (%d with their workflows), %d exports and %d open workflows, who still wrote when they\n"+
		"asked to be erased, and another one beside; then %d people with %d interactions each at once. Measured on %s.\n\n",
		r.o.Memories, r.o.Interactions, r.o.Told, exported, running, r.o.Concurrent, each, r.machine)
	b.WriteString("Memories are copied lives, sealed and blinded under the person's own keys, as in [memory at scale](memory-scale.md). Backups are not part of this run.\n\n")
}

func (r privacyReport) bars() []bar {
	all := append(r.barsOfTime(), r.barsOfProof()...)
	if r.o.Concurrent > 0 {
		all = append(all, r.barsOfMany()...)
	}
	return all
}

func (r privacyReport) barsOfTime() (all []bar) {
	one := r.one
	for _, reader := range one.readers {
		d, ok := reader.after(one.point)
		found := "could be read to the end"
		if ok {
			found = since(d)
		}
		all = append(all, bar{reader.name + " refused after the point of no return", "at most " + mostReadable.String(), found, ok && d <= mostReadable})
	}
	erased, found := one.erased.Sub(one.point), "never"
	if !one.erased.IsZero() {
		found = since(erased)
	}
	return append(all, bar{"erased in all live stores after the point of no return", "at most " + mostErasing.String(), found, !one.erased.IsZero() && erased <= mostErasing})
}

func since(d time.Duration) string {
	if d <= 0 {
		return "before it"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func (r privacyReport) barsOfProof() []bar {
	one := r.one
	scan := fmt.Sprintf("0, in search %d", one.rounds)
	if one.scanned.IsZero() {
		scan = fmt.Sprintf("not 0 in %d searches", one.rounds)
	}
	if !one.searched || !one.proven.Files {
		scan += "; files were not searched"
	}
	findings := fmt.Sprintf("%d in %d files", len(one.report.Findings), one.report.Files)
	left := cmp.Or(listed(one.after), "0")
	changed := one.beside.before.changes(one.beside.after)
	same := fmt.Sprintf("%d rows, %d vectors, %d questions: unchanged", one.beside.before.rows, one.beside.before.objects, len(one.beside.before.answers))
	if len(changed) > 0 {
		same = "changed: " + strings.Join(changed, ", ")
	}
	return []bar{
		{"residual scan of the erasure, by its row and certificate", "0, files included", scan,
			!one.scanned.IsZero() && one.searched && one.proven.Files && one.proven.Stage == erasure.Live},
		{"stores counted from outside", "0", left, len(one.after) == 0},
		{fmt.Sprintf("files searched from outside for the id and %d samples", r.samples), "0", findings, one.report.Clean()},
		{"the person beside", "unchanged", same, len(changed) == 0},
	}
}

func (r privacyReport) barsOfMany() []bar {
	m, n := r.many, r.o.Concurrent
	slower := func(with result) float64 { return over(with, m.alone(), .95) }
	files := fmt.Sprintf("%d in %d files", len(m.report.Findings), m.report.Files)
	return []bar{
		{"erasures side by side that were certified", fmt.Sprint(n), fmt.Sprintf("%d, %d certificates are valid", m.certified, n-m.unproven), m.certified == n && m.unproven == 0},
		{"stores counted from outside", "0", cmp.Or(listed(m.left), "0"), len(m.left) == 0},
		{"files searched from outside for their ids", "0", files, m.report.Clean()},
		{"interaction p95 from the first request to the last certificate, over that without erasures", fmt.Sprintf("at most %.1fx", mostSlower),
			fmt.Sprintf("%.2fx", slower(m.among)), len(m.among.latencies) > 0 && slower(m.among) <= mostSlower},
		{"the same from the first point of no return on", fmt.Sprintf("at most %.1fx", mostSlower),
			fmt.Sprintf("%.2fx", slower(m.busy)), len(m.busy.latencies) > 0 && slower(m.busy) <= mostSlower},
		{"interactions that failed", "0", fmt.Sprint(m.failed), m.failed == 0},
	}
}

// steps tells when the erasure came into each state.
func (r privacyReport) steps(b *strings.Builder) {
	one := r.one
	b.WriteString("\n## Steps\n\n| | seconds after the request | after the point of no return |\n|---|---|---|\n")
	row := func(what string, at time.Time) {
		if at.IsZero() {
			fmt.Fprintf(b, "| %s | never | |\n", what)
			return
		}
		fmt.Fprintf(b, "| %s | %.1f | %.1f |\n", what, at.Sub(one.requested).Seconds(), at.Sub(one.point).Seconds())
	}
	for _, state := range slices.SortedFunc(maps.Keys(one.entered), func(a, b erasure.State) int { return one.entered[a].Compare(one.entered[b]) }) {
		row("it is "+string(state), one.entered[state])
	}
	row("keys are destroyed", one.unreadable)
	row("nothing is in any store", one.erased)
	row("nothing is in any file", one.scanned)
	row("certified", one.ended)
	b.WriteString("\nA person who is frozen is given 90 s, in which what was under way comes to its end; until then they can take it back.\n")
	for i, d := range r.exports {
		fmt.Fprintf(b, "%s%s", map[bool]string{true: "Exports took ", false: ", "}[i == 0], d.Round(100*time.Millisecond))
	}
	b.WriteString(".\n")
}

// reading tells how often the person was read, and what the answers were.
func (r privacyReport) reading(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Reading\n\nEach tries every %v, until the certificate.\n\n| | tries | answers | refused from |\n|---|---|---|---|\n", readEvery)
	for _, reader := range r.one.readers {
		answers := map[string]int64{}
		for answer, n := range reader.outcomes {
			answers[answer+":"] = int64(n)
		}
		when := "never"
		if d, ok := reader.after(r.one.point); ok {
			when = fmt.Sprintf("%+.2f s", d.Seconds())
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s |\n", reader.name, reader.times, listed(answers), when)
	}
}

// holdings tells what each store held, by the certificate and as asked from outside.
func (r privacyReport) holdings(b *strings.Builder) {
	b.WriteString("\n## Stores\n\n| | by the certificate | asked before | asked after |\n|---|---|---|---|\n")
	names := map[string]bool{}
	for _, counts := range []map[string]int64{r.one.proven.Found, r.one.before, r.one.after} {
		for name, n := range counts {
			if n > 0 {
				names[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", name, r.one.proven.Found[name], r.one.before[name], r.one.after[name])
	}
	fmt.Fprintf(b, "\nFiles were searched in %s: %d files, %.0f MB.\n", r.one.report.Took.Round(time.Millisecond), r.one.report.Files, float64(r.one.report.Bytes)/1e6)
	tellFindings(b, r.one.report)
}

// tellFindings lists what was found, the most frequent first.
func tellFindings(b *strings.Builder, report residue.Report) {
	const most = 20
	if len(report.Findings) == 0 {
		return
	}
	b.WriteString("\n| found | as | in | times |\n|---|---|---|---|\n")
	found := slices.SortedFunc(slices.Values(report.Findings), func(a, b residue.Finding) int { return cmp.Compare(b.Times, a.Times) })
	for _, f := range found[:min(most, len(found))] {
		fmt.Fprintf(b, "| %s | %s | %s | %d |\n", f.Pattern, f.Form, f.File, f.Times)
	}
}

// sideBySide tells how many erasures at once went, and how those who wrote fared.
func (r privacyReport) sideBySide(b *strings.Builder) {
	m := r.many
	if r.o.Concurrent == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Side by side\n\n%d erasures took %s from the first request to the last certificate.\n\n", r.o.Concurrent, m.end.Sub(m.begun).Round(time.Second))
	b.WriteString("| from the destruction of each one's keys | p50 s | slowest s |\n|---|---|---|\n")
	for _, row := range []struct {
		what string
		r    result
	}{{"until nothing is in any store", m.erased}, {"until certified", m.ended}} {
		fmt.Fprintf(b, "| %s | %.1f | %.1f |\n", row.what, row.r.quantile(.5).Seconds(), row.r.quantile(1).Seconds())
	}
	fmt.Fprintf(b, "\n| interactions of %d people | count | per second | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|\n", r.o.Clients)
	for _, row := range []struct {
		what string
		r    result
	}{
		{"before", m.before}, {"among erasures", m.among}, {"from the first point of no return", m.busy}, {"after", m.after},
	} {
		fmt.Fprintf(b, "| %s | %d | %.1f | %.1f | %.1f | %.1f |\n", row.what, len(row.r.latencies), row.r.rate(),
			milliseconds(row.r.quantile(.5)), milliseconds(row.r.quantile(.95)), milliseconds(row.r.quantile(.99)))
	}
	fmt.Fprintf(b, "\n%d of all interactions failed, %d were answered without a part.\n", m.failed, m.degraded)
	for _, reason := range slices.Sorted(maps.Keys(m.failures)) {
		fmt.Fprintf(b, "- %d: %s\n", m.failures[reason], reason)
	}
	tellFindings(b, m.report)
}
