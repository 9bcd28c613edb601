package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"meai/api/client"
)

// fleet is the product as it is deployed: the API and the workers of each queue in processes of
// their own, so that the kernel tells what each of them takes.
type fleet struct {
	*product
	workers map[string]*exec.Cmd // by queue
	folder  string               // of the engines
	// looking is what taking accounts has cost this process; it is no message's.
	looking time.Duration
}

// served are the queues that have a process of their own; the others share one, as "queue batch".
var served = []string{"synthesis", "mirror", "truthfilter", "memory", "batch"}

func startFleet(ctx context.Context, m target, in installation) (*fleet, error) {
	api, err := start(ctx, m, in, "api")
	if err != nil {
		return nil, err
	}
	f := &fleet{product: api, workers: map[string]*exec.Cmd{}, folder: filepath.Dir(m.Config)}
	for _, queue := range served {
		args := []string{"worker", "--queue", queue}
		if queue == "batch" {
			args = append(args, "--queue", "privacy", "--queue", "operations")
		}
		cmd := in.command(m, "127.0.0.1:1", args...) // workers serve no API
		if err := cmd.Start(); err != nil {
			f.stop()
			return nil, fmt.Errorf("start the worker of %s: %w", queue, err)
		}
		f.workers[queue] = cmd
	}
	return f, nil
}

func (f *fleet) stop() {
	for _, cmd := range f.workers {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			_ = cmd.Wait() // how it ended was logged by itself
		}
	}
	f.product.stop()
}

// calm is how many of the messages are answered in the usual way. The one after them reads as a call for help,
// which people send far more seldom than every fourth time, and which is answered faster.
const calm = 3

// write is a person who writes: the n-th message, and back when its answer is there.
type write func(ctx context.Context, n int) error

// people who write, each with a message behind them, so that nothing is done for the first time. The
// first answer waits until all workers are there.
func (f *fleet) people(ctx context.Context, n int) ([]write, error) {
	people := make([]write, n)
	for i := range people {
		api, session, err := f.person(ctx)
		if err != nil {
			return nil, err
		}
		wait := "wait=30"
		people[i] = func(ctx context.Context, n int) error {
			got, err := api.CreateInteractionWithResponse(ctx, session,
				&client.CreateInteractionParams{IdempotencyKey: uuid.NewString(), Prefer: &wait},
				client.NewInteraction{Input: client.InteractionInput{Text: messages[n%calm]}})
			switch {
			case err != nil:
				return err
			case got.JSON201 == nil || got.JSON201.Response == nil:
				return fmt.Errorf("no answer: %s", got.Status())
			case len(got.JSON201.Response.Degraded) > 0:
				return fmt.Errorf("a degraded answer does not count: %v", got.JSON201.Response.Degraded)
			}
			return nil
		}
		if err := untilAnswered(ctx, people[i]); err != nil {
			return nil, fmt.Errorf("the first message: %w", err)
		}
	}
	return people, nil
}

// untilAnswered writes until an answer comes that lacks nothing, as long as workers may take to start.
func untilAnswered(ctx context.Context, person write) error {
	for began := time.Now(); ; {
		err := person(ctx, 0)
		if err == nil || ctx.Err() != nil || time.Since(began) > 3*time.Minute {
			return err
		}
	}
}

// account is CPU time at a moment, by who took it, as plan.Measured calls them; "others" is everybody
// else on the machine.
type account struct {
	at  time.Time
	cpu map[string]time.Duration
}

// client is who writes and measures.
const writing, others = "client", "others"

func (f *fleet) account() account {
	began := ownCPU()
	defer func() { f.looking += ownCPU() - began }()
	all := processes()
	a := account{at: time.Now(), cpu: map[string]time.Duration{writing: began - f.looking}}
	known := map[int]string{f.cmd.Process.Pid: "api", os.Getpid(): writing}
	for queue, cmd := range f.workers {
		known[cmd.Process.Pid] = "queue " + queue
	}
	postmaster := 0
	if raw, err := os.ReadFile(filepath.Join(f.folder, "postgres", "data", "postmaster.pid")); err == nil {
		postmaster, _ = strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0]) // 0 is nobody
	}
	for pid, p := range all {
		who, told := known[pid]
		switch {
		case told:
		case pid == postmaster || (p.parent == postmaster && postmaster != 0):
			who = "engine postgresql"
		case strings.HasPrefix(p.name, "weaviate") && mentions(pid, "environ", f.folder):
			who = "engine weaviate"
		case strings.HasPrefix(p.name, "meai-local") && mentions(pid, "cmdline", filepath.Base(f.folder)):
			who = "engine temporal" // the server is part of it
		default:
			who = others
		}
		if who != writing {
			a.cpu[who] += p.own
			if who != "engine temporal" { // whose ended children are other engines
				a.cpu[who] += p.reaped
			}
		}
	}
	return a
}

func mentions(pid int, file, what string) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	return err == nil && strings.Contains(string(raw), what)
}

// since is what was taken since an earlier account.
func (a account) since(before account) account {
	d := account{cpu: map[string]time.Duration{}, at: time.Time{}.Add(a.at.Sub(before.at))}
	for who, t := range a.cpu {
		d.cpu[who] = max(0, t-before.cpu[who])
	}
	return d
}

func (a account) lasted() time.Duration { return a.at.Sub(time.Time{}) }

// total is what the product, its engines and the client have taken.
func (a account) total() (sum time.Duration) {
	for who, t := range a.cpu {
		if who != others {
			sum += t
		}
	}
	return sum
}

// others is how many cores everybody else has kept busy.
func (a account) others() float64 { return a.cpu[others].Seconds() / a.lasted().Seconds() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
