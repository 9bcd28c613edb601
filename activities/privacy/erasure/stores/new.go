package stores

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"meai/activities/backup/copies"
	"meai/activities/backup/people"
	"meai/activities/escalation"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/vectors"
)

// Options are what stores are made of. What an installation does not have is nil.
type Options struct {
	DB      *postgres.DB
	Keyring *keyring.Keyring
	Index   *vectors.Index
	// Temporal and Namespace are where people's workflows run.
	Temporal  client.Client
	Namespace string
	// TemporalURL is Temporal's own database as the role that owns it; "" when it is out of
	// reach: timers of workflows that are gone then stay until their time comes.
	TemporalURL string
	TLS         func(host string) *tls.Config
	Escalations *escalation.Store
	// Archives are those of people, Copies those of buckets at a second location.
	Archives *people.Archives
	Copies   *copies.Copies
	// Exports is the bucket of people's exports.
	Exports   objects.Erasable
	ExportsOf Folders
}

// New makes every store that holds something of people.
func New(ctx context.Context, o Options) ([]Store, error) {
	all, err := Tables(ctx, o.DB)
	if err != nil {
		return nil, err
	}
	gone := destroyed(o.Keyring)
	all = append(all, &Account{o.DB}, &Records{o.DB}, &Tenant{o.Index}, &Runs{Temporal: o.Temporal, Namespace: o.Namespace, DB: o.DB}, &Keys{o.Keyring})
	if o.Escalations != nil {
		all = append(all, &Cases{o.Escalations})
	}
	if o.TemporalURL != "" {
		all = append(all, &Tasks{URL: o.TemporalURL, TLS: o.TLS})
	}
	var folders []Folders
	if o.Archives != nil {
		archives := func(_ context.Context, subject uuid.UUID) ([]string, error) {
			return []string{people.Prefix(subject)}, nil
		}
		folders = append(folders, archives)
		all = append(all, &Objects{Store: "backups.archive", Bucket: o.Archives.Store, Folders: archives, Destroyed: gone, Until: people.ExpiresAt})
	}
	if o.Exports != nil {
		folders = append(folders, o.ExportsOf)
		all = append(all, &Objects{Store: "exports", Bucket: o.Exports, Folders: o.ExportsOf, Destroyed: gone})
	}
	if o.Copies != nil && len(folders) > 0 {
		all = append(all, &Copies{Copies: o.Copies, Folders: folders, Destroyed: gone})
	}
	return all, nil
}

// InMap is what the data map calls a store of this name.
func InMap(store string) string {
	if store == tenantName {
		return "Memory"
	}
	return strings.TrimPrefix(store, tablesPrefix)
}

const (
	tablesPrefix = "postgres."
	tenantName   = "weaviate.memory"
)
