package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/bridge"
	"meai/activities/interaction"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/consent"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/activities/upkeep"
	"meai/internal/audit"
	"meai/internal/cluster"
	"meai/internal/codec"
	"meai/internal/config"
	"meai/internal/embedding"
	"meai/internal/fence"
	"meai/internal/flags"
	"meai/internal/keyring"
	"meai/internal/language"
	"meai/internal/ledger"
	"meai/internal/links"
	"meai/internal/mtls"
	"meai/internal/observe"
	"meai/internal/postgres"
	"meai/internal/telemetry"
	"meai/internal/vectors"
	"meai/workers"
)

// parts are what a process is put together from. Each is opened by the command
// that needs it and closed in reverse order.
type parts struct {
	config      config.Config
	declaration cluster.Declaration
	telemetry   *telemetry.Telemetry
	keys        *keyring.Keyring
	tls         *mtls.Source    // nil without certificates
	fenced      postgres.Guard  // nil until it is asked for, and where there is one region
	switches    *flags.Switches // nil until they are opened: everything is on
	onClose     []func() error
}

// open reads the configuration and opens what every command needs.
func open(ctx context.Context, c *cli, service string) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			p.close(&err)
		}
	}()
	if p.config, err = c.load(); err != nil {
		return nil, err
	}
	if p.declaration, err = cluster.Load(p.config.Temporal.Declaration); err != nil {
		return nil, err
	}
	p.telemetry, err = telemetry.Start(ctx, telemetry.Options{
		Service: service, Version: version,
		LogLevel: p.config.Telemetry.LogLevel, LogFormat: p.config.Telemetry.LogFormat,
		TraceShare: p.config.Telemetry.TraceShare, TraceSlow: p.config.Telemetry.TraceSlow,
	})
	if err != nil {
		return nil, err
	}
	// Flushing may take as long as the exporter's own timeout, whatever became of ctx.
	p.closing(func() error { return p.telemetry.Stop(context.WithoutCancel(ctx)) })
	if err = p.openTLS(ctx); err != nil {
		return nil, err
	}
	if p.keys, err = openKeyring(ctx, p.config.Keyring, p.telemetry.Logger); err != nil {
		return nil, fmt.Errorf("open the keyring: %w", err)
	}
	p.closing(p.keys.Close)
	if err = observe.Cache(p.telemetry.Meters, "keys", p.keys.Lookups); err != nil {
		return nil, err
	}
	return p, nil
}

func openKeyring(ctx context.Context, c config.Keyring, log *slog.Logger) (*keyring.Keyring, error) {
	replicas, err := keyring.ParseReplicas(c.Replicas)
	if err != nil {
		return nil, fmt.Errorf("keyring.replicas: %w", err)
	}
	others, err := keyring.ParseKEKs(c.OtherKEKs)
	if err != nil {
		return nil, fmt.Errorf("keyring.other_keks: %w", err)
	}
	return keyring.Open(ctx, keyring.Options{
		Bucket: c.Bucket, Region: c.Region, Replicas: replicas,
		KEK: c.KEK, Epoch: c.KEKEpoch, OtherKEKs: others, Logger: log,
	})
}

func (p *parts) closing(f func() error) { p.onClose = append(p.onClose, f) }

// close closes everything that was opened and joins what goes wrong to err.
func (p *parts) close(err *error) {
	for _, f := range slices.Backward(p.onClose) {
		*err = errors.Join(*err, f())
	}
	p.onClose = nil
}

func (p *parts) temporal(ctx context.Context) (client.Client, error) {
	t := p.config.Temporal
	converter := codec.DataConverter(p.keys)
	c, err := cluster.Connect(ctx, cluster.ConnectOptions{
		Address: t.Address, Namespace: t.Namespace, APIKey: t.APIKey, TLS: p.temporalTLS(),
		DataConverter: converter, FailureConverter: codec.FailureConverter(converter),
		Logger: p.telemetry.Logger, Tracers: p.telemetry.Tracers, Meters: p.telemetry.Meters,
	})
	if err != nil {
		return nil, err
	}
	p.closing(func() error { c.Close(); return nil })
	return c, nil
}

// database is the application's, which refuses to work in quarantine.
func (p *parts) database(ctx context.Context) (*postgres.DB, error) {
	return p.openDatabase(ctx, false)
}

func (p *parts) openDatabase(ctx context.Context, inQuarantine bool) (*postgres.DB, error) {
	guard, err := p.guard(ctx)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: p.config.Postgres.URL, MaxConns: p.config.Postgres.MaxConns, TLS: p.postgresTLS(), Quarantine: inQuarantine, Guard: guard,
		Logger: p.telemetry.Logger, TracerProvider: p.telemetry.Tracers, MeterProvider: p.telemetry.Meters,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	p.closing(func() error { db.Close(); return nil })
	return db, nil
}

// guard keeps transactions from another region's time; nil where there is one region.
func (p *parts) guard(ctx context.Context) (postgres.Guard, error) {
	r := p.config.Regions
	if r.Name == "" || p.fenced != nil {
		return p.fenced, nil
	}
	register, err := p.register()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	guard := fence.NewGuard(ctx, register, r.Name, fence.NewTimings(r.Lease), fence.BootClock)
	p.closing(func() error { cancel(); <-guard.Ended(); return nil })
	// What is refused for want of the first answer alone would be refused once too often.
	select {
	case <-guard.Read():
	case <-time.After(watchEvery):
	}
	p.fenced = guard
	return guard, nil
}

func (p *parts) vectors(ctx context.Context) (*vectors.Index, error) {
	w := p.config.Weaviate
	index, err := vectors.Open(ctx, vectors.Options{
		URL: w.URL, APIKey: w.APIKey, Timeout: w.Timeout, TLS: p.weaviateTLS(),
		Logger: p.telemetry.Logger, TracerProvider: p.telemetry.Tracers,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the vector index: %w", err)
	}
	p.closing(func() error { index.Close(); return nil })
	return index, nil
}

func (p *parts) embedder() (embedding.Embedder, error) {
	e := p.config.Embedding
	var embedder embedding.Embedder
	var err error
	switch e.Provider {
	case "openai":
		embedder, err = embedding.NewOpenAI(embedding.OpenAIOptions{
			BaseURL: e.URL, APIKey: e.APIKey, Model: e.Model, Dimensions: e.Dimensions, Timeout: e.Timeout,
		})
	default:
		embedder, err = embedding.NewBuiltin()
	}
	if err != nil {
		return nil, fmt.Errorf("set up the %s embeddings: %w", e.Provider, err)
	}
	// Mirror and memory embed the same words at the same moment.
	return embedding.Cached(embedder, e.Cache), nil
}

// forWords is the embedder that people's words are given to: e itself where it is built in,
// or, where it is somebody else's, e for those who agree to that.
func (p *parts) forWords(e embedding.Embedder) embedding.Embedder {
	if p.config.Embedding.Provider == "openai" {
		return consent.Embedder(e)
	}
	return e
}

// encoder is the built-in embedder: e itself where that is it, so that Mirror and memory
// share what was embedded.
func (p *parts) encoder(e embedding.Embedder) (embedding.Embedder, error) {
	builtin, err := embedding.NewBuiltin()
	if err != nil {
		return nil, fmt.Errorf("set up the built-in encoder: %w", err)
	}
	if e.Model() == builtin.Model() {
		return e, nil
	}
	return embedding.Cached(builtin, p.config.Embedding.Cache), nil
}

// languageModel is the model for one use. Each has a breaker and a bulkhead of its
// own: a model that is too slow for one may do for another. It is asked about the words of
// those who agree to that.
func (p *parts) languageModel(use string, flag flags.Flag) (language.Model, error) {
	l := p.config.Language
	if l.Provider == "none" {
		return language.None{}, nil
	}
	model, err := language.NewOpenAI(language.OpenAIOptions{
		Use: use, BaseURL: l.URL, APIKey: l.APIKey, Model: l.Model,
		Timeout: l.Timeout, MaxOutput: l.MaxOutputTokens, Concurrency: l.Concurrency,
		InputPrice: l.InputPrice, OutputPrice: l.OutputPrice,
		Logger: p.telemetry.Logger, Meters: p.telemetry.Meters, Tracers: p.telemetry.Tracers,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the language model: %w", err)
	}
	return consent.Model(p.switches.Model(flag, model)), nil
}

func (p *parts) writer() (*synthesis.Writer, error) {
	model, err := p.languageModel("answers", flags.AnswersByModel)
	if err != nil {
		return nil, err
	}
	return synthesis.NewWriter(model)
}

func (p *parts) secondOpinion() (mirror.SecondOpinion, error) {
	model, err := p.languageModel("emotions", flags.EmotionsByModel)
	if err != nil {
		return nil, err
	}
	return mirror.NewSecondOpinion(model)
}

func (p *parts) factReader() (memory.FactReader, error) {
	model, err := p.languageModel("facts", flags.FactsByModel)
	if err != nil {
		return nil, err
	}
	return memory.NewFactReader(model)
}

// warm embeds ahead of the first message what every message is compared with. It
// may fail with the provider, and tries again until that is back.
func (p *parts) warm(ctx context.Context, prepare ...func(context.Context) error) {
	for _, f := range prepare {
		p.persist(ctx, "not warmed up yet; a message will take longer", f)
	}
}

// keepIndexed writes the library to the vector index ahead of the first search, and
// again when it was lost there.
func (p *parts) keepIndexed(ctx context.Context, library *bridge.Library) {
	p.warm(ctx, library.Prepare)
	for fill := library.ReplaceIndex; ; fill = library.FillIndex {
		p.persist(ctx, "the library is not indexed yet; searches go on in memory", fill)
		select {
		case <-ctx.Done():
			return
		case <-library.Lost():
		}
	}
}

// persist calls f until it succeeds or ctx ends.
func (p *parts) persist(ctx context.Context, failing string, f func(context.Context) error) {
	const pause = 2 * time.Second
	for {
		err := f(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.telemetry.Logger.Warn(failing, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// models has those that are part of the program, and what is compared with every message,
// ready in memory. A provider's may take longer than anyone should wait for; the library is
// asked for its vectors again when they are needed.
func (p *parts) models(ctx context.Context) (embedding.Embedder, *bridge.Library, error) {
	embedder, err := p.embedder()
	if err != nil {
		return nil, nil, err
	}
	library, err := bridge.NewLibrary(embedder)
	if err != nil {
		return nil, nil, fmt.Errorf("load the resource library: %w", err)
	}
	encoder, err := p.encoder(embedder)
	if err != nil {
		return nil, nil, err
	}
	analyzer, err := mirror.NewAnalyzer(encoder)
	if err != nil {
		return nil, nil, fmt.Errorf("set up Mirror: %w", err)
	}
	go func() {
		// What is learned here is in memory for good; what fails is done when it is needed.
		analyzer.Analyze(ctx, "I am ready.")
		_ = truthfilter.New(embedder, truthfilter.Standard)
		_ = library.Prepare(ctx)
	}()
	return embedder, library, nil
}

// capabilities puts the activities together.
func (p *parts) capabilities(ctx context.Context, temporal client.Client, db *postgres.DB, log *audit.Log, committer *ledger.Committer, embedder embedding.Embedder, library *bridge.Library) (workers.Capabilities, error) {
	index, err := p.vectors(ctx)
	if err != nil {
		return workers.Capabilities{}, err
	}
	// Mirror's models know the built-in encoder's vectors only.
	encoder, err := p.encoder(embedder)
	if err != nil {
		return workers.Capabilities{}, err
	}
	analyzer, err := mirror.NewAnalyzer(encoder)
	if err != nil {
		return workers.Capabilities{}, fmt.Errorf("set up Mirror: %w", err)
	}
	second, err := p.secondOpinion()
	if err != nil {
		return workers.Capabilities{}, fmt.Errorf("set up Mirror's second opinion: %w", err)
	}
	reader, err := p.factReader()
	if err != nil {
		return workers.Capabilities{}, fmt.Errorf("set up Memory's reader of facts: %w", err)
	}
	writer, err := p.writer()
	if err != nil {
		return workers.Capabilities{}, fmt.Errorf("set up the writer of answers: %w", err)
	}
	words := p.forWords(embedder)
	library.AskBy(words)
	discovery, err := p.discovery(ctx, library)
	if err != nil {
		return workers.Capabilities{}, err
	}
	told, err := p.feedback(ctx, db, log)
	if err != nil {
		return workers.Capabilities{}, err
	}
	store, consents := synthesis.NewStore(db, p.keys), p.consents(db, log)
	filter, policies := truthfilter.New(embedder, told.Written), feedback.NewPolicies(told)
	library.SearchIn(index)
	go p.keepIndexed(ctx, library)
	pages := bridge.NewLinks(db)
	review := &bridge.Review{Library: library, Links: pages, Log: p.telemetry.Logger}
	if p.config.Bridge.CheckLinks {
		review.Checker = links.New(links.Options{})
	}
	steps := interaction.NewRecorder(db, p.telemetry.Logger)
	steps.Start()
	p.closing(func() error { steps.Stop(context.WithoutCancel(ctx)); return nil })
	archives, err := p.renewal(ctx, db, consents)
	if err != nil {
		return workers.Capabilities{}, err
	}
	answers, err := synthesis.NewMetrics(p.telemetry.Meters)
	if err != nil {
		return workers.Capabilities{}, err
	}
	where, err := time.LoadLocation(p.config.Memory.TimeZone)
	if err != nil {
		return workers.Capabilities{}, fmt.Errorf("memory.time_zone: %w", err)
	}
	return workers.Capabilities{
		Consents:    consents,
		Mirror:      &mirror.Activities{Analyzer: analyzer, Second: second, Steps: steps},
		TruthFilter: &truthfilter.Activities{Filter: filter.By(words), Answers: store, Policies: policies, Steps: steps},
		Bridge:      &bridge.Activities{Library: library, Filter: filter.By(words), Policies: policies, Steps: steps, Discovery: discovery, Links: pages},
		Library:     review,
		Upkeep:      &upkeep.Activities{DB: db},
		Feedback:    &feedback.Activities{Store: told, Filter: filter},
		Keys: &keys.Activities{
			Keyring: p.keys, DB: db, Temporal: temporal, Namespace: p.config.Temporal.Namespace,
			ArchiveAge: p.config.Keyring.ArchiveAge, KEKGrace: p.config.Keyring.KEKGrace,
		},
		Synthesis: &synthesis.Activities{Store: store, Writer: writer, Steps: steps, Metrics: answers},
		Memory: memory.New(memory.Options{
			DB: db, Keyring: p.keys, Vectors: index, Embedder: words, Steps: steps, Logger: p.telemetry.Logger, Location: where,
			Vaults: &memory.Vaults{DB: db, Keys: p.keys, Audit: log}, Permit: func(ctx context.Context, subject uuid.UUID) (context.Context, error) {
				return consents.Under(ctx, subject, consent.Memory, consent.LanguageModel)
			},
			Ledger: committer, Archives: archives,
			Patterns: func(ctx context.Context) bool { return p.switches.On(ctx, flags.MemoryPatterns) },
			Reader:   reader, Read: analyzer.Analyze, Histories: &memory.Histories{Temporal: temporal, Namespace: p.config.Temporal.Namespace},
		}),
	}, nil
}
