package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/keys"
	"meai/activities/privacy/erasure"
	"meai/internal/keyring"
	"meai/workflows"
)

type keysCommand struct {
	Status  keysStatusCommand  `cmd:"" help:"Count what the keyring's replicas hold, by key-encryption key."`
	Rekey   keysRekeyCommand   `cmd:"" help:"Give people new keys and seal their rows anew."`
	Rewrap  keysRewrapCommand  `cmd:"" help:"Wrap all keys under the key-encryption key in use; mend replicas."`
	Retire  keysRetireCommand  `cmd:"" help:"Remove old key versions that nothing needs any more."`
	Destroy keysDestroyCommand `cmd:"" help:"Make everything of one person unreadable, for ever."`
}

type keysStatusCommand struct {
	JSON bool `help:"Print JSON."`
}

func (keysStatusCommand) Help() string {
	return `Reads every object of every replica (it opens none) and needs neither Temporal nor PostgreSQL.

"lacking" counts people whose newest keys a replica does not have, "unburied" destroyed keys that it has no tombstone of,
"stale" objects that are to be removed, "damaged" those whose checksum does not hold: 'meai keys rewrap' mends all of them.
A key-encryption key may be destroyed, and taken out of keyring.other_keks, on its destroy date. It gets one when
'meai keys rewrap' found that no object on any replica needs it.`
}

func (s keysStatusCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-keys")
	if err != nil {
		return err
	}
	defer p.close(&err)
	census, err := p.keys.Census(ctx, nil)
	if err != nil {
		return fmt.Errorf("look at the keyring: %w", err)
	}
	if s.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(census)
	}
	return writeCensus(os.Stdout, census)
}

func writeCensus(out io.Writer, census keyring.Census) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	line("%d people have keys.\n", census.Subjects)
	line("replica\tobjects\tlacking\tstale\tdamaged\ttombstones\tunburied\tstate")
	for _, r := range census.Replicas {
		state := "complete"
		switch {
		case r.Error != "":
			state = "does not answer: " + r.Error
		case r.Lacking+r.Stale+r.Damaged+r.Unburied > 0:
			state = "needs meai keys rewrap"
		}
		line("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s", r.Name, r.Objects, r.Lacking, r.Stale, r.Damaged, r.Tombstones, r.Unburied, state)
	}
	line("\nepoch\tobjects\tstate")
	for _, e := range census.Epochs {
		line("%s\t%d\t%s", e.Epoch, e.Objects, epochState(e))
	}
	return errors.Join(append(errs, w.Flush())...)
}

func epochState(e keyring.EpochCensus) string {
	switch {
	case !e.DestroyOn.IsZero() && e.Objects > 0:
		return "NEEDED AGAIN, although it has a destroy date: do not destroy; a process is set up with this old key"
	case !e.DestroyOn.IsZero():
		return "nothing needs it; destroy it on or after " + e.DestroyOn.Format(time.DateOnly)
	case e.Current:
		return "in use"
	case e.Objects > 0:
		return "needed until meai keys rewrap is done"
	default:
		return "nothing needs it; meai keys rewrap gives it a destroy date"
	}
}

// overKeysFlags choose what a run works on.
type overKeysFlags struct {
	Subject  uuid.UUID `help:"Only this person." placeholder:"UUID"`
	PageSize int       `help:"People per step." default:"500"`
	NoWait   bool      `help:"Start it, print its workflow id and return."`
}

type keysRekeyCommand struct {
	overKeysFlags
	Before time.Time `help:"Replace only keys that were made before this time (RFC 3339); all that exist when left out." placeholder:"TIME"`
}

func (keysRekeyCommand) Help() string {
	return `Starts the workflow Rekey on queue privacy, or joins the one that is running, and shows its counts. Stopping this command
does not stop the workflow. By hand:

  temporal workflow start --task-queue privacy --type Rekey --workflow-id keys/rekey --input '{}'

Each person gets a new key version that first only opens; a lease of 5 s later it seals, another lease later the rows are
sealed anew. The old version keeps opening histories and archives until 'meai keys retire' removes it. Look-up values do not
change. Running it twice is harmless: with --before, keys younger than that time are left alone.`
}

func (r keysRekeyCommand) Run(ctx context.Context, c *cli) error {
	return r.start(ctx, c, keys.Rekey, workflows.KeysInput{Before: r.Before})
}

type keysRewrapCommand struct{ overKeysFlags }

func (keysRewrapCommand) Help() string {
	return `Starts the workflow Rewrap on queue privacy, or joins the one that is running. By hand:

  temporal workflow start --task-queue privacy --type Rewrap --workflow-id keys/rewrap --input '{}'

To change the key-encryption key: (1) add the new one to keyring.other_keks as epoch=URL and restart every process; (2) swap it
with keyring.kek and keyring.kek_epoch, the old one going to keyring.other_keks, and restart every process; (3) run this;
(4) destroy the old one on the date that 'meai keys status' shows. It also copies to each replica what it lacks.`
}

func (r keysRewrapCommand) Run(ctx context.Context, c *cli) error {
	return r.start(ctx, c, keys.Rewrap, workflows.KeysInput{})
}

type keysRetireCommand struct{ overKeysFlags }

func (keysRetireCommand) Help() string {
	return `Starts the workflow RetireKeys on queue privacy, or joins the one that is running. By hand:

  temporal workflow start --task-queue privacy --type RetireKeys --workflow-id keys/retire --input '{}'

An old version goes when no row of the person is under it, Temporal keeps no workflow of the person that was started before it
was replaced, and keyring.archive_age has passed since then. What is kept is counted by its reason.`
}

func (r keysRetireCommand) Run(ctx context.Context, c *cli) error {
	return r.start(ctx, c, keys.Retire, workflows.KeysInput{})
}

func (f overKeysFlags) start(ctx context.Context, c *cli, run keys.Run, in workflows.KeysInput) (err error) {
	in.Subject, in.PageSize = f.Subject, f.PageSize
	p, err := open(ctx, c, "meai-keys")
	if err != nil {
		return err
	}
	defer p.close(&err)
	temporal, err := p.temporal(ctx)
	if err != nil {
		return err
	}
	started, err := (&workflows.Starter{Client: temporal}).StartKeys(ctx, run, in)
	if err != nil {
		return err
	}
	return follow[keys.Counts](ctx, temporal, started, f.NoWait)
}

type keysDestroyCommand struct {
	Subject  uuid.UUID `arg:"" help:"The person's id."`
	Approval uuid.UUID `required:"" help:"The approval of two others; there is no way back." placeholder:"UUID"`
	NoWait   bool      `help:"Start it, print its workflow id and return."`
}

func (keysDestroyCommand) Help() string {
	return `Begins an erasure without cooling-off: the same as 'meai privacy erase'. There is one way to destroy a person's keys, and it
ends with nothing being left of them.

A privacy officer or operator asks for the approval (POST /v1/approvals, act early_delete, parameter subject), and two others
agree. It is spent on this one run; starting the same one again, after whatever stopped it, is the same use.

The person is frozen, their workflows are ended on the server, and when none is left a tombstone goes to a quorum of the
keyring's replicas: within 5 s no process can read anything of the person, in any row, payload or backup. Then the keys are
deleted on every replica, for as long as that takes, and so is everything that the keys opened.`
}

func (d keysDestroyCommand) Run(ctx context.Context, c *cli) error {
	return privacyEraseCommand{Subject: d.Subject, Approval: d.Approval, Law: erasure.GDPR, NoWait: d.NoWait}.Run(ctx, c)
}

// follow prints a workflow's progress whenever it changes, and its result.
func follow[Progress comparable](ctx context.Context, temporal client.Client, run client.WorkflowRun, noWait bool) error {
	fmt.Println("workflow", run.GetID())
	if noWait {
		return nil
	}
	ended := make(chan error, 1)
	var result Progress
	go func() { ended <- run.Get(ctx, &result) }()
	var shown Progress
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%s did not complete: %w", run.GetID(), err)
			}
			return printJSON("done", result)
		case <-time.After(time.Second):
		}
		var now Progress
		// No answer only means that no worker serves the queue just now.
		if value, err := temporal.QueryWorkflow(ctx, run.GetID(), "", workflows.ProgressQuery); err == nil && value.Get(&now) == nil && now != shown {
			shown = now
			if err := printJSON("so far", now); err != nil {
				return err
			}
		}
	}
}

func printJSON(label string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s %s\n", label, text)
	return err
}
