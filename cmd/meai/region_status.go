package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"meai/activities/failover"
)

type regionStatusCommand struct {
	JSON bool `help:"Print JSON."`
}

func (regionStatusCommand) Help() string {
	return `Reads the register alone (regions.etcd): which region is to serve, what each region's agent said of its PostgreSQL in the last seconds,
why it waits, where it keeps what was written there alone, and which observers are at work.`
}

func (r regionStatusCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := openRegion(ctx, c, "meai-region-status")
	if err != nil {
		return err
	}
	defer p.close(&err)
	register, err := p.register()
	if err != nil {
		return err
	}
	o, err := (&failover.Controller{Register: register}).Overview(ctx)
	if err != nil {
		return err
	}
	if r.JSON {
		return indented(o)
	}
	fmt.Printf("region %s is to serve, in epoch %d, replication %s\n", o.Serving, o.Epoch, o.Mode)
	if !o.Primary {
		fmt.Println("it does not hold the lease: nothing serves")
	}
	if o.Failover != "" {
		fmt.Println("failover", o.Failover, "is under way: meai failover status", o.Failover)
	}
	fmt.Println("observers:", strings.Join(o.Observers, ", "))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if err := line(w, "region\trole\tepoch\topen\ttimeline\tsince\tsays\t"); err != nil {
		return err
	}
	for _, a := range o.Agents {
		if err := line(w, "%s\t%s\t%d\t%t\t%d\t%s\t%s\t", a.Region, a.Role, a.Epoch, a.Open, a.Timeline, a.Since.Format(time.RFC3339), a.Message); err != nil {
			return err
		}
	}
	return w.Flush()
}
