package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/config"
)

// An installation is a binary with a database, a Temporal namespace and a keyring
// of its own, all fresh, so that none is slower for what an earlier run left.
type installation struct {
	name, binary, namespace string
	env                     []string
}

// install prepares the released binary, and one without encryption, which it
// builds for this run alone (see internal/keyring/cipher_null.go).
// Both live in the folder work.
func (m measureCommand) install(ctx context.Context, cfg config.Config, work string) (sealed, null installation, err error) {
	if sealed, err = newInstallation(ctx, cfg, work, "meai_bench"); err != nil {
		return sealed, null, err
	}
	sealed.name, sealed.binary = "MeAi", m.Meai
	binary := filepath.Join(work, "meai-null-key")
	fmt.Fprintln(os.Stderr, "building MeAi with a null key")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "meai_null_key", "-ldflags", "-s -w", "-o", binary, "./cmd/meai")
	if out, err := build.CombinedOutput(); err != nil {
		return sealed, null, fmt.Errorf("build MeAi with a null key: %w\n%s", err, out)
	}
	null, err = newInstallation(ctx, cfg, work, "meai_bench_null")
	null.name, null.binary = "MeAi, null key", binary
	null.env = append(null.env, "BENCH_NULL_KEY=benchmark")
	return sealed, null, err
}

func newInstallation(ctx context.Context, cfg config.Config, work, id string) (installation, error) {
	folder := filepath.Join(work, id)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return installation{}, fmt.Errorf("make the keyring's folder: %w", err)
	}
	// What an earlier run left open belongs to a keyring that is gone.
	in := installation{namespace: id + "-" + uuid.NewString()[:8]}
	in.env = []string{
		"MEAI_TEMPORAL_NAMESPACE=" + in.namespace,
		"MEAI_KEYRING_BUCKET=file://" + filepath.Join(folder, "keyring") + "?create_dir=true",
		"MEAI_KEYRING_KEK=file://" + filepath.Join(folder, "kek.key"),
		"MEAI_LEDGER_BUCKETS=file://" + filepath.Join(folder, "ledger") + "?create_dir=true",
	}
	if err := freshDatabase(ctx, cfg.Postgres.OwnerURL, id); err != nil {
		return in, err
	}
	for variable, connection := range map[string]string{
		"MEAI_POSTGRES_URL": cfg.Postgres.URL, "MEAI_POSTGRES_OWNER_URL": cfg.Postgres.OwnerURL, "MEAI_POSTGRES_READER_URL": cfg.Postgres.ReaderURL,
	} {
		u, err := url.Parse(connection)
		if err != nil {
			return in, errors.New("the database's URL cannot be read")
		}
		u.Path = "/" + id
		in.env = append(in.env, variable+"="+u.String())
	}
	return in, nil
}

func freshDatabase(ctx context.Context, ownerURL, name string) (err error) {
	owner, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { err = errors.Join(err, owner.Close(ctx)) }()
	quoted := pgx.Identifier{name}.Sanitize()
	for _, statement := range []string{"drop database if exists " + quoted, "create database " + quoted + " template template0"} {
		if _, err := owner.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the database %s: %w", name, err)
		}
	}
	return nil
}
