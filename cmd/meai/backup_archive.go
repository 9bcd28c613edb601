package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meai/activities/backup"
	"meai/activities/backup/repository"
	"meai/activities/backup/wal"
	"meai/internal/pgserver"
)

type backupArchiveCommand struct{}

func (backupArchiveCommand) Help() string {
	return `Receives write-ahead log by pg_receivewal into backup.wal_staging, and brings it from there to the bucket: finished pieces at once,
the one that is being written every backup.partial_every. A replication slot holds back what has not arrived. Run one, always.
It commits a heartbeat every ten seconds and looks for it in the bucket: /metrics (telemetry.metrics_listen) shows how far the
bucket is behind, and the recovery points of the other stores, which it looks for every minute. With synchronous_standby_names = 'ANY 1 (meai_archive)' PostgreSQL acknowledges only what has arrived here.`
}

func (backupArchiveCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	to, err := p.recipients()
	if err != nil {
		return err
	}
	account, err := pgserver.Unprivileged()
	if err != nil {
		return err
	}
	binaries, err := pgserver.Find(ctx, 0)
	if err != nil {
		return err
	}
	staging, err := filepath.Abs(p.config.Backup.WALStaging)
	if err != nil {
		return fmt.Errorf("backup.wal_staging: %w", err)
	}
	archiver := wal.New(wal.Options{
		Repository: r, Recipients: to, URL: p.config.Backup.PostgresURL, Binaries: binaries, Account: account,
		Staging: staging, Slot: p.config.Backup.WALSlot, PartialEvery: p.config.Backup.PartialEvery, Logger: p.telemetry.Logger,
	})
	points, err := p.points(ctx, r)
	if err != nil {
		return err
	}
	watch := &backup.Watch{Archiver: archiver, URL: p.config.Backup.PostgresURL, Points: points, Logger: p.telemetry.Logger}
	if err := watch.Observe(p.telemetry.Meters); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go watch.Run(ctx)
	archived := make(chan error, 1)
	go func() { archived <- archiver.Run(ctx) }()
	err = p.run(ctx, p.metricsServer(), archived)
	cancel()
	if ctx.Err() != nil && err == nil {
		err = <-archived // what was received is brought to the bucket before the end
	}
	return err
}

// metricsServer serves metrics and health alone; nil when no address is configured.
func (p *parts) metricsServer() *http.Server {
	if p.config.Telemetry.Metrics == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.telemetry.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return &http.Server{Addr: p.config.Telemetry.Metrics, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
}

type backupPushCommand struct {
	Path string `arg:"" type:"path" help:"The file (%p)."`
	Name string `arg:"" help:"Its name (%f)."`
}

func (backupPushCommand) Help() string {
	return `For postgresql.conf:  archive_command = 'meai --config /etc/meai.yaml backup push %p %f'

It returns once the file is durable in the bucket, and may be called again. It needs the bucket, the custodians' public keys and
the keyring (for the signature).`
}

func (b backupPushCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	to, err := p.recipients()
	if err != nil {
		return err
	}
	return wal.Push(ctx, r, to, b.Path, b.Name)
}

type backupCheckCommand struct {
	Deep bool `help:"Read every object, not the names alone."`
}

func (backupCheckCommand) Help() string {
	return `Reads the bucket and nothing else. It looks whether every part of every backup is there, and whether the write-ahead log from
the oldest backup on has no gap. Exit status: 0 all is there, 2 something is wrong and is named, 1 could not look.`
}

func (b backupCheckCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	found, err := backup.Examine(ctx, r, b.Deep)
	if err != nil {
		return err
	}
	fmt.Printf("backups   %d\nobjects   %d, %s\narchive   %s to %s, %d segments\n", found.Backups, found.Objects, size(found.Bytes), found.From, found.Tip, found.Segments)
	return unsound(found.Problems)
}

func unsound(problems []string) error {
	for _, problem := range problems {
		fmt.Println("PROBLEM ", problem)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %d found", errUnsound, len(problems))
	}
	return nil
}

type backupStatusCommand struct {
	JSON bool `help:"Print JSON."`
}

func (backupStatusCommand) Help() string {
	return `Exit status: 0 all is well, 2 there is no proven backup that is young enough, the archive is behind or something is wrong,
1 could not look. It asks the database how old the newest archived commit is; without the database the rest is shown.`
}

func (s backupStatusCommand) Run(ctx context.Context, c *cli) (err error) {
	p, r, err := openBackups(ctx, c)
	if err != nil {
		return err
	}
	defer p.close(&err)
	points, err := p.points(ctx, r)
	if err != nil {
		return err
	}
	status, err := backup.Look(ctx, points, p.config.Backup.PostgresURL)
	if err != nil {
		return err
	}
	if s.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(status); err != nil {
			return err
		}
		return quietly(status.Problems)
	}
	for _, kind := range []repository.Kind{repository.Postgres, repository.Weaviate} {
		fmt.Printf("%-9s newest %s (%s), proven %s\n", kind, orNone(status.Newest[kind].ID), since(status.Newest[kind].TakenAt), since(status.Newest[kind].ProvenAt))
	}
	for _, store := range slices.Sorted(maps.Keys(status.Points)) {
		at := status.Points[store]
		fmt.Printf("%-9s restorable up to %s (%s ago, may be %s)\n", store, at.Format(time.DateTime+" UTC"), time.Since(at).Round(time.Second), backup.Objectives[store])
	}
	return unsound(status.Problems)
}

func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

func quietly(problems []string) error {
	if len(problems) > 0 {
		return fmt.Errorf("%w: %d found", errUnsound, len(problems))
	}
	return nil
}
