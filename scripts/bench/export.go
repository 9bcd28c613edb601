package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/privacy/export"
	"meai/internal/audit"
	"meai/internal/config"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

type exportCommand struct {
	target `embed:""`

	Sizes []int `default:"10000,1000000" help:"Messages in the person's memory at each measurement, rising."`
	Texts int   `default:"1000" help:"Distinct messages, which are remembered by the product; the others are copies of their rows."`
}

func (exportCommand) Help() string {
	return `One person's memory is filled up to each size, and all of it is exported by a process that does nothing else: how long it takes, and how much memory
that process has at most.`
}

// Run fills, exports and prints.
func (m exportCommand) Run(ctx context.Context) (err error) {
	cfg, err := config.Load(m.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	work, err := os.MkdirTemp("", "meai-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	b := &bench{memoryCommand: memoryCommand{target: m.target, Memories: m.Texts, Texts: m.Texts}}
	if b.in, err = newInstallation(ctx, cfg, work, "meai_bench_export"); err != nil {
		return err
	}
	b.in.name, b.in.binary = "MeAi", m.Meai
	b.in.env = append(b.in.env, "MEAI_PRIVACY_EXPORTS=file://"+work+"/exports?create_dir=true")
	if b.product, err = startProduct(ctx, m.target, b.in); err != nil { // it makes the schema
		return err
	}
	defer b.product.stop()
	closing, err := b.open(ctx)
	defer closing()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.removeTenants(context.WithoutCancel(ctx))) }()
	tellers, err := b.ingest(ctx)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := b.loadLives(ctx, tellers); err != nil {
		return err
	}
	one := &person{id: uuid.New()}
	if err := b.newPerson(ctx, one.id); err != nil {
		return err
	}
	for _, size := range m.Sizes {
		if err := b.rows(ctx, one, size/m.Texts); err != nil {
			return err
		}
		if err := b.exportApart(ctx, m.Config, one.id, size); err != nil {
			return err
		}
	}
	return nil
}

// rows copies lives to somebody, as far as PostgreSQL holds them: an export reads nothing
// else.
func (b *bench) rows(ctx context.Context, p *person, lives int) error {
	keys, err := b.keys.Keys(ctx, p.id)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.cfg.Postgres.OwnerURL)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // what counts is committed
	progress := newProgress("messages filled in", (lives-p.lives)*b.Memories)
	defer progress.end()
	for ; p.lives < lives; p.lives++ {
		c, err := b.lives[p.lives%len(b.lives)].As(keys, p.lives)
		if err != nil {
			return err
		}
		if err := c.Insert(ctx, conn); err != nil {
			return err
		}
		progress.add(b.Memories)
	}
	_, err = conn.Exec(ctx, "analyze")
	return err
}

// exportApart has a process of its own export somebody, and prints what it tells.
func (b *bench) exportApart(ctx context.Context, configuration string, subject uuid.UUID, size int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "write-export", "--config", configuration, "--subject", subject.String())
	cmd.Env, cmd.Stderr = append(os.Environ(), b.in.env...), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	var done oneExport
	if err := json.Unmarshal(out, &done); err != nil {
		return err
	}
	fmt.Printf("export  %9d memories  %9d rows  %7.1f MB  %8s  %6.0f rows a second  peak resident %4d MB (%d MB before)\n", size, done.Rows, float64(done.Bytes)/1e6,
		done.Took.Round(time.Millisecond), float64(done.Rows)/done.Took.Seconds(), done.Peak>>20, done.Before>>20)
	return nil
}

// oneExport is what a process tells of the one export that it wrote.
type oneExport struct {
	Rows, Bytes  int64
	Took         time.Duration
	Before, Peak int64 // of resident memory, in bytes
}

type writeExportCommand struct {
	Config  string    `required:"" type:"path"`
	Subject uuid.UUID `required:""`
}

// Run writes one export, in every format.
func (w writeExportCommand) Run(ctx context.Context) error {
	cfg, err := config.Load(w.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: cfg.Postgres.URL})
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keyring.Open(ctx, keyring.Options{Bucket: cfg.Keyring.Bucket, KEK: cfg.Keyring.KEK, Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }() // it has only read
	bucket, err := objects.OpenErasable(ctx, cfg.Privacy.Exports)
	if err != nil {
		return err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	x := &export.Exports{
		Store: bucket, DB: db, Keyring: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys}), Lifetime: time.Hour, Version: "bench",
	}
	_, in, err := x.Request(ctx, export.Asked{Subject: w.Subject, IdempotencyKey: uuid.NewString(), Lock: export.Lock{Recipient: identity.Recipient().String()}})
	if err != nil {
		return err
	}
	done := oneExport{Before: ownMemory("VmRSS")}
	begun := time.Now()
	e, err := x.Write(ctx, in, nil)
	if err != nil {
		return err
	}
	done.Took, done.Rows, done.Bytes, done.Peak = time.Since(begun), e.RowsTotal, e.Size, ownMemory("VmHWM")
	return json.NewEncoder(os.Stdout).Encode(done)
}

// ownMemory reads a figure of this process's memory; zero where the kernel has none.
func ownMemory(name string) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, is := strings.CutPrefix(line, name+":"); is {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
