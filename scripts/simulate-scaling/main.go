// Command simulate-scaling writes what the autoscaling that temporal.yaml declares would do
// in a day, as a page in Markdown, to standard output: `make generate`.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"meai/internal/autoscale"
	"meai/internal/cluster"
)

func main() {
	text, err := page()
	if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "simulate-scaling: %v\n", err)
		os.Exit(1)
	}
}

const head = `# Autoscaling over a day, simulated

Made by ` + "`make generate`" + `: the rule of Kubernetes' autoscaler and KEDA (` + "`internal/autoscale`" + `), with the numbers of ` + "`temporal.yaml`" + `, second by second over the second of
two equal days. It simulates the rule and the queue, not Kubernetes: chance, slow machines and failures are not in it. The shape of the day is made up
(` + "`internal/autoscale/day.txt`" + `); prices are %.3f for a core and %.3f for a GiB in an hour, in any currency, for the pods alone.
`

var prices = autoscale.Prices{Core: 0.04, GiB: 0.005}

// component is one that is simulated, under a load that needs most of what it may have.
type component struct {
	name, unit, says string
	scaling          cluster.Scaling
	work             autoscale.Work
	busiest          float64
}

func components(d cluster.Declaration) []component {
	begins := 90 * time.Second
	return []component{
		{
			"api", "requests", "20 ms of CPU for each request, so that requests decide, not CPU.", d.API.Scaling,
			autoscale.Work{Slots: 200, Takes: 200 * time.Millisecond, CPU: 20 * time.Millisecond, Begins: begins}, 800,
		},
		{
			"mirror", "analyses", "300 ms each, all of it CPU: the requirements' warning mark, fifty times what one takes here.", d.TaskQueues["mirror"].Scaling,
			autoscale.Work{Slots: 8, Takes: 300 * time.Millisecond, CPU: 300 * time.Millisecond, Begins: begins}, 300,
		},
		{
			"memory", "steps", "400 ms each, a quarter of it CPU: slots decide, so that only the backlog asks for more, and replicas come and go all day. A queue that is found like that needs more slots, until full ones use more than cpu_percent of its CPU.", d.TaskQueues["memory"].Scaling,
			autoscale.Work{Slots: d.TaskQueues["memory"].ActivitySlots, Takes: 400 * time.Millisecond, CPU: 100 * time.Millisecond, Begins: begins}, 300,
		},
	}
}

func page() (string, error) {
	d, err := cluster.Load("temporal.yaml")
	if err != nil {
		return "", err
	}
	shape, err := autoscale.Shape()
	if err != nil {
		return "", err
	}
	var w strings.Builder
	fmt.Fprintf(&w, head, prices.Core, prices.GiB)
	for _, c := range components(d) {
		c.write(&w, shape)
	}
	return w.String(), nil
}

const day = 24 * time.Hour

// rush is ten minutes in the morning with twice what the busiest hour has.
func (c component) rush(at time.Duration, otherwise float64) float64 {
	if at >= 10*time.Hour && at < 10*time.Hour+10*time.Minute {
		return 2 * c.busiest
	}
	return otherwise
}

func (c component) write(w *strings.Builder, shape func(time.Duration) float64) {
	usual := autoscale.Day(c.scaling, c.work, 2*day, func(at time.Duration) float64 { return c.busiest * shape(at) })[24*60*60:]
	rush := autoscale.Day(c.scaling, c.work, 2*day, func(at time.Duration) float64 { return c.rush(at%day, c.busiest*shape(at)) })[24*60*60:]
	s := c.scaling
	fmt.Fprintf(w, "\n## %s\n\n%d to %d replicas of %g cores and %s. At the busiest %g %s a second. %s\n\n", c.name, s.Replicas.Min, s.Replicas.Max, s.Resources.CPU, s.Resources.Memory, c.busiest, c.unit, c.says)
	fmt.Fprintf(w, "| | most waiting | longest wait | replicas | changes | replica hours | cost | cost of the most, all day |\n|---|---|---|---|---|---|---|---|\n")
	most := autoscale.Summary{Hours: 24 * float64(s.Replicas.Max)}
	for _, of := range []struct {
		name string
		day  []autoscale.Second
	}{{"usual day", usual}, {"with a rush at 10:00, twice the busiest for ten minutes", rush}} {
		sum := autoscale.Sum(of.day, s, prices)
		fmt.Fprintf(w, "| %s | %.0f | %.0f s | %d to %d | %d | %.0f | %.0f | %.0f |\n", of.name, sum.MostWaiting, sum.Longest.Seconds(), sum.Least, sum.Most, sum.Changes, sum.Hours, sum.Cost, most.Hours/sum.Hours*sum.Cost)
	}
	chart(w, "Replicas, usual day", usual, 24, func(x autoscale.Second) float64 { return float64(x.Replicas) })
	chart(w, "Waiting, 10:00 to 10:30 of the day with a rush", rush[10*60*60:10*60*60+30*60], 30, func(x autoscale.Second) float64 { return x.Backlog })
}

// chart draws so many points of a series.
func chart(w *strings.Builder, title string, series []autoscale.Second, points int, of func(autoscale.Second) float64) {
	labels, values := make([]string, points), make([]string, points)
	for i := range points {
		labels[i] = fmt.Sprint(i)
		values[i] = fmt.Sprintf("%.0f", of(series[i*len(series)/points]))
	}
	fmt.Fprintf(w, "\n```mermaid\nxychart-beta\n  title %q\n  x-axis [%s]\n  line [%s]\n```\n", title, strings.Join(labels, ", "), strings.Join(values, ", "))
}
