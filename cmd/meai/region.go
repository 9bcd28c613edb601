package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"meai/activities/backup/quarantine"
	"meai/internal/config"
	"meai/internal/fence"
	"meai/internal/pgserver"
	"meai/internal/postgres"
	"meai/internal/region"
	"meai/internal/telemetry"
)

type regionCommand struct {
	Agent    regionAgentCommand    `cmd:"" help:"Take care of this region's PostgreSQL: start, stop, promote, rewind, clone it."`
	Status   regionStatusCommand   `cmd:"" help:"Show which region serves, and what the agents say."`
	Begin    regionBeginCommand    `cmd:"" help:"Say once, for a new system, which region serves first."`
	Observe  regionObserveCommand  `cmd:"" help:"Look at both regions from one site and say what is seen."`
	Worker   regionWorkerCommand   `cmd:"" help:"Run the control plane: the workflow of failovers, and who watches for a lost primary."`
	Watchdog regionWatchdogCommand `cmd:"" hidden:"" help:"End PostgreSQL when its agent hangs or is gone."`
}

type regionAgentCommand struct {
	Data     string `help:"The agent's folder, instead of regions.data." type:"path" placeholder:"DIR"`
	ServeOld bool   `help:"Let this region serve although it never followed the one that served last, which is gone for good: what that one acknowledged is lost, and the database begins in quarantine."`
}

func (regionAgentCommand) Help() string {
	return `Runs beside the PostgreSQL of regions.name and is the only one that starts and stops it. Run it always, under whatever keeps
services running on the machine. Which region serves is one record in etcd (regions.etcd), which 'meai failover' changes.

The region that serves holds a lease of regions.lease. An agent that cannot renew it ends PostgreSQL before it is over; a
second process, the watchdog, does so when the agent hangs or is killed. The other region is promoted after that, never before.

The folder (--data) holds:

  data             the cluster. One that is there is taken care of; without one, the other region is cloned (pg_basebackup)
  postgresql.conf  written anew by the agent; data/postgresql.conf counts as well, and comes first
  hba.conf         who may connect: everybody with a password where PostgreSQL serves; on a standby, and after a promotion until
                   the database knows what it is, the superuser, the owner, backups and observers alone
  diverged         what was committed here and nowhere else, one file for each time: rows as JSON, sealed as they are in the
                   database. It is written before an old primary is rewound (pg_rewind) or cloned, and named by 'meai region status'. A
                   cluster that no server can read is kept there whole (cluster-TIME). All of it goes after 30 days
  agent.json       what the agent has to remember

Needs PostgreSQL's server binaries, Linux, and regions.postgres with the superuser of both regions. The first time, say which
region serves: 'meai region begin a'. Stopped (SIGTERM), it shuts PostgreSQL down in order and gives the lease back.`
}

func (r regionAgentCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := openRegion(ctx, c, "meai-region-agent")
	if err != nil {
		return err
	}
	defer p.close(&err)
	register, err := p.register()
	if err != nil {
		return err
	}
	options, err := p.agentOptions(ctx, r.Data)
	if err != nil {
		return err
	}
	options.Register, options.ServeOld = register, r.ServeOld
	agent, err := region.New(options)
	if err != nil {
		return err
	}
	if err := agent.Observe(p.telemetry.Meters); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- agent.Run(ctx)
	}()
	err = p.run(ctx, p.metricsServer(), ended)
	cancel()
	if ctx.Err() != nil && err == nil {
		err = <-ended // PostgreSQL is shut down before the end
	}
	return err
}

// openRegion is [open] for who needs neither Temporal nor keys.
func openRegion(ctx context.Context, c *cli, service string) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			p.close(&err)
		}
	}()
	if p.config, err = c.load(); err != nil {
		return nil, err
	}
	if p.config.Regions.Name == "" {
		return nil, fmt.Errorf("regions.name must be set")
	}
	p.telemetry, err = telemetry.Start(ctx, telemetry.Options{
		Service: service, Version: version, LogLevel: p.config.Telemetry.LogLevel, LogFormat: p.config.Telemetry.LogFormat,
	})
	if err != nil {
		return nil, err
	}
	p.closing(func() error { return p.telemetry.Stop(context.WithoutCancel(ctx)) })
	return p, p.openTLS(ctx)
}

// register is what the regions agree in.
func (p *parts) register() (fence.Register, error) {
	r := p.config.Regions
	register, err := fence.OpenEtcd(fence.EtcdOptions{
		Endpoints: r.Etcd, Cluster: r.Cluster, Timeout: fence.NewTimings(r.Lease).Renew() / 2, Clock: fence.BootClock,
		TLS: p.postgresTLS(), User: r.User, Password: r.Password,
	})
	if err != nil {
		return nil, err
	}
	p.closing(register.Close)
	return register, nil
}

func (p *parts) agentOptions(ctx context.Context, home string) (o region.Options, err error) {
	r := p.config.Regions
	o = region.Options{
		Region: r.Name, Home: home, Timings: fence.NewTimings(r.Lease), Clock: fence.BootClock,
		Mode: fence.Replication(r.Mode), Patience: r.Patience, Trusted: trusted(p.config), Database: databaseOf(p.config.Postgres.URL),
		BeginEpoch: postgres.BeginEpoch, BeginQuarantine: beginQuarantine, Logger: p.telemetry.Logger, Log: os.Stderr,
		Watchdog: func(data string) *exec.Cmd {
			return exec.Command("/proc/self/exe", "region", "watchdog", "--data", data, "--lease", r.Lease.String())
		},
	}
	if home == "" {
		o.Home = r.Data
	}
	if o.Servers, err = region.ParseServers(r.Postgres); err != nil {
		return o, err
	}
	if o.Account, err = pgserver.Unprivileged(); err != nil {
		return o, err
	}
	o.Binaries, err = region.Installed(ctx, o.Home)
	return o, err
}

// observer is the role by which a region's health is asked. It may connect, no more.
const observer = "meai_observer"

// trusted are the roles that connect while the product's must not: they write nothing of
// the product's by themselves.
func trusted(c config.Config) []string {
	roles := []string{observer}
	for _, text := range []string{c.Postgres.OwnerURL, c.Backup.PostgresURL} {
		if u, err := url.Parse(text); err == nil && u.User.Username() != "" {
			roles = append(roles, u.User.Username())
		}
	}
	return roles
}

func databaseOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// beginQuarantine is for a promoted database that may lack what the other one acknowledged.
func beginQuarantine(ctx context.Context, url, failover string, lsn fence.LSN, at time.Time) error {
	facts := quarantine.Facts{Reason: quarantine.FailedOver, Restore: failover, Time: at}
	if lsn != 0 {
		facts.LSN = lsn.String()
	}
	_, err := quarantine.Begin(ctx, url, facts)
	return err
}

type regionBeginCommand struct {
	Region string `arg:"" help:"The region that serves first: the one whose cluster is there."`
}

func (regionBeginCommand) Help() string {
	return `Writes the record in etcd that says which region serves, in epoch 1. Until then no agent starts PostgreSQL. It changes nothing
where there is such a record: for that there is 'meai failover'.`
}

func (b regionBeginCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := openRegion(ctx, c, "meai-region")
	if err != nil {
		return err
	}
	defer p.close(&err)
	servers, err := region.ParseServers(p.config.Regions.Postgres)
	if err != nil {
		return err
	}
	if _, known := servers[b.Region]; !known {
		return fmt.Errorf("regions.postgres names no region %s", b.Region)
	}
	register, err := p.register()
	if err != nil {
		return err
	}
	// Commits wait for no standby yet: its agent says when they do.
	first := fence.Async
	if p.config.Regions.Mode == string(fence.Sync) {
		first = fence.Degraded
	}
	if err := register.Begin(ctx, b.Region, first); err != nil {
		return fmt.Errorf("say which region serves first: %w", err)
	}
	_, err = fmt.Printf("region %s serves, in epoch 1\n", b.Region)
	return err
}

type regionWatchdogCommand struct {
	Data  string        `help:"Folder of the cluster." required:"" type:"path"`
	Lease time.Duration `help:"As regions.lease." required:""`
}

func (w regionWatchdogCommand) Run() error {
	return region.Watch(os.Stdin, os.Stdout, w.Data, fence.NewTimings(w.Lease), fence.BootClock)
}
