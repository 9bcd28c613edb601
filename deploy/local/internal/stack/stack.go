package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"meai/deploy/local/internal/filelock"
	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// Options of one run.
type Options struct {
	Data           string // folder of everything that lasts; absolute
	Bin            string // folder of built server binaries; absolute
	WeaviateSource string // folder of the module that pins Weaviate; empty searches for it
	AnyPort        bool   // choose free ports even where the usual ones are free
	MayInstall     bool   // PostgreSQL may be installed when it is missing
	HistoryShards  int
	// CodecEndpoint is where Temporal's web interface has payloads decoded; "" for nowhere.
	CodecEndpoint string

	// Guard and Temporal are the command lines of this program's two other faces.
	Guard    func() *exec.Cmd
	Temporal func(data string) *exec.Cmd

	// Begin runs once the data folder is this run's own, before anything starts; nil for nothing.
	Begin func() error

	Progress *Progress
	Errors   io.Writer // where unasked-for events are reported
}

// Stack is a running set of engines.
type Stack struct {
	options  Options
	lock     *filelock.Lock
	state    State
	fresh    bool
	postgres *postgres.Server
	weaviate string // the server's binary

	files     sync.Mutex // serialises writing pids.json
	mu        sync.Mutex
	processes map[string]*supervisor.Process
}

// Up starts everything and returns when all of it is healthy. On error nothing is left running.
func Up(ctx context.Context, options Options) (*Stack, error) {
	s := &Stack{options: options, processes: map[string]*supervisor.Process{}}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.Down()
		return nil, err
	}
	return s, nil
}

// prepare takes possession of the data folder.
func (s *Stack) prepare(ctx context.Context) (err error) {
	// Others may pass through to the cluster's folder, which belongs to another user; every file with a secret
	// has its own protection.
	if err := os.MkdirAll(s.options.Data, 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if s.lock, err = folder.Acquire(ctx, s.options.Data); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.lock.Release()
		}
	}()
	s.awaitPredecessor(ctx)
	if s.options.Begin != nil {
		if err := s.options.Begin(); err != nil {
			return err
		}
	}
	s.writePIDs()
	if err := os.MkdirAll(s.logs(), 0o700); err != nil {
		return fmt.Errorf("make the folder of logs: %w", err)
	}
	s.state, s.fresh, err = loadState(s.options.Data, s.options.HistoryShards)
	if err != nil {
		return err
	}
	s.state.CodecEndpoint = s.options.CodecEndpoint
	if err := s.state.Ports.choose(s.options.AnyPort); err != nil {
		return err
	}
	return s.state.save(s.options.Data)
}

// start brings up PostgreSQL and then Temporal on it; Weaviate needs neither and starts beside them.
func (s *Stack) start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.startPostgres(ctx); err != nil {
			return err
		}
		return s.startTemporal(ctx)
	})
	group.Go(func() error { return s.startWeaviate(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	return s.writeConfig()
}

func (s *Stack) startPostgres(ctx context.Context) error {
	binaries, err := s.postgresBinaries(ctx)
	if err != nil {
		return err
	}
	err = s.options.Progress.step("postgres", "", func() (string, error) {
		var created bool
		s.postgres, created, err = postgres.Open(ctx, binaries, postgres.Config{
			Home: s.postgresHome(), Fresh: s.fresh, Port: s.state.Ports.Postgres, Passwords: s.state.Passwords,
		})
		if created {
			return "cluster made by PostgreSQL " + binaries.Version, err
		}
		return "cluster of PostgreSQL " + binaries.Version + " found", err
	})
	if err != nil {
		return err
	}
	return s.options.Progress.step("postgres", "", func() (string, error) {
		if err := s.run(ctx, s.postgres.Engine()); err != nil {
			return "", err
		}
		return "ready, roles and databases in place", s.postgres.Bootstrap(ctx)
	})
}

// postgresBinaries finds the binaries that fit the cluster and, for a new one, installs them when there are none.
func (s *Stack) postgresBinaries(ctx context.Context) (binaries postgres.Binaries, err error) {
	major, err := postgres.Installed(s.postgresHome())
	if err != nil {
		return postgres.Binaries{}, err
	}
	binaries, err = postgres.Find(ctx, major)
	if !errors.Is(err, postgres.ErrNotInstalled) || major != 0 || !s.options.MayInstall {
		return binaries, err
	}
	err = s.options.Progress.step("postgres", "installing by the system's package manager", func() (string, error) {
		if err := postgres.Install(ctx, s.options.Errors); err != nil {
			return "", err
		}
		if binaries, err = postgres.Find(ctx, 0); err != nil {
			return "", fmt.Errorf("the system's packages hold no PostgreSQL that is new enough, %d at least; "+
				"https://www.postgresql.org/download tells how to add the project's own packages: %w", postgres.Oldest, err)
		}
		return "PostgreSQL " + binaries.Version + " installed", nil
	})
	return binaries, err
}

func (s *Stack) startTemporal(ctx context.Context) error {
	c := s.temporalConfig()
	return s.options.Progress.step("temporal", "", func() (string, error) {
		if err := temporal.ApplySchema(c); err != nil {
			return "", err
		}
		server := temporal.New(c, func() *exec.Cmd { return s.options.Temporal(s.options.Data) })
		return "server " + temporal.Version + " ready, schema current", s.run(ctx, server.Engine())
	})
}

func (s *Stack) startWeaviate(ctx context.Context) error {
	binary, err := weaviate.Locate(ctx, s.options.Bin, s.options.WeaviateSource)
	if err != nil {
		return err
	}
	if !binary.Built() {
		announce := "building server " + binary.Version + " (once, some minutes)"
		err := s.options.Progress.step("weaviate", announce, func() (string, error) {
			return "server " + binary.Version + " built", binary.Build(ctx)
		})
		if err != nil {
			return err
		}
	}
	s.weaviate = binary.Path
	return s.options.Progress.step("weaviate", "", func() (string, error) {
		return "server " + binary.Version + " ready", s.run(ctx, weaviate.New(s.weaviateConfig(), binary).Engine())
	})
}

// run puts an engine under supervision and waits until it is healthy.
func (s *Stack) run(ctx context.Context, engine supervisor.Engine) error {
	process := supervisor.New(engine, supervisor.Options{
		Guard:   s.options.Guard,
		LogDir:  s.logs(),
		Report:  s.report,
		Changed: s.writePIDs,
	})
	s.mu.Lock()
	s.processes[engine.Name] = process
	s.mu.Unlock()
	return process.Start(ctx)
}

// Down stops everything in the order in which it can finish its work: first Temporal and Weaviate, then the
// database that Temporal writes to. It may be called once, also on a stack that came up only in part.
func (s *Stack) Down() {
	s.mu.Lock()
	processes := s.processes
	s.mu.Unlock()
	stop := func(name string) {
		if process, ok := processes[name]; ok {
			process.Stop()
		}
	}
	var others sync.WaitGroup
	others.Go(func() { stop("temporal") })
	others.Go(func() { stop("weaviate") })
	others.Wait()
	stop("postgres")
	s.removeRunFiles()
	s.lock.Release()
}

func (s *Stack) report(engine, message string) {
	// Like progress, a courtesy: a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(s.options.Errors, "meai-local: %s %s\n", engine, message)
}

func (s *Stack) postgresHome() string { return filepath.Join(s.options.Data, "postgres") }

func (s *Stack) logs() string { return filepath.Join(s.options.Data, "logs") }

func (s *Stack) temporalConfig() temporal.Config { return s.state.temporal() }

func (s *Stack) weaviateConfig() weaviate.Config {
	return s.state.weaviate(filepath.Join(s.options.Data, "weaviate"))
}
