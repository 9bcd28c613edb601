package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/privacy/requests"
	"meai/internal/ledger"
	"meai/internal/notify"
	"meai/internal/postgres"
	"meai/workflows"
)

// requests puts together what watches time limits and carries holds out. A wrong address ends
// the start.
func (p *parts) requests(temporal client.Client, db *postgres.DB, acts *ledger.Committer, approvals *approval.Activities) (*requests.Activities, error) {
	places, err := notify.Parse(p.config.Privacy.Notify)
	if err != nil {
		return nil, fmt.Errorf("privacy.notify: %w", err)
	}
	gauges, err := requests.NewGauges(p.telemetry.Meters)
	if err != nil {
		return nil, err
	}
	starter := &workflows.Starter{Client: temporal}
	return &requests.Activities{
		Store: requests.NewStore(db, p.keys), Approvals: approvals, Ledger: acts, Wake: starter.NudgeErasure, Places: places,
		Link:   strings.TrimSuffix(p.config.API.Public(), "/") + "/v1/privacy/register",
		Gauges: gauges, Log: p.telemetry.Logger,
	}, nil
}

type privacyRequestsCommand struct {
	List    requestsListCommand    `cmd:"" default:"withargs" help:"List requests, newest first."`
	Receive requestsReceiveCommand `cmd:"" help:"Register a request that did not come through the API."`
	Confirm requestsConfirmCommand `cmd:"" help:"Note that the person was told that their request has arrived."`
	Finish  requestsFinishCommand  `cmd:"" help:"Note how a request ended that no workflow carries out."`
}

// byCommand is who a command acts as in the audit log.
var byCommand = requests.Who{Role: "operator"}

// withRequests opens what every command about the register needs.
func withRequests(ctx context.Context, c *cli, do func(*requests.Store) error) (err error) {
	p, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.database(ctx)
	if err != nil {
		return err
	}
	return do(requests.NewStore(db, p.keys))
}

type requestsListCommand struct {
	Standing string `enum:",open,due_soon,overdue" default:"" help:"Only those that are open, due_soon or overdue." placeholder:"STANDING"`
	Limit    int32  `default:"100" help:"The most to list."`
}

func (requestsListCommand) Help() string {
	return `Each look is in the audit log. Nobody is named: who asked is told by the first digits of their alias, which certificates
and the ledger have as well.

  standing  open, due_soon (a week before the law's time is over, a day before the promised one), overdue, or how it ended
  due       until when the law wants it done; promised: until when MeAi promises it
  confirm   until when the law wants the person told that it has arrived, where they were not

Extensions are taken by a privacy officer, through the API. docs/runbooks/privacy-requests.md says what to do.`
}

func (l requestsListCommand) Run(ctx context.Context, c *cli) error {
	return withRequests(ctx, c, func(s *requests.Store) error {
		list, err := s.Register(ctx, byCommand, requests.Standing(l.Standing), uuid.Nil, l.Limit)
		if err != nil {
			return err
		}
		return writeRequests(os.Stdout, list, time.Now())
	})
}

func writeRequests(w io.Writer, list []requests.Request, now time.Time) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(out, "ID\tKIND\tLAW\tSTANDING\tPERSON\tRECEIVED\tDUE\tPROMISED\tCONFIRM\tREASON"); err != nil {
		return err
	}
	for _, r := range list {
		standing, confirm := string(r.StandingAt(now)), r.ConfirmBy
		if r.State != requests.Open {
			standing = string(r.State)
		}
		if !r.ConfirmedAt.IsZero() {
			confirm = time.Time{}
		}
		if _, err := fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, r.Law, standing, r.Alias.String()[:12],
			stamp(r.ReceivedAt), stamp(r.DueAt), stamp(r.PromisedAt), stamp(confirm), r.Reason); err != nil {
			return err
		}
	}
	return out.Flush()
}

// stamp is a time to the minute, or nothing for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

type requestsReceiveCommand struct {
	Subject  uuid.UUID `arg:"" help:"Whose request it is: the opaque id that GET /v1/me shows them."`
	Kind     string    `required:"" enum:"access,erasure,rectification,restriction,opt_out" help:"The right: access, erasure, rectification, restriction or opt_out."`
	Law      string    `default:"gdpr" enum:"gdpr,ccpa" help:"The law: gdpr or ccpa."`
	Received time.Time `format:"2006-01-02" help:"The day on which it arrived; today when left out." placeholder:"YYYY-MM-DD"`
}

func (requestsReceiveCommand) Help() string {
	return `For what comes by letter or e-mail, once it is known who asks. The law's time counts from the day of arrival. Nothing is
carried out by this: do so, then 'meai privacy requests finish'. The person has to be told that it has arrived: then
'meai privacy requests confirm'.`
}

func (r requestsReceiveCommand) Run(ctx context.Context, c *cli) error {
	return withRequests(ctx, c, func(s *requests.Store) error {
		n := requests.New{
			ID: uuid.New(), Subject: r.Subject, Kind: requests.Kind(r.Kind), Law: requests.Law(r.Law), At: r.Received, Unconfirmed: true,
		}
		if n.At.IsZero() {
			n.At = time.Now()
		}
		if err := s.Receive(ctx, n); err != nil {
			return err
		}
		received, err := s.Request(ctx, n.ID)
		if err != nil {
			return err
		}
		return writeRequests(os.Stdout, []requests.Request{received}, time.Now())
	})
}

type requestsConfirmCommand struct {
	ID uuid.UUID `arg:"" help:"The request."`
}

func (r requestsConfirmCommand) Run(ctx context.Context, c *cli) error {
	return withRequests(ctx, c, func(s *requests.Store) error { return s.Confirm(ctx, byCommand, r.ID) })
}

type requestsFinishCommand struct {
	ID      uuid.UUID `arg:"" help:"The request."`
	Outcome string    `required:"" enum:"completed,cancelled,refused" help:"How it ended: completed, cancelled or refused."`
	Reason  string    `help:"Why, as a code of small letters and _; a refusal needs one." placeholder:"CODE"`
}

func (r requestsFinishCommand) Run(ctx context.Context, c *cli) error {
	return withRequests(ctx, c, func(s *requests.Store) error {
		return s.FinishBy(ctx, byCommand, r.ID, requests.State(r.Outcome), r.Reason)
	})
}

type privacyHoldsCommand struct {
	All bool `help:"Those that are over as well."`
}

func (privacyHoldsCommand) Help() string {
	return `Each look is in the audit log. Nobody is named but by the first digits of their alias. Holds are placed and released
through the API, with the approval of two others: docs/runbooks/legal-hold.md.

  of    everything of the person, or how many memories and messages; unlisted: a restore has lost the list, and everything
        is held until it is given again
  told  whether the person may know of it`
}

func (h privacyHoldsCommand) Run(ctx context.Context, c *cli) error {
	return withRequests(ctx, c, func(s *requests.Store) error {
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		if _, err := fmt.Fprintln(out, "ID\tPERSON\tREASON\tOF\tTOLD\tPLACED\tENDS\tRELEASED"); err != nil {
			return err
		}
		const page = 100
		for before := uuid.Nil; ; {
			list, err := s.AllHolds(ctx, byCommand, before, page)
			if err != nil {
				return err
			}
			for _, l := range list {
				if before = l.ID; l.Over(time.Now()) && !h.All {
					continue
				}
				if _, err := fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%t\t%s\t%s\t%s\n", l.ID, l.Alias.String()[:12], l.Reason, extent(l), l.Told,
					stamp(l.PlacedAt), stamp(l.ExpiresAt), stamp(l.ReleasedAt)); err != nil {
					return err
				}
			}
			if len(list) < page {
				return out.Flush()
			}
		}
	})
}

// extent is how much a hold is on.
func extent(h requests.ListedHold) string {
	switch {
	case h.Everything:
		return "everything"
	case h.Unlisted:
		return "unlisted"
	default:
		return fmt.Sprint(h.Items)
	}
}
