// Command meai is the whole of MeAi's back end: API, workers, and the commands
// that prepare its engines.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // memory.time_zone, where the machine has no database of its own

	"github.com/alecthomas/kong"

	"meai/internal/config"
)

// version is set by the build.
var version = "development"

type cli struct {
	Config string `help:"YAML configuration file; MEAI_* variables override it." env:"MEAI_CONFIG" type:"path" placeholder:"FILE"`

	Up         upCommand         `cmd:"" help:"Serve the API and run all workers in one process."`
	API        apiCommand        `cmd:"" name:"api" help:"Serve the HTTP API."`
	Worker     workerCommand     `cmd:"" help:"Run the workers of some or all task queues."`
	Codec      codecCommand      `cmd:"" help:"Serve the codec server of the Temporal UI and CLI."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database schema and the vector index up to date."`
	Apply      applyCommand      `cmd:"" help:"Reconcile the Temporal cluster to temporal.yaml."`
	Eval       evalCommand       `cmd:"" help:"Measure how well Mirror reads, on labelled texts."`
	Audit      auditCommand      `cmd:"" help:"Verify, export and sign the audit log."`
	Ledger     ledgerCommand     `cmd:"" help:"Verify, replay and show the ledger."`
	Quarantine quarantineCommand `cmd:"" help:"Look at and end the quarantine of a restored database."`
	Revoke     revokeCommand     `cmd:"" help:"End an API key or a role given for a time."`
	Approval   approvalCommand   `cmd:"" help:"Approvals as signed documents, for when no engine is there."`
	Keys       keysCommand       `cmd:"" help:"Look at the keyring; replace, re-wrap, retire and destroy keys."`
	Backup     backupCommand     `cmd:"" help:"Take, prove and keep backups; archive the write-ahead log."`
	Restore    restoreCommand    `cmd:"" help:"Bring a backup back into a new place, from the bucket alone."`
	Filter     filterCommand     `cmd:"" help:"Look at what TruthFilter has learned from feedback; take it back."`
	Failover   failoverCommand   `cmd:"" help:"Move the product to the other region, and back."`
	Region     regionCommand     `cmd:"" help:"Two regions: the agent beside a region's PostgreSQL."`
	Drill      drillCommand      `cmd:"" help:"Rehearse the loss of a region, on a lab."`
	Flags      flagsCommand      `cmd:"" help:"Switch parts off and on while everything runs."`
	Plan       planCommand       `cmd:"" help:"Work out what a number of people needs: instances, storage, cost."`
	Privacy    privacyCommand    `cmd:"" help:"People's rights: data map, consent, requests, export, erasure, retention."`
	Version    versionCommand    `cmd:"" help:"Print the version."`

	ConfigReference referenceCommand `cmd:"" hidden:"" help:"Write the configuration reference in Markdown."`
}

const description = `A relational AI companion's back end on Temporal, PostgreSQL and Weaviate.

First 'meai migrate' and 'meai apply', then 'meai up', or 'meai api' and 'meai worker' apart.
Settings come from a file and from MEAI_* variables; docs/configuration.md lists them.`

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("meai"), kong.Description(description), kong.UsageOnError(), kong.Vars(planDefaults()))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(leaveNoCores())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(&c)
	err = command.Run()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "meai: %v\n", err)
		switch {
		case errors.Is(err, errTampered) || errors.Is(err, errUnsound) || errors.Is(err, errInTheOpen):
			os.Exit(2)
		case errors.Is(err, errInQuarantine):
			os.Exit(3)
		}
		os.Exit(1)
	}
}

func (c *cli) load() (config.Config, error) {
	cfg, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return config.Config{}, fmt.Errorf("configuration:\n%w", err)
	}
	return cfg, nil
}

type versionCommand struct{}

func (versionCommand) Run() error {
	_, err := fmt.Println("meai", version)
	return err
}

type referenceCommand struct{}

func (referenceCommand) Run() error { return config.WriteReference(os.Stdout) }
