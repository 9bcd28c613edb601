package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"meai/activities/backup"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/copies"
	"meai/activities/backup/drill"
	"meai/activities/backup/index"
	"meai/activities/backup/people"
	"meai/activities/backup/quarantine"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/activities/memory"
	"meai/activities/privacy/consent"
	"meai/internal/audit"
	"meai/internal/custody"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/pgserver"
	"meai/internal/postgres"
	"meai/internal/signing"
	"meai/workers"
	"meai/workflows"
)

// backups puts the activities of backups together; without a bucket they answer that
// there are none.
func (p *parts) backups(ctx context.Context, db *postgres.DB, log *audit.Log, queues []string, caps *workers.Capabilities) error {
	caps.Backup, caps.Prover, caps.Restores, caps.Drills = &backup.Activities{}, &backup.Prover{}, &backup.Restores{}, &drill.Activities{}
	if err := p.archives(ctx, db, caps); err != nil {
		return err
	}
	if p.config.Backup.Bucket == "" {
		return nil
	}
	r, err := p.repository(ctx)
	if err != nil {
		return err
	}
	trail := backup.Trail{Log: log, DB: db}
	if slices.Contains(queues, workflows.QueueBatch) {
		if caps.Backup, err = p.backupActivities(r, db, trail); err != nil {
			return err
		}
		if caps.Backup.Second, err = p.second(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(queues, workflows.QueueProving) {
		if caps.Prover, caps.Restores, err = p.provers(ctx, r, trail); err != nil {
			return err
		}
		caps.Drills, err = p.drills()
	}
	return err
}

func (p *parts) drills() (*drill.Activities, error) {
	scratch, err := filepath.Abs(p.config.Backup.Scratch)
	if err != nil {
		return nil, fmt.Errorf("backup.scratch: %w", err)
	}
	upload, err := uploadCommand()
	return &drill.Activities{Scratch: scratch, Weaviate: p.config.Backup.WeaviateBinary, Upload: upload, Logger: p.telemetry.Logger}, err
}

// archives puts together what keeps copies of objects and archives of people.
func (p *parts) archives(ctx context.Context, db *postgres.DB, caps *workers.Capabilities) error {
	caps.People, caps.Copies = &people.Activities{}, &copies.Activities{}
	of, err := p.peopleArchives(ctx, db)
	if err != nil {
		return err
	}
	if of != nil {
		caps.People.Archives = of
		caps.People.Permit = permitting(p.consents(db, nil), consent.Archive)
		caps.Keys.Archived = caps.People.Archives.Needs
	}
	caps.Copies.Copies, err = p.copies(ctx)
	return err
}

// peopleArchives opens the bucket of people's archives; nil where there is none. Without a
// database they can be listed and read.
func (p *parts) peopleArchives(ctx context.Context, db *postgres.DB) (*people.Archives, error) {
	if p.config.Backup.Archive == "" {
		return nil, nil
	}
	store, err := objects.OpenErasable(ctx, p.config.Backup.Archive)
	if err != nil {
		return nil, fmt.Errorf("backup.archive: %w", err)
	}
	p.closing(store.Close)
	return &people.Archives{Store: store, DB: db, Keyring: p.keys}, nil
}

// points are the stores whose recovery points are looked for.
func (p *parts) points(ctx context.Context, r *repository.Repository) (_ *backup.Points, err error) {
	points := &backup.Points{Repository: r, Index: p.config.Backup.WeaviateBucket != ""}
	if points.Copies, err = p.copies(ctx); err != nil {
		return nil, err
	}
	points.Archives, err = p.peopleArchives(ctx, nil)
	return points, err
}

// renewal replaces archives after a forgetting; nil where there are none.
func (p *parts) renewal(ctx context.Context, db *postgres.DB, consents *consent.Store) (memory.Archives, error) {
	of, err := p.peopleArchives(ctx, db)
	if of == nil || err != nil {
		return nil, err
	}
	return people.Renewal{Archives: of, Permit: permitting(consents, consent.Archive)}, nil
}

// copies are those of objects at a second location; nil when there are none.
func (p *parts) copies(ctx context.Context) (*copies.Copies, error) {
	b := p.config.Backup
	if b.Second == "" || b.Copy == "" {
		return nil, nil
	}
	sources, err := copies.ParseSources(b.Copy)
	if err != nil {
		return nil, fmt.Errorf("backup.copy: %w", err)
	}
	places, err := p.keyPlaces()
	if err != nil {
		return nil, err
	}
	signer, err := signing.Derive(ctx, p.keys, backupSigner, backupPurpose)
	if err != nil {
		return nil, err
	}
	of, err := copies.Open(ctx, copies.Options{Sources: sources, Destination: b.Second, Keyring: places, Signer: signer, Buried: p.buried})
	if err != nil {
		return nil, fmt.Errorf("backup.copy: %w", err)
	}
	p.closing(of.Close)
	return of, nil
}

// buried tells the names of archives of people whose keys are destroyed.
func (p *parts) buried(ctx context.Context) (func(name string) bool, error) {
	destroyed, err := p.keys.Tombstones(ctx)
	return func(name string) bool {
		digest, is := people.Owner(name)
		_, erased := slices.BinarySearch(destroyed, digest)
		return is && erased
	}, err
}

// keyPlaces are where keys lie: nothing of these is ever copied.
func (p *parts) keyPlaces() ([]string, error) {
	c := p.config.Keyring
	places := []string{c.Bucket, c.KEK}
	replicas, err := keyring.ParseReplicas(c.Replicas)
	if err != nil {
		return nil, fmt.Errorf("keyring.replicas: %w", err)
	}
	for _, r := range replicas {
		places = append(places, r.URL)
	}
	others, err := keyring.ParseKEKs(c.OtherKEKs)
	if err != nil {
		return nil, fmt.Errorf("keyring.other_keks: %w", err)
	}
	return slices.AppendSeq(places, maps.Values(others)), nil
}

func (p *parts) backupActivities(r *repository.Repository, db *postgres.DB, trail backup.Trail) (*backup.Activities, error) {
	to, err := p.recipients()
	if err != nil {
		return nil, err
	}
	gauges, err := backup.NewGauges(p.telemetry.Meters)
	if err != nil {
		return nil, err
	}
	b, w := p.config.Backup, p.config.Weaviate
	return &backup.Activities{
		Repository: r, Recipients: to, URL: b.PostgresURL, MaxRate: b.MaxRate, Age: b.Keep, Gauges: gauges, Trail: trail, Logger: p.telemetry.Logger,
		Index:     index.Options{URL: w.URL, APIKey: w.APIKey, TLS: p.weaviateTLS(), Staging: b.WeaviateBucket},
		Catalogue: &catalogue.Store{DB: db}, Permit: func(ctx context.Context) error { return quarantine.Permit(ctx, db) },
	}, nil
}

// provers are those that open backups: with the prover's key, and with the custodians'.
func (p *parts) provers(ctx context.Context, r *repository.Repository, trail backup.Trail) (*backup.Prover, *backup.Restores, error) {
	b := p.config.Backup
	account, err := pgserver.Unprivileged()
	if err != nil {
		return nil, nil, err
	}
	scratch, err := filepath.Abs(b.Scratch)
	if err != nil {
		return nil, nil, fmt.Errorf("backup.scratch: %w", err)
	}
	second, err := p.second(ctx)
	if err != nil {
		return nil, nil, err
	}
	prover := &backup.Prover{}
	if b.ProverIdentity != "" {
		identity, err := readIdentity(b.ProverIdentity)
		if err != nil {
			return nil, nil, fmt.Errorf("backup.prover_identity: %w", err)
		}
		if identity.Public() != b.Prover {
			return nil, nil, errors.New("backup.prover_identity is not the private key of backup.prover")
		}
		prover = &backup.Prover{
			Repository: r, Second: second, Identity: identity, Scratch: scratch, Account: account, Weaviate: b.WeaviateBinary,
			Database: p.productDatabase(), Temporal: p.config.Backup.Temporal, Trail: trail, Logger: p.telemetry.Logger,
		}
	}
	restorer := &restore.Restorer{
		Repository: r, Second: second, Account: account, Weaviate: b.WeaviateBinary, Database: p.productDatabase(), Temporal: p.config.Backup.Temporal, Logger: p.telemetry.Logger,
	}
	var custodians []custody.Identity
	for _, path := range strings.Fields(b.Opening) {
		identity, err := readIdentity(path)
		if err != nil {
			return nil, nil, fmt.Errorf("backup.custodian_identities: %w", err)
		}
		custodians = append(custodians, identity)
	}
	if len(custodians) > 0 {
		restorer.Keys = r.CustodiansKeys(custodians...)
	}
	folder, err := filepath.Abs(b.Restores)
	if err != nil {
		return nil, nil, fmt.Errorf("backup.restores: %w", err)
	}
	return prover, &backup.Restores{Restorer: restorer, Folder: folder, Trail: trail}, nil
}

// second opens the bucket at the second location; nil when there is none.
func (p *parts) second(ctx context.Context) (*repository.Repository, error) {
	if p.config.Backup.Second == "" {
		return nil, nil
	}
	var signer *signing.Key
	if p.keys != nil {
		var err error
		if signer, err = signing.Derive(ctx, p.keys, backupSigner, backupPurpose); err != nil {
			return nil, err
		}
	}
	r, err := repository.Open(ctx, p.config.Backup.Second, signer)
	if err != nil {
		return nil, fmt.Errorf("backup.second: %w", err)
	}
	p.closing(r.Close)
	return r, nil
}

// productDatabase is the name of the product's database, as its URL says.
func (p *parts) productDatabase() string {
	u, err := url.Parse(p.config.Postgres.URL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// queues are those that this process serves when none is named: all but the one where
// backups are opened, unless it has a key for that.
func (p *parts) queues(named []string) []string {
	if len(named) > 0 {
		return named
	}
	all := workers.Queues()
	if b := p.config.Backup; b.ProverIdentity != "" || b.Opening != "" {
		return all
	}
	return slices.DeleteFunc(all, func(queue string) bool { return queue == workflows.QueueProving })
}
