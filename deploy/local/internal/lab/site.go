package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meai/deploy/local/internal/filelock"
	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
)

// Programs are the command lines of the programs that a site runs.
type Programs struct {
	Bin            string // folder of built servers
	WeaviateSource string // folder of the module that pins Weaviate; empty searches for it
	Meai           string // path of the meai binary

	// Guard, Etcd and Temporal are this program's other faces.
	Guard    func() *exec.Cmd
	Etcd     func(arguments ...string) *exec.Cmd
	Temporal func(data, site string) *exec.Cmd
}

// PIDs are the process ids of a running site; an engine that is down at the moment is missing or zero.
type PIDs struct {
	Supervisor int            `json:"supervisor"`
	Engines    map[string]int `json:"engines"` // etcd, agent, temporal, weaviate
	Guards     map[string]int `json:"guards"`  // by engine
}

const pidsFile = "pids.json"

// site is what one supervisor process runs.
type site struct {
	name     string
	plan     *Plan
	programs Programs
	errors   io.Writer
	lock     *filelock.Lock

	files     sync.Mutex // serialises writing pids.json
	mu        sync.Mutex
	processes map[string]*supervisor.Process
	following sync.WaitGroup // of the region's role, for Temporal
}

// RunSite is the whole life of a site's supervisor: it starts the site's engines, keeps them running and stops them when
// ctx ends.
func RunSite(ctx context.Context, data, name string, programs Programs, report io.Writer) error {
	plan, err := ReadPlan(data)
	if err != nil {
		return err
	}
	s := &site{name: name, plan: plan, programs: programs, errors: report, processes: map[string]*supervisor.Process{}}
	if s.lock, err = folder.Acquire(ctx, plan.Folder(name)); err != nil {
		return err
	}
	defer s.lock.Release()
	if err := s.prepare(); err != nil {
		return err
	}
	s.writePIDs()
	defer s.down()
	ctx, cancel := context.WithCancel(ctx)
	defer s.following.Wait()
	defer cancel()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting
		}
		return err
	}
	<-ctx.Done()
	return nil
}

// prepare makes the site's folders.
func (s *site) prepare() error {
	for _, name := range []string{"logs", "objects", "keyring", "ledger"} {
		if err := os.MkdirAll(filepath.Join(s.plan.Folder(s.name), name), 0o700); err != nil {
			return fmt.Errorf("make the folders of %s: %w", s.name, err)
		}
	}
	return nil
}

// start brings up what runs whatever the region's role is. Members of etcd wait for each other, so nothing here waits
// for them to agree on something.
func (s *site) start(life context.Context) error {
	group, ctx := errgroup.WithContext(life)
	group.Go(func() error { return s.run(ctx, s.etcd()) })
	if s.name == Control {
		group.Go(func() error { return s.startControl(ctx) })
		return group.Wait()
	}
	binary, err := s.weaviateBinary(ctx)
	if err != nil {
		return errors.Join(err, group.Wait())
	}
	if err := s.plan.writeConfig(s.name, s.programs.Meai, binary.Path); err != nil {
		return errors.Join(err, group.Wait())
	}
	group.Go(func() error { return s.run(ctx, s.weaviate(binary)) })
	group.Go(func() error {
		if err := s.firstCluster(ctx); err != nil {
			return err
		}
		s.following.Go(func() { s.followPrimary(life) })
		return s.run(ctx, s.agent())
	})
	return group.Wait()
}

// startControl starts a Temporal that needs no region.
func (s *site) startControl(ctx context.Context) error {
	if err := s.plan.writeConfig(s.name, s.programs.Meai, ""); err != nil {
		return err
	}
	c := s.plan.temporal(s.name)
	if err := temporal.MakeFile(c, controlNamespace); err != nil {
		return err
	}
	return s.run(ctx, s.temporal(c))
}

// run puts an engine under supervision and waits until it is healthy.
func (s *site) run(ctx context.Context, engine supervisor.Engine) error {
	process := supervisor.New(engine, supervisor.Options{
		Guard:   s.programs.Guard,
		LogDir:  filepath.Join(s.plan.Folder(s.name), "logs"),
		Report:  s.report,
		Changed: s.writePIDs,
	})
	s.mu.Lock()
	s.processes[engine.Name] = process
	s.mu.Unlock()
	return process.Start(ctx)
}

// down stops everything: first what writes to the database, then the agent with it, and last the register, in which the
// agent leaves word.
func (s *site) down() {
	for _, names := range [][]string{{"temporal", "weaviate"}, {"agent"}, {"etcd"}} {
		var stopping sync.WaitGroup
		for _, name := range names {
			s.mu.Lock()
			process := s.processes[name]
			s.mu.Unlock()
			if process != nil {
				stopping.Go(process.Stop)
			}
		}
		stopping.Wait()
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(filepath.Join(s.plan.Folder(s.name), pidsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.report("supervisor", err.Error())
	}
}

func (s *site) report(engine, message string) {
	// A courtesy: a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(s.errors, "%s meai-local: %s: %s %s\n", time.Now().UTC().Format("15:04:05.000"), s.name, engine, message)
}

// writePIDs is called after every change. A failure is reported, not returned: the engines run regardless.
func (s *site) writePIDs() {
	s.files.Lock()
	defer s.files.Unlock()
	pids := PIDs{Supervisor: os.Getpid(), Engines: map[string]int{}, Guards: map[string]int{}}
	s.mu.Lock()
	for name, process := range s.processes {
		if p := process.PIDs(); p.Engine != 0 {
			pids.Engines[name], pids.Guards[name] = p.Engine, p.Guard
		}
	}
	s.mu.Unlock()
	if err := folder.WriteJSON(filepath.Join(s.plan.Folder(s.name), pidsFile), pids); err != nil {
		s.report("supervisor", err.Error())
	}
}

// pids reads the process ids of a site that runs.
func (p *Plan) pids(site string) (PIDs, error) {
	var pids PIDs
	return pids, folder.ReadJSON(filepath.Join(p.Folder(site), pidsFile), &pids)
}
