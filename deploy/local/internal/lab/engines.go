package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/network"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// etcd is the site's member of the register. It is healthy as soon as it listens: it serves only once two members do,
// which may be much later. What it has agreed to is on disk: it is stopped hard when nobody is left to take over its lead.
func (s *site) etcd() supervisor.Engine {
	var members, hosts []string
	for _, other := range Sites {
		members = append(members, other+"=http://"+network.Address(etcdHost(other), s.plan.Site[other].EtcdPeer))
		hosts = append(hosts, etcdHost(other)+"="+s.plan.seen(s.name, other))
	}
	data := filepath.Join(s.plan.Folder(s.name), "etcd")
	port := s.plan.Site[s.name].Etcd
	return supervisor.Engine{
		Name: "etcd",
		Command: func(context.Context) (*exec.Cmd, error) {
			return s.programs.Etcd("--data", data, "--ready-file", filepath.Join(data, "ready"), "--name", s.name,
				"--members", strings.Join(members, ","), "--hosts", strings.Join(hosts, ","), "--client-port", fmt.Sprint(port)), nil
		},
		Healthy:      func(ctx context.Context) error { return listens(ctx, network.Address(s.plan.Host(s.name), port)) },
		StopSignal:   syscall.SIGTERM,
		StopWithin:   2 * time.Second,
		OrphanSignal: syscall.SIGTERM,
		StartWithin:  time.Minute,
	}
}

// etcdHost is the name of a member's host. All members know each other by the same names, and each finds them at
// addresses of its own.
func etcdHost(site string) string { return site + ".etcd.meai.internal" }

func listens(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// agent is the process that alone starts, stops, promotes and rewinds the region's PostgreSQL. What it does takes as long
// as it takes: a standby is copied first.
func (s *site) agent() supervisor.Engine {
	return supervisor.Engine{
		Name: "agent",
		Command: func(context.Context) (*exec.Cmd, error) {
			return s.atItsTime(s.product(context.Background(), "region", "agent"))
		},
		Healthy:      func(context.Context) error { return nil },
		StopSignal:   syscall.SIGTERM,
		StopWithin:   30 * time.Second,
		OrphanSignal: syscall.SIGTERM,
		StartWithin:  time.Minute,
	}
}

// clockFile is written by drills: how many seconds the clock of the site's agent is ahead (CLOCK_BOOTTIME, by which leases
// count), from its next start on.
const clockFile = "clock"

// atItsTime runs a command by the site's own clock. Where that is not set, nothing is changed.
func (s *site) atItsTime(cmd *exec.Cmd) (*exec.Cmd, error) {
	ahead, err := os.ReadFile(filepath.Join(s.plan.Folder(s.name), clockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return cmd, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the site's clock: %w", err)
	}
	// It becomes the program that it runs, and so keeps its process id.
	moved := exec.Command("unshare", append([]string{"--time", "--boottime", strings.TrimSpace(string(ahead)), cmd.Path}, cmd.Args[1:]...)...)
	moved.Env = cmd.Env
	return moved, nil
}

func (s *site) weaviateBinary(ctx context.Context) (weaviate.Binary, error) {
	binary, err := weaviate.Locate(ctx, s.programs.Bin, s.programs.WeaviateSource)
	if err != nil {
		return weaviate.Binary{}, err
	}
	if !binary.Built() {
		return binary, binary.Build(ctx)
	}
	return binary, nil
}

func (s *site) weaviate(binary weaviate.Binary) supervisor.Engine {
	return weaviate.New(s.plan.weaviate(s.name), binary).Engine()
}

// temporal is stopped hard after two seconds: where it has to go, its database is gone, for which it would wait.
func (s *site) temporal(c temporal.Config) supervisor.Engine {
	engine := temporal.New(c, func() *exec.Cmd { return s.programs.Temporal(s.plan.data, s.name) }).Engine()
	if isRegion(s.name) {
		engine.StopWithin = 2 * time.Second
	}
	return engine
}

// firstCluster makes the cluster of a new lab, with its roles and databases, at region a. From then on clusters are the
// agents' alone: that of region b is a copy, and so is that of region a should it ever be lost.
func (s *site) firstCluster(ctx context.Context) error {
	mark := filepath.Join(s.plan.data, "cluster-made")
	if _, err := os.Stat(mark); err == nil || s.name != RegionA {
		return s.placeFor(ctx)
	}
	binaries, err := postgres.Find(ctx, 0)
	if err != nil {
		return err
	}
	server, _, err := postgres.Open(ctx, binaries, postgres.Config{
		Home: s.plan.postgresHome(s.name), Host: s.plan.Host(s.name), Port: s.plan.Site[s.name].Postgres, Passwords: s.plan.Passwords,
	})
	if err != nil {
		return err
	}
	if err := s.run(ctx, server.Engine()); err != nil {
		return err
	}
	err = server.Bootstrap(ctx)
	if err == nil {
		err = s.fill(ctx)
	}
	s.stop("postgres")
	if err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	return folder.WriteWhole(mark, nil)
}

// fill brings the databases of a new cluster to the schemas of the product and of Temporal. The agent can begin an epoch
// only in a database of the product's.
func (s *site) fill(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return temporal.ApplySchema(s.plan.temporal(s.name)) })
	group.Go(func() error {
		// The schema of the index is brought up to date with it.
		index := weaviate.New(s.plan.weaviate(s.name), weaviate.Binary{}).Engine()
		for index.Healthy(ctx) != nil && ctx.Err() == nil {
			time.Sleep(lookEvery)
		}
		return s.meai(ctx, "migrate")
	})
	return group.Wait()
}

// meai runs a command of the product to its end.
func (s *site) meai(ctx context.Context, arguments ...string) error {
	out, err := s.product(ctx, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("meai %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	return nil
}

// product is a command of the meai binary, configured by the site's file alone: settings in this process's environment
// are for something else.
func (s *site) product(ctx context.Context, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.programs.Meai, append(arguments, "--config", s.plan.ConfigPath(s.name))...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "MEAI_") })
	return cmd
}

// begin says once which region serves first. The register hears it once a majority of it runs.
func (s *site) begin(ctx context.Context) error {
	register, err := clientv3.New(clientv3.Config{Endpoints: s.plan.etcdSeen(s.name), DialTimeout: time.Second, Logger: zap.NewNop()})
	if err != nil {
		return fmt.Errorf("reach the register: %w", err)
	}
	defer func() { _ = register.Close() }() // nothing is under way
	for {
		asked, cancel := context.WithTimeout(ctx, time.Second)
		desired, err := register.Get(asked, desiredKey)
		cancel()
		switch {
		case err == nil && desired.Count > 0:
			return nil // an earlier start was interrupted after it
		case err == nil:
			return s.meai(ctx, "region", "begin", RegionA)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the register: %w", errors.Join(ctx.Err(), err))
		case <-time.After(retryIn):
		}
	}
}

// desiredKey is where the register says which region is to serve; the name of the cluster is regions.cluster's default.
const desiredKey = "/meai/meai/desired"

// placeFor makes the folder that PostgreSQL's account must reach.
func (s *site) placeFor(ctx context.Context) error {
	return postgres.Place(ctx, s.plan.postgresHome(s.name))
}

// stop ends one engine for good.
func (s *site) stop(name string) {
	s.mu.Lock()
	process := s.processes[name]
	delete(s.processes, name)
	s.mu.Unlock()
	if process != nil {
		process.Stop()
	}
	s.writePIDs()
}
