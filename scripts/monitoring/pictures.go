package main

import (
	"context"
	"fmt"
	"html"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/internal/promserver"
)

// A picture shows the last minutes; a page of them has two columns, as the dashboard.
const (
	shownFor  = 3 * time.Minute
	pictureW  = 460
	pictureH  = 200
	plotLeft  = 56
	plotTop   = 26
	plotRight = 12
	plotLow   = 150
	mostLines = 6
)

// palette are colours that people who see fewer of them tell apart (Okabe and Ito, 2008).
var palette = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"}

const pictureStyle = `<style>text{font:11px sans-serif;fill:#333}.t{font-weight:bold}path{fill:none;stroke-width:1.5}line{stroke:#ddd}.l{stroke:#d00;stroke-dasharray:4}</style>`

// pictures draws each dashboard from what a Prometheus has, for the pages of docs.
func pictures(base, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	now := time.Now()
	for _, d := range dashboards {
		text, drawn, err := d.picture(ctx, base, now)
		if err != nil {
			return err
		}
		if drawn == 0 {
			continue // nothing of it is measured here
		}
		if err := os.WriteFile(filepath.Join(folder, d.id+".svg"), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a picture: %w", err)
		}
	}
	return nil
}

// picture draws a dashboard, and counts the panels that show something.
func (d dashboard) picture(ctx context.Context, base string, now time.Time) (text string, drawn int, err error) {
	rows := (len(d.panels) + 1) / 2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"><rect width="100%%" height="100%%" fill="#fff"/>%s`,
		2*pictureW, rows*pictureH, 2*pictureW, rows*pictureH, pictureStyle)
	for i, p := range d.panels {
		var all []promserver.Series
		var names []string
		for _, q := range p.queries {
			series, err := promserver.QueryRange(ctx, base, q.expr, now.Add(-shownFor), now, 3*time.Second)
			if err != nil {
				return "", 0, fmt.Errorf("draw %s, %s: %w", d.id, p.title, err)
			}
			for _, s := range series {
				if s.Points = slices.DeleteFunc(s.Points, func(p promserver.Point) bool { return math.IsNaN(p.Value) }); len(s.Points) > 0 {
					all, names = append(all, s), append(names, name(q.legend, s.Labels))
				}
			}
		}
		if len(all) > 0 {
			drawn++
		}
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, i%2*pictureW, i/2*pictureH)
		p.draw(&b, all, names, now)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String(), drawn, nil
}

// name fills in a legend; processes' addresses are of no interest.
func name(legend string, labels map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		value := labels[key]
		if key == "instance" {
			value = "a process"
		}
		legend = strings.ReplaceAll(legend, "{{"+key+"}}", value)
	}
	return legend
}

func (p panel) draw(b *strings.Builder, all []promserver.Series, names []string, now time.Time) {
	fmt.Fprintf(b, `<text class="t" x="%d" y="16">%s</text>`, plotLeft, html.EscapeString(p.title))
	most := 0.0
	for _, s := range all {
		for _, point := range s.Points {
			most = max(most, point.Value)
		}
	}
	for _, limit := range p.limits { // a limit that is near belongs into the picture
		if limit <= 2*most {
			most = max(most, limit)
		}
	}
	if most == 0 {
		most = 1
	}
	x := func(at time.Time) float64 {
		return plotLeft + (1-now.Sub(at).Seconds()/shownFor.Seconds())*(pictureW-plotLeft-plotRight)
	}
	y := func(v float64) float64 { return plotLow - max(0, v)/most*(plotLow-plotTop) }
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, pictureW-plotRight, y(share*most), y(share*most), plotLeft-4, y(share*most)+4, p.number(share*most))
	}
	for _, limit := range p.limits {
		if limit <= most {
			fmt.Fprintf(b, `<line class="l" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, plotLeft, pictureW-plotRight, y(limit), y(limit))
		}
	}
	for i, s := range all {
		if i >= len(palette)*4 {
			break
		}
		var path strings.Builder
		for j, point := range s.Points {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[j == 0], x(point.At), y(point.Value))
		}
		fmt.Fprintf(b, `<path d="%s" stroke="%s"/>`, path.String(), palette[i%len(palette)])
	}
	legend(b, names)
}

func legend(b *strings.Builder, names []string) {
	for i, n := range names {
		if i == mostLines {
			fmt.Fprintf(b, `<text x="%d" y="%d">and %d more</text>`, plotLeft+i%2*200, plotLow+14+i/2*12, len(names)-i)
			return
		}
		if len(n) > 34 {
			n = n[:33] + "…"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" style="fill:%s">%s</text>`, plotLeft+i%2*200, plotLow+14+i/2*12, palette[i%len(palette)], html.EscapeString(n))
	}
}

// number writes a value of the scale in the panel's unit.
func (p panel) number(v float64) string {
	switch {
	case p.unit == seconds && v >= 3600:
		return strconv.FormatFloat(v/3600, 'g', 3, 64) + " h"
	case p.unit == seconds && v > 0 && v < 1:
		return strconv.FormatFloat(v*1000, 'g', 3, 64) + " ms"
	case p.unit == seconds:
		return strconv.FormatFloat(v, 'g', 3, 64) + " s"
	case p.unit == percent:
		return strconv.FormatFloat(v*100, 'g', 3, 64) + " %"
	case p.unit == bytes:
		return strconv.FormatFloat(v/(1<<20), 'f', 0, 64) + " MiB"
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}
