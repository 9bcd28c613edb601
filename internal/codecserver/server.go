// Package codecserver lets the Temporal UI and CLI show what histories hold, to
// those who may see it.
//
// It speaks Temporal's remote codec protocol: POST /decode and /encode with
// temporal.api.common.v1.Payloads as JSON. Whoever asks is authenticated as at the
// API, each owner's payloads are judged by the policies, and each access is
// audited before anything is answered. What the caller may not see, and what was
// erased, comes back as a readable marker, so that the rest of a history shows.
package codecserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"meai/internal/authorization"
	"meai/internal/failure"
	"meai/internal/identity"
	"meai/internal/keyring"
)

const (
	// maxBody is more than the 4 MiB of a gRPC message as base64.
	maxBody = 8 << 20
	// maxPayloads bounds the work of one request; a history event has far fewer.
	maxPayloads = 2000

	// patience bounds opening: it includes waiting for keys and for the audit log.
	patience     = 15 * time.Second
	readTimeout  = 15 * time.Second
	writeTimeout = readTimeout + patience + 15*time.Second
)

// Approvals says whether somebody else has approved that a caller opens a
// person's payloads. It is asked after the policies have allowed it.
type Approvals interface {
	// Approved returns the id of the approval for the audit log. An error counts as
	// no approval.
	Approved(ctx context.Context, caller identity.Caller, subject uuid.UUID) (approvalID string, ok bool, err error)
}

// Options is what the server needs; all but Approvals, Origins and Logger are required.
type Options struct {
	Keys     *keyring.Keyring
	Auth     identity.Authenticator
	Policies *authorization.Policies
	Audit    Audit
	// Approvals, when nil, leaves it to the policies: a privacy officer who has just
	// proved who they are.
	Approvals Approvals
	// Origins are those of the Temporal UIs whose pages may ask, such as
	// "https://temporal.example.org".
	Origins []string
	// Logger receives a line for each request and each failure; nil for none. There
	// is nothing of any payload in it.
	Logger *slog.Logger
}

// Server is the codec server, an [http.Handler].
type Server struct {
	o       Options
	handler http.Handler
}

// New returns a codec server.
func New(o Options) (*Server, error) {
	if o.Keys == nil || o.Auth == nil || o.Policies == nil || o.Audit == nil {
		return nil, errors.New("codecserver: Keys, Auth, Policies and Audit are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o}
	mux := http.NewServeMux()
	mux.Handle("POST /decode", s.payloads(func(ctx context.Context, r *request, in []*commonpb.Payload) ([]*commonpb.Payload, error) {
		return r.decode(ctx, in), nil
	}))
	mux.Handle("POST /encode", s.payloads(func(ctx context.Context, r *request, in []*commonpb.Payload) ([]*commonpb.Payload, error) {
		return r.encode(ctx, in)
	}))
	mux.HandleFunc("OPTIONS /decode", preflight)
	mux.HandleFunc("OPTIONS /encode", preflight)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	s.handler = s.guard(mux)
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// HTTP is a server on an address. The caller starts and stops it.
func (s *Server) HTTP(address string) *http.Server {
	return &http.Server{
		Addr: address, Handler: s,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
}

// guard logs each request, sets the headers of every answer, and lets pages of
// the configured origins alone ask.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, answer := time.Now(), &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			// The value of a panic might quote a payload.
			if recover() != nil {
				s.o.Logger.Error("panic", "route", r.Pattern)
				http.Error(answer, "internal error", http.StatusInternalServerError)
			}
			s.o.Logger.Info("request", "method", r.Method, "route", r.Pattern, "status", answer.status,
				"ms", float64(time.Since(begin).Microseconds())/1000)
		}()
		h := answer.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			if !slices.Contains(s.o.Origins, origin) {
				http.Error(answer, "this origin may not ask", http.StatusForbidden)
				return
			}
			h.Set("Access-Control-Allow-Origin", origin)
		}
		next.ServeHTTP(answer, r)
	})
}

// answer notes the status for the log.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// preflight answers a browser that asks before it asks (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
// Authorization-Extras is the ID token that the UI sends along; nobody reads it here.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

type payloadsFunc func(context.Context, *request, []*commonpb.Payload) ([]*commonpb.Payload, error)

func (s *Server) payloads(do payloadsFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.o.Auth.Authenticate(r)
		if err != nil {
			s.refuseCaller(w, err)
			return
		}
		in, status := readPayloads(w, r)
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		req := &request{server: s, who: who, now: time.Now(), verdicts: map[uuid.UUID]verdict{}}
		out, failed := do(ctx, req, in)
		// Denials and failures leave a trace as well.
		if err := s.record(ctx, req.accesses); err != nil {
			s.o.Logger.Error("an access could not be audited and is not answered", "error", err)
			http.Error(w, "the audit log is out of reach", http.StatusServiceUnavailable)
			return
		}
		if failed != nil {
			s.fail(w, failed)
			return
		}
		s.write(w, out)
	})
}

func (s *Server) record(ctx context.Context, accesses []Access) error {
	if len(accesses) == 0 {
		return nil // nothing was sealed
	}
	return s.o.Audit.Record(ctx, accesses)
}

func (s *Server) refuseCaller(w http.ResponseWriter, err error) {
	if errors.Is(err, identity.ErrNoCredentials) || errors.Is(err, identity.ErrBadCredentials) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		return
	}
	s.o.Logger.Error("a caller could not be identified", "error", err)
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errForbidden):
		http.Error(w, err.Error(), http.StatusForbidden)
	case errors.Is(err, errNotPlain):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		s.o.Logger.Error("payloads were not encoded", "error", err)
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	}
}

// readPayloads reads the body; a status other than 200 says what is wrong with it.
func readPayloads(w http.ResponseWriter, r *http.Request) ([]*commonpb.Payload, int) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest
	}
	in := &commonpb.Payloads{}
	// A newer UI may send fields that are not known here.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, in); err != nil {
		return nil, http.StatusBadRequest
	}
	if len(in.GetPayloads()) > maxPayloads {
		return nil, http.StatusRequestEntityTooLarge
	}
	return in.GetPayloads(), http.StatusOK
}

func (s *Server) write(w http.ResponseWriter, payloads []*commonpb.Payload) {
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: payloads})
	if err != nil {
		s.o.Logger.Error("payloads could not be written")
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		s.o.Logger.Debug("the answer was not delivered", "error", err)
	}
}

// hopeless reports whether a later try cannot help.
func hopeless(err error) bool {
	return failure.Is(err, failure.InvalidInput) || failure.Is(err, failure.KeyMissing) ||
		errors.Is(err, keyring.ErrSealed) || errors.Is(err, keyring.ErrUnknownVersion)
}
