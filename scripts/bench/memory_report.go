package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// The bars that the figures are held against.
const (
	mostRecall      = 100 * time.Millisecond
	mostGrowth      = 1.3
	mostGrowthOfOne = 2.0
	mostAnalysis    = 200 * time.Millisecond
)

// memoryReport is what a run found.
type memoryReport struct {
	machine                   string
	people, memories, largest int
	texts, written, underived int
	analysis, remembering     clocked
	stages                    []stage
	asked                     int
}

// stage is what was found at a part of all data.
type stage struct {
	fraction                  float64
	people, largest, messages int
	filled                    int
	filling                   time.Duration
	filledFor                 spent
	many, one                 clocked
	tables                    []tableSize
	weaviate                  int64
	weaviateResident          int64
}

// tableSize is a table's size in bytes with all that belongs to it, and that of its indexes.
type tableSize struct {
	Name           string
	Bytes, Indexes int64
}

// each is what one of n took, in milliseconds, as cells of a table.
func (s spent) each(n int) string {
	part := func(d time.Duration) float64 { return milliseconds(d) / float64(max(1, n)) }
	return fmt.Sprintf("%.1f | %.1f | %.1f", part(s.own), part(s.postgres), part(s.weaviate))
}

func (s stage) postgres() (sum int64) {
	for _, t := range s.tables {
		sum += t.Bytes
	}
	return sum
}

// page is the report as a page of documentation.
func (r memoryReport) page() []byte {
	var out bytes.Buffer
	out.WriteString("<!-- Written by make bench-memory. -->\n# Memory at scale\n\n")
	r.print(&out)
	return out.Bytes()
}

func (r memoryReport) print(out io.Writer) {
	var b strings.Builder
	r.head(&b)
	r.ingest(&b)
	r.recall(&b)
	r.sizes(&b)
	r.bars(&b)
	_, _ = io.WriteString(out, b.String()) // a terminal that is gone stops nothing
}

func (r memoryReport) head(b *strings.Builder) {
	fmt.Fprintf(b, "%d people with %d messages each, and one with %d. Measured on %s.\n\n", r.people, r.memories, r.largest, r.machine)
	fmt.Fprintf(b, "%d distinct texts were told through the product's activities: %d of the [invented people](../../activities/memory/evaluation/conversations/README.md), the others put\n"+
		"together from their sentences by a seeded generator. All other lives are copies of these, sealed and blinded under keys of their own, their vectors\n"+
		"moved by seeded noise (cosine about 0.97); PostgreSQL took them by COPY, Weaviate in batches, with all indexes in place. The product's own repair found\n"+
		"no difference in them.\n\n", r.texts, r.written)
	if r.underived > 0 {
		fmt.Fprintf(b, "%d look-up values could not be derived from a text; they are blinded at random, as many and as large.\n\n", r.underived)
	}
}

func (r memoryReport) ingest(b *strings.Builder) {
	b.WriteString("## Ingest\n\n| | messages | per second | p50 ms | p95 ms | CPU ms a message | PostgreSQL's | Weaviate's |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		c    clocked
	}{{"analysed by Mirror", r.analysis}, {"remembered and indexed", r.remembering}} {
		fmt.Fprintf(b, "| %s | %d | %.1f | %.1f | %.1f | %s |\n", row.name, len(row.c.latencies), row.c.rate(),
			milliseconds(row.c.quantile(.5)), milliseconds(row.c.quantile(.95)), row.c.each(len(row.c.latencies)))
	}
	b.WriteString("\nAs many people at once as there are cores. An embedding is made once for both, as in a worker.\n\n")
}

func (r memoryReport) recall(b *strings.Builder) {
	b.WriteString("## Recall over HTTP\n\nOne client; no question twice.\n\n| data | messages | asked | questions | p50 ms | p95 ms | p99 ms | MeAi's CPU ms | PostgreSQL's | Weaviate's |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range r.stages {
		row := func(who string, q clocked) {
			if len(q.latencies) == 0 {
				return
			}
			fmt.Fprintf(b, "| %.0f %% | %d | %s | %d | %.1f | %.1f | %.1f | %s |\n", 100*s.fraction, s.messages, who, len(q.latencies),
				milliseconds(q.quantile(.5)), milliseconds(q.quantile(.95)), milliseconds(q.quantile(.99)), q.each(len(q.latencies)))
		}
		row(fmt.Sprintf("%d people of %d", min(askers, s.people), s.people), s.many)
		row(fmt.Sprintf("the one with %d", s.largest), s.one)
	}
	b.WriteString("\n")
}

func (r memoryReport) sizes(b *strings.Builder) {
	b.WriteString("## Size\n\nBytes for each message, with the markers, entities and patterns that it left.\n\n| data | store | bytes a message | of these indexes | GB |\n|---|---|---|---|---|\n")
	for _, s := range r.stages {
		n := float64(s.messages)
		for _, t := range s.tables {
			if float64(t.Bytes) < n { // less than a byte: nothing is in it
				continue
			}
			fmt.Fprintf(b, "| %.0f %% | PostgreSQL, %s | %.0f | %.0f | %.2f |\n", 100*s.fraction, t.Name, float64(t.Bytes)/n, float64(t.Indexes)/n, gigabytes(t.Bytes))
		}
		fmt.Fprintf(b, "| %.0f %% | PostgreSQL, all | %.0f | | %.2f |\n", 100*s.fraction, float64(s.postgres())/n, gigabytes(s.postgres()))
		fmt.Fprintf(b, "| %.0f %% | Weaviate | %.0f | | %.2f |\n", 100*s.fraction, float64(s.weaviate)/n, gigabytes(s.weaviate))
	}
	b.WriteString("\n")
	for _, s := range r.stages {
		fmt.Fprintf(b, "At %.0f %% Weaviate had %.1f GB of memory resident. ", 100*s.fraction, gigabytes(s.weaviateResident))
		if s.filled > 0 {
			fmt.Fprintf(b, "%d messages were filled in in %v, %.0f a second; CPU ms a message of this program, PostgreSQL and Weaviate: %s.",
				s.filled, s.filling.Round(time.Second), float64(s.filled)/s.filling.Seconds(), strings.ReplaceAll(s.filledFor.each(s.filled), " | ", ", "))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// bars holds the figures against what was asked for.
func (r memoryReport) bars(b *strings.Builder) {
	b.WriteString("## Bars\n\n| | bar | found |\n|---|---|---|\n")
	first, last := r.stages[0], r.stages[len(r.stages)-1]
	fmt.Fprintf(b, "| recall over HTTP, p95 among all | at most %d ms | %.1f ms |\n", mostRecall.Milliseconds(), milliseconds(last.many.quantile(.95)))
	if len(r.stages) > 1 {
		growth := func(of func(stage) clocked) float64 { return over(of(last).result, of(first).result, .95) }
		fmt.Fprintf(b, "| p95 from %.0f %% to %.0f %% of the data | at most %.1fx | %.2fx |\n", 100*first.fraction, 100*last.fraction, mostGrowth,
			growth(func(s stage) clocked { return s.many }))
		if len(first.one.latencies) > 0 {
			fmt.Fprintf(b, "| p95 of one person from %d to %d messages | at most %.0fx | %.2fx |\n", first.largest, last.largest, mostGrowthOfOne,
				growth(func(s stage) clocked { return s.one }))
		}
	}
	fmt.Fprintf(b, "| analysis, CPU a message | at most %d ms | %.1f ms |\n", mostAnalysis.Milliseconds(),
		milliseconds(r.analysis.own)/float64(max(1, len(r.analysis.latencies))))
}
