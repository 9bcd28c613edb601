package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/retention"
	"meai/workflows"
)

type verifyEncryptionCommand struct {
	People int       `help:"Of how many people values are opened; 200 when left out." placeholder:"N"`
	Values int       `help:"How many of each of their columns; 5 when left out." placeholder:"N"`
	NoWait bool      `help:"Start it, print its workflow id and return."`
	Last   bool      `help:"Look at nothing; show the last report." xor:"what"`
	Report uuid.UUID `help:"Look at nothing; show this report." placeholder:"UUID" xor:"what"`
	JSON   bool      `help:"Print JSON." xor:"form"`
	Note   bool      `help:"Print the signed note." xor:"form"`
}

func (verifyEncryptionCommand) Help() string {
	return `Starts the workflow VerifyEncryption on queue batch, which the schedule weekly-encryption-check starts each week, or joins the
one that is running, and prints its report. By hand:

  temporal workflow start --task-queue batch --type VerifyEncryption --workflow-id privacy/verify-encryption --input '{}'

Values of many people are opened with their keys, which must be versions that the keyring knows. Every column of every table is
held to what the data map says that it is: what is sealed begins as sealed values do, and codes, ids and blinded values are none that
could be a sentence. Objects of all buckets begin as sealed ones do. Connections beyond this machine are encrypted, as the
worker has them. What is found is named by table, column and count, and never quoted.

It ends with 2 when anything was found.`
}

func (v verifyEncryptionCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer p.close(&err)
	id := v.Report
	if !v.Last && id == uuid.Nil {
		if id, err = v.start(ctx, p); err != nil || v.NoWait {
			return err
		}
	}
	store, err := p.retentionStore(ctx)
	if err != nil {
		return err
	}
	report, err := newestOr(id, "encryption", func() ([]retention.Verification, error) { return store.Verifications(ctx, uuid.Nil, 1) },
		func(id uuid.UUID) (retention.Verification, error) { return store.Verification(ctx, id) })
	if err != nil {
		return err
	}
	switch {
	case v.Note:
		_, err = fmt.Print(report.Note)
	case v.JSON:
		err = indented(report)
	default:
		err = writeVerification(os.Stdout, report)
	}
	if err == nil && report.State != retention.Sound {
		return fmt.Errorf("%w: %d findings, %s", errInTheOpen, len(report.Findings), report.State)
	}
	return err
}

// errInTheOpen: not everything is sealed that has to be.
var errInTheOpen = errors.New("not everything is known to be sealed")

func (v verifyEncryptionCommand) start(ctx context.Context, p *parts) (uuid.UUID, error) {
	temporal, err := p.temporal(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	run, err := (&workflows.Starter{Client: temporal}).StartVerifyEncryption(ctx, retention.LookInput{People: v.People, Values: v.Values})
	if err != nil {
		return uuid.Nil, err
	}
	if err := follow[workflows.VerifyEncryptionDone](ctx, temporal, run, v.NoWait); err != nil || v.NoWait {
		return uuid.Nil, err
	}
	var done workflows.VerifyEncryptionDone
	if err := run.Get(ctx, &done); err != nil {
		return uuid.Nil, fmt.Errorf("read how it ended: %w", err)
	}
	return done.Report, nil
}

func writeVerification(out io.Writer, v retention.Verification) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	l := v.Looked
	errs := []error{
		line(w, "report %s, %s: %s", v.ID, v.BeganAt.Format(time.RFC3339), v.State),
		line(w, "%d values of %d people opened; %d columns with %d values, %d objects and %d connections looked at", l.Values, l.People, l.Columns, l.Rows, l.Objects, l.Links),
	}
	if len(v.Findings) > 0 {
		errs = append(errs, line(w, "\nwhere\tproblem\tcount"))
	}
	for _, f := range v.Findings {
		where := f.Store
		if f.Column != "" {
			where += "." + f.Column
		}
		errs = append(errs, line(w, "%s\t%s\t%d", where, f.Problem, f.Count))
	}
	return errors.Join(append(errs, w.Flush())...)
}
