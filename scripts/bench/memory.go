package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/internal/config"
	"meai/internal/embedding"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/vectors"
	"meai/scripts/bench/life"
)

type memoryCommand struct {
	target `embed:""`

	People    int           `default:"1000" help:"People, each with as many messages as --memories says."`
	Memories  int           `default:"1000" help:"Messages of each of them."`
	One       int           `default:"100000" help:"Messages of one further person; 0 for nobody."`
	Texts     int           `default:"5000" help:"Distinct texts that are told through the product's own activities."`
	Fractions []float64     `default:"0.1,1" help:"Parts of all that, in rising order; recall is measured at each."`
	Questions int           `default:"300" help:"Questions asked at each part: as many of the many people, and of the one."`
	Settle    time.Duration `default:"75s" help:"Rest after each filling. Weaviate writes to disk what came a minute ago."`
	Page      string        `help:"Write what was found as a page of documentation, too." placeholder:"FILE"`
}

func (memoryCommand) Help() string {
	return `First people tell --texts distinct messages through Mirror's and memory's activities: the rate, CPU and latency of that are measured. Then
others are given copies of these lives in bulk, sealed and blinded under keys of their own, with vectors moved by seeded noise: what the product would
have written, checked by its own repair. At each of the --fractions questions are asked over HTTP, and the stores are weighed.`
}

// bench is a memory benchmark on its way.
type bench struct {
	memoryCommand
	in      installation
	cfg     config.Config
	product *product
	db      *postgres.DB
	keys    *keyring.Keyring
	index   *vectors.Index
	mirror  *mirror.Activities
	memory  *memory.Activities
	// made are all people, whose tenants are removed in the end.
	mu     sync.Mutex
	made   []uuid.UUID
	people []*person
	one    *person
	lives  []*life.Life
	report memoryReport
	// before is the size of Weaviate's folder when nothing of this run was in it.
	before int64
}

// person is somebody with a number of copied lives. Who has no name never asks.
type person struct {
	name  string
	id    uuid.UUID
	lives int
	// agreed: they have agreed to everything, which a person does once.
	agreed bool
}

// Run measures, prints, and removes what it made from Weaviate.
func (m memoryCommand) Run(ctx context.Context) (err error) {
	if m.Texts < m.Memories || m.People < 1 || len(m.Fractions) == 0 || !slices.IsSorted(m.Fractions) {
		return errors.New("there must be people, texts for at least one life, and fractions in rising order")
	}
	cfg, err := config.Load(m.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	b := &bench{memoryCommand: m}
	if err := b.checkDisk(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "meai-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if b.in, err = newInstallation(ctx, cfg, work, "meai_bench_memory"); err != nil {
		return err
	}
	b.in.name, b.in.binary = "MeAi", m.Meai
	if b.product, err = startProduct(ctx, m.target, b.in); err != nil {
		return err
	}
	defer b.product.stop()
	closing, err := b.open(ctx)
	defer closing()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.removeTenants(context.WithoutCancel(ctx))) }()
	if err := b.measure(ctx); err != nil {
		return err
	}
	b.report.print(os.Stdout)
	if m.Page == "" {
		return nil
	}
	return os.WriteFile(m.Page, b.report.page(), 0o600)
}

func (b *bench) measure(ctx context.Context) (err error) {
	if b.before, err = folderSize(b.weaviateFolder()); err != nil {
		return err
	}
	b.report.machine = machine()
	b.report.people, b.report.memories, b.report.largest = b.People, b.Memories, b.One
	tellers, err := b.ingest(ctx)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := b.loadLives(ctx, tellers); err != nil {
		return err
	}
	if err := b.invite(ctx); err != nil {
		return err
	}
	for _, fraction := range b.Fractions {
		if err := b.stage(ctx, fraction); err != nil {
			return fmt.Errorf("at %.0f %%: %w", 100*fraction, err)
		}
	}
	return nil
}

// open opens the installation as a worker would.
func (b *bench) open(ctx context.Context) (closing func(), err error) {
	var opened []func()
	closing = func() {
		for _, f := range slices.Backward(opened) {
			f()
		}
	}
	if b.cfg, err = config.Load(b.Config, append(os.Environ(), b.in.env...)); err != nil {
		return closing, fmt.Errorf("configuration: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if b.db, err = postgres.Open(ctx, postgres.Options{URL: b.cfg.Postgres.URL, MaxConns: b.cfg.Postgres.MaxConns, Logger: log}); err != nil {
		return closing, err
	}
	opened = append(opened, b.db.Close)
	if b.keys, err = keyring.Open(ctx, keyring.Options{Bucket: b.cfg.Keyring.Bucket, KEK: b.cfg.Keyring.KEK, Logger: log}); err != nil {
		return closing, err
	}
	opened = append(opened, func() { _ = b.keys.Close() }) // its folder is removed next
	// Filling waits for a batch longer than a person would.
	b.index, err = vectors.Open(ctx, vectors.Options{URL: b.cfg.Weaviate.URL, APIKey: b.cfg.Weaviate.APIKey, Timeout: time.Minute, Logger: log})
	if err != nil {
		return closing, err
	}
	opened = append(opened, b.index.Close)
	encoder, err := embedding.NewBuiltin()
	if err != nil {
		return closing, err
	}
	// Mirror and memory share what was embedded, as in a worker, where the one follows
	// the other at once; here all texts lie in between.
	embedder := embedding.Cached(encoder, b.cfg.Embedding.Cache+b.Texts)
	analyzer, err := mirror.NewAnalyzer(embedder)
	if err != nil {
		return closing, err
	}
	b.mirror = &mirror.Activities{Analyzer: analyzer}
	b.memory = memory.New(memory.Options{DB: b.db, Keyring: b.keys, Vectors: b.index, Embedder: embedder, Logger: log})
	return closing, b.index.EnsureClass(ctx)
}

// newPerson registers somebody, with keys and a tenant.
func (b *bench) newPerson(ctx context.Context, id uuid.UUID) error {
	b.mu.Lock()
	b.made = append(b.made, id)
	b.mu.Unlock()
	if err := b.keys.Create(ctx, id); err != nil {
		return err
	}
	if err := b.db.EnsureSubject(ctx, id); err != nil {
		return err
	}
	return b.index.EnsureTenant(ctx, id)
}

func (b *bench) loadLives(ctx context.Context, tellers []uuid.UUID) error {
	conn, err := pgx.Connect(ctx, b.cfg.Postgres.OwnerURL)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // it has only read
	for _, id := range tellers {
		keys, err := b.keys.Keys(ctx, id)
		if err != nil {
			return err
		}
		l, err := life.Load(ctx, conn, keys)
		if err != nil {
			return err
		}
		b.lives = append(b.lives, l)
		b.report.underived += l.Underived
	}
	return nil
}

func (b *bench) removeTenants(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "removing %d tenants\n", len(b.made))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, id := range b.made {
		group.Go(func() error { return b.index.DeleteTenant(ctx, id) })
	}
	return group.Wait()
}

// weaviateFolder is where meai-local keeps Weaviate's data, beside its configuration.
func (b *bench) weaviateFolder() string { return filepath.Join(filepath.Dir(b.Config), "weaviate") }
