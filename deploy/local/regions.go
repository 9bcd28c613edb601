package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"meai/deploy/local/internal/lab"
	"meai/deploy/local/internal/network"
)

// twoRegions is the other number that --regions may be.
const twoRegions = 2

// runLab is up with two regions.
func (c *upCommand) runLab(ctx context.Context) error {
	options, err := c.labOptions()
	if err != nil {
		return err
	}
	fmt.Println("Two regions and a control site in", options.Data)
	running, err := lab.Up(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting; nothing is left running
		}
		return err
	}
	defer running.Down()
	if err := c.announce(filepath.Join(options.Data, lab.LabFile)); err != nil {
		return err
	}
	running.PrintAddresses(os.Stdout)
	<-ctx.Done()
	fmt.Println("stopping …")
	return c.withdrawReady()
}

func (c *upCommand) labOptions() (lab.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return lab.Options{}, fmt.Errorf("find this program: %w", err)
	}
	if c.Bin == "" {
		c.Bin = filepath.Dir(program)
	}
	if c.Meai == "" {
		c.Meai = filepath.Join(c.Bin, "meai")
	}
	return lab.Options{
		Data: c.Data, HistoryShards: c.HistoryShards, CodecEndpoint: c.CodecEndpoint, Replication: c.Replication, NetNS: c.Netns,
		Begin: c.withdrawReady,
		Guard: func() *exec.Cmd { return exec.Command(program, "guard") },
		Site: func(data, site string) *exec.Cmd {
			return exec.Command(program, "site", "--data", data, "--bin", c.Bin, "--meai", c.Meai, "--weaviate-source", c.WeaviateSource, site)
		},
		Out: os.Stdout, Errors: os.Stderr,
	}, nil
}

type siteCommand struct {
	dataFlag
	Bin            string `help:"Folder of built servers." type:"path"`
	Meai           string `help:"The meai binary." type:"path"`
	WeaviateSource string `help:"Folder of the Go module that pins the Weaviate server."`
	Site           string `arg:"" enum:"a,b,c" help:"Which site."`
}

// Run is the supervisor process of one site.
func (c *siteCommand) Run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return lab.RunSite(ctx, c.Data, c.Site, lab.Programs{
		Bin: c.Bin, WeaviateSource: c.WeaviateSource, Meai: c.Meai,
		Guard: func() *exec.Cmd { return exec.Command(program, "guard") },
		Etcd: func(arguments ...string) *exec.Cmd {
			return exec.Command(program, append([]string{"etcd"}, arguments...)...)
		},
		Temporal: func(data, site string) *exec.Cmd {
			return exec.Command(program, "temporal", "--data", data, "--site", site)
		},
	}, os.Stderr)
}

// siteName undoes how people call the third site.
func siteName(name string) string {
	if name == "control" {
		return lab.Control
	}
	return name
}

type regionCommand struct {
	Kill  regionKill  `cmd:"" help:"End every process of a site at once, as a power cut does."`
	Stop  regionStop  `cmd:"" help:"Stop a site in order."`
	Start regionStart `cmd:"" help:"Bring a site back that was killed or stopped."`
}

type siteArgument struct {
	dataFlag
	Site string `arg:"" enum:"a,b,c,control" help:"a or b, or control for the third site."`
}

type (
	regionKill  struct{ siteArgument }
	regionStop  struct{ siteArgument }
	regionStart struct{ siteArgument }
)

// Run returns once nothing of the site is left.
func (c *regionKill) Run(ctx context.Context) error { return c.act(ctx, "kill") }

// Run returns once the site has stopped.
func (c *regionStop) Run(ctx context.Context) error { return c.act(ctx, "stop") }

// Run returns once the site's supervisor runs.
func (c *regionStart) Run(ctx context.Context) error { return c.act(ctx, "start") }

func (c *siteArgument) act(ctx context.Context, act string) error {
	began := time.Now()
	if err := lab.Act(ctx, c.Data, siteName(c.Site), act); err != nil {
		return err
	}
	fmt.Printf("%s: %s done in %.1f s\n", c.Site, act, time.Since(began).Seconds())
	return nil
}

type linkCommand struct {
	dataFlag
	From    string        `arg:"" optional:"" help:"The site that speaks: a, b or control. Without any, the links are listed."`
	To      string        `arg:"" optional:"" help:"The site that should hear; others for all of them."`
	State   string        `arg:"" optional:"" help:"cut, slow or up."`
	Latency time.Duration `help:"How much later everything arrives on a slow link." default:"400ms"`
	OneWay  bool          `help:"Only what the first says to the second, not the answers."`
}

// Run sets and lists links.
func (c *linkCommand) Run(ctx context.Context) error {
	if c.From != "" && c.State == "" {
		return errors.New("name two sites and a state: meai-local link a b cut")
	}
	if c.From != "" {
		for _, link := range c.links() {
			if err := lab.SetLink(ctx, c.Data, link); err != nil {
				return err
			}
		}
	}
	return lab.PrintLinks(ctx, os.Stdout, c.Data)
}

func (c *linkCommand) links() []network.Link {
	from, others := siteName(c.From), []string{siteName(c.To)}
	if c.To == "others" {
		others = nil
		for _, site := range lab.Sites {
			if site != from {
				others = append(others, site)
			}
		}
	}
	var links []network.Link
	for _, to := range others {
		link := network.Link{From: from, To: to, State: network.State(c.State)}
		if link.State == network.Slow {
			link.LatencyMS = int(c.Latency.Milliseconds())
		}
		links = append(links, link)
		if !c.OneWay {
			link.From, link.To = to, from
			links = append(links, link)
		}
	}
	return links
}
