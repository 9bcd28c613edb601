package drill

import (
	"fmt"
	"strings"
	"time"

	"meai/internal/fence"
)

const introduction = `# Drills

Made by ` + "`make drill`" + `, which breaks labs of two regions on one machine, one for each mode of replication; do not edit. Times are from the moment in which it was broken; the worst run counts.
People write at a share of what is answered at most, which is measured at the beginning of each series, and try again, at the other region, what is not accepted within 2 s. A ledger of
what they were told is kept outside the regions; in the end each message in it must be there, once, and be answered.

A pause is the longest time in which nobody had anything accepted. With asynchronous replication, what was lost must have been acknowledged no longer before the primary fell ill
than the failover's report had measured as lag; a primary that is cut off, not dead, goes on until its lease ends, and what it acknowledges in that time is lost as well.

`

// Page is the documentation of what was found, with the pictures that it shows, by name.
func Page(outcomes []Outcome) (text string, pictures map[string]string) {
	var b strings.Builder
	pictures = map[string]string{}
	b.WriteString(introduction)
	b.WriteString(Tables(outcomes))
	if missed := Missed(outcomes); len(missed) > 0 {
		b.WriteString("\nNot met:\n\n* " + strings.Join(missed, "\n* ") + "\n")
	} else {
		b.WriteString("\nAll targets were met.\n")
	}
	for _, mode := range []fence.Replication{fence.Sync, fence.Async} {
		var of []group
		for _, g := range grouped(outcomes) {
			if g.mode == mode {
				of = append(of, g)
			}
		}
		if len(of) == 0 {
			continue
		}
		name := "drills-pauses-" + string(mode) + ".svg"
		pictures[name] = pauses(of)
		fmt.Fprintf(&b, "\n## Replication: %s\n\n%s\n\n![Pauses of all runs](%s)\n", mode, rates(of), name)
		for _, g := range of {
			fmt.Fprintf(&b, "\n### %s\n\n%s. Runs: %d.\n\n%s", g.scenario.Name, strings.ToUpper(g.scenario.What[:1])+g.scenario.What[1:], len(g.runs), g.table())
		}
	}
	b.WriteString("\n## All runs\n\n```\n")
	for _, o := range outcomes {
		b.WriteString(o.String() + "\n")
	}
	b.WriteString("```\n")
	return b.String(), pictures
}

// rates says at which rates people wrote, and how busy the machine was with whatever else.
func rates(groups []group) string {
	rate := span(groups, func(o Outcome) float64 { return o.Rate })
	saturation := span(groups, func(o Outcome) float64 { return o.Saturation })
	if _, upTo, several := strings.Cut(saturation, " to "); several {
		saturation = "up to " + upTo
	}
	text := fmt.Sprintf("%s messages a second, where %s saturate the lab.", rate, saturation)
	if busy := span(groups, func(o Outcome) float64 { return o.Load }); busy != "" {
		text += fmt.Sprintf(" Runs that say so began on a machine with a load of %s: it had other work.", busy)
	}
	return text
}

func most(groups []group, of func(Outcome) float64) (most float64) {
	for _, g := range groups {
		for _, o := range g.runs {
			most = max(most, of(o))
		}
	}
	return most
}

// span is the least and the most of what is known; empty where nothing is.
func span(groups []group, of func(Outcome) float64) string {
	least, most := 0.0, most(groups, of)
	for _, g := range groups {
		for _, o := range g.runs {
			if v := of(o); v > 0 && (least == 0 || v < least) {
				least = v
			}
		}
	}
	switch {
	case most == 0:
		return ""
	case least == most:
		return fmt.Sprintf("%.1f", most)
	}
	return fmt.Sprintf("%.1f to %.1f", least, most)
}

const style = `<style>text{font:11px sans-serif;fill:#333}line{stroke:#999}.c{fill:#2a6f97}.x{stroke:#c1121f}</style>`

// pauses draws a row for each scenario, with a dot for each run at the length of its pause.
func pauses(groups []group) string {
	const left, row, width, top = 130, 26, 560, 14
	longest := mostWritable
	for _, g := range groups {
		for _, o := range g.runs {
			longest = max(longest, o.Pause)
		}
	}
	scale := (longest + 4*time.Second).Truncate(5 * time.Second)
	x := func(d time.Duration) float64 { return left + float64(d)/float64(scale)*width }
	bottom := top + row*len(groups)
	var b strings.Builder
	for at := time.Duration(0); at <= scale; at += 5 * time.Second {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke-opacity="0.3"/><text x="%.1f" y="%d" text-anchor="middle">%d s</text>`, x(at), top, x(at), bottom, x(at), bottom+16, int(at.Seconds()))
	}
	for i, g := range groups {
		y := top + row*i + row/2
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><line x1="%d" y1="%d" x2="%d" y2="%d" stroke-opacity="0.3"/>`, left-8, y+4, g.scenario.Name, left, y, left+width, y)
		most := time.Duration(0)
		switch {
		case g.scenario.Planned:
			most = mostPause
		case killed(g.scenario):
			most = mostWritable
		}
		if most > 0 {
			fmt.Fprintf(&b, `<line class="x" x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke-width="2"><title>target: at most %s</title></line>`, x(most), y-10, x(most), y+10, seconds(most))
		}
		for _, o := range g.runs {
			fmt.Fprintf(&b, `<circle class="c" cx="%.1f" cy="%d" r="4" fill-opacity="0.6"><title>run %d: %s</title></circle>`, x(o.Pause), y, o.Run, seconds(o.Pause))
		}
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">longest time in which nothing was accepted, one dot for each run; red: the target</text>`, left+width/2, bottom+34)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"><rect width="100%%" height="100%%" fill="#fff"/>%s%s</svg>`+"\n",
		left+width+30, bottom+44, left+width+30, bottom+44, style, b.String())
}
