package plan

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("plan").Funcs(template.FuncMap{
	"grouped": grouped, "percent": percent, "duration": duration, "gb": size3, "number": number, "hundred": func(x float64) float64 { return 100 * x },
	"down": Down, "model": func() string { return Model }, "sum": func(a, b int) int { return a + b },
}).Parse(pageSource))

// WriteHTML writes the plan as one page, with its pictures in it; it loads nothing.
func (p Plan) WriteHTML(out io.Writer) error {
	data := struct {
		Plan
		Growth, Instances, Money, Limits picture
	}{p, p.growth(), p.instances(), p.money(), p.limits()}
	if err := page.Execute(out, data); err != nil {
		return fmt.Errorf("draw the plan: %w", err)
	}
	return nil
}

// The pictures' measures, in units of their view boxes.
const (
	wide, left, top, high = 960.0, 70.0, 14.0, 300.0
)

// colours that people who see fewer of them tell apart (Okabe and Ito, 2008).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"}

// picture is drawn by the page's template.
type picture struct {
	Height      float64
	Rectangles  []rectangle
	Lines       []polyline
	Words       []words
	Rules       []rectangle
	Description string
}

type rectangle struct {
	X, Y, Width, Height float64
	Colour, Title       string
	// Hollow ones are drawn by their edge.
	Hollow bool
}

type polyline struct{ Points, Colour, Dashes, Title string }

type words struct {
	X, Y   float64
	Text   string
	Anchor string
}

// scale rounds up to a figure that a scale may end with.
func scale(most float64) float64 {
	if !(most > 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 5, 10} {
		if most <= step*unit {
			return step * unit
		}
	}
	return most
}

// axis draws a scale of four steps up to most.
func (d *picture) axis(most float64, unit string) {
	for i := range 5 {
		y := top + high*(1-float64(i)/4)
		d.Rules = append(d.Rules, rectangle{X: left, Y: y, Width: wide - left})
		d.Words = append(d.Words, words{left - 6, y + 4, size3(most*float64(i)/4) + unit, "end"})
	}
	d.Height = top + high + 50
}

func (d *picture) legend(names ...string) {
	each := (wide - left) / float64(len(names))
	for i, name := range names {
		x := left + each*float64(i)
		d.Rectangles = append(d.Rectangles, rectangle{X: x, Y: top + high + 30, Width: 10, Height: 10, Colour: colours[i%len(colours)]})
		d.Words = append(d.Words, words{x + 15, top + high + 39, name, "start"})
	}
}

// growth draws each store over three years, on a scale of powers of ten, with what is foreseen dashed.
func (p Plan) growth() picture {
	d := picture{Description: "Storage over three years", Height: top + high + 50}
	least, most := 0.0, 5.0 // powers of ten of GB
	y := func(gb float64) float64 {
		return top + high*(1-(math.Log10(max(gb, 1))-least)/(most-least))
	}
	for _, s := range p.Storage {
		most = max(most, math.Ceil(math.Log10(max(s.GB[2], s.Foreseen[2]))))
	}
	for power := least; power <= most; power++ {
		at := y(math.Pow(10, power))
		d.Rules = append(d.Rules, rectangle{X: left, Y: at, Width: wide - left})
		d.Words = append(d.Words, words{left - 6, at + 4, grouped(math.Pow(10, power)) + " GB", "end"})
	}
	x := func(month int) float64 { return left + (wide-left)*float64(month)/float64(Year3.Months()) }
	for month := 0; month <= Year3.Months(); month += 6 {
		d.Words = append(d.Words, words{min(x(month), wide-30), top + high + 16, fmt.Sprintf("%d months", month), "middle"})
	}
	var names []string
	for i, s := range p.Storage {
		var points, foreseen []string
		for month, gb := range s.Months {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(month+1), y(gb)))
		}
		for _, phase := range Phases {
			foreseen = append(foreseen, fmt.Sprintf("%.1f,%.1f", x(phase.Months()), y(s.Foreseen[phase])))
		}
		names = append(names, s.Name)
		d.Lines = append(d.Lines, polyline{strings.Join(points, " "), colours[i], "", s.Name + ", planned"},
			polyline{strings.Join(foreseen, " "), colours[i], "2 5", s.Name + ", foreseen"})
	}
	d.legend(names...)
	return d
}

// instances draws a group of bars for each component.
func (p Plan) instances() picture {
	d := picture{Description: "Instances by component and phase"}
	most := 0.0
	for _, c := range p.Components {
		for _, s := range c.Phases {
			most = max(most, float64(s.Instances))
		}
	}
	most = scale(most)
	d.axis(most, "")
	group := (wide - left) / float64(len(p.Components))
	for i, c := range p.Components {
		for phase, s := range c.Phases {
			tall := high * float64(s.Instances) / most
			d.Rectangles = append(d.Rectangles, rectangle{
				X: left + group*float64(i) + group*0.28*float64(phase) + 3, Y: top + high - tall, Width: group * 0.26, Height: tall,
				Colour: colours[phase], Title: fmt.Sprintf("%s, %s: %s", c.Name, s.Phase, s),
			})
		}
		d.Words = append(d.Words, words{left + group*(float64(i)+0.45), top + high + 12 + 11*float64(i%2), c.ID, "middle"})
	}
	d.legend("initial", "1 year", "3 years")
	return d
}

// money draws what a month costs, by lines of the budget, beside the budget's range.
func (p Plan) money() picture {
	d := picture{Description: "Cost a month by phase"}
	total := p.Cost[len(p.Cost)-1]
	most := 0.0
	for _, c := range total.Phases {
		most = max(most, c.Dollars, c.Budget[1])
	}
	most = scale(most)
	d.axis(most, " $")
	y := func(dollars float64) float64 { return top + high*(1-dollars/most) }
	group := (wide - left) / float64(len(Phases))
	var names []string
	for _, phase := range Phases {
		x, sum := left+group*float64(phase)+group*0.15, 0.0
		for i, c := range p.Cost[:len(p.Cost)-1] {
			dollars := c.Phases[phase].Dollars
			d.Rectangles = append(d.Rectangles, rectangle{X: x, Y: y(sum + dollars), Width: group * 0.3, Height: y(sum) - y(sum+dollars),
				Colour: colours[i], Title: fmt.Sprintf("%s, %s: %s $", c.Name, phase, grouped(dollars))})
			sum += dollars
			if phase == Initial {
				names = append(names, c.Name)
			}
		}
		b := total.Phases[phase].Budget
		d.Rectangles = append(d.Rectangles, rectangle{X: x + group*0.34, Y: y(b[1]), Width: group * 0.2, Height: y(b[0]) - y(b[1]), Colour: "#555", Hollow: true,
			Title: fmt.Sprintf("budget, %s: %s to %s $", phase, grouped(b[0]), grouped(b[1]))})
		d.Words = append(d.Words, words{x + group*0.15, top + high + 16, phase.String() + ": " + grouped(sum) + " $", "middle"},
			words{x + group*0.44, top + high + 16, "budget", "middle"})
	}
	d.legend(names...)
	return d
}

// limits draws for how many people each component can do, on a scale of powers of ten, with the users
// of each phase.
func (p Plan) limits() picture {
	d := picture{Description: "Users that each component can take"}
	const row = 24.0
	most, label := 1.0, left+90
	for _, b := range p.Bottlenecks {
		most = max(most, b.Users)
	}
	for _, l := range p.Load {
		most = max(most, l.Users)
	}
	decades := math.Ceil(math.Log10(most))
	x := func(users float64) float64 { return label + (wide-label-10)*math.Log10(max(users, 1))/decades }
	tall := row * float64(len(p.Bottlenecks))
	for i, b := range p.Bottlenecks {
		y := top + row*float64(i)
		d.Rectangles = append(d.Rectangles, rectangle{X: label, Y: y + 3, Width: x(b.Users) - label, Height: row - 6, Colour: colours[0], Title: fmt.Sprintf("%s: %s users, %s", b.Component, grouped(b.Users), b.Why)})
		d.Words = append(d.Words, words{label - 6, y + row/2 + 4, b.Component, "end"})
	}
	for i, l := range p.Load {
		d.Lines = append(d.Lines, polyline{fmt.Sprintf("%.1f,%.1f %.1f,%.1f", x(l.Users), top, x(l.Users), top+tall), colours[5], "4 3", l.Phase + ": " + grouped(l.Users) + " users"})
		d.Words = append(d.Words, words{x(l.Users), top + tall + 14 + 12*float64(i), l.Phase, "middle"})
	}
	d.Height = top + tall + 46
	return d
}
