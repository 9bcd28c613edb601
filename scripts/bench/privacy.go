package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	temporalclient "go.temporal.io/sdk/client"

	"meai/activities/escalation"
	"meai/activities/privacy/erasure/stores"
	"meai/activities/privacy/export"
	"meai/api/client"
	"meai/internal/config"
	"meai/internal/identity/devlogin"
	"meai/internal/objects"
)

type privacyCommand struct {
	target `embed:""`

	Memories     int           `default:"10000" help:"Messages in the memory of the person who is erased alone."`
	Interactions int           `default:"2000" help:"Their interactions."`
	Told         int           `default:"300" help:"So many of these are told over HTTP and have workflows; the others are copies of their rows."`
	Concurrent   int           `default:"100" help:"Small people who are erased at once; 0 for nobody."`
	Clients      int           `default:"4" help:"People who write meanwhile."`
	Round        time.Duration `default:"45s" help:"How long they write before the erasures, and again after them."`
	Patience     time.Duration `default:"20m" help:"How long is waited for an erasure."`
	Upkeep       string        `default:"deploy/local/internal/postgres/init/03_maintenance.sql" type:"path" help:"What a database needs beyond what its owner may do, for the clean-up."`
	Strict       bool          `help:"Fail when a bar is not met."`
	Page         string        `help:"Write what was found as a page of documentation, too." placeholder:"FILE"`
}

func (privacyCommand) Help() string {
	return `A person with much in every store, and with workflows that run, asks over HTTP to be erased at once. How long they can be read, how long it takes
until nothing is left, and what is left, is measured from outside; another person beside must not change. Then small people are erased side by side while
others write.`
}

const (
	// longestLife is how many messages one life has that is copied.
	longestLife = 1000
	// running is how many of the person's workflows are open when they ask to be erased.
	running = 10
	// exported is how many exports they have.
	exported = 2
)

// privacyBench is a benchmark of people's rights on its way.
type privacyBench struct {
	*bench
	o        privacyCommand
	owner    *pgx.Conn
	temporal temporalclient.Client
	// stores are all places that hold something of people, counted from here and not by
	// the erasure itself.
	stores []stores.Store
	// folders are all places on disk where something may be left.
	folders []string
	found   privacyReport
}

// Run measures and prints.
func (m privacyCommand) Run(ctx context.Context) (err error) {
	if m.Memories < 1 || m.Told < 1 || m.Interactions < m.Told || m.Clients < 1 {
		return errors.New("there must be memories, told interactions, no more of them than interactions, and clients")
	}
	cfg, err := config.Load(m.Config, os.Environ())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	work, err := os.MkdirTemp("", "meai-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	life := min(longestLife, m.Memories)
	b := &privacyBench{o: m, bench: &bench{memoryCommand: memoryCommand{target: m.target, Memories: life, Texts: life}}}
	if b.in, err = newInstallation(ctx, cfg, work, "meai_bench_privacy"); err != nil {
		return err
	}
	b.in.name, b.in.binary = "MeAi", m.Meai
	if err := errors.Join(b.configure(cfg, work), b.prepareUpkeep(ctx, cfg)); err != nil {
		return err
	}
	if b.product, err = startProduct(ctx, m.target, b.in); err != nil {
		return err
	}
	defer b.product.stop()
	closing, err := b.connect(ctx)
	defer closing()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.removeTenants(context.WithoutCancel(ctx))) }()
	if err := b.measure(ctx); err != nil {
		return err
	}
	return b.tell()
}

// configure has an installation of its own clean up and search what it alone writes to.
func (b *privacyBench) configure(cfg config.Config, work string) error {
	folder := filepath.Join(work, "meai_bench_privacy")
	b.folders = append(slices.Clone(cfg.Privacy.ScanFolders), folder)
	maintenance := strings.Fields(cfg.Privacy.MaintenanceURLs)
	if len(maintenance) > 0 { // the product's database comes first
		u, err := url.Parse(maintenance[0])
		if err != nil {
			return errors.New("the maintenance URL cannot be read")
		}
		u.Path = "/meai_bench_privacy"
		maintenance[0] = u.String()
	}
	b.in.env = append(b.in.env,
		"MEAI_PRIVACY_EXPORTS=file://"+filepath.Join(folder, "exports")+"?create_dir=true",
		"MEAI_PRIVACY_MAINTENANCE_URLS="+strings.Join(maintenance, " "),
		"MEAI_PRIVACY_SCAN_FOLDERS="+strings.Join(b.folders, ","),
		// Nobody is refused for asking often: that would look as if nothing could be read.
		"MEAI_LIMITS_ACCOUNT=1000000", "MEAI_LIMITS_READING=1000000", "MEAI_LIMITS_FAILED_LOGINS=1000000")
	return nil
}

// prepareUpkeep does for the run's own database what meai-local does for the product's: as
// the superuser, whose password it keeps beside the configuration.
func (b *privacyBench) prepareUpkeep(ctx context.Context, cfg config.Config) (err error) {
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(b.Config), "state.json"))
	if err != nil {
		return fmt.Errorf("read the state of meai-local: %w", err)
	}
	var state struct{ Passwords struct{ Superuser string } }
	if err := json.Unmarshal(raw, &state); err != nil {
		return fmt.Errorf("read the state of meai-local: %w", err)
	}
	statements, err := os.ReadFile(b.o.Upkeep)
	if err != nil {
		return fmt.Errorf("read what the upkeep needs: %w", err)
	}
	u, err := url.Parse(cfg.Postgres.OwnerURL)
	if err != nil {
		return errors.New("the database's URL cannot be read")
	}
	u.Path, u.User = "/meai_bench_privacy", url.UserPassword("postgres", state.Passwords.Superuser)
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("connect as superuser: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, string(statements)); err != nil {
		return fmt.Errorf("prepare the upkeep: %w", err)
	}
	return nil
}

// connect opens the installation as a worker would, and what looks at it from outside.
func (b *privacyBench) connect(ctx context.Context) (closing func(), err error) {
	closing, err = b.open(ctx)
	if err != nil {
		return closing, err
	}
	if b.owner, err = pgx.Connect(ctx, b.cfg.Postgres.OwnerURL); err != nil {
		return closing, fmt.Errorf("connect as owner: %w", err)
	}
	b.temporal, err = temporalclient.NewLazyClient(temporalclient.Options{HostPort: b.cfg.Temporal.Address, Namespace: b.in.namespace, Logger: quiet{}})
	if err != nil {
		return closing, fmt.Errorf("connect to Temporal: %w", err)
	}
	bucket, err := objects.OpenErasable(ctx, b.cfg.Privacy.Exports)
	if err != nil {
		return closing, err
	}
	o := stores.Options{
		DB: b.db, Keyring: b.keys, Index: b.index, Temporal: b.temporal, Namespace: b.in.namespace, Escalations: escalation.NewStore(b.db, b.keys),
	}
	if urls := strings.Fields(b.cfg.Privacy.MaintenanceURLs); len(urls) > 1 {
		o.TemporalURL = urls[1]
	}
	if b.stores, err = stores.New(ctx, o); err != nil {
		return closing, err
	}
	b.stores = append(b.stores, exportFiles{&export.Exports{Store: bucket, DB: b.db, Keyring: b.keys}})
	inner := closing
	return func() {
		b.temporal.Close()
		_ = b.owner.Close(context.WithoutCancel(ctx)) // what counts is committed
		inner()
	}, nil
}

// exportFiles counts the files of exports as any other store.
type exportFiles struct{ *export.Exports }

func (exportFiles) Name() string { return "exports" }

func (exportFiles) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

func (x exportFiles) Delete(ctx context.Context, subject uuid.UUID, beat func(int64)) (int64, error) {
	return x.Erase(ctx, subject, beat)
}

func (b *privacyBench) measure(ctx context.Context) error {
	b.found = privacyReport{machine: machine(), o: b.o}
	tellers, err := b.ingest(ctx)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := b.loadLives(ctx, tellers); err != nil {
		return err
	}
	one, err := b.newResident(ctx)
	if err != nil {
		return err
	}
	beside, err := b.newResident(ctx)
	if err != nil {
		return err
	}
	if err := b.fillResidents(ctx, one, beside); err != nil {
		return fmt.Errorf("fill the people: %w", err)
	}
	if err := b.eraseOne(ctx, one, beside); err != nil {
		return fmt.Errorf("erase one person: %w", err)
	}
	if b.o.Concurrent == 0 {
		return nil
	}
	if err := b.eraseMany(ctx); err != nil {
		return fmt.Errorf("erase %d people: %w", b.o.Concurrent, err)
	}
	return nil
}

// tell prints what was found, and writes it down.
func (b *privacyBench) tell() error {
	b.found.print(os.Stdout)
	if b.o.Page != "" {
		if err := os.WriteFile(b.o.Page, b.found.page(), 0o600); err != nil {
			return err
		}
	}
	if missed := b.found.missed(); b.o.Strict && len(missed) > 0 {
		return fmt.Errorf("bars are not met: %s", strings.Join(missed, "; "))
	}
	return nil
}

// resident is somebody who uses the product over HTTP.
type resident struct {
	person
	api     *client.ClientWithResponses
	session uuid.UUID
}

// signInAgain gets a fresh token, as after a sign-in with two factors a moment ago.
func (b *privacyBench) signInAgain(ctx context.Context, r *resident) error {
	token, err := devlogin.SignIn(ctx, devlogin.Issuer(b.product.base), r.name, true)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	r.api, err = client.NewClientWithResponses(b.product.base, client.Bearer(token))
	return err
}

// newResident is a new person who has agreed to everything and begun a session.
func (b *privacyBench) newResident(ctx context.Context) (*resident, error) {
	r := &resident{person: person{name: "bench-" + uuid.NewString(), agreed: true}}
	if err := b.signInAgain(ctx, r); err != nil {
		return nil, err
	}
	if err := r.api.AgreeToAll(ctx); err != nil {
		return nil, err
	}
	me, err := r.api.GetMeWithResponse(ctx)
	if err != nil {
		return nil, err
	}
	if me.JSON200 == nil {
		return nil, fmt.Errorf("who am I: %s", me.Status())
	}
	r.id = me.JSON200.Subject
	begun, err := r.api.CreateSessionWithResponse(ctx, client.NewSession{})
	if err != nil {
		return nil, err
	}
	if begun.JSON201 == nil {
		return nil, fmt.Errorf("no session: %s", begun.Status())
	}
	r.session = begun.JSON201.Id
	return r, nil
}

// write has a person write one message and waits for its answer; degraded tells that it
// went without a part.
func (r *resident) write(ctx context.Context, text string) (degraded bool, err error) {
	wait := "wait=30"
	got, err := r.api.CreateInteractionWithResponse(ctx, r.session, &client.CreateInteractionParams{IdempotencyKey: uuid.NewString(), Prefer: &wait},
		client.NewInteraction{Input: client.InteractionInput{Text: text}})
	if err != nil {
		return false, err
	}
	if got.JSON201 == nil || got.JSON201.Response == nil {
		return false, fmt.Errorf("no answer: %s", got.Status())
	}
	return len(got.JSON201.Response.Degraded) > 0, nil
}
