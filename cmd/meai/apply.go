package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"meai/cmd/meai/internal/manifests"
	"meai/internal/cluster"
	"meai/internal/config"
	"meai/workers"
)

type applyCommand struct {
	DryRun      bool          `help:"Show what would change and change nothing."`
	Timeout     time.Duration `default:"2m" help:"Give up after this long."`
	Kubernetes  bool          `help:"Write Kubernetes objects instead, and ask nobody."`
	Declaration string        `default:"temporal.yaml" env:"MEAI_TEMPORAL_DECLARATION" type:"path" placeholder:"FILE" help:"What --kubernetes reads (temporal.yaml); without it, temporal.declaration counts."`
}

func (a applyCommand) Help() string {
	return `Creates or updates the namespace, search attributes and schedules that temporal.yaml declares, and prints
each change. Running it again changes nothing. What the file does not name is left alone. Schedules that the end of a
quarantine has paused run again. Needs the database, which must be migrated and in no quarantine.

With --kubernetes it writes the Deployments of the API and of each task queue's workers, with their sizes, disruption
budgets and KEDA autoscalers, as scaling in that file declares them. 'make generate' keeps them in deploy/kubernetes/base.`
}

func (a applyCommand) Run(ctx context.Context, c *cli) (err error) {
	if a.Kubernetes {
		return a.kubernetes(os.Stdout)
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	p, err := open(ctx, c, "meai-apply")
	if err != nil {
		return err
	}
	defer p.close(&err)
	if !a.DryRun {
		if err := p.serving(ctx); err != nil {
			return err
		}
	}
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	changes, err := cluster.Applier{
		Client: temporal, Namespace: p.config.Temporal.Namespace, Declared: p.declaration.With(p.configured()...), DryRun: a.DryRun,
		Report: func(c cluster.Change) { fmt.Println(c) },
	}.Apply(ctx)
	if err != nil {
		return fmt.Errorf("apply %s: %w", p.config.Temporal.Declaration, err)
	}
	switch {
	case len(changes) == 0:
		fmt.Println("The cluster matches the declaration; nothing to change.")
	case a.DryRun:
		fmt.Printf("%d changes would be made.\n", len(changes))
	default:
		fmt.Printf("%d changes made.\n", len(changes))
	}
	return nil
}

// kubernetes depends on nothing but the file and the program's own times: what it writes is
// compared with what is committed.
func (a applyCommand) kubernetes(w io.Writer) error {
	declared, err := cluster.Load(a.Declaration)
	if err != nil {
		return err
	}
	options := manifests.Options{Drain: workers.DrainTimeout}
	for _, key := range config.Keys() {
		switch key.Path {
		case "temporal.namespace":
			options.Namespace = key.Default
		case "api.shutdown_timeout":
			if options.Shutdown, err = time.ParseDuration(key.Default); err != nil {
				return fmt.Errorf("default of %s: %w", key.Path, err)
			}
		}
	}
	return manifests.Write(w, declared, options)
}

// configured is what schedules may need and the configuration has.
func (p *parts) configured() []string {
	b := p.config.Backup
	var all []string
	for need, there := range map[string]bool{
		"backups": b.Bucket != "", "index_backups": b.Bucket != "" && b.WeaviateBucket != "", "copies": b.Second != "" && b.Copy != "", "archives": b.Archive != "",
	} {
		if there {
			all = append(all, need)
		}
	}
	return all
}
