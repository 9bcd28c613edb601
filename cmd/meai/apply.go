package main

import (
	"context"
	"fmt"
	"time"

	"meai/internal/cluster"
)

type applyCommand struct {
	DryRun  bool          `help:"Show what would change and change nothing."`
	Timeout time.Duration `default:"2m" help:"Give up after this long."`
}

func (a applyCommand) Help() string {
	return `Creates or updates the namespace, search attributes and schedules that temporal.yaml declares, and prints
each change. Running it again changes nothing. What the file does not name is left alone. Schedules that the end of a
quarantine has paused run again. Needs the database, which must be migrated and in no quarantine.`
}

func (a applyCommand) Run(ctx context.Context, c *cli) (err error) {
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
