// Command bench measures MeAi end to end beside a bare Temporal chain, and beside
// itself without encryption.
//
// The bare chain has the same graph, the same number and kind of activities,
// payloads of the sizes measured on MeAi's own, queues with the same tuning, and
// the same server; its activities do nothing. What MeAi adds to it is MeAi's own cost. MeAi with
// a null key is built from the same sources; what it is faster is the cost of
// sealing rows and payloads. All are measured in turns in one run, because
// machines are noisy and only the ratio means something.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"meai/internal/cluster"
	"meai/internal/config"
)

type cli struct {
	Measure measureCommand `cmd:"" default:"withargs" help:"Run the benchmark (the default)."`
	Memory  memoryCommand  `cmd:"" help:"Fill memory with lives and measure ingest, recall and size."`
	Privacy privacyCommand `cmd:"" help:"Erase people and measure how fast, how thoroughly, and at whose expense."`
	Plan    planCommand    `cmd:"" help:"Measure what meai plan rests on, and hold its model to a real load."`
	Export  exportCommand  `cmd:"" help:"Export a person with much in memory, and measure time and memory."`

	WriteExport writeExportCommand `cmd:"" hidden:"" help:"Export one person."`
	Bare        bareCommand        `cmd:"" hidden:"" help:"Run the workers of the bare chain."`
}

// target is what is measured.
type target struct {
	Config      string `env:"MEAI_TEST_CONFIG" required:"" type:"path" help:"Configuration of the engines, as meai-local writes it."`
	Meai        string `default:".local/bin/meai" type:"path" help:"The binary to measure."`
	Declaration string `default:"temporal.yaml" type:"path" help:"Tuning of the task queues."`
}

type measureCommand struct {
	target `embed:""`

	Clients []int         `default:"1,8,32" help:"Concurrent clients, one measurement for each."`
	Round   time.Duration `default:"8s" help:"Length of one round; every measurement has several, in turns."`
	Rounds  int           `default:"3" help:"Rounds of each kind in a measurement."`
	Only    string        `default:"all" enum:"all,search" help:"What to measure: ${enum}."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("bench"), kong.Description("Measures MeAi end to end beside a bare Temporal chain of the same shape."))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run()
	stop()
	parser.FatalIfErrorf(err)
}

// Run measures and prints the report.
func (m measureCommand) Run(ctx context.Context) (err error) {
	cfg, err := config.Load(m.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	declared, err := cluster.Load(m.Declaration)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "meai-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	sealed, open, err := m.install(ctx, cfg, work)
	if err != nil {
		return err
	}
	product, err := startProduct(ctx, m.target, sealed)
	if err != nil {
		return err
	}
	defer product.stop()
	time.Sleep(settled)
	fmt.Printf("Idle resident memory of meai up: %d MB\n\n", product.residentMegabytes())
	if err := m.search(ctx, product); err != nil || m.Only == "search" {
		return err
	}
	for answered := 0; answered < 2*leastSampled; {
		warm, err := warmUp(ctx, product)
		if err != nil {
			return err
		}
		answered += len(warm.latencies)
	}
	like, err := product.shape(ctx, cfg)
	if err != nil {
		return err
	}
	like.print()
	bare, err := startBare(ctx, m, cfg, declared, like)
	if err != nil {
		return err
	}
	defer bare.stop()
	null, err := startProduct(ctx, m.target, open)
	if err != nil {
		return err
	}
	defer null.stop()
	for _, s := range []side{bare, null} {
		if _, err := warmUp(ctx, s); err != nil {
			return err
		}
	}
	for _, clients := range m.Clients {
		if err := m.compare(ctx, clients, product, null, bare); err != nil {
			return err
		}
	}
	product.printSteps()
	fmt.Printf("\nResident memory of meai up after the load: %d MB\n", product.residentMegabytes())
	return nil
}

// settled is when a process that became ready has done what it does in the background.
const settled = 5 * time.Second

// warmUp has statements compiled, caches filled and connections opened.
func warmUp(ctx context.Context, s side) (result, error) {
	r, err := drive(ctx, s, 2, 3*time.Second)
	if err != nil {
		return r, fmt.Errorf("warm up %s: %w", s.name(), err)
	}
	return r, nil
}

// compare runs rounds of all sides in turns and prints them, with the ratios of
// the first to each of the others.
func (m measureCommand) compare(ctx context.Context, clients int, sides ...side) error {
	results := make([]result, len(sides))
	rates := make([][]float64, len(sides))
	for round := range m.Rounds {
		for i, s := range sides {
			fmt.Fprintf(os.Stderr, "%d clients, round %d of %d: %s\n", clients, round+1, m.Rounds, s.name())
			got, err := drive(ctx, s, clients, m.Round)
			if err != nil {
				return fmt.Errorf("%s at %d clients: %w", s.name(), clients, err)
			}
			results[i].add(got)
			rates[i] = append(rates[i], got.rate())
		}
	}
	fmt.Printf("%d concurrent clients, %d rounds of %s each\n", clients, m.Rounds, m.Round)
	fmt.Printf("  %-18s %8s %10s %10s %10s %10s\n", "", "count", "per second", "p50 ms", "p95 ms", "p99 ms")
	for i, s := range sides {
		fmt.Printf("  %-18s %s\n", s.name(), results[i])
	}
	a := results[0]
	for i, b := range results[1:] {
		worst, best := spread(rates[0], rates[i+1])
		fmt.Printf("  %-18s %8s %10.2f %10.2f %10.2f %10.2f   (rate by round: %.2f to %.2f)\n", "over "+sides[i+1].name(), "",
			a.rate()/b.rate(), over(a, b, .5), over(a, b, .95), over(a, b, .99), worst, best)
	}
	fmt.Println()
	return nil
}

// spread is the least and the greatest ratio of two sides' rates in one round.
func spread(a, b []float64) (least, greatest float64) {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return slices.Min(ratios), slices.Max(ratios)
}

// side is one of the systems that are compared.
type side interface {
	name() string
	// client returns a function that does one interaction and returns when its
	// answer is there. Clients share nothing.
	client(ctx context.Context) (func(context.Context) error, error)
}

// result is what some rounds measured.
type result struct {
	latencies []time.Duration
	elapsed   time.Duration
}

func (r *result) add(o result) {
	r.latencies = append(r.latencies, o.latencies...)
	r.elapsed += o.elapsed
}

func (r result) rate() float64 { return float64(len(r.latencies)) / r.elapsed.Seconds() }

// quantile is the smallest latency that at least q of the sample do not exceed.
func (r result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.latencies))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (r result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8d %10.1f", len(r.latencies), r.rate())
	for _, q := range []float64{.5, .95, .99} {
		fmt.Fprintf(&b, " %10.1f", milliseconds(r.quantile(q)))
	}
	return b.String()
}

func over(a, b result, q float64) float64 {
	return float64(a.quantile(q)) / float64(cmp.Or(b.quantile(q), 1))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
