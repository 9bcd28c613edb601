package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"meai/deploy/local/internal/lab"
	"meai/deploy/local/internal/stack"
)

type dataFlag struct {
	Data string `help:"Folder of everything that lasts." default:".local" type:"path"`
}

type upCommand struct {
	dataFlag
	Bin            string `help:"Folder of built servers, shared by any number of data folders. By default that of this program." type:"path"`
	ReadyFile      string `help:"File to write once everything is healthy; it holds the path of the configuration file for meai, or with two regions of lab.json." type:"path"`
	FreePorts      bool   `help:"Choose free ports on the first start even where the usual ones are free."`
	NoInstall      bool   `help:"Do not install PostgreSQL by the system's package manager when it is missing."`
	CodecEndpoint  string `help:"Address of meai codec for Temporal's web interface; it sends the token of who is signed in to an https address only." placeholder:"URL"`
	HistoryShards  int    `help:"Temporal's history shards; fixed with the first start." default:"4"`
	Regions        int    `help:"1, or 2 for a lab of two regions and a control site that fail over (docs/runbooks/failover-lab.md)." default:"1"`
	Replication    string `help:"With two regions: async, or sync for a standby that has everything before it is acknowledged." enum:"async,sync" default:"async"`
	Netns          bool   `help:"With two regions: give each site a network namespace of its own (Linux, root)."`
	Meai           string `help:"With two regions: the meai binary, whose agents run PostgreSQL. By default that beside the built servers." type:"path"`
	WeaviateSource string `help:"Folder of the Go module that pins the Weaviate server, when it is not found by itself." type:"path"`
}

// Run starts the stack and supervises it until ctx ends.
func (c *upCommand) Run(ctx context.Context) error {
	switch {
	case c.Regions == twoRegions:
		return c.runLab(ctx)
	case c.Regions != 1:
		return fmt.Errorf("there are 1 or 2 regions, not %d", c.Regions)
	case lab.Exists(c.Data):
		return fmt.Errorf("%s is a lab of two regions; start it with --regions 2", c.Data)
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	fmt.Println("MeAi's engines in", options.Data)
	running, err := stack.Up(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting; nothing is left running
		}
		return err
	}
	defer running.Down()
	if err := c.announce(running.ConfigPath()); err != nil {
		return err
	}
	running.PrintAddresses(os.Stdout)
	<-ctx.Done()
	fmt.Println("stopping …")
	return c.withdrawReady()
}

func (c *upCommand) options() (stack.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return stack.Options{}, fmt.Errorf("find this program: %w", err)
	}
	if c.Bin == "" {
		c.Bin = filepath.Dir(program)
	}
	return stack.Options{
		Data:           c.Data,
		Bin:            c.Bin,
		WeaviateSource: c.WeaviateSource,
		AnyPort:        c.FreePorts,
		// Only who owns the folder may say that it is not ready: a refused second start must not.
		Begin:         c.withdrawReady,
		MayInstall:    !c.NoInstall,
		HistoryShards: c.HistoryShards,
		CodecEndpoint: c.CodecEndpoint,
		Guard:         func() *exec.Cmd { return exec.Command(program, "guard") },
		Temporal:      func(data string) *exec.Cmd { return exec.Command(program, "temporal", "--data", data) },
		Progress:      stack.NewProgress(os.Stdout),
		Errors:        os.Stderr,
	}, nil
}

func (c *upCommand) announce(path string) error {
	if c.ReadyFile == "" {
		return nil
	}
	if err := os.WriteFile(c.ReadyFile, []byte(path+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}

func (c *upCommand) withdrawReady() error {
	if c.ReadyFile == "" {
		return nil
	}
	if err := os.Remove(c.ReadyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the ready file: %w", err)
	}
	return nil
}
