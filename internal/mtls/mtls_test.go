package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"meai/internal/mtls"
	"meai/internal/mtls/mtlstest"
)

const (
	domain = "test.example"
	worker = "spiffe://test.example/meai/worker/memory"
	server = "spiffe://test.example/meai/api"
)

func open(t *testing.T, f mtlstest.Files) *mtls.Source {
	t.Helper()
	s, err := mtls.Open(t.Context(), f.Options(domain))
	require.NoError(t, err)
	require.NotNil(t, s)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// serve answers each request with who sent it: id and queue, or "nobody".
func serve(t *testing.T, s *mtls.Source) string {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := s.Peer(r.TLS)
		if err != nil {
			_, _ = io.WriteString(w, "nobody")
			return
		}
		_, _ = io.WriteString(w, peer.ID+" "+peer.Queue)
	})
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ts := &http.Server{Handler: handler, TLSConfig: s.Server(), ErrorLog: quiet, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = ts.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { require.NoError(t, ts.Close()) })
	return "https://" + listener.Addr().String()
}

var quiet = log.New(io.Discard, "", 0)

// client is one client with connections of its own.
func client(t *testing.T, c *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// ask returns the answer and the serial number of the server's certificate.
func ask(t *testing.T, c *http.Client, url string) (string, *big.Int, error) {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		return "", nil, err
	}
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body), response.TLS.PeerCertificates[0].SerialNumber, nil
}

func TestWhoIsAtTheOtherEnd(t *testing.T) {
	authority, stranger := mtlstest.NewAuthority(t), mtlstest.NewAuthority(t)
	files := mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{ID: server})
	url := serve(t, open(t, files))
	for name, c := range map[string]struct {
		by     *mtlstest.Authority
		given  *mtlstest.Certificate
		answer string // "" for refused
	}{
		"a worker":                  {authority, &mtlstest.Certificate{ID: worker}, worker + " memory"},
		"another process":           {authority, &mtlstest.Certificate{ID: server}, server + " "},
		"a path below a worker's":   {authority, &mtlstest.Certificate{ID: worker + "/x"}, worker + "/x "},
		"nobody":                    {authority, nil, "nobody"},
		"of another trust domain":   {authority, &mtlstest.Certificate{ID: "spiffe://evil.example/meai/worker/memory"}, ""},
		"of another authority":      {stranger, &mtlstest.Certificate{ID: worker}, ""},
		"expired":                   {authority, &mtlstest.Certificate{ID: worker, Ends: time.Now().Add(-time.Minute)}, ""},
		"without SPIFFE id":         {authority, &mtlstest.Certificate{}, ""},
		"with an address as its id": {authority, &mtlstest.Certificate{ID: "https://test.example/meai/worker/memory"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _, err := ask(t, client(t, authority.Client(t, c.by, c.given)), url)
			if c.answer == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.answer, answer)
		})
	}
	t.Run("in the open", func(t *testing.T) {
		response, err := http.Get("http" + url[len("https"):])
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
	})
}

func TestAnEngineMustBeTheOneThatWasMeant(t *testing.T) {
	authority, stranger := mtlstest.NewAuthority(t), mtlstest.NewAuthority(t)
	files := mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{ID: worker})
	own := open(t, files)
	for name, c := range map[string]struct {
		by    *mtlstest.Authority
		shown mtlstest.Certificate
		good  bool
	}{
		"an ordinary certificate": {authority, mtlstest.Certificate{}, true},
		"with a SPIFFE id":        {authority, mtlstest.Certificate{ID: server}, true},
		"of another trust domain": {authority, mtlstest.Certificate{ID: "spiffe://evil.example/meai/api"}, false},
		"of another authority":    {stranger, mtlstest.Certificate{}, false},
		"for another host":        {authority, mtlstest.Certificate{ID: server, Hosts: []string{"elsewhere.example"}}, false},
		"expired":                 {authority, mtlstest.Certificate{Ends: time.Now().Add(-time.Minute)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := tls.X509KeyPair(c.by.Issue(t, c.shown))
			require.NoError(t, err)
			engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].URIs[0].String())
			}))
			engine.Config.ErrorLog = quiet
			engine.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
			engine.StartTLS()
			defer engine.Close()
			answer, _, err := ask(t, client(t, own.Client("127.0.0.1")), engine.URL)
			if !c.good {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, worker, answer, "the engine sees who connects")
		})
	}
}

func TestCertificatesRotateWithoutARestart(t *testing.T) {
	first, second := mtlstest.NewAuthority(t), mtlstest.NewAuthority(t)
	files := mtlstest.NewFiles(t)
	first.Write(t, files, mtlstest.Certificate{ID: server})
	url := serve(t, open(t, files))
	old := client(t, first.Client(t, first, &mtlstest.Certificate{ID: worker}))
	answer, serial, err := ask(t, old, url)
	require.NoError(t, err)
	require.Equal(t, worker+" memory", answer)

	t.Run("a new certificate of the same authority", func(t *testing.T) {
		first.Write(t, files, mtlstest.Certificate{ID: server})
		var renewed *big.Int
		require.Eventually(t, func() bool {
			_, renewed, err = ask(t, client(t, first.Client(t, nil, nil)), url)
			return err == nil && renewed.Cmp(serial) != 0
		}, 5*time.Second, 100*time.Millisecond, "new connections get it")
		answer, still, err := ask(t, old, url)
		require.NoError(t, err)
		require.Equal(t, serial, still, "the open connection goes on")
		require.Equal(t, worker+" memory", answer)
		serial = renewed
	})
	t.Run("files that do not fit for a moment", func(t *testing.T) {
		_, otherKey := first.Issue(t, mtlstest.Certificate{ID: server})
		key, err := os.ReadFile(files.Key)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(files.Key, otherKey, 0o600))
		time.Sleep(1100 * time.Millisecond) // longer than the files are trusted to stay as they are
		_, now, err := ask(t, client(t, first.Client(t, nil, nil)), url)
		require.NoError(t, err)
		require.Equal(t, serial, now, "the old pair is used meanwhile")
		require.NoError(t, os.WriteFile(files.Key, key, 0o600))
	})
	t.Run("a new authority", func(t *testing.T) {
		second.Write(t, files, mtlstest.Certificate{ID: server})
		require.Eventually(t, func() bool {
			answer, _, err = ask(t, client(t, second.Client(t, second, &mtlstest.Certificate{ID: worker})), url)
			return err == nil && answer == worker+" memory"
		}, 5*time.Second, 100*time.Millisecond)
		_, _, err := ask(t, client(t, second.Client(t, first, &mtlstest.Certificate{ID: worker})), url)
		require.Error(t, err, "whom the old one signed is refused")
		answer, _, err := ask(t, old, url)
		require.NoError(t, err)
		require.Equal(t, "nobody", answer, "and is nobody any more on a connection that is still open")
	})
}

func TestAnOpenConnectionDoesNotOutliveItsCertificate(t *testing.T) {
	authority := mtlstest.NewAuthority(t)
	files := mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{ID: server})
	url := serve(t, open(t, files))
	short := client(t, authority.Client(t, authority, &mtlstest.Certificate{ID: worker, Ends: time.Now().Add(3 * time.Second)}))
	answer, _, err := ask(t, short, url)
	require.NoError(t, err)
	require.Equal(t, worker+" memory", answer)
	require.Eventually(t, func() bool {
		answer, _, err := ask(t, short, url)
		return err == nil && answer == "nobody"
	}, 10*time.Second, 100*time.Millisecond)
}

func TestAnUnusableCertificateIsRefusedAtStart(t *testing.T) {
	authority := mtlstest.NewAuthority(t)
	for name, c := range map[string]struct {
		certificate mtlstest.Certificate
		says        string
	}{
		"expired":              {mtlstest.Certificate{ID: server, Ends: time.Now().Add(-time.Minute)}, "expired"},
		"another trust domain": {mtlstest.Certificate{ID: "spiffe://evil.example/meai/api"}, "evil.example"},
		"no SPIFFE id":         {mtlstest.Certificate{}, "URI SAN"},
	} {
		files := mtlstest.NewFiles(t)
		authority.Write(t, files, c.certificate)
		_, err := mtls.Open(t.Context(), files.Options(domain))
		require.ErrorContains(t, err, c.says, name)
	}
	files := mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{ID: server})
	_, otherKey := authority.Issue(t, mtlstest.Certificate{ID: server})
	require.NoError(t, os.WriteFile(files.Key, otherKey, 0o600))
	_, err := mtls.Open(t.Context(), files.Options(domain))
	require.Error(t, err, "another key")
	require.NoError(t, os.Remove(files.CA))
	_, err = mtls.Open(t.Context(), files.Options(domain))
	require.Error(t, err, "no authority where one is configured")
}

func TestWithoutACertificateEverythingIsInTheOpen(t *testing.T) {
	s, err := mtls.Open(t.Context(), mtls.Options{})
	require.NoError(t, err)
	require.Nil(t, s)
	require.Nil(t, s.Server())
	require.Nil(t, s.Client("127.0.0.1"))
	_, err = s.Peer(&tls.ConnectionState{})
	require.ErrorIs(t, err, mtls.ErrNoPeer)
	require.NoError(t, s.Close())
}

// workloads is a SPIFFE Workload API: it sends every caller the certificate of
// the moment, and the next one when renewed is closed.
type workloads struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	current atomic.Pointer[workload.X509SVIDResponse]
	renewed chan struct{}
}

func (w *workloads) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	if err := stream.Send(w.current.Load()); err != nil {
		return err
	}
	select {
	case <-w.renewed:
		if err := stream.Send(w.current.Load()); err != nil {
			return err
		}
	case <-stream.Context().Done():
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestCertificatesFromTheWorkloadAPI(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "spire.sock")
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", socket)
	require.NoError(t, err)
	api := &workloads{renewed: make(chan struct{})}
	agent := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(agent, api)
	go func() { _ = agent.Serve(listener) }()
	t.Cleanup(agent.Stop)
	t.Setenv("SPIFFE_ENDPOINT_SOCKET", "unix://"+socket)

	authority := mtlstest.NewAuthority(t)
	issue := func(id string) *workload.X509SVIDResponse {
		certificate, key := authority.Issue(t, mtlstest.Certificate{ID: id})
		return &workload.X509SVIDResponse{Svids: []*workload.X509SVID{{
			SpiffeId: id, X509Svid: der(t, certificate), X509SvidKey: der(t, key), Bundle: der(t, authority.PEM()),
		}}}
	}
	api.current.Store(issue("spiffe://evil.example/meai/api"))
	_, err = mtls.Open(t.Context(), mtls.Options{TrustDomain: domain})
	require.ErrorContains(t, err, "evil.example")

	api.current.Store(issue(server))
	s, err := mtls.Open(t.Context(), mtls.Options{TrustDomain: domain})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	url := serve(t, s)
	answer, serial, err := ask(t, client(t, authority.Client(t, authority, &mtlstest.Certificate{ID: worker})), url)
	require.NoError(t, err)
	require.Equal(t, worker+" memory", answer)

	api.current.Store(issue(server))
	close(api.renewed)
	require.Eventually(t, func() bool {
		_, renewed, err := ask(t, client(t, authority.Client(t, nil, nil)), url)
		return err == nil && renewed.Cmp(serial) != 0
	}, 5*time.Second, 50*time.Millisecond, "a renewed certificate is used")
}

func der(t *testing.T, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	if block.Type == "CERTIFICATE" {
		_, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
	}
	return block.Bytes
}
