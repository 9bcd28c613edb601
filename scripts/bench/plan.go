package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meai/internal/config"
	"meai/internal/plan"
)

// planCommand measures what the planner (meai plan) rests on, and holds its model to a load
// that keeps coming whether answers do or not.
type planCommand struct {
	target `embed:""`

	Write    string        `type:"path" help:"Write what was measured to this file." placeholder:"FILE"`
	Messages int           `default:"120" help:"Messages from which service times are measured, one after the other."`
	Settle   time.Duration `default:"600ms" help:"Pause after each answer, in which what is left to do is done."`

	Drive bool          `help:"Then drive it at a rate and compare the measured p95 with the predicted one."`
	Rate  float64       `help:"Messages a second; 0 for --load's part of what the machine can do at most."`
	Load  float64       `default:"0.5" help:"Part of the machine to keep busy, where no rate is given."`
	For   time.Duration `default:"60s" help:"How long to drive."`
	Most  int           `default:"3000" help:"Messages at most."`
}

const (
	// writers are the people who write in turn.
	writers = 24
	// mostOpen is how many messages may wait for their answers; one more, and the machine does not keep up.
	mostOpen = 400
	// quiet is how many cores others may take for a figure to count.
	quietCores = 0.1
)

// Run measures and prints.
func (c planCommand) Run(ctx context.Context) (err error) {
	if c.Messages < 20 || !(c.Rate >= 0) || !(c.Load > 0 && c.Load < 1) || c.Most < 1 {
		return errors.New("at least 20 messages, a rate of 0 or more, a load between 0 and 1")
	}
	cfg, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	work, err := os.MkdirTemp("", "meai-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	in, err := newInstallation(ctx, cfg, work, "meai_bench_plan")
	if err != nil {
		return err
	}
	in.name, in.binary = "MeAi", c.Meai
	in.env = append(in.env, "MEAI_TELEMETRY_LOG_LEVEL=error")
	fleet, err := startFleet(ctx, c.target, in)
	if err != nil {
		return err
	}
	defer fleet.stop()
	people, err := fleet.people(ctx, writers)
	if err != nil {
		return err
	}
	measured, err := c.measure(ctx, fleet, people)
	if err != nil {
		return err
	}
	printMeasured(measured)
	if c.Write != "" {
		if err := writeMeasured(c.Write, measured); err != nil {
			return err
		}
	}
	if !c.Drive {
		return nil
	}
	return c.drive(ctx, fleet, people, measured)
}

func writeMeasured(path string, m plan.Measured) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write down what was measured: %w", err)
	}
	return os.WriteFile(filepath.Clean(path), append(raw, '\n'), 0o600)
}

// drive sends messages at random moments, each at its time whatever has become of the others, and
// compares.
func (c planCommand) drive(ctx context.Context, f *fleet, people []write, m plan.Measured) error {
	free := float64(m.Cores) - m.Idle
	rate := c.Rate
	if rate == 0 {
		rate = c.Load * free * 1000 / m.Total()
	}
	n := min(c.Most, int(rate*c.For.Seconds()))
	fmt.Printf("\n%.2f messages a second (%.0f %% of what the machine can do), %d of them\n", rate, 100*rate*m.Total()/1000/free, n)
	before := f.account()
	got, err := openLoop(ctx, people, rate, n)
	if err != nil {
		return err
	}
	spent := f.account().since(before)
	predicted := plan.Machine{Cores: m.Cores, Taken: m.Idle}.Answers(m, rate, 20000, 1)
	of := plan.NewTimes(predicted)
	fmt.Printf("  %-10s %10s %10s %10s\n", "", "p50 ms", "p95 ms", "mean ms")
	fmt.Printf("  %-10s %10.1f %10.1f %10.1f\n", "predicted", of.At(.5), of.At(.95), of.Mean)
	fmt.Printf("  %-10s %10.1f %10.1f %10.1f\n", "measured", got.At(.5), got.At(.95), got.Mean)
	fmt.Printf("  %-10s %10.2f %10.2f %10.2f\n", "ratio", of.At(.5)/got.At(.5), of.At(.95)/got.At(.95), of.Mean/got.Mean)
	fmt.Printf("CPU of a message: %.1f ms one at a time, %.1f ms at this rate\n", m.Total(), milliseconds(spent.total())/float64(n))
	taken := plan.NewTimes(plan.Machine{Cores: m.Cores, Taken: min(m.Idle+spent.others(), float64(m.Cores))}.Answers(m, rate, n, 1))
	fmt.Printf("Cores that others took meanwhile: %.2f; predicted with these p50 %.1f ms, p95 %.1f ms\n", spent.others(), taken.At(.5), taken.At(.95))
	if spent.others() > quietCores {
		fmt.Println("The machine was not quiet: the ratio says little.")
	} else if ratio := of.At(.95) / got.At(.95); ratio < 0.75 || ratio > 1.25 {
		return fmt.Errorf("predicted and measured p95 are more than 25 %% apart: %.2f", ratio)
	}
	return nil
}

// openLoop has n messages written at random moments, a rate of them a second, by people in turn, and
// returns how long each waited for its answer from the moment at which it was due.
func openLoop(ctx context.Context, people []write, rate float64, n int) (plan.Times, error) {
	random := rand.New(rand.NewPCG(7, 7))
	open := make(chan struct{}, mostOpen)
	var mu sync.Mutex
	var latencies []float64
	group, ctx := errgroup.WithContext(ctx)
	start, due := time.Now(), 0.0
	for i := range n {
		due += random.ExpFloat64() / rate
		at := start.Add(time.Duration(due * float64(time.Second)))
		select {
		case <-ctx.Done():
			return plan.Times{}, errors.Join(group.Wait(), ctx.Err())
		case <-time.After(time.Until(at)):
		}
		select {
		case open <- struct{}{}:
		default:
			return plan.Times{}, errors.Join(fmt.Errorf("%d messages wait: the machine does not keep up", mostOpen), group.Wait())
		}
		group.Go(func() error {
			defer func() { <-open }()
			if err := people[i%len(people)](ctx, i); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, milliseconds(time.Since(at)))
			return nil
		})
	}
	err := group.Wait()
	return plan.NewTimes(latencies), err
}

func printMeasured(m plan.Measured) {
	fmt.Printf("\n%d messages one at a time on %s\n", m.Messages, m.On)
	fmt.Printf("  answer: p50 %.1f ms, p95 %.1f ms; idle: %.2f of %d cores\n", m.Answer.At(.5), m.Answer.At(.95), m.Idle, m.Cores)
	fmt.Printf("  CPU of a message %.1f ms, %.1f of it when the answer is there\n", m.Total(), m.AnswerCPU)
	for _, who := range sortedKeys(m.CPU) {
		fmt.Printf("    %-22s %8.2f ms\n", who, m.CPU[who])
	}
	for _, s := range m.Steps {
		fmt.Printf("  %-24s %5.2f a message, mean %7.1f ms, p95 %7.1f ms\n", s.Name, s.PerMessage, s.Mean, s.At(.95))
	}
	for _, kind := range sortedKeys(m.Bytes) {
		fmt.Printf("  %-24s %8.0f bytes a message\n", kind, m.Bytes[kind])
	}
}

// cores of this machine.
func cores() int { return runtime.NumCPU() }
