package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meai/cmd/meai/internal/drill"
	"meai/internal/config"
	"meai/internal/fence"
	"meai/internal/region"
)

type drillCommand struct {
	List drillListCommand `cmd:"" help:"List the drills, or the outcomes of those that were kept."`
	Run  drillRunCommand  `cmd:"" help:"Break a lab, again and again, under traffic, and measure."`
	Page drillPageCommand `cmd:"" help:"Write what was found as a page, and say whether the targets are met."`
}

func (drillCommand) Help() string {
	return `Rehearses the loss of a region. Drills need a lab ('meai-local up --regions 2', docs/runbooks/failover-lab.md), which can be told to cut
links and to kill sites; there is no way to point them at anything else. The one drill that regions in earnest know is a planned
handover, by a schedule: drills.schedule, where drills.allowed says so.

A drill starts the product, observers and the control worker in the lab, has people write at a share of what the lab can take,
and keeps a ledger of what they were told outside of it. Afterwards each of those messages must be there once and be answered.`
}

type drillListCommand struct {
	Kept bool `help:"List the outcomes of the drills that were done on these regions (drills.schedule), newest first."`
	JSON bool `help:"Print those as JSON."`
}

// Run prints what there is.
func (d drillListCommand) Run(ctx context.Context, c *cli) error {
	if d.Kept {
		return listKept(ctx, c, d.JSON)
	}
	for _, s := range drill.Scenarios {
		if _, err := fmt.Printf("%-14s %s\n", s.Name, s.What); err != nil {
			return err
		}
	}
	return nil
}

type drillRunCommand struct {
	Scenario []string      `arg:"" optional:"" help:"Which drills, in turns; all when left out." placeholder:"NAME"`
	Lab      string        `required:"" type:"existingfile" help:"lab.json of a running lab." placeholder:"FILE"`
	Runs     int           `default:"1" help:"How often each is run."`
	People   int           `default:"12" help:"How many people write."`
	Share    float64       `default:"0.5" help:"How much of what saturates the lab they write."`
	Saturate time.Duration `default:"10s" help:"How long is looked for what saturates it."`
	Before   time.Duration `default:"3s" help:"How long they write before it is broken."`
	After    time.Duration `default:"5s" help:"How long they write once it was made up for."`
	Patience time.Duration `default:"5m" help:"How long is waited for any one thing, as for a region to come back. Then the drill has failed, and says what it waited for and what it saw last."`
	Results  string        `type:"path" help:"Append each run's outcome to this file, as a line of JSON, for 'meai drill page'." placeholder:"FILE"`
	Strict   bool          `help:"Fail when a target is not met."`
}

func (d drillRunCommand) Run(ctx context.Context) (err error) {
	chosen, err := scenarios(d.Scenario)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	lab, err := drill.OpenLab(ctx, d.Lab)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(lab.Data, "drill.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of what runs in the lab: %w", err)
	}
	lab.Program, lab.Log = program, log
	defer func() { lab.Stop(); err = errors.Join(err, log.Close()) }()
	register, err := fence.OpenEtcd(fence.EtcdOptions{Endpoints: lab.Etcd["direct"], Cluster: "meai", Timeout: 2 * time.Second, Clock: fence.BootClock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, register.Close()) }()
	cfg, err := config.Load(lab.Sites[drill.A].Config, nil)
	if err != nil {
		return fmt.Errorf("the lab's configuration: %w", err)
	}
	servers, err := region.ParseServers(cfg.Regions.Postgres)
	if err != nil {
		return err
	}
	run := &drill.Drill{
		Lab: lab, Servers: servers, Lease: cfg.Regions.Lease, Mode: fence.Replication(cfg.Regions.Mode), Register: register, People: d.People, Share: d.Share, Before: d.Before, After: d.After, Patience: d.Patience, Out: os.Stderr,
		Handover: func(ctx context.Context, to string) error {
			return lab.Ask(ctx, drill.Control, nil, "failover", "run", "--planned", "--to", to)
		},
	}
	if err := run.Prepare(ctx, d.Saturate); err != nil {
		return err
	}
	return d.all(ctx, run, chosen)
}

func scenarios(names []string) (chosen []drill.Scenario, err error) {
	if len(names) == 0 {
		return drill.Scenarios, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(drill.Scenarios, func(s drill.Scenario) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no drill %q: 'meai drill list' lists them", name)
		}
		chosen = append(chosen, drill.Scenarios[i])
	}
	return chosen, nil
}

// all runs every scenario as often as was asked for. One that cannot be brought to its end is
// a miss; a lab that does not become whole again ends the rest: one that is half broken proves
// nothing.
func (d drillRunCommand) all(ctx context.Context, run *drill.Drill, chosen []drill.Scenario) error {
	var outcomes []drill.Outcome
	for n := range d.Runs {
		for _, s := range chosen {
			o, err := run.Once(ctx, s, n+1)
			outcomes = append(outcomes, o)
			fmt.Println(o)
			if err = errors.Join(err, d.keep(o)); err != nil {
				return fmt.Errorf("%s, run %d: %w", s.Name, n+1, err)
			}
		}
	}
	fmt.Println()
	fmt.Print(drill.Tables(outcomes))
	return d.judge(outcomes)
}

func (d drillRunCommand) judge(outcomes []drill.Outcome) error {
	if !d.Strict {
		return nil
	}
	return met(outcomes)
}

// met fails when a target is not met.
func met(outcomes []drill.Outcome) error {
	if missed := drill.Missed(outcomes); len(missed) > 0 {
		return errors.New("targets are not met: " + strings.Join(missed, "; "))
	}
	return nil
}

// keep writes down what was found.
func (d drillRunCommand) keep(o drill.Outcome) (err error) {
	if d.Results == "" {
		return nil
	}
	file, err := os.OpenFile(d.Results, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return json.NewEncoder(file).Encode(o)
}

type drillPageCommand struct {
	Results []string `arg:"" type:"existingfile" help:"What 'meai drill run --results' wrote, of one lab or of several." placeholder:"FILE"`
	Page    string   `type:"path" help:"The page; beside it are written its pictures." placeholder:"FILE"`
}

// Run writes the page, and fails when a target is not met.
func (d drillPageCommand) Run() error {
	var outcomes []drill.Outcome
	for _, path := range d.Results {
		more, err := readOutcomes(path)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, more...)
	}
	if d.Page != "" {
		text, pictures := drill.Page(outcomes)
		pictures[filepath.Base(d.Page)] = text
		for name, content := range pictures {
			if err := os.WriteFile(filepath.Join(filepath.Dir(d.Page), name), []byte(content), 0o644); err != nil {
				return err
			}
		}
	}
	return met(outcomes)
}

func readOutcomes(path string) (outcomes []drill.Outcome, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for lines := json.NewDecoder(file); ; {
		var o drill.Outcome
		if err := lines.Decode(&o); errors.Is(err, io.EOF) {
			return outcomes, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		outcomes = append(outcomes, o)
	}
}
