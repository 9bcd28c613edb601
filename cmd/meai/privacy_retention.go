package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/retention"
	"meai/workflows"
)

type retentionCommand struct {
	Run      retentionRunCommand      `cmd:"" help:"Delete what is older than it is kept, or only count it."`
	Report   retentionReportCommand   `cmd:"" help:"Show what a run deleted, what it did not, and why."`
	Simulate retentionSimulateCommand `cmd:"" help:"Show what the coming days will delete, and every conflict."`
}

type retentionRunCommand struct {
	DryRun   bool `help:"Delete nothing; the report counts what would go."`
	PageSize int  `help:"People per step." default:"100"`
	NoWait   bool `help:"Start it, print its workflow id and return."`
}

func (retentionRunCommand) Help() string {
	return `Starts the workflow Retention on queue batch, which the schedule nightly-retention starts each night, or joins the one that
is running, shows how far it is, and prints its report. Stopping this command does not stop the workflow; 'temporal workflow
cancel' does, which leaves everything whole: the report says how far it came, the next run goes on. By hand:

  temporal workflow start --task-queue batch --type Retention --workflow-id privacy/retention --input '{}'
  temporal workflow start --task-queue batch --type Retention --workflow-id privacy/retention/dry-run --input '{"dry_run":true}'

How long what is kept is in the data map ('meai privacy map'). Nothing of a person goes for its age while a legal hold, an open
request of theirs or a restriction says so; the report counts that.`
}

func (r retentionRunCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer p.close(&err)
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	run, err := (&workflows.Starter{Client: temporal}).StartRetention(ctx, workflows.RetentionInput{DryRun: r.DryRun, PageSize: r.PageSize})
	if err != nil {
		return err
	}
	if err := follow[workflows.RetentionProgress](ctx, temporal, run, r.NoWait); err != nil || r.NoWait {
		return err
	}
	var done workflows.RetentionProgress
	if err := run.Get(ctx, &done); err != nil {
		return fmt.Errorf("read how the run ended: %w", err)
	}
	store, err := p.retentionStore(ctx)
	if err != nil {
		return err
	}
	report, err := store.Report(ctx, done.Report)
	if err != nil {
		return err
	}
	return writeRetention(os.Stdout, report, false)
}

type retentionReportCommand struct {
	Report uuid.UUID `arg:"" optional:"" help:"Of this run; of the newest when left out."`
	All    bool      `help:"Also what something else ends."`
	JSON   bool      `help:"Print JSON." xor:"form"`
	Note   bool      `help:"Print the signed note." xor:"form"`
}

func (retentionReportCommand) Help() string {
	return `Reads PostgreSQL alone. The report is a note that this system has signed; its signature is checked before anything is shown.

"kept" counts what is old enough and stayed: legal_hold and held_item (a hold names the person, or the item), open_request (it
is evidence for a request that is not answered), processing_restricted (stored and not used), being_erased (the erasure has it).`
}

func (r retentionReportCommand) Run(ctx context.Context, c *cli) error {
	return onRetention(ctx, c, func(store *retention.Store) error {
		report, err := newestOr(r.Report, "retention", func() ([]retention.Report, error) { return store.Reports(ctx, uuid.Nil, 1) },
			func(id uuid.UUID) (retention.Report, error) { return store.Report(ctx, id) })
		switch {
		case err != nil:
			return err
		case r.Note:
			_, err := fmt.Print(report.Note)
			return err
		case r.JSON:
			return indented(report)
		}
		return writeRetention(os.Stdout, report, r.All)
	})
}

// newestOr reads the report that is named, or the newest.
func newestOr[T any](id uuid.UUID, of string, newest func() ([]T, error), named func(uuid.UUID) (T, error)) (report T, err error) {
	if id != uuid.Nil {
		return named(id)
	}
	list, err := newest()
	if err != nil {
		return report, err
	}
	if len(list) == 0 {
		return report, fmt.Errorf("there is no report on %s yet", of)
	}
	return list[0], nil
}

func indented(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// onRetention opens what looking at reports needs.
func onRetention(ctx context.Context, c *cli, do func(*retention.Store) error) (err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer p.close(&err)
	store, err := p.retentionStore(ctx)
	if err != nil {
		return err
	}
	return do(store)
}

func writeRetention(out io.Writer, r retention.Report, all bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	went := "deleted"
	if r.DryRun {
		went = "would go"
	}
	errs := []error{
		line(w, "run %s, %s, %s", r.ID, r.BeganAt.Format(time.RFC3339), r.State),
		line(w, "%d people, %d of them being erased, %d left to the next run; partitions: %d dropped, %d kept, %d busy\n",
			r.People, r.Inactive, r.Failed, r.Partitions.Dropped, r.Partitions.Kept, r.Partitions.Busy),
		line(w, "rule\tcategory\tdays\t%s\tkept", went),
	}
	for _, rule := range r.Rules {
		var kept []string
		for _, why := range []retention.Reason{retention.LegalHold, retention.HeldItem, retention.OpenRequest, retention.Restricted, retention.BeingErased} {
			if n := rule.Kept[why]; n > 0 {
				kept = append(kept, fmt.Sprintf("%d %s", n, why))
			}
		}
		errs = append(errs, line(w, "%s\t%s\t%d\t%d\t%s", rule.Rule, rule.Category, rule.Days, rule.Deleted, strings.Join(kept, ", ")))
	}
	if all {
		errs = append(errs, line(w, "\nelsewhere\tcategory\tdays\treason\t"))
		for _, e := range r.Elsewhere {
			errs = append(errs, line(w, "%s\t%s\t%d\t%s\t", e.Store, e.Category, e.Days, e.Reason))
		}
	}
	return errors.Join(append(errs, w.Flush())...)
}

type retentionSimulateCommand struct {
	Days int    `default:"30" help:"How many days to look ahead, today being the first."`
	HTML string `name:"html" type:"path" help:"Write a page with a picture to this file." placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`
}

func (retentionSimulateCommand) Help() string {
	return `Counts, for everybody, what becomes old enough on each of the coming days (UTC), by category, if nothing is added and a run
takes place each day. It changes nothing and reads PostgreSQL and, where people are to be erased, the bucket of archives.

Conflicts are where two promises do not go together: rows that are old enough and stay (a legal hold, an open request, a
restriction, an erasure under way), an erasure before the seven years are over (it wins, unless a hold says so), archives in a bucket
that keeps them longer (they are unreadable without the person's keys), backups that last longer (sealed, until they expire).`
}

func (s retentionSimulateCommand) Run(ctx context.Context, c *cli) error {
	return onRetention(ctx, c, func(store *retention.Store) error {
		sim, err := store.Simulate(ctx, s.Days)
		if err != nil {
			return err
		}
		if s.HTML != "" {
			if err := writePage(s.HTML, sim); err != nil {
				return err
			}
		}
		if s.JSON {
			return indented(sim)
		}
		return writeSimulation(os.Stdout, sim)
	})
}

func writePage(path string, sim retention.Simulation) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	return errors.Join(sim.WriteHTML(file), file.Close())
}

// writeSimulation is a line for each day on which anything goes, then the conflicts.
func writeSimulation(out io.Writer, sim retention.Simulation) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	days, categories, rows := sim.ByDay()
	errs := []error{line(w, "%d rows go in the %d days from %s.\n", sim.Total(), sim.Days, sim.From.Format(time.DateOnly))}
	if len(days) > 0 {
		errs = append(errs, line(w, "day\t%s\tall", strings.Join(categories, "\t")))
	}
	for _, day := range days {
		cells, sum := []string{day.Format(time.DateOnly)}, int64(0)
		for _, category := range categories {
			cells, sum = append(cells, fmt.Sprint(rows[day][category])), sum+rows[day][category]
		}
		errs = append(errs, line(w, "%s\t%d", strings.Join(cells, "\t"), sum))
	}
	errs = append(errs, w.Flush())
	conflicts := []string{"\nNo conflicts."}
	if len(sim.Conflicts) > 0 {
		conflicts = []string{"\nConflicts:"}
	}
	for _, c := range sim.Conflicts {
		conflicts = append(conflicts, "  "+c.String())
	}
	_, err := fmt.Fprintln(out, strings.Join(conflicts, "\n"))
	return errors.Join(append(errs, err)...)
}
