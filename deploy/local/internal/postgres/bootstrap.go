package postgres

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The same files initialise the container of docker-compose.yml.
var (
	//go:embed init/01_roles.sql
	rolesSQL string
	//go:embed init/02_databases.sql
	databasesSQL string
	//go:embed init/03_maintenance.sql
	maintenanceSQL string
)

// databases are those that 02_databases.sql makes.
var databases = []string{"meai", "temporal", "temporal_visibility"}

// Bootstrap makes the running cluster hold the roles with their passwords and the databases, each with what its upkeep
// needs. It may run at every start: roles are set anew, statements for databases that exist are left out.
func (s *Server) Bootstrap(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url(superuser, s.config.Passwords.Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to create roles: %w", err)
	}
	// Nothing is pending on the connection; closing it cannot lose work.
	defer func() { _ = conn.Close(ctx) }()
	if err := s.createRoles(ctx, conn); err != nil {
		return err
	}
	if err := createDatabases(ctx, conn); err != nil {
		return err
	}
	for _, database := range databases {
		if err := s.maintain(ctx, database); err != nil {
			return fmt.Errorf("prepare the upkeep of the database %s: %w", database, err)
		}
	}
	return nil
}

// maintain runs 03_maintenance.sql in a database.
func (s *Server) maintain(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, s.url(superuser, s.config.Passwords.Superuser, database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, maintenanceSQL)
	return err
}

func (s *Server) createRoles(ctx context.Context, conn *pgx.Conn) error {
	for setting, password := range map[string]string{
		"meai.owner_password":    s.config.Passwords.Owner,
		"meai.app_password":      s.config.Passwords.App,
		"meai.reader_password":   s.config.Passwords.Reader,
		"meai.backup_password":   s.config.Passwords.Backup,
		"meai.observer_password": s.config.Passwords.Observer,
		"meai.temporal_password": s.config.Passwords.Temporal,
	} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", setting, password); err != nil {
			return fmt.Errorf("pass on %s: %w", setting, err)
		}
	}
	if _, err := conn.Exec(ctx, rolesSQL); err != nil {
		return fmt.Errorf("create the roles: %w", err)
	}
	return nil
}

// createDatabases runs the file statement by statement, as "create database" demands. Grants are repeatable; a
// database that exists is not created again.
func createDatabases(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range statements(databasesSQL) {
		if name, creates := strings.CutPrefix(statement, "create database "); creates {
			name, _, _ = strings.Cut(name, " ")
			var exists bool
			if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&exists); err != nil {
				return fmt.Errorf("look for the database %s: %w", name, err)
			}
			if exists {
				continue
			}
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("run %q: %w", statement, err)
		}
	}
	return nil
}

// statements splits a file of plain statements, each of which ends a line with a semicolon, and drops comments.
func statements(file string) []string {
	var code []string
	for line := range strings.Lines(file) {
		if !strings.HasPrefix(line, "--") {
			code = append(code, line)
		}
	}
	var out []string
	for _, statement := range strings.Split(strings.Join(code, ""), ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			out = append(out, statement)
		}
	}
	return out
}
