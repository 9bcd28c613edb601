package main_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/config"
	"meai/internal/identity/devlogin"
	"meai/internal/mtls"
	"meai/internal/mtls/mtlstest"
)

const trustDomain = "test.example"

// guarded is an installation whose engines speak TLS and ask for certificates.
type guarded struct {
	site
	authority *mtlstest.Authority
	files     mtlstest.Files
}

// newGuardedSite puts a door of TLS before each of the real engines: who has no
// certificate of the trust domain does not get in.
func newGuardedSite(t *testing.T, s site) guarded {
	t.Helper()
	g := guarded{authority: mtlstest.NewAuthority(t), files: mtlstest.NewFiles(t)}
	g.authority.Write(t, g.files, mtlstest.Certificate{ID: "spiffe://" + trustDomain + "/meai/api"})
	engines := mtlstest.NewFiles(t)
	g.authority.Write(t, engines, mtlstest.Certificate{ID: "spiffe://" + trustDomain + "/engine"})
	own, err := mtls.Open(t.Context(), engines.Options(trustDomain))
	require.NoError(t, err)
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	weaviate, err := url.Parse(stack.Weaviate.URL)
	require.NoError(t, err)
	g.site = s.with(
		"MEAI_IDENTITY_DEVELOPMENT=false",
		"MEAI_TLS_CERTIFICATE="+g.files.Certificate, "MEAI_TLS_KEY="+g.files.Key, "MEAI_TLS_CA="+g.files.CA, "MEAI_TLS_TRUST_DOMAIN="+trustDomain,
		"MEAI_TEMPORAL_TLS=true", "MEAI_TEMPORAL_ADDRESS="+door(t, own, stack.Temporal.Address, "h2"),
		"MEAI_WEAVIATE_URL=https://"+door(t, own, weaviate.Host, "http/1.1"),
		"MEAI_POSTGRES_URL="+throughDoor(t, own, s.setting("MEAI_POSTGRES_URL")),
		"MEAI_POSTGRES_OWNER_URL="+throughDoor(t, own, s.setting("MEAI_POSTGRES_OWNER_URL")),
	)
	return g
}

func throughDoor(t *testing.T, own *mtls.Source, connection string) string {
	t.Helper()
	u, err := url.Parse(connection)
	require.NoError(t, err)
	u.Host = door(t, own, u.Host, "postgresql")
	u.RawQuery = "sslmode=verify-full"
	return u.String()
}

// door passes bytes on to an engine, from callers with a certificate alone.
func door(t *testing.T, own *mtls.Source, engine, protocol string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	settings := own.Server()
	settings.ClientAuth = tls.RequireAnyClientCert
	if protocol != "postgresql" {
		settings.NextProtos = []string{protocol}
	}
	go func() {
		for {
			outside, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go pass(outside, engine, settings, protocol)
			}
		}
	}()
	return listener.Addr().String()
}

func pass(outside net.Conn, engine string, settings *tls.Config, protocol string) {
	defer outside.Close()
	if protocol == "postgresql" {
		// SSLRequest: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
		if _, err := io.ReadFull(outside, make([]byte, 8)); err != nil {
			return
		}
		if _, err := outside.Write([]byte("S")); err != nil {
			return
		}
	}
	secured := tls.Server(outside, settings)
	if secured.Handshake() != nil {
		return
	}
	inside, err := net.Dial("tcp", engine)
	if err != nil {
		return
	}
	defer inside.Close()
	go func() { _, _ = io.Copy(inside, secured); _ = inside.Close() }()
	_, _ = io.Copy(secured, inside)
}

// client is a caller with a certificate, or without for "".
func (g guarded) client(t *testing.T, by *mtlstest.Authority, id string) *http.Client {
	t.Helper()
	var c *mtlstest.Certificate
	if id != "" {
		c = &mtlstest.Certificate{ID: id}
	}
	transport := &http.Transport{TLSClientConfig: g.authority.Client(t, by, c)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// get returns status and body; status 0 for a connection that was refused.
func get(t *testing.T, c *http.Client, address, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(body)
}

func (g guarded) awaitStatus(t *testing.T, address string, status int) {
	t.Helper()
	c := g.client(t, nil, "")
	require.Eventually(t, func() bool { got, _ := get(t, c, address, ""); return got == status }, within, 100*time.Millisecond, address)
}

func TestProcessesWithCertificates(t *testing.T) {
	s := newSite(t)
	// Tokens come from another process, which has no certificate.
	_, issuer := s.serve(t, "api")
	address, metrics, codec := freePort(t), freePort(t), freePort(t)
	g := newGuardedSite(t, s)
	g.site = g.with("MEAI_API_LISTEN="+address, "MEAI_IDENTITY_ISSUER="+devlogin.Issuer(issuer),
		"MEAI_TELEMETRY_METRICS_LISTEN="+metrics, "MEAI_CODEC_LISTEN="+codec)
	require.Contains(t, g.run(t, "migrate"), "up to date", "PostgreSQL and Weaviate are reached by certificate")
	g.start(t, "api")
	g.start(t, "worker", "--queue", "mirror")
	g.start(t, "codec")
	base := "https://" + address
	g.awaitStatus(t, base+"/readyz", http.StatusOK)
	g.awaitStatus(t, "https://"+metrics+"/healthz", http.StatusNoContent)
	g.awaitStatus(t, "https://"+codec+"/healthz", http.StatusOK)

	worker := "spiffe://" + trustDomain + "/meai/worker/mirror"
	t.Run("every engine answers through its door", func(t *testing.T) {
		_, ready := get(t, g.client(t, nil, ""), base+"/readyz", "")
		require.Equal(t, 4, strings.Count(ready, `"up"`), ready)
	})
	t.Run("a worker is known by its certificate", func(t *testing.T) {
		status, body := get(t, g.client(t, g.authority, worker), base+"/v1/me", "")
		require.Equal(t, http.StatusOK, status, body)
		var me struct {
			Roles   []string  `json:"roles"`
			Method  string    `json:"method"`
			Subject uuid.UUID `json:"subject"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &me))
		require.Equal(t, []string{"service"}, me.Roles)
		require.Equal(t, "certificate", me.Method)
		require.Equal(t, uuid.Nil, me.Subject)
	})
	t.Run("and may do nothing else", func(t *testing.T) {
		for _, path := range []string{"/v1/api-keys", "/v1/sessions/" + uuid.NewString()} {
			status, body := get(t, g.client(t, g.authority, worker), base+path, "")
			require.Equal(t, http.StatusForbidden, status, "%s: %s", path, body)
		}
	})
	t.Run("a token counts before the certificate", func(t *testing.T) {
		token, err := devlogin.Machine(t.Context(), devlogin.Issuer(issuer), "auditor.anna")
		require.NoError(t, err)
		status, body := get(t, g.client(t, g.authority, worker), base+"/v1/me", token)
		require.Equal(t, http.StatusOK, status, body)
		require.Contains(t, body, "auditor")
		status, _ = get(t, g.client(t, g.authority, worker), base+"/v1/me", "nonsense")
		require.Equal(t, http.StatusUnauthorized, status, "nor does it make up for a bad one")
		status, _ = get(t, g.client(t, nil, ""), base+"/v1/me", token)
		require.Equal(t, http.StatusOK, status, "who has a token needs no certificate")
	})
	t.Run("others are nobody, or refused", func(t *testing.T) {
		for name, c := range map[string]struct {
			client *http.Client
			status int
		}{
			"no certificate":          {g.client(t, nil, ""), http.StatusUnauthorized},
			"not a worker's":          {g.client(t, g.authority, "spiffe://"+trustDomain+"/meai/api"), http.StatusUnauthorized},
			"of another trust domain": {g.client(t, g.authority, "spiffe://evil.example/meai/worker/mirror"), 0},
			"of another authority":    {g.client(t, mtlstest.NewAuthority(t), worker), 0},
		} {
			status, body := get(t, c.client, base+"/v1/me", "")
			require.Equal(t, c.status, status, "%s: %s", name, body)
		}
	})
	t.Run("nothing is served in the open", func(t *testing.T) {
		for _, listener := range []string{address + "/v1/me", metrics + "/metrics", codec + "/healthz"} {
			status, body := get(t, http.DefaultClient, "http://"+listener, "")
			require.Equal(t, http.StatusBadRequest, status, listener)
			require.Equal(t, "Client sent an HTTP request to an HTTPS server.\n", body)
		}
	})
	t.Run("the engines refuse a process without", func(t *testing.T) {
		bare := s.with("MEAI_POSTGRES_URL=" + strings.Replace(g.setting("MEAI_POSTGRES_URL"), "verify-full", "require", 1))
		refused := bare.with("MEAI_POSTGRES_OWNER_URL="+strings.Replace(g.setting("MEAI_POSTGRES_OWNER_URL"), "verify-full", "require", 1)).
			command("migrate", "--timeout", "15s")
		out, err := refused.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "tls: certificate required")
	})
	t.Run("certificates rotate while all of it runs", func(t *testing.T) {
		before := serialOf(t, g, base)
		g.authority.Write(t, g.files, mtlstest.Certificate{ID: "spiffe://" + trustDomain + "/meai/api"})
		require.Eventually(t, func() bool { return serialOf(t, g, base) != before }, within, 200*time.Millisecond)
		g.awaitStatus(t, base+"/readyz", http.StatusOK)
	})
}

func serialOf(t *testing.T, g guarded, base string) string {
	t.Helper()
	response, err := g.client(t, nil, "").Get(base + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.TLS.PeerCertificates[0].SerialNumber.String()
}

func TestTheDevelopmentProviderIsNotForProcessesWithCertificates(t *testing.T) {
	files := mtlstest.NewFiles(t)
	mtlstest.NewAuthority(t).Write(t, files, mtlstest.Certificate{ID: "spiffe://" + trustDomain + "/meai/api"})
	s := newSite(t, "MEAI_TLS_CERTIFICATE="+files.Certificate, "MEAI_TLS_KEY="+files.Key, "MEAI_TLS_TRUST_DOMAIN="+trustDomain)
	out, err := s.command("api").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "identity.development is for the open loopback only")
}
