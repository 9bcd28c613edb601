package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/internal/audit"
	"meai/internal/flags"
	"meai/internal/postgres"
)

type flagsCommand struct {
	List    flagsListCommand    `cmd:"" default:"withargs" help:"Show what can be switched off, and what is (the default)."`
	Set     flagsSetCommand     `cmd:"" help:"Switch a part off or on, while everything runs."`
	History flagsHistoryCommand `cmd:"" help:"Show who switched what, when and why."`
}

func (flagsCommand) Help() string {
	return `A part of MeAi that makes trouble is switched off here, and the rest goes on: no process is started again. Every process has
the change within about three seconds, and each change is in the audit log. Messages that are under way end as they began.
What keeps people safe has no switch. docs/resilience.md says what each one does.`
}

type flagsListCommand struct{}

func (flagsListCommand) Run(ctx context.Context, c *cli) error {
	return withFlags(ctx, c, func(s *flags.Store) error {
		list, err := s.Current(ctx)
		if err != nil {
			return err
		}
		changed := map[flags.Flag]flags.Change{}
		for _, change := range list {
			changed[change.Flag] = change
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		errs := []error{line(out, "FLAG\tSTATE\tSINCE\tREASON\tWHAT IT IS")}
		for _, d := range flags.All {
			state, since, reason := "on", "", ""
			if change, switched := changed[d.Flag]; switched {
				state, since, reason = onOff(change.On), change.At.Format(time.RFC3339), change.Reason
			}
			errs = append(errs, line(out, "%s\t%s\t%s\t%s\t%s", d.Flag, state, since, reason, d.Means))
		}
		return errors.Join(append(errs, out.Flush())...)
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

type flagsSetCommand struct {
	Flag   string    `arg:"" help:"Which; meai flags list names them."`
	State  string    `arg:"" enum:"on,off" help:"${enum}."`
	By     uuid.UUID `required:"" help:"Your id, as GET /v1/me shows it. The records have your alias." placeholder:"UUID"`
	Reason string    `required:"" help:"Why, as a code such as incident_42: small letters, digits and _." placeholder:"CODE"`
}

func (f flagsSetCommand) Run(ctx context.Context, c *cli) error {
	return withFlags(ctx, c, func(s *flags.Store) error {
		by, err := s.Audit.Person(ctx, f.By)
		if err != nil {
			return err
		}
		changed, err := s.Set(ctx, by, flags.Flag(f.Flag), f.State == "on", f.Reason)
		if err != nil {
			return err
		}
		if !changed {
			_, err = fmt.Printf("%s is %s already\n", f.Flag, f.State)
			return err
		}
		_, err = fmt.Printf("%s is %s\n", f.Flag, f.State)
		return err
	})
}

type flagsHistoryCommand struct {
	Flag string `arg:"" optional:"" help:"Of this one alone."`
}

func (f flagsHistoryCommand) Run(ctx context.Context, c *cli) error {
	return withFlags(ctx, c, func(s *flags.Store) error {
		list, err := s.History(ctx, flags.Flag(f.Flag))
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		errs := []error{line(out, "AT\tFLAG\tSTATE\tREASON\tBY")}
		for _, change := range list {
			errs = append(errs, line(out, "%s\t%s\t%s\t%s\t%s", change.At.Format(time.RFC3339), change.Flag, onOff(change.On), change.Reason, change.By))
		}
		return errors.Join(append(errs, out.Flush())...)
	})
}

func withFlags(ctx context.Context, c *cli, do func(*flags.Store) error) (err error) {
	p, err := open(ctx, c, "meai-flags")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	return do(&flags.Store{DB: db, Audit: audit.New(audit.Options{DB: db, Keys: p.keys, Logger: p.telemetry.Logger})})
}

// without are the steps of an answer that are switched off now.
func (p *parts) without(ctx context.Context) (steps []interaction.Step) {
	for _, s := range []struct {
		flag flags.Flag
		step interaction.Step
	}{{flags.ResourceSearch, interaction.ResourceSearch}, {flags.MemoryRecall, interaction.MemoryRetrieval}} {
		if !p.switches.On(ctx, s.flag) {
			steps = append(steps, s.step)
		}
	}
	return steps
}

// openSwitches looks at the feature flags for as long as the process runs.
func (p *parts) openSwitches(ctx context.Context, db *postgres.DB, log *audit.Log) error {
	switches, stop, err := flags.Open(ctx, &flags.Store{DB: db, Audit: log}, p.telemetry.Logger)
	if err != nil {
		return err
	}
	p.closing(func() error { stop(); return nil })
	p.switches = switches
	return nil
}
