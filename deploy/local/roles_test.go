package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// PostgreSQL's error codes.
const (
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
	invalidPassword       = "28P01"
)

func requireRoles(t *testing.T, c config) {
	t.Helper()
	owner, app, reader := connect(t, c.Postgres.OwnerURL), connect(t, c.Postgres.URL), connect(t, c.Postgres.ReaderURL)

	for setting, want := range map[string]string{
		"data_checksums": "on", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "replica",
		"server_encoding": "UTF8", "lc_collate": "C", "listen_addresses": "127.0.0.1", "max_connections": "200", "password_encryption": "scram-sha-256",
		"max_slot_wal_keep_size": "4GB", "wal_recycle": "off",
	} {
		var got string
		require.NoError(t, owner.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}

	rows, err := owner.Query(t.Context(), `select rolname, rolsuper or rolcreaterole, rolbypassrls, rolreplication, rolcreatedb
		from pg_roles where rolname in ('meai_owner', 'meai_app', 'meai_reader', 'meai_backup', 'meai_observer', 'temporal')`)
	require.NoError(t, err)
	count := 0
	for ; rows.Next(); count++ {
		var name string
		var powerful, bypasses, replicates, createsDatabases bool
		require.NoError(t, rows.Scan(&name, &powerful, &bypasses, &replicates, &createsDatabases))
		require.False(t, powerful, name)
		require.Equal(t, name == "meai_backup", bypasses, name)
		require.Equal(t, name == "meai_backup", replicates, name)
		require.Equal(t, name == "meai_owner", createsDatabases, name)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 6, count)

	requireCode(t, readOnlyTransaction, execute(t, reader, "create temporary table x (id int)"))
	requireCode(t, insufficientPrivilege, execute(t, app, "create table x (id int)"))
	requireCode(t, insufficientPrivilege, execute(t, app, "create database x"))
	requireCode(t, insufficientPrivilege, execute(t, app, "insert into trace values (1)"))
	require.NoError(t, execute(t, app, "select from trace"))
	require.NoError(t, execute(t, reader, "select from trace"))

	require.NoError(t, execute(t, owner, "create database made_by_a_test"))
	require.NoError(t, execute(t, owner, "drop database made_by_a_test"))
	requireCleaning(t, c, owner, app)
	requireBackupRole(t, c)
}

// requireCleaning does what an erasure does to the files of a database, as the role that may.
func requireCleaning(t *testing.T, c config, owner, app *pgx.Conn) {
	t.Helper()
	for _, statement := range []string{
		"create table emptied (id uuid)", "insert into emptied select gen_random_uuid() from generate_series(1, 100)",
		"analyze emptied", "delete from emptied", "vacuum (full, analyze) emptied",
	} {
		require.NoError(t, execute(t, owner, statement), statement)
	}
	forget := func(conn *pgx.Conn, table string) (n int64) {
		require.NoError(t, conn.QueryRow(t.Context(), "select maintenance.forget_statistics(array[$1::text]::regclass[])", table).Scan(&n))
		return n
	}
	require.EqualValues(t, 1, forget(owner, "emptied"), "analyze leaves the values of an empty table")
	require.Zero(t, forget(owner, "emptied"))
	require.Zero(t, forget(owner, "pg_catalog.pg_class"), "not of another's table")
	for _, statement := range []string{"vacuum (full) pg_catalog.pg_statistic", "checkpoint", "select pg_switch_wal()", "checkpoint", "drop table emptied"} {
		require.NoError(t, execute(t, owner, statement), statement)
	}
	for _, statement := range []string{"checkpoint", "select pg_switch_wal()", "select maintenance.forget_statistics(array['trace']::regclass[])"} {
		requireCode(t, insufficientPrivilege, execute(t, app, statement))
	}
}

// requireBackupRole takes the role for backups through what it is for, and what it must not do.
func requireBackupRole(t *testing.T, c config) {
	t.Helper()
	product := connect(t, c.Backup.PostgresURL)
	require.NoError(t, execute(t, product, "select from trace"), "it reads what nobody has granted to it")
	require.NoError(t, execute(t, product, "select pg_current_wal_insert_lsn(), * from pg_stat_wal_receiver"))
	for _, statement := range []string{
		"insert into trace values (1)", "update trace set id = 1", "delete from trace", "truncate trace", "drop table trace",
		"create table x (id int)", "create temporary table x (id int)", "create database x", "set role meai_owner", "checkpoint",
	} {
		requireCode(t, insufficientPrivilege, execute(t, product, statement))
	}
	for _, database := range []string{"temporal", "temporal_visibility"} {
		conn := connect(t, withDatabase(t, c.Backup.PostgresURL, database))
		require.NoError(t, execute(t, conn, "select from schema_version"), database)
		requireCode(t, insufficientPrivilege, execute(t, conn, "delete from schema_version"))
	}

	require.NoError(t, replicate(t, c.Backup.PostgresURL))
	wrong, err := url.Parse(c.Backup.PostgresURL)
	require.NoError(t, err)
	wrong.User = url.UserPassword(wrong.User.Username(), "wrong")
	requireCode(t, invalidPassword, replicate(t, wrong.String()))
	requireCode(t, insufficientPrivilege, replicate(t, c.Postgres.URL))
}

// requireObserver takes the role of observers through what it is for, and what it must not do.
func requireObserver(t *testing.T, connection string) {
	t.Helper()
	conn := connect(t, connection)
	require.NoError(t, execute(t, conn, "select pg_is_in_recovery()"))
	for _, statement := range []string{"create table x (id int)", "create schema x", "create database x", "set role meai_owner", "checkpoint", "select pg_promote()", "select pg_read_file('PG_VERSION')"} {
		requireCode(t, insufficientPrivilege, execute(t, conn, statement))
	}
	for _, database := range []string{"meai", "temporal", "temporal_visibility"} {
		_, err := pgx.Connect(t.Context(), withDatabase(t, connection, database))
		requireCode(t, insufficientPrivilege, err)
	}
	requireCode(t, insufficientPrivilege, replicate(t, connection))
}

// forgetBackupRole leaves the cluster as versions did that knew no such role.
func forgetBackupRole(t *testing.T, l *local, c config) {
	t.Helper()
	u, err := url.Parse(c.Backup.PostgresURL)
	require.NoError(t, err)
	u.User = url.UserPassword("postgres", l.state(t).Passwords.Superuser)
	for _, database := range []string{"temporal", "temporal_visibility", "meai"} {
		require.NoError(t, execute(t, connect(t, withDatabase(t, u.String(), database)), "drop owned by meai_backup"))
	}
	require.NoError(t, execute(t, connect(t, u.String()), "drop role meai_backup"))
}

// forgetBackupPassword does the same with the state of a stack that is down.
func forgetBackupPassword(t *testing.T, data string) {
	t.Helper()
	path := filepath.Join(data, "state.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var state map[string]any
	require.NoError(t, json.Unmarshal(text, &state))
	delete(state["passwords"].(map[string]any), "backup")
	text, err = json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// replicate speaks the replication protocol, by which backups are taken, over loopback.
func replicate(t *testing.T, connection string) error {
	t.Helper()
	cfg, err := pgconn.ParseConfig(connection)
	require.NoError(t, err)
	cfg.RuntimeParams["replication"] = "true"
	conn, err := pgconn.ConnectConfig(t.Context(), cfg)
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	answers, err := conn.Exec(t.Context(), "IDENTIFY_SYSTEM").ReadAll()
	require.NoError(t, err)
	require.Len(t, answers[0].Rows, 1)
	return nil
}

func withDatabase(t *testing.T, connection, name string) string {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func execute(t *testing.T, conn *pgx.Conn, statement string) error {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	return err
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.Code, refused.Message)
}
