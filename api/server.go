package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/backup"
	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/export"
	"meai/activities/privacy/requests"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/internal/authorization"
	"meai/internal/identity"
	"meai/internal/identity/devlogin"
	"meai/internal/postgres"
	"meai/workflows"
)

// Store keeps sessions and interactions; [synthesis.Store] is the real one.
type Store interface {
	CreateSession(ctx context.Context, subject uuid.UUID, device string, lifetime time.Duration) (synthesis.Session, error)
	Session(ctx context.Context, subject, id uuid.UUID) (synthesis.Session, error)
	EndSession(ctx context.Context, subject, id uuid.UUID) (synthesis.Session, error)
	Accept(ctx context.Context, a synthesis.Acceptance) (rec synthesis.Record, fresh bool, err error)
	Confirm(ctx context.Context, ref interaction.Ref) error
	Interaction(ctx context.Context, subject, session, id uuid.UUID) (synthesis.Record, error)
	Interactions(ctx context.Context, subject, session, before uuid.UUID, limit int) ([]synthesis.Record, error)
}

// Engine runs the durable work; [workflows.Starter] is the real one.
type Engine interface {
	StartInteraction(ctx context.Context, in workflows.InteractionInput) error
	StartInteractionAndWait(ctx context.Context, in workflows.InteractionInput, wait time.Duration) (answered bool, err error)
	Analyze(ctx context.Context, in mirror.AnalyzeInput) (mirror.Analysis, error)
	Reflect(ctx context.Context, in mirror.ReflectInput) (mirror.Reflection, error)
	Recall(ctx context.Context, in memory.RecallInput) (memory.Recollection, error)
	StartMemory(ctx context.Context, in memory.RememberInput, until memory.WriteState, wait time.Duration) error
	StartImport(ctx context.Context, in memory.ImportInput) error
	StartForgetting(ctx context.Context, in memory.ForgettingRef) error
	StartExport(ctx context.Context, in export.WriteInput) error
	WakeExport(ctx context.Context, subject, id uuid.UUID) error
	StartImportExport(ctx context.Context, in export.Ref) error
	WakeImportExport(ctx context.Context, subject, id uuid.UUID) error
	Consolidate(ctx context.Context, subject uuid.UUID) error
	SearchResources(ctx context.Context, in bridge.SearchInput) (bridge.SearchResult, error)
	Assess(ctx context.Context, in truthfilter.AssessInput) (truthfilter.Assessed, error)
	StartApproval(ctx context.Context, id uuid.UUID) error
	Decide(ctx context.Context, d approval.Decision) error
	AnswerEscalation(ctx context.Context, id uuid.UUID) error
	StartBackup(ctx context.Context, id uuid.UUID, digest string, in workflows.BackupInput) error
	StartProof(ctx context.Context, id uuid.UUID, digest string, in backup.ProveInput) error
	StartRestore(ctx context.Context, id uuid.UUID, digest string, in workflows.RestoreInput) error
	HoldBackup(ctx context.Context, id string, held bool) error
	BackupRun(ctx context.Context, id uuid.UUID) (workflows.BackupRun, error)
	LegalHold(ctx context.Context, in requests.HoldInput) (requests.HoldRef, error)
	StartErasure(ctx context.Context, in workflows.ErasureInput) (client.WorkflowRun, error)
	NudgeErasure(ctx context.Context, id uuid.UUID) error
}

// APIKeys manages the keys of a principal.
type APIKeys interface {
	IssueAPIKey(ctx context.Context, who identity.Caller, roles []identity.Role, scopes []string, lifetime time.Duration) (text string, key postgres.APIKey, err error)
	RevokeAPIKey(ctx context.Context, who identity.Caller, id uuid.UUID) (postgres.APIKey, error)
	APIKeys(ctx context.Context, principal, before uuid.UUID, limit int32) ([]postgres.APIKey, error)
}

// Options is what the server needs. The first thirteen are required.
type Options struct {
	Store  Store
	Engine Engine
	Auth   identity.Authenticator
	// APIKeys makes and ends API keys; [identity.Directory] is the real one.
	APIKeys APIKeys
	// Approvals keeps requests for the consent of others; [approval.Store] is the real one.
	Approvals Approvals
	// Escalations keeps cases of people who may be in danger; [escalation.Store] is the real one.
	Escalations Escalations
	// Backups shows what is known of backups; [catalogue.Store] is the real one.
	Backups Backups
	// Resources shows single resources; [bridge.Catalogue] is the real one.
	Resources Resources
	// Feedback keeps what people say of what they were given; [feedback.Store] is the real one.
	Feedback FeedbackStore
	// Memories takes what is to change in a person's memory; [memory.Store] is the real one.
	Memories Memories
	// Graph reads a person's memory; [memory.Graph] is the real one.
	Graph MemoryReader
	// Vault keeps a person's most private memories; [memory.Vaults] is the real one.
	Vault Vault
	// Retention shows what is deleted for its age, and what is found of encryption; without it
	// they get 503. [retention.Store] is the real one.
	Retention Retention
	// Requests keeps what people ask for by right; [requests.Store] is the real one.
	Requests PrivacyRequests
	// Consents keeps what people agree to; [consent.Store] is the real one.
	Consents Consents
	// Without are the steps of an answer that are switched off now; nil for none ever.
	Without func(ctx context.Context) []interaction.Step
	// Erasures keeps the erasures of people; [erasure.Store] is the real one.
	Erasures Erasures
	// Exports keeps what people ask to be given, and bring along; [export.Exports] is the real one.
	Exports ExportStore
	// Regions shows two regions and Failovers moves the product between them; both nil where
	// there is one.
	Regions   Regions
	Failovers Failovers
	// Development serves the development identity provider below [devlogin.Path];
	// nil for none.
	Development http.Handler
	// Audit answers questions about the audit log; without it they get 503.
	Audit AuditLog
	// Logger is where access and failures are logged; nil discards them.
	Logger *slog.Logger
	// TracerProvider and MeterProvider fall back to OpenTelemetry's global ones.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// MetricsHandler serves /metrics; without it there is no such address.
	MetricsHandler http.Handler
	// Ready are the dependencies that /readyz asks.
	Ready []ReadyCheck
	// SessionLifetime is how long a new session lives; zero means an hour.
	SessionLifetime time.Duration
	// Region is the country (ISO 3166-1 alpha-2) whose help lines a person is given
	// whose client names none; "" when there is no such country.
	Region string
	// WorkflowLink is the address of a workflow in the Temporal UI, or "" without
	// one; nil leaves the links out.
	WorkflowLink func(workflowID string) string
	Version      string
	// Limits holds callers to rates; nil for none.
	Limits *Limits
	// Streams caps event streams.
	Streams StreamLimits
	// TrustedProxies may name the client's address in X-Forwarded-For; from anyone
	// else the header is ignored, and the peer is the client.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the web pages that may call the API from a browser, as
	// browsers spell them (https://app.example); none by default.
	CORSOrigins []string
}

// Server is the HTTP API, an [http.Handler].
type Server struct {
	store       Store
	engine      Engine
	audit       AuditLog
	keys        APIKeys
	approvals   Approvals
	escalations Escalations
	backups     Backups
	resources   Resources
	feedback    FeedbackStore
	memories    Memories
	graph       MemoryReader
	vault       Vault
	retention   Retention
	requests    PrivacyRequests
	consents    Consents
	without     func(context.Context) []interaction.Step
	erasures    Erasures
	exports     ExportStore
	regions     Regions
	failovers   Failovers
	policies    *authorization.Policies
	log         *slog.Logger
	lifetime    time.Duration
	region      string
	workflow    func(string) string
	ready       []ReadyCheck
	version     string
	pace        pace
	streams     *streams
	contract    *contract

	handler  http.Handler
	draining context.Context
	drain    context.CancelFunc
}

var _ StrictServerInterface = (*Server)(nil)

// complete reports what is required and missing.
func (o Options) complete() error {
	for _, part := range []struct {
		name string
		is   any
	}{
		{"Store", o.Store},
		{"Engine", o.Engine},
		{"Auth", o.Auth},
		{"APIKeys", o.APIKeys},
		{"Approvals", o.Approvals},
		{"Escalations", o.Escalations},
		{"Backups", o.Backups},
		{"Resources", o.Resources},
		{"Feedback", o.Feedback},
		{"Memories", o.Memories},
		{"Graph", o.Graph},
		{"Vault", o.Vault},
		{"Requests", o.Requests},
		{"Consents", o.Consents},
		{"Erasures", o.Erasures},
		{"Exports", o.Exports},
	} {
		if part.is == nil {
			return fmt.Errorf("api: %s is required", part.name)
		}
	}
	return nil
}

// New builds the server. It fails when something required is missing or the
// embedded contract cannot be read.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		store: o.Store, engine: o.Engine, audit: o.Audit, keys: o.APIKeys, approvals: o.Approvals, escalations: o.Escalations, backups: o.Backups, resources: o.Resources, feedback: o.Feedback,
		memories: o.Memories, graph: o.Graph, vault: o.Vault,
		requests: o.Requests, retention: o.Retention,
		consents: o.Consents,
		without:  o.Without,
		erasures: o.Erasures,
		exports:  o.Exports,
		regions:  o.Regions, failovers: o.Failovers,
		log: o.Logger, lifetime: o.SessionLifetime, region: o.Region,
		workflow: o.WorkflowLink, ready: o.Ready, version: o.Version, pace: defaultPace, streams: newStreams(o.Streams),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.audit == nil {
		s.audit = noAuditLog{}
	}
	if s.retention == nil {
		s.retention = noRetention{}
	}
	if s.lifetime == 0 {
		s.lifetime = time.Hour
	}
	if s.workflow == nil {
		s.workflow = func(string) string { return "" }
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	router, err := s.router(o)
	if err != nil {
		return nil, err
	}
	s.handler = telemetry(router, o)
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain ends event streams and lets requests that wait for an answer return 202
// instead, so that a shutdown needs not wait for them. It is what
// [http.Server.RegisterOnShutdown] should be given; [Server.HTTP] does so.
func (s *Server) Drain() { s.drain() }

// HTTP is a server for this API on an address. The caller starts and stops it.
// It bounds headers only (431 beyond 32 KiB): bodies, responses and streams have
// their own deadlines.
func (s *Server) HTTP(address string) *http.Server {
	server := &http.Server{
		Addr: address, Handler: s,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.Drain)
	return server
}

func (s *Server) router(o Options) (*echo.Echo, error) {
	var err error
	if s.contract, err = newContract(); err != nil {
		return nil, err
	}
	s.contract.limits, s.contract.region, s.contract.consents = o.Limits, o.Region, o.Consents
	if err := o.Limits.check(s.contract); err != nil {
		return nil, err
	}
	if o.Audit != nil {
		if s.contract.trail, err = newTrail(o.Audit, s.log); err != nil {
			return nil, err
		}
	}
	if s.policies, err = authorization.Load(); err != nil {
		return nil, fmt.Errorf("load the policies: %w", err)
	}
	e := echo.New()
	e.IPExtractor = clientAddress(o.TrustedProxies)
	e.HTTPErrorHandler = answerErrors(s.log)
	e.Logger.SetOutput(slog.NewLogLogger(s.log.Handler(), slog.LevelWarn).Writer())
	e.Use(assignRequestID, nameRoute, logAccess(s.log), recoverPanics(s.log), secureHeaders(), boundResponse, s.contract.boundBody, allowOrigins(o.CORSOrigins), s.contract.middleware(o.Auth, s.policies))
	RegisterHandlers(e, NewStrictHandler(s, nil))
	if err := registerPages(e); err != nil {
		return nil, err
	}
	if err := s.registerAssistants(e, o.Auth); err != nil {
		return nil, err
	}
	if o.Development != nil {
		e.Any(devlogin.Path+"/*", echo.WrapHandler(o.Development))
	}
	if o.MetricsHandler != nil {
		e.GET("/metrics", echo.WrapHandler(o.MetricsHandler))
	}
	return e, nil
}

// caller is the person whose request this is; the contract's middleware has put
// them there, and the policies let nobody else pass.
func caller(ctx context.Context) (uuid.UUID, error) {
	c, ok := identity.FromContext(ctx)
	if !ok || c.Subject == uuid.Nil {
		return uuid.Nil, &problem{code: internalError, cause: errors.New("no person in an operation on a person's data")}
	}
	return c.Subject, nil
}

// each converts a list; the result is never nil, so that JSON shows [] and not null.
func each[T, U any](list []T, convert func(T) U) []U {
	out := make([]U, len(list))
	for i, item := range list {
		out[i] = convert(item)
	}
	return out
}

// list is items, or an empty list instead of none.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// as converts between two spellings of the same word.
func as[U, T ~string](word T) U { return U(word) }
