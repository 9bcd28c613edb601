package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/config"
)

const minimal = "postgres: {url: \"postgres://meai_app:pw@127.0.0.1:5433/meai\"}\n"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meai.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultsFileThenEnvironment(t *testing.T) {
	path := write(t, minimal+"api: {listen: \"127.0.0.1:9000\"}\nsession: {lifetime: 30m}\n")
	c, err := config.Load(path, []string{"MEAI_API_LISTEN=127.0.0.1:9001", "MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_POSTGRES_MAX_CONNS=12", "HOME=/nowhere"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9001", c.API.Listen, "the environment beats the file")
	require.Equal(t, 30*time.Minute, c.Session.Lifetime, "the file beats the default")
	require.Equal(t, "builtin", c.Embedding.Provider, "the default stands")
	require.Equal(t, int32(12), c.Postgres.MaxConns)
	require.True(t, c.Identity.Development)
}

func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	path := write(t, "postgres: {url: \"mysql://secret-host/x\"}\ntypo: {here: 1}\nembedding: {provider: openai}\n")
	_, err := config.Load(path, []string{"MEAI_TELEMETRY_LOG_LEVEL=loud", "MEAI_NO_SUCH=1", "MEAI_POSTGRES_MAX_CONNS=1",
		"MEAI_EMBEDDING_TIMEOUT=0s", "MEAI_MEMORY_TIME_ZONE=Mars/Olympus", "MEAI_LANGUAGE_TIMEOUT=9s", "MEAI_LANGUAGE_INPUT_PRICE=NaN"})
	require.Error(t, err)
	for _, want := range []string{
		"postgres.url: must be a postgres:// URL", "typo.here: no such setting", "MEAI_NO_SUCH: no such setting",
		"telemetry.log_level: must be one of debug, info, warn, error", "postgres.max_conns: must be at least 2",
		"embedding.url: must be set when provider is openai", "embedding.model: must be set when provider is openai",
		"embedding.timeout: must be more than 0", "memory.time_zone: must be a time zone such as Europe/Berlin", "language.timeout: must be at most 8s", "language.input_price: must be at least 0",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "secret-host", "a value may be a secret")
}

func TestValueOfTheWrongTypeIsNamedWithoutItsValue(t *testing.T) {
	_, err := config.Load(write(t, minimal), []string{"MEAI_POSTGRES_MAX_CONNS=hunter2"})
	require.ErrorContains(t, err, "postgres.max_conns: the value is not of the setting's type")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestMissingFileIsPlain(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorContains(t, err, "does not exist")
}

func TestEveryKeyIsDocumented(t *testing.T) {
	var b strings.Builder
	require.NoError(t, config.WriteReference(&b))
	for _, k := range config.Keys() {
		require.NotEmpty(t, k.Doc, k.Path)
		require.Contains(t, b.String(), "`"+k.Env+"`")
	}
}

func TestWorkflowLinkEscapesTheID(t *testing.T) {
	c := config.Temporal{Namespace: "meai", UIURL: "http://127.0.0.1:8233"}
	require.Equal(t, "http://127.0.0.1:8233/namespaces/meai/workflows/person%2Fa%2Fb", c.WorkflowLink("person/a/b"))
	require.Empty(t, config.Temporal{}.WorkflowLink("x"))
}

func TestBackupsAreSetUpInFull(t *testing.T) {
	c, err := config.Load(write(t, minimal), nil)
	require.NoError(t, err)
	require.Empty(t, c.Backup.Bucket, "none unless somebody says where")
	require.Equal(t, 30*24*time.Hour, c.Backup.Keep)
	_, err = config.Load(write(t, minimal), []string{"MEAI_BACKUP_BUCKET=file:///secret-place", "MEAI_BACKUP_KEEP=1m", "MEAI_BACKUP_PARTIAL_EVERY=2m", "MEAI_BACKUP_POSTGRES_URL=mysql://x"})
	for _, want := range []string{
		"backup.custodians: must be set", "backup.keep: must be at least 1h", "backup.partial_every: must be at most 60s", "backup.postgres_url: must be a postgres:// URL",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "secret-place")
}

func TestLists(t *testing.T) {
	c, err := config.Load(write(t, minimal+"api: {cors_origins: [\"https://app.example\"], trusted_proxies: [10.0.0.0/8]}\n"),
		[]string{"MEAI_API_TRUSTED_PROXIES=10.1.0.0/16, fd00::/8"})
	require.NoError(t, err)
	require.Equal(t, []string{"https://app.example"}, c.API.CORSOrigins)
	require.Equal(t, []string{"10.1.0.0/16", "fd00::/8"}, c.API.TrustedProxies)

	for _, origin := range []string{"*", "https://*.example", "https://app.example/", "https://app.example/x", "app.example", "https://u@app.example", "HTTPS://App.example", "null"} {
		_, err := config.Load(write(t, minimal), []string{"MEAI_API_CORS_ORIGINS=https://fine.example," + origin})
		require.ErrorContains(t, err, "api.cors_origins[1]: must be an origin", origin)
	}
	_, err = config.Load(write(t, minimal), []string{"MEAI_API_TRUSTED_PROXIES=10.0.0.1", "MEAI_LIMITS_REDIS_URL=http://:secret@x"})
	require.ErrorContains(t, err, "api.trusted_proxies[0]: must be a network")
	require.ErrorContains(t, err, "limits.redis_url: must be a redis://")
	require.NotContains(t, err.Error(), "secret")
}
