package main

import (
	"fmt"
	"slices"
	"strings"

	"meai/internal/measure"
)

const style = `<style>text{font:11px sans-serif;fill:#333}line,path{stroke:#999;fill:none}.c{fill:#2a6f97}</style>`

func svg(width, height int, body string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"><rect width="100%%" height="100%%" fill="#fff"/>%s%s</svg>`+"\n",
		width, height, width, height, style, body)
}

// calibration draws the share that was right over the probability that was given; a dot's
// area grows with the number of cases.
func calibration(bins []measure.Bin) string {
	const size, left, top = 300, 50, 20
	var b strings.Builder
	x := func(v float64) float64 { return left + v*size }
	y := func(v float64) float64 { return top + (1-v)*size }
	fmt.Fprintf(&b, `<path d="M%g %gH%gV%gH%gZ"/><line x1="%g" y1="%g" x2="%g" y2="%g" stroke-dasharray="4"/>`, x(0), y(0), x(1), y(1), x(0), x(0), y(0), x(1), y(1))
	for v := 0.0; v <= 1.01; v += 0.25 {
		fmt.Fprintf(&b, `<text x="%g" y="%d" text-anchor="middle">%.2f</text><text x="%d" y="%g" text-anchor="end">%.2f</text>`, x(v), top+size+16, v, left-6, y(v)+4, v)
	}
	most := 1
	for _, bin := range bins {
		most = max(most, bin.N)
	}
	for _, bin := range bins {
		radius := 3 + 9*float64(bin.N)/float64(most)
		fmt.Fprintf(&b, `<circle class="c" cx="%.1f" cy="%.1f" r="%.1f" fill-opacity="0.8"><title>%d cases: given %.2f, right %.2f</title></circle>`,
			x(bin.Mean), y(bin.Right), radius, bin.N, bin.Mean, bin.Right)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">probability given</text>`, left+size/2, top+size+34)
	fmt.Fprintf(&b, `<text transform="translate(12 %d) rotate(-90)" text-anchor="middle">share that was right</text>`, top+size/2)
	return svg(left+size+20, top+size+44, b.String())
}

// confusion draws a row for each right label; darker is a larger share of the row.
func confusion(labels []string, counts [][]int) string {
	const cell, left, top = 22, 110, 100
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(labels[a], labels[b]) })
	var b strings.Builder
	for row, want := range order {
		sum := 0
		for _, n := range counts[want] {
			sum += n
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-6, top+row*cell+15, labels[want])
		fmt.Fprintf(&b, `<text transform="translate(%d %d) rotate(-60)">%s</text>`, left+row*cell+14, top-6, labels[want])
		for column, got := range order {
			n := counts[want][got]
			share := float64(n) / float64(max(sum, 1))
			fmt.Fprintf(&b, `<rect class="c" x="%d" y="%d" width="%d" height="%d" fill-opacity="%.2f"/>`, left+column*cell, top+row*cell, cell-1, cell-1, 0.04+0.96*share)
			if n > 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%d</text>`, left+column*cell+10, top+row*cell+15, n)
			}
		}
	}
	side := len(labels) * cell
	return svg(left+side+60, top+side+10, b.String())
}
