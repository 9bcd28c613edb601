package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/failover"
	"meai/workflows"
)

type failoverCommand struct {
	Plan    failoverPlanCommand    `cmd:"" help:"Show what a failover would do now and what speaks against it, and do nothing."`
	Start   failoverStartCommand   `cmd:"" help:"Fail over as a workflow of the control plane."`
	Run     failoverRunCommand     `cmd:"" help:"Fail over, or go on with a failover, without Temporal."`
	Approve failoverApproveCommand `cmd:"" help:"Override the gate of a failover that waits, with the approval of two persons."`
	Cancel  failoverCancelCommand  `cmd:"" help:"Take a failover back, up to the commit point."`
	Status  failoverStatusCommand  `cmd:"" help:"Show failovers, step by step."`
	Report  failoverReportCommand  `cmd:"" help:"Print the signed report of a failover."`
	Health  failoverHealthCommand  `cmd:"" help:"Show how far the other region's copies are behind: what would be lost now."`
}

func (failoverCommand) Help() string {
	return `Moves the product to the other region. Steps: detect, gate, approve, fence (the commit point: up to here everything can be
taken back, from here everything goes forward), await, promote, verify, release, route, repair, measure, rejoin, report. They are
in a journal in etcd, so whoever runs them may be lost: another one goes on. docs/runbooks/failover.md is for the night.

  meai failover plan                  what would happen, what would be lost
  meai failover start                 the primary is lost; --planned hands over from one that is well, and back again
  meai failover run                   the same where the control plane's Temporal is gone; --id goes on with what was begun`
}

// failoverWish is what is asked for.
type failoverWish struct {
	To       string    `help:"The region that is to serve; the other one when left out." placeholder:"REGION"`
	Planned  bool      `help:"Hand over from a primary that is well. Nothing is lost."`
	Approval uuid.UUID `help:"An approval of the system itself (act override_failover), while the old region serves." placeholder:"UUID"`
	Document string    `type:"path" help:"The approval, signed by two others ('meai approval request override_failover --parameter region=REGION')." placeholder:"FILE"`
	ID       uuid.UUID `help:"Id of the failover; a new one when left out." placeholder:"UUID"`
}

func (w failoverWish) input() (failover.Input, error) {
	in := failover.Input{ID: w.ID, To: w.To, Planned: w.Planned, Approval: w.Approval}
	if w.Document == "" {
		return in, nil
	}
	document, err := readDocument(w.Document)
	in.Document = string(document)
	return in, err
}

type failoverPlanCommand struct {
	failoverWish
	JSON bool `help:"Print JSON."`
}

func (f failoverPlanCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	in, err := f.input()
	if err != nil {
		return err
	}
	plan, look, judgement, err := controller.Preview(ctx, in)
	if err != nil {
		return err
	}
	if f.JSON {
		return indented(map[string]any{"plan": plan, "look": look, "judgement": judgement})
	}
	fmt.Printf("from      %s, epoch %d, replication %s\n", plan.From, plan.Epoch, look.Mode)
	fmt.Printf("to        %s, timeline %d, %s behind\n", plan.To, look.Standby.Timeline, secondsOf(look.Standby.Lag))
	fmt.Printf("gate      %s\n", saidOf(judgement))
	fmt.Printf("loss      %s\n", lossOf(judgement))
	return nil
}

func secondsOf(s float64) string {
	if s < 0 {
		return "nobody knows how far"
	}
	return fmt.Sprintf("%.1f s", s)
}

func lossOf(j failover.Judgement) string {
	switch {
	case j.Lossless:
		return "none"
	case j.Loss < 0:
		return "unknown"
	default:
		return fmt.Sprintf("at most %.1f s", j.Loss)
	}
}

func saidOf(j failover.Judgement) string {
	if j.Passes {
		return "passes"
	}
	words := make([]string, len(j.Reasons))
	for i, r := range j.Reasons {
		words[i] = string(r)
	}
	said := "refuses: " + strings.Join(words, ", ")
	if j.Final {
		return said + "; nobody can override that"
	}
	return said + "; two persons can override that"
}

type failoverStartCommand struct {
	failoverWish
	Detach bool `help:"Do not follow it."`
}

func (f failoverStartCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	in, err := f.input()
	if err != nil {
		return err
	}
	if in.ID == uuid.Nil {
		in.ID = uuid.New()
	}
	failovers, err := p.failovers(ctx, controller)
	if err != nil {
		return err
	}
	run, err := failovers.Start(ctx, in)
	if err != nil {
		return fmt.Errorf("%w\nwithout the control plane's Temporal: meai failover run", err)
	}
	fmt.Println("failover", in.ID)
	if f.Detach {
		return nil
	}
	return followFailover(ctx, failovers, in.ID, run)
}

// followFailover prints each step as it is done.
func followFailover(ctx context.Context, failovers *workflows.Failovers, id uuid.UUID, run client.WorkflowRun) error {
	ended := make(chan error, 1)
	var last workflows.FailoverProgress
	go func() { ended <- run.Get(ctx, &last) }()
	shown, failing := 0, ""
	show := func(p workflows.FailoverProgress) {
		for ; shown < len(p.Steps); shown++ {
			printStep(p.Steps[shown])
		}
		if len(p.Refused) > 0 {
			fmt.Printf("%-9s waits for two persons: %v\n", p.Step, p.Refused)
		}
		if p.Failing != "" && p.Failing != failing {
			fmt.Printf("%-9s %s\n", p.Step, p.Failing)
		}
		failing = p.Failing
	}
	for ticks := time.NewTicker(time.Second); ; {
		select {
		case err := <-ended:
			ticks.Stop()
			show(last)
			if err == nil {
				fmt.Println(last.State)
			}
			return err
		case <-ticks.C:
		}
		if p, err := failovers.Progress(ctx, id); err == nil {
			show(p)
		}
	}
}

func printStep(d failover.Done) {
	text := pairs(d.Found)
	if d.Judgement != nil {
		text = strings.TrimSpace(text + " " + saidOf(*d.Judgement))
	}
	if d.Counted != nil && d.Counted.Lost {
		text = fmt.Sprintf("lost since %s (%s), %d of %d observers", d.Counted.DownSince.Format(time.TimeOnly), d.Counted.Reason, d.Counted.Ill, d.Counted.Sites)
	}
	if d.Measured != nil {
		text = fmt.Sprintf("writable after %.1f s, lost %s by %s, %d of %d acknowledged interactions missing",
			d.Measured.Writable, secondsOf(d.Measured.Loss), d.Measured.Basis, d.Measured.Missing.Count, d.Measured.Missing.Acknowledged)
	}
	fmt.Printf("%-9s %6.1f s  %s\n", d.Step, d.EndedAt.Sub(d.BegunAt).Seconds(), text)
}

type failoverRunCommand struct {
	failoverWish
	Supersede uuid.UUID `help:"End this failover first, which has committed and does not come to its end because the region that was to serve is lost as well." placeholder:"UUID"`
}

func (failoverRunCommand) Help() string {
	return `Runs the steps in this process, on the same journal as the workflow. With --id it goes on with a failover whose runner is gone;
while somebody runs it, it waits. It can be stopped and repeated at any point. What the gate refuses is taken back: begin it
again with --document.`
}

func (f failoverRunCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	in, err := f.input()
	if err != nil {
		return err
	}
	if f.Supersede != uuid.Nil {
		if err := supersede(ctx, controller, f.Supersede); err != nil {
			return err
		}
	}
	last := ""
	tell := func(step string, done failover.Done, err error) {
		if err == nil {
			printStep(done)
		} else if text := fmt.Sprintf("%-9s %v", step, err); text != last {
			last = text
			fmt.Println(text)
		}
	}
	if in.ID == uuid.Nil {
		in.ID = uuid.New()
		fmt.Println("failover", in.ID)
	}
	return controller.Carry(ctx, in, tell)
}

func supersede(ctx context.Context, controller *failover.Controller, id uuid.UUID) error {
	run, err := controller.Resume(ctx, failover.Input{ID: id})
	if err != nil {
		return err
	}
	return errors.Join(run.Supersede(ctx), run.Close(ctx))
}

type failoverApproveCommand struct {
	ID       uuid.UUID `arg:"" help:"The failover."`
	Document string    `type:"path" help:"The approval, signed by two others." placeholder:"FILE"`
	Approval uuid.UUID `help:"An approval of the system itself, while the old region serves." placeholder:"UUID"`
}

func (f failoverApproveCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	in, err := failoverWish{Document: f.Document, Approval: f.Approval}.input()
	if err != nil {
		return err
	}
	failovers, err := p.failovers(ctx, controller)
	if err != nil {
		return err
	}
	if err := failovers.Approve(ctx, f.ID, in.Approval, in.Document); err != nil {
		return fmt.Errorf("override the gate: %w", err)
	}
	return nil
}

type failoverCancelCommand struct {
	ID uuid.UUID `arg:"" help:"The failover."`
}

func (failoverCancelCommand) Help() string {
	return `Through the workflow where there is one, else in the journal. Behind the commit point it fails: where writes belong is decided.`
}

func (f failoverCancelCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	failovers, err := p.failovers(ctx, controller)
	if err != nil {
		return err
	}
	return failovers.Cancel(ctx, f.ID)
}

type failoverStatusCommand struct {
	ID   uuid.UUID `arg:"" optional:"" help:"The failover; all of them when left out."`
	JSON bool      `help:"Print JSON."`
}

func (f failoverStatusCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	all, err := controller.History(ctx)
	if f.ID != uuid.Nil {
		var h failover.History
		h, err = controller.Look(ctx, f.ID)
		all = []failover.History{h}
	}
	if err != nil {
		return err
	}
	if f.JSON {
		return indented(all)
	}
	for _, h := range all {
		state := "under way, at " + h.Next
		if h.Result != nil {
			state = h.Result.State + " " + h.Result.At.Format(time.RFC3339)
		}
		fmt.Printf("%s  %s to %s, epoch %d to %d, planned %s: %s\n", h.ID, h.Plan.From, h.Plan.To, h.Plan.Epoch, h.Plan.Epoch+1, h.Plan.At.Format(time.RFC3339), state)
		if f.ID != uuid.Nil {
			for _, done := range h.Steps {
				printStep(done)
			}
		}
	}
	return nil
}

type failoverReportCommand struct {
	ID uuid.UUID `arg:"" help:"The failover."`
}

func (failoverReportCommand) Help() string {
	return `Prints the signed note (golang.org/x/mod/sumdb/note): one line of JSON, an empty line, the signature of the system's keyring.`
}

func (f failoverReportCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	h, err := controller.Look(ctx, f.ID)
	if err != nil {
		return err
	}
	if h.Note == "" {
		return errors.New("there is no report yet")
	}
	_, err = fmt.Print(h.Note)
	return err
}
