package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	postgresschema "go.temporal.io/server/schema/postgresql/v12"

	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
)

// asSQLTool makes the test binary be Temporal's own schema tool, of the version that the containers use.
const asSQLTool = "MEAI_LOCAL_TEST_AS_SQL_TOOL"

// TestContainersPrepareTheSameCluster runs the scripts that docker-compose.yml gives to its images, with the real
// psql and the real schema tool, against an empty cluster.
func TestContainersPrepareTheSameCluster(t *testing.T) {
	port, passwords, bindir := emptyCluster(t)
	env := append(os.Environ(),
		"PATH="+sqlToolFolder(t)+":"+bindir+":"+os.Getenv("PATH"),
		"PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(port), "PGPASSWORD="+passwords.Superuser,
		"MEAI_SQL="+filepath.Join("internal", "postgres", "init"),
		"MEAI_OWNER_PASSWORD="+passwords.Owner, "MEAI_APP_PASSWORD="+passwords.App,
		"MEAI_READER_PASSWORD="+passwords.Reader, "MEAI_BACKUP_PASSWORD="+passwords.Backup, "MEAI_OBSERVER_PASSWORD="+passwords.Observer, "MEAI_TEMPORAL_PASSWORD="+passwords.Temporal,
		"SQL_PLUGIN=postgres12_pgx", "SQL_HOST=127.0.0.1", "SQL_PORT="+strconv.Itoa(port),
		"SQL_USER=temporal", "SQL_PASSWORD="+passwords.Temporal,
	)
	run := func(script string) {
		cmd := exec.Command(filepath.Join("..", "docker", script))
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	run("init-postgres.sh")
	run("temporal-schema.sh")
	run("temporal-schema.sh") // every start of the containers runs it again

	url := func(role, password, database string) string {
		return "postgres://" + role + ":" + password + "@127.0.0.1:" + strconv.Itoa(port) + "/" + database + "?sslmode=disable"
	}
	var c config
	c.Postgres.OwnerURL, c.Postgres.URL = url("meai_owner", passwords.Owner, "meai"), url("meai_app", passwords.App, "meai")
	c.Postgres.ReaderURL = url("meai_reader", passwords.Reader, "meai")
	c.Backup.PostgresURL = url("meai_backup", passwords.Backup, "meai")
	leaveRow(t, c)
	requireRoles(t, c)
	requireObserver(t, url("meai_observer", passwords.Observer, "postgres"))
	var rules int
	require.NoError(t, connect(t, url("postgres", passwords.Superuser, "meai")).QueryRow(t.Context(), `select count(*) from pg_hba_file_rules
		where 'replication' = any(database) and user_name = array['meai_backup'] and address = 'all' and auth_method = 'scram-sha-256'`).Scan(&rules))
	require.Equal(t, 1, rules, "another container may take backups")
	for database, want := range map[string]string{
		"temporal": postgresschema.Version, "temporal_visibility": postgresschema.VisibilityVersion,
	} {
		var version string
		conn := connect(t, url("temporal", passwords.Temporal, database))
		require.NoError(t, conn.QueryRow(t.Context(), "select curr_version from schema_version").Scan(&version))
		require.Equal(t, want, version, database)
	}
}

// emptyCluster runs a PostgreSQL without any of MeAi's roles and databases, as an image does on an empty volume.
func emptyCluster(t *testing.T) (port int, passwords postgres.Passwords, bindir string) {
	t.Helper()
	data := newData(t)
	require.NoError(t, os.Mkdir(data, 0o755))
	binaries, err := postgres.Find(t.Context(), 0)
	require.NoError(t, err)
	passwords = postgres.Passwords{Superuser: "51", Owner: "52", App: "53", Reader: "54", Backup: "55", Temporal: "56", Observer: "57"}
	port = freePort(t)
	server, created, err := postgres.Open(t.Context(), binaries, postgres.Config{
		Home: filepath.Join(data, "postgres"), Fresh: true, Port: port, Passwords: passwords,
	})
	require.NoError(t, err)
	require.True(t, created)
	process := supervisor.New(server.Engine(), supervisor.Options{
		Guard: func() *exec.Cmd { return program("guard") }, LogDir: data,
		Report: func(_, message string) { t.Log(message) }, Changed: func() {},
	})
	t.Cleanup(process.Stop)
	require.NoError(t, process.Start(t.Context()))
	return port, passwords, binaries.Dir
}

// sqlToolFolder holds the command temporal-sql-tool.
func sqlToolFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n" + asSQLTool + "=1 exec " + os.Args[0] + ` "$@"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal-sql-tool"), []byte(script), 0o755))
	return dir
}
