package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// insufficientPrivilege and readOnlyTransaction are PostgreSQL's error codes.
const (
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
)

func requireRoles(t *testing.T, c config) {
	t.Helper()
	owner, app, reader := connect(t, c.Postgres.OwnerURL), connect(t, c.Postgres.URL), connect(t, c.Postgres.ReaderURL)

	for setting, want := range map[string]string{
		"data_checksums": "on", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "replica",
		"server_encoding": "UTF8", "lc_collate": "C", "listen_addresses": "127.0.0.1", "max_connections": "200", "password_encryption": "scram-sha-256",
	} {
		var got string
		require.NoError(t, owner.QueryRow(t.Context(), "select current_setting($1)", setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}

	rows, err := owner.Query(t.Context(), `select rolname, rolsuper or rolbypassrls or rolcreaterole or rolreplication, rolcreatedb
		from pg_roles where rolname in ('meai_owner', 'meai_app', 'meai_reader', 'temporal')`)
	require.NoError(t, err)
	count := 0
	for ; rows.Next(); count++ {
		var name string
		var powerful, createsDatabases bool
		require.NoError(t, rows.Scan(&name, &powerful, &createsDatabases))
		require.False(t, powerful, name)
		require.Equal(t, name == "meai_owner", createsDatabases, name)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 4, count)

	requireCode(t, readOnlyTransaction, execute(t, reader, "create temporary table x (id int)"))
	requireCode(t, insufficientPrivilege, execute(t, app, "create table x (id int)"))
	requireCode(t, insufficientPrivilege, execute(t, app, "create database x"))
	requireCode(t, insufficientPrivilege, execute(t, app, "insert into trace values (1)"))
	require.NoError(t, execute(t, app, "select from trace"))
	require.NoError(t, execute(t, reader, "select from trace"))

	require.NoError(t, execute(t, owner, "create database made_by_a_test"))
	require.NoError(t, execute(t, owner, "drop database made_by_a_test"))
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
