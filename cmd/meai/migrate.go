package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meai/internal/postgres"
)

type migrateCommand struct {
	Timeout time.Duration `default:"5m" help:"Give up after this long."`
}

func (migrateCommand) Help() string {
	return `Runs the database migrations as the owning role (postgres.owner_url) and makes the vector index's class.
Safe to run again and from several places at once.`
}

func (m migrateCommand) Run(ctx context.Context, c *cli) (err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	p, err := open(ctx, c, "meai-migrate")
	if err != nil {
		return err
	}
	defer p.close(&err)
	if p.config.Postgres.OwnerURL == "" {
		return errors.New("postgres.owner_url must be set to migrate")
	}
	if err := postgres.MigrateSecurely(ctx, p.config.Postgres.OwnerURL, p.postgresTLS(), p.telemetry.Logger); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	index, err := p.vectors(ctx)
	if err != nil {
		return err
	}
	if err := index.EnsureClass(ctx); err != nil {
		return fmt.Errorf("make the vector index's class: %w", err)
	}
	fmt.Println("The database schema and the vector index are up to date.")
	return nil
}
