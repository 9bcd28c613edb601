package postgres_test

import (
	"crypto/tls"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"meai/internal/postgres"
)

func TestEncryptedConnectionsUseOurCertificateAndNeverFallBackToTheOpen(t *testing.T) {
	own := func(host string) *tls.Config { return &tls.Config{ServerName: "ours for " + host} }
	for url, want := range map[string][]string{ // the TLS server name of each way to connect; "" for the open
		"postgres://u@a:1/d":                                    {"ours for a"},
		"postgres://u@a:1/d?sslmode=allow":                      {"ours for a"},
		"postgres://u@a:1/d?sslmode=require":                    {"ours for a"},
		"postgres://u@a:1/d?sslmode=verify-full":                {"ours for a"},
		"postgres://u@a:1,b:2/d?sslmode=prefer":                 {"ours for a", "ours for b"},
		"postgres://u@a:1/d?sslmode=disable":                    {""},
		"postgres://u@a:1/d?sslmode=verify-full&sslrootcert=ca": nil, // no such file: pgx says so itself
	} {
		cfg, err := pgconn.ParseConfig(url)
		if want == nil {
			require.Error(t, err, url)
			continue
		}
		require.NoError(t, err, url)
		postgres.SecureConfig(cfg, own)
		require.Equal(t, want, names(cfg), url)
	}
	cfg, err := pgconn.ParseConfig("postgres://u@a:1/d")
	require.NoError(t, err)
	postgres.SecureConfig(cfg, nil)
	require.Equal(t, []string{"a", ""}, names(cfg), "without a certificate pgx prefers TLS, as before")
}

func names(cfg *pgconn.Config) (names []string) {
	for _, way := range append([]*pgconn.FallbackConfig{{TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...) {
		name := ""
		if way.TLSConfig != nil {
			if name = way.TLSConfig.ServerName; name == "" {
				name = cfg.Host // encrypted, unverified
			}
		}
		names = append(names, name)
	}
	return names
}
