package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"meai/deploy/local/internal/filelock"
	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/network"
	"meai/deploy/local/internal/supervisor"
)

// Options of one run of a lab.
type Options struct {
	Data          string // folder of everything that lasts; absolute
	HistoryShards int
	CodecEndpoint string
	Replication   string // async or sync, for regions.mode
	NetNS         bool   // give each site a network namespace of its own; needs root and Linux

	// Guard and Site are the command lines of this program's other faces.
	Guard func() *exec.Cmd
	Site  func(data, site string) *exec.Cmd

	// Begin runs once the data folder is this run's own, before anything starts; nil for nothing.
	Begin func() error

	Out    io.Writer // progress
	Errors io.Writer // where unasked-for events are reported
}

// Lab is a running lab: three sites and the network between them. The network belongs to no site, so that it outlives
// each of them.
type Lab struct {
	options Options
	plan    *Plan
	lock    *filelock.Lock
	network links
	api     *http.Server
	began   time.Time

	mu    sync.Mutex
	sites map[string]*supervisor.Process
}

// links is the network between the sites, however it is made.
type links interface {
	Links() []network.Link
	Set(network.Link) error
	Stop()
}

// Up starts the sites and returns when the lab is whole: one region serves and the other's standby streams. On error
// nothing is left running.
func Up(ctx context.Context, options Options) (*Lab, error) {
	l := &Lab{options: options, sites: map[string]*supervisor.Process{}, began: time.Now()}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	if err := l.start(ctx); err != nil {
		l.Down()
		return nil, err
	}
	return l, nil
}

func (l *Lab) prepare(ctx context.Context) (err error) {
	// PostgreSQL's account passes through; every file with a secret has its own protection.
	if err := os.MkdirAll(l.options.Data, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if l.lock, err = folder.Acquire(ctx, l.options.Data); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.lock.Release()
		}
	}()
	l.awaitPredecessor(ctx)
	if l.options.Begin != nil {
		if err := l.options.Begin(); err != nil {
			return err
		}
	}
	if l.plan, err = loadPlan(l.options.Data, l.options.HistoryShards); err != nil {
		return err
	}
	l.plan.CodecEndpoint, l.plan.Replication, l.plan.NetNS = l.options.CodecEndpoint, l.options.Replication, l.options.NetNS
	if l.plan.NetNS && l.plan.Network == 0 {
		l.plan.Network = 1 + rand.IntN(254)
	}
	for _, site := range Sites {
		if err := os.MkdirAll(filepath.Join(l.plan.Folder(site), "logs"), 0o755); err != nil {
			return fmt.Errorf("make the sites' folders: %w", err)
		}
	}
	return l.plan.save()
}

// awaitPredecessor ends the sites that a killed lab left behind and that have not ended by themselves yet.
func (l *Lab) awaitPredecessor(ctx context.Context) {
	old := &Plan{data: l.options.Data}
	for _, site := range Sites {
		for began := time.Now(); time.Since(began) < predecessorWithin && ctx.Err() == nil; time.Sleep(lookEvery) {
			if running, err := folder.IsRunning(old.Folder(site)); err != nil || !running {
				break
			}
		}
	}
}

// predecessorWithin is longer than an orphaned site takes to stop.
const predecessorWithin = 60 * time.Second

func (l *Lab) start(ctx context.Context) error {
	if err := l.startNetwork(); err != nil {
		return err
	}
	if err := l.serve(); err != nil {
		return err
	}
	l.say("network between the sites is up")
	failed := make(chan error, len(Sites))
	for _, site := range Sites {
		go func() { failed <- l.StartSite(ctx, site) }()
	}
	for range Sites {
		if err := <-failed; err != nil {
			return err
		}
	}
	if err := l.awaitWhole(ctx); err != nil {
		return err
	}
	return l.writeLabFile()
}

func (l *Lab) startNetwork() (err error) {
	if l.plan.NetNS {
		l.network, err = network.StartNamespaces(fmt.Sprintf("meai%d", l.plan.Network), l.plan.outside(), l.plan.namespaces())
		return err
	}
	if err := distinctHosts(l.plan.seen(RegionA, RegionB)); err != nil {
		return err
	}
	l.network, err = network.Start(l.plan.routes())
	return err
}

// StartSite starts a site's supervisor and returns once it runs; its engines come up in their own time. A site that runs
// is left as it is.
func (l *Lab) StartSite(ctx context.Context, site string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.sites[site]; old != nil {
		if old.PIDs().Engine != 0 {
			return nil
		}
		old.Stop() // it has ended; this only waits for the end of the watch over it
	}
	process := supervisor.New(l.siteEngine(site), supervisor.Options{
		Guard:   l.options.Guard,
		LogDir:  filepath.Join(l.plan.Folder(site), "logs"),
		Report:  l.report,
		Changed: func() {},
	})
	l.sites[site] = process
	return process.Start(ctx)
}

// StopSite stops a site in order, as for maintenance.
func (l *Lab) StopSite(site string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if process := l.sites[site]; process != nil {
		process.Stop()
		delete(l.sites, site)
	}
}

// KillSite ends every process of a site at once and without a word, as a power cut does.
func (l *Lab) KillSite(ctx context.Context, site string) error {
	l.mu.Lock()
	process := l.sites[site]
	l.mu.Unlock()
	if process == nil || process.PIDs().Engine == 0 {
		return fmt.Errorf("%s does not run", site)
	}
	if err := killTree(ctx, process.PIDs().Engine, filepath.Join(l.plan.postgresHome(site), "data")); err != nil {
		return err
	}
	for process.PIDs().Engine != 0 { // whoever starts it again must not take it for running
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery / 10):
		}
	}
	return nil
}

func (l *Lab) siteEngine(site string) supervisor.Engine {
	return supervisor.Engine{
		Name: "site-" + site,
		Command: func(context.Context) (*exec.Cmd, error) {
			return l.plan.inside(site, l.options.Site(l.options.Data, site)), nil
		},
		Healthy: func(context.Context) error {
			_, err := l.plan.pids(site)
			return err
		},
		StopSignal:   syscall.SIGTERM,
		StopWithin:   siteStopsWithin,
		OrphanSignal: syscall.SIGTERM,
		StartWithin:  time.Minute,
		Once:         true,
	}
}

// siteStopsWithin is longer than a site's engines are given one after the other.
const siteStopsWithin = 70 * time.Second

// Down stops everything. It may be called once, also on a lab that came up only in part.
func (l *Lab) Down() {
	var stopping sync.WaitGroup
	for _, site := range Regions {
		stopping.Go(func() { l.StopSite(site) })
	}
	stopping.Wait()
	l.StopSite(Control) // last: the regions' agents leave word in the register
	if l.api != nil {
		_ = l.api.Close() // what is being asked is of no more use
	}
	if l.network != nil {
		l.network.Stop()
	}
	if err := os.Remove(filepath.Join(l.options.Data, LabFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.report("lab", err.Error())
	}
	l.lock.Release()
}

func (l *Lab) say(format string, args ...any) {
	// Progress is a courtesy: a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(l.options.Out, "  %5.1f s  %s\n", time.Since(l.began).Seconds(), fmt.Sprintf(format, args...))
}

func (l *Lab) report(engine, message string) {
	// As above.
	_, _ = fmt.Fprintf(l.options.Errors, "meai-local: %s %s\n", engine, message)
}
