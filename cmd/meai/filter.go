package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"meai/activities/bridge"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/internal/audit"
	"meai/internal/postgres"
)

type filterCommand struct {
	Policies filterPoliciesCommand `cmd:"" help:"List the policies of TruthFilter that were learned from feedback."`
	Withdraw filterWithdrawCommand `cmd:"" help:"Take a learned policy out of force."`
}

type filterPoliciesCommand struct {
	All bool `help:"Those of earlier versions of the written policy as well."`
}

func (filterPoliciesCommand) Help() string {
	return `Each night what people say of answers may make a candidate: the policy in force with thresholds moved by one step. It
is adopted when it decides the project's own cases (activities/truthfilter/cases) no worse than the one that it replaces,
and refused otherwise. The list is newest first; the policy in force is marked with *.

  figures   cases decided rightly, of all: unsafe ones rejected, dishonest and unfit ones kept back, good ones passed
  reason    feedback: adopted. worse_...: refused, because it decided fewer of these cases rightly. outdated: refused,
            because another policy had come into force meanwhile

docs/runbooks/truthfilter.md says what to do when answers have become too strict or too lax.`
}

func (f filterPoliciesCommand) Run(ctx context.Context, c *cli) error {
	return withFeedback(ctx, c, func(s *feedback.Store) error {
		list, err := s.Learned(ctx, f.All)
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		_, err = io.WriteString(out, policyTable(s.Written, list))
		return errors.Join(err, out.Flush())
	})
}

// policyTable has its columns apart by tabs.
func policyTable(written truthfilter.Policy, list []feedback.Learned) string {
	var table strings.Builder
	table.WriteString("  VERSION\tFROM\tSTATE\tREASON\tMEAN\tRELEVANCE\tHONESTY\tSAFETY\tRESONANCE\tFIGURES\tDECIDED\n")
	mark := "*"
	row := func(marked bool, version, from, state, reason string, at truthfilter.Scores, figures, decided string) {
		sign := " "
		if marked {
			sign, mark = mark, " "
		}
		fmt.Fprintf(&table, "%s %s\t%s\t%s\t%s\t%g\t%g\t%g\t%g\t%g\t%s\t%s\n", sign, version, from, state, reason,
			at.Mean, at.Relevance, at.Honesty, at.Safety, at.Resonance, figures, decided)
	}
	for _, l := range list {
		var figures []string
		for _, g := range truthfilter.Groups {
			figures = append(figures, fmt.Sprintf("%s %d/%d", g, l.Figures.Candidate[g].Right, l.Figures.Candidate[g].Of))
		}
		row(l.Base == written.Version && l.State == feedback.Adopted, l.Version, l.Parent, string(l.State), l.Reason, l.Least, strings.Join(figures, ", "), l.DecidedAt.Format(time.RFC3339))
	}
	row(true, written.Version, "", "written", "", written.Least, "", "")
	return table.String()
}

type filterWithdrawCommand struct {
	Version string `arg:"" help:"Version of the learned policy, such as 1.4."`
}

func (filterWithdrawCommand) Help() string {
	return `It goes with all that were learned on top of it, and the one before is in force again: in every worker within about a
minute. The feedback that led to it does not lead to it once more. There is an entry in the audit log. A policy that was
withdrawn does not come back; what people say from now on may lead to another.`
}

func (f filterWithdrawCommand) Run(ctx context.Context, c *cli) error {
	return withFeedback(ctx, c, func(s *feedback.Store) error {
		withdrawn, err := s.Withdraw(ctx, "meai-filter", f.Version)
		if err != nil {
			return err
		}
		_, err = fmt.Println("withdrawn", strings.Join(withdrawn, " "))
		return err
	})
}

func withFeedback(ctx context.Context, c *cli, do func(*feedback.Store) error) (err error) {
	p, err := open(ctx, c, "meai-filter")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	s, err := p.feedback(ctx, db, audit.New(audit.Options{DB: db, Keys: p.keys, Logger: p.telemetry.Logger}))
	if err != nil {
		return err
	}
	return do(s)
}

// feedback is what people say, and what was learned of it.
func (p *parts) feedback(ctx context.Context, db *postgres.DB, log *audit.Log) (*feedback.Store, error) {
	written, err := p.policy()
	if err != nil {
		return nil, err
	}
	library, err := bridge.NewLibrary(nil) // to know its ids takes no vectors
	if err != nil {
		return nil, fmt.Errorf("load the resource library: %w", err)
	}
	return feedback.NewStore(feedback.Options{
		DB: db, Written: written, Answers: synthesis.NewStore(db, p.keys), Keys: p.keys, Audit: log, Logger: p.telemetry.Logger,
		HasResource: func(_ context.Context, id string) (bool, error) {
			_, has := library.Resource(id)
			return has, nil
		},
	}), nil
}

// policy is TruthFilter's, from its file when one is configured.
func (p *parts) policy() (truthfilter.Policy, error) {
	file := p.config.Filter.Policy
	if file == "" {
		return truthfilter.Standard, nil
	}
	written, err := os.ReadFile(file)
	if err != nil {
		return truthfilter.Policy{}, fmt.Errorf("filter.policy: %w", err)
	}
	policy, err := truthfilter.ParsePolicy(written)
	if err != nil {
		return truthfilter.Policy{}, fmt.Errorf("filter.policy: %s: %w", file, err)
	}
	return policy, nil
}
