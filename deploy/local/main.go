// Command meai-local runs everything that MeAi needs on one machine: PostgreSQL from the system's binaries, the
// Temporal server with its web interface, and Weaviate. Everything listens on loopback and lives in one folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

const description = `Runs PostgreSQL, Temporal and Weaviate for MeAi on this machine.

Everything listens on loopback and lives in the data folder. "meai-local up" stays in the foreground and stops
everything on Ctrl-C; "status" and "down" work from another terminal.`

type commands struct {
	Up     upCommand     `cmd:"" help:"Start everything, restart what dies, stop it all on Ctrl-C."`
	Status statusCommand `cmd:"" help:"Show what runs on a data folder. Exit status 0 only when all of it is healthy."`
	Down   downCommand   `cmd:"" help:"Stop the stack that runs on a data folder."`

	Temporal temporalCommand `cmd:"" hidden:"" help:"The Temporal server; started by up."`
	Guard    guardCommand    `cmd:"" hidden:"" help:"The guard of one engine; started by up."`
	Etcd     etcdCommand     `cmd:"" hidden:"" help:"Members of an etcd cluster, the register of two regions."`
}

func main() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("meai-local"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	// A closed terminal ends the stack as Ctrl-C does.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	var code exitStatus
	if errors.As(err, &code) {
		os.Exit(int(code)) // what there is to say has been printed
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "meai-local:", err)
		os.Exit(1)
	}
}

// exitStatus is an error that decides the program's exit status.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
