package main

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/escalation"
	"meai/activities/privacy/erasure/stores"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/residue"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// maintenance are the databases whose dead rows an erasure clears: the product's, then
// Temporal's.
func (p *parts) maintenance() []string { return strings.Fields(p.config.Privacy.MaintenanceURLs) }

// stores finds all places that hold something of people, once the database answers.
func (p *parts) stores(ctx context.Context, temporal client.Client, db *postgres.DB, log *audit.Log, index *vectors.Index) (func(context.Context) ([]stores.Store, error), error) {
	exports, err := p.exports(ctx, db, log)
	if err != nil {
		return nil, err
	}
	o := stores.Options{
		DB: db, Keyring: p.keys, Index: index, Temporal: temporal, Namespace: p.config.Temporal.Namespace, TLS: p.postgresTLS(),
		Escalations: escalation.NewStore(db, p.keys), Exports: exports.Store, ExportsOf: exports.Folders,
	}
	if urls := p.maintenance(); len(urls) > 1 {
		o.TemporalURL = urls[1]
	}
	if o.Archives, err = p.peopleArchives(ctx, db); err != nil {
		return nil, err
	}
	if o.Copies, err = p.copies(ctx); err != nil {
		return nil, err
	}
	return stores.Once(func(ctx context.Context) ([]stores.Store, error) { return stores.New(ctx, o) }), nil
}

// residue clears and searches what deletion leaves in files; without databases and folders
// it does nothing.
func (p *parts) residue(index *vectors.Index) *residue.Files {
	return &residue.Files{
		CleanUpOptions: residue.CleanUpOptions{URLs: p.maintenance(), TLS: p.postgresTLS(), Rest: 1},
		Folders:        p.config.Privacy.ScanFolders,
		Excuses:        (&stores.Tenant{Index: index}).Excuse,
	}
}

// heldBy asks for legal holds on all of a person.
func heldBy(h *requests.Holds) func(context.Context, *queries.Queries, uuid.UUID) (bool, error) {
	return func(ctx context.Context, q *queries.Queries, subject uuid.UUID) (bool, error) {
		_, held, err := h.Any(ctx, q, subject)
		return held, err
	}
}

// access has exports registered among people's requests. An entry outlives the person, so
// its id is another than the export's.
type access struct{ *requests.Store }

func (access) request(export uuid.UUID) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, export[:]) }

func (a access) Received(ctx context.Context, id, subject uuid.UUID, at time.Time) error {
	return a.Receive(ctx, requests.New{ID: a.request(id), Subject: subject, Kind: requests.Access, Law: requests.GDPR, At: at})
}

func (a access) Ended(ctx context.Context, id uuid.UUID, fulfilled bool) error {
	outcome := requests.Cancelled
	if fulfilled {
		outcome = requests.Completed
	}
	err := a.Finish(ctx, a.request(id), outcome, "")
	if failure.Is(err, failure.NotFound) || failure.Is(err, failure.Decided) {
		return nil // lost with a restore, or ended by the staff
	}
	return err
}
