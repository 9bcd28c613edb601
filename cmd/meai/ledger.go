package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"meai/internal/ledger"
)

type ledgerCommand struct {
	Verify ledgerVerifyCommand `cmd:"" help:"Read every entry in every store and name what is not as it was written."`
	Repair ledgerRepairCommand `cmd:"" help:"Give stores that were away what they lack."`
	Replay ledgerReplayCommand `cmd:"" help:"Apply to the database what it lacks of the ledger."`
	Show   ledgerShowCommand   `cmd:"" help:"Print entries."`
}

// openLedger opens what every command about the ledger needs.
func openLedger(ctx context.Context, c *cli) (*parts, *ledger.Ledger, error) {
	p, err := open(ctx, c, "meai-ledger")
	if err != nil {
		return nil, nil, err
	}
	l, err := p.ledger(ctx)
	if err != nil {
		p.close(&err)
		return nil, nil, err
	}
	return p, l, nil
}

type ledgerVerifyCommand struct {
	Offline bool `help:"Do not ask the database how far it has applied the ledger."`
}

func (ledgerVerifyCommand) Help() string {
	return `Exit status: 0 intact, 2 tampered with or behind, 1 could not be verified. 'behind' is mended by 'meai ledger repair'.`
}

func (v ledgerVerifyCommand) Run(ctx context.Context, c *cli) (err error) {
	p, l, err := openLedger(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	report, err := l.Verify(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("stores   %d\nentries  %d\nhead     %x\n", report.Stores, report.Entries, report.Head)
	for _, finding := range report.Findings {
		fmt.Println(finding)
	}
	findings := len(report.Findings)
	if !v.Offline {
		db, err := p.reader(ctx)
		if err != nil {
			return err
		}
		applied, err := ledger.NewCommitter(l, db, nil).Applied(ctx)
		if err != nil {
			fmt.Println("database:", err)
			findings++
		} else {
			fmt.Printf("applied  %d\n", applied)
		}
	}
	if findings > 0 {
		return fmt.Errorf("the ledger is %w: %d findings", errTampered, findings)
	}
	fmt.Println("intact")
	return nil
}

type ledgerRepairCommand struct{}

func (ledgerRepairCommand) Run(ctx context.Context, c *cli) (err error) {
	p, l, err := openLedger(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	whole, err := l.Repair(ctx)
	fmt.Printf("%d stores hold every entry.\n", whole)
	return err
}

type ledgerReplayCommand struct{}

func (ledgerReplayCommand) Help() string {
	return `Processes do so by themselves, and 'meai quarantine release' does on a restored database. It can be stopped and repeated at any point. An
entry of a kind that this version does not know ends it with an error: use the version that wrote it.`
}

func (ledgerReplayCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := open(ctx, c, "meai-ledger")
	if err != nil {
		return err
	}
	defer p.close(&err)
	db, err := p.openDatabase(ctx, true)
	if err != nil {
		return err
	}
	_, committer, err := p.records(ctx, db)
	if err != nil {
		return err
	}
	applied, err := committer.Replay(ctx)
	fmt.Printf("%d entries applied.\n", applied)
	return err
}

type ledgerShowCommand struct {
	From uint64 `default:"1" help:"Number of the first entry."`
	Kind string `help:"Only acts of this kind." placeholder:"KIND"`
}

func (s ledgerShowCommand) Run(ctx context.Context, c *cli) (err error) {
	p, l, err := openLedger(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	_, err = l.Replay(ctx, max(s.From, 1), func(_ context.Context, e ledger.Entry) error {
		if s.Kind != "" && s.Kind != string(e.Kind) {
			return nil
		}
		fmt.Printf("%d  %s  %s  %s", e.Number, e.Time.Format(time.RFC3339), e.Kind, e.ID)
		for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
			fmt.Printf("  %s=%s", name, e.Fields[name])
		}
		fmt.Println()
		return nil
	})
	return err
}
