// Package measure holds what evaluations print: figures with intervals and bars.
package measure

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"meai/internal/classify"
)

// Figure is one measured number with its 95 % confidence interval.
type Figure struct {
	Name             string
	Value, Low, High float64
	// K of N texts, for a share; N alone for what is no share.
	K, N int
	// Bar is what the project asks for, and AtMost whether it is a limit; zero for none.
	Bar    float64
	AtMost bool
	// Published are figures of others on the same data.
	Published string
}

// Met reports whether the figure reaches its bar.
func (f Figure) Met() bool {
	if f.AtMost {
		return f.Value <= f.Bar
	}
	return f.Value >= f.Bar
}

// Table is what one evaluation found.
type Table struct {
	Title   string
	Figures []Figure
	// Labels and Confusion count what was taken for what, row by right label; empty where
	// that says nothing.
	Labels    []string
	Confusion [][]int
	// Bins hold how often what was given some probability was right.
	Bins []Bin
}

// Bin is a range of probabilities: their mean, the share that was right, and how many.
type Bin struct {
	Mean, Right float64
	N           int
}

// Share is the figure of k of n texts, with Wilson's interval.
func Share(name string, k, n int) Figure {
	low, high := classify.Wilson(k, n)
	value := 0.0
	if n > 0 {
		value = float64(k) / float64(n)
	}
	return Figure{Name: name, Value: value, Low: low, High: high, K: k, N: n}
}

// Least is the figure with a bar that it has to reach.
func (f Figure) Least(bar float64) Figure { f.Bar = bar; return f }

// Most is the figure with a bar that it must not exceed.
func (f Figure) Most(bar float64) Figure { f.Bar, f.AtMost = bar, true; return f }

// Write prints tables.
func Write(out io.Writer, tables ...Table) error {
	var b strings.Builder
	for i, t := range tables {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n\tvalue\t95 %% interval\ttexts\tbar\tpublished\n", t.Title)
		for _, f := range t.Figures {
			b.WriteString(strings.Join(f.Row(), "\t") + "\n")
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(w, b.String())
	return errors.Join(err, w.Flush())
}

// Row are the figure's name, value, interval, number of texts, bar and what others
// published, as a table shows them.
func (f Figure) Row() []string {
	return []string{f.Name, fmt.Sprintf("%.3f", f.Value), fmt.Sprintf("%.3f to %.3f", f.Low, f.High), f.texts(), f.bar(), f.Published}
}

func (f Figure) texts() string {
	if f.K > 0 || f.Value == 0 {
		return fmt.Sprintf("%d of %d", f.K, f.N)
	}
	return strconv.Itoa(f.N)
}

func (f Figure) bar() string {
	if f.Bar == 0 {
		return ""
	}
	sign, verdict := ">=", "met"
	if f.AtMost {
		sign = "<="
	}
	if !f.Met() {
		verdict = "NOT met"
	}
	return fmt.Sprintf("%s %.2f %s", sign, f.Bar, verdict)
}

// Confuse counts what was taken for what; where either of two labels is right, the one
// that was given counts.
func (t *Table) Confuse(want, got string, right bool) {
	if right {
		want = got
	}
	for _, label := range []string{want, got} {
		if !slices.Contains(t.Labels, label) {
			t.Labels = append(t.Labels, label)
			for i := range t.Confusion {
				t.Confusion[i] = append(t.Confusion[i], 0)
			}
			t.Confusion = append(t.Confusion, make([]int, len(t.Labels)))
		}
	}
	t.Confusion[slices.Index(t.Labels, want)][slices.Index(t.Labels, got)]++
}
