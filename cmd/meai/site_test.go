package main_test

import (
	"context"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/identity/devlogin"
)

// newSite is a fresh installation on the shared engines: its own database,
// Temporal namespace and keyring, migrated and applied.
func newSite(t *testing.T, env ...string) site {
	t.Helper()
	urls := enginetest.EmptyDatabase(t, false)
	keys := t.TempDir()
	s := site{config: os.Getenv("MEAI_TEST_CONFIG"), env: append([]string{
		"MEAI_IDENTITY_DEVELOPMENT=true",
		// The same through all restarts: it is part of who the callers are.
		"MEAI_API_LISTEN=" + freePort(t),
		// Tests ask more often than people do; limits_test.go is about limits.
		"MEAI_LIMITS_SYNTHESIS=100000", "MEAI_LIMITS_READING=100000", "MEAI_LIMITS_MEMORY=100000", "MEAI_LIMITS_BRIDGE=100000",
		"MEAI_LIMITS_MIRROR=100000", "MEAI_LIMITS_TRUTHFILTER=100000", "MEAI_LIMITS_ACCOUNT=100000", "MEAI_LIMITS_API_KEY=100000", "MEAI_LIMITS_FAILED_LOGINS=100000",
		"MEAI_POSTGRES_URL=" + urls.App,
		"MEAI_POSTGRES_OWNER_URL=" + urls.Owner,
		"MEAI_POSTGRES_READER_URL=" + urls.Reader,
		"MEAI_TEMPORAL_NAMESPACE=test-" + uuid.NewString()[:8],
		"MEAI_KEYRING_BUCKET=file://" + keys + "/keyring?create_dir=true",
		"MEAI_LEDGER_BUCKETS=file://" + keys + "/ledger?create_dir=true",
		"MEAI_KEYRING_KEK=file://" + keys + "/kek.key",
		"MEAI_PRIVACY_EXPORTS=file://" + keys + "/exports?create_dir=true",
		// Files are cleared and searched where that is tested: they are the whole server's.
		"MEAI_PRIVACY_MAINTENANCE_URLS=", "MEAI_PRIVACY_SCAN_FOLDERS=",
	}, env...)}
	s.run(t, "migrate")
	s.run(t, "apply")
	return s
}

// with is the same installation with some settings changed.
func (s site) with(env ...string) site {
	s.env = append(append([]string(nil), s.env...), env...)
	return s
}

// setting is the value of an environment variable of the installation.
func (s site) setting(name string) string {
	value := ""
	for _, line := range s.env {
		if len(line) > len(name) && line[:len(name)+1] == name+"=" {
			value = line[len(name)+1:]
		}
	}
	return value
}

// api starts the API and, with "up", all workers; it returns the base URL.
func (s site) serve(t *testing.T, command string, args ...string) (*process, string) {
	t.Helper()
	address := s.setting("MEAI_API_LISTEN")
	p := s.start(t, append([]string{command}, args...)...)
	awaitReady(t, address, within)
	return p, "http://" + address
}

// count runs a count as the read-only role, for one person.
func (s site) count(t *testing.T, subject uuid.UUID, query string, args ...any) int {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.setting("MEAI_POSTGRES_READER_URL"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, "select set_config('app.subject', $1, false)", subject.String())
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRow(ctx, query, args...).Scan(&n))
	return n
}

// beside starts one more process at an address of its own, which trusts the
// development provider of the first.
func (s site) beside(t *testing.T, first, command string, args ...string) (*process, string) {
	t.Helper()
	address := freePort(t)
	p := s.with("MEAI_API_LISTEN="+address, "MEAI_IDENTITY_DEVELOPMENT=false", "MEAI_IDENTITY_ISSUER="+devlogin.Issuer(first)).
		start(t, append([]string{command}, args...)...)
	awaitReady(t, address, within)
	return p, "http://" + address
}

// at is the same person, in the same session, at another process.
func (p *person) at(t *testing.T, base string) *person {
	t.Helper()
	moved := withToken(t, base, p.token)
	moved.session = p.session
	return moved
}
