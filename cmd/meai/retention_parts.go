package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"meai/activities/backup/people"
	"meai/activities/memory"
	"meai/activities/privacy/datamap"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/retention"
	"meai/internal/audit"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/workers"
)

// retentionStore shows reports and looks ahead, with a pool of its own.
func (p *parts) retentionStore(ctx context.Context) (*retention.Store, error) {
	db, err := p.database(ctx)
	if err != nil {
		return nil, err
	}
	return p.retentionOn(ctx, db)
}

func (p *parts) retentionOn(ctx context.Context, db *postgres.DB) (*retention.Store, error) {
	m, err := datamap.Load()
	if err != nil {
		return nil, err
	}
	s := &retention.Store{DB: db, Keys: p.keys, Map: m, BackupsFor: p.config.Backup.Keep, CoolingOff: p.config.Privacy.CoolingOff}
	if p.config.Backup.Archive == "" {
		return s, nil
	}
	bucket, err := objects.OpenErasable(ctx, p.config.Backup.Archive)
	if err != nil {
		return nil, fmt.Errorf("backup.archive: %w", err)
	}
	p.closing(bucket.Close)
	s.Archives = &people.Archives{Store: bucket, DB: db, Keyring: p.keys}
	return s, nil
}

// retention puts the activities of retention and of looks at encryption together.
func (p *parts) retention(db *postgres.DB, log *audit.Log, caps *workers.Capabilities) error {
	m, err := datamap.Load()
	if err != nil {
		return err
	}
	gauges, err := retention.NewGauges(p.telemetry.Meters)
	if err != nil {
		return err
	}
	links, err := p.links()
	if err != nil {
		return err
	}
	buckets, err := p.sealedBuckets()
	if err != nil {
		return err
	}
	caps.Retention = &retention.Activities{
		DB: db, Keys: p.keys, Holds: requests.NewHolds(p.keys), Memories: memory.NewStore(db, p.keys), Audit: log, Map: m, Gauges: gauges, Logger: p.telemetry.Logger,
	}
	caps.Encryption = &retention.Encryption{DB: db, Keys: p.keys, Map: m, Audit: log, Links: links, Buckets: buckets, Gauges: gauges, Logger: p.telemetry.Logger}
	return nil
}

// links are the connections of this process over which anything of a person's goes.
func (p *parts) links() ([]retention.Link, error) {
	c := p.config
	links := []retention.Link{{Name: "temporal", Encrypted: c.Temporal.UseTLS(), Host: hostOf(c.Temporal.Address)}}
	for name, text := range map[string]string{"postgres": c.Postgres.URL, "backup.postgres": c.Backup.PostgresURL} {
		if text == "" {
			continue
		}
		cfg, err := pgx.ParseConfig(text)
		if err != nil {
			return nil, fmt.Errorf("parse the URL of %s: %w", name, err)
		}
		postgres.SecureConfig(&cfg.Config, p.postgresTLS())
		// A way back to the open is one that is taken.
		link := retention.Link{Name: name, Encrypted: cfg.TLSConfig != nil, Host: cfg.Host}
		for _, way := range cfg.Fallbacks {
			link.Encrypted = link.Encrypted && way.TLSConfig != nil
		}
		links = append(links, link)
	}
	used := map[string]string{"weaviate": c.Weaviate.URL, "limits.redis": c.Limits.RedisURL}
	if c.Embedding.Provider == "openai" {
		used["embedding"] = c.Embedding.URL
	}
	if c.Language.Provider != "none" {
		used["language"] = c.Language.URL
	}
	for name, text := range used {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("parse the URL of %s: %w", name, err)
		}
		switch {
		case text == "":
		case u.Scheme == "unix":
			links = append(links, retention.Link{Name: name, Host: "/"})
		default:
			links = append(links, retention.Link{Name: name, Encrypted: slices.Contains(encrypted, u.Scheme), Host: u.Hostname()})
		}
	}
	return append(links, p.bucketLinks()...), nil
}

// encrypted are the schemes of services that speak TLS.
var encrypted = []string{"https", "rediss", "valkeys"}

// bucketLinks are the ways to buckets that a setting leads elsewhere than to their provider,
// who is reached by TLS.
func (p *parts) bucketLinks() (links []retention.Link) {
	c := p.config
	for name, text := range map[string]string{
		"keyring": c.Keyring.Bucket, "backup.bucket": c.Backup.Bucket, "backup.archive": c.Backup.Archive, "backup.second": c.Backup.Second, "privacy.exports": c.Privacy.Exports,
	} {
		u, err := url.Parse(text)
		if err != nil {
			continue // it was opened, or the process would not run
		}
		endpoint, err := url.Parse(u.Query().Get("endpoint"))
		if err == nil && endpoint.Host != "" {
			links = append(links, retention.Link{Name: name, Encrypted: endpoint.Scheme == "https", Host: endpoint.Hostname()})
		}
	}
	return links
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// How sealed objects begin. Those of the keyring hold wrapped keys; exports are encrypted to
// people with age.
const (
	keysStart    = "MeAiKey"
	backupStart  = "MeAiBak"
	archiveStart = "MeAiPer"
)

// sealedBuckets are those of this process, with how their objects begin.
func (p *parts) sealedBuckets() ([]retention.Bucket, error) {
	c := p.config
	keyed := map[string][]string{"system": {keysStart}, "subjects/": {keysStart}, "generations/": {keysStart}, "candidates/": {keysStart}}
	buckets := []retention.Bucket{{Name: "keyring", Open: opener(c.Keyring.Bucket), Starts: keyed}}
	replicas, err := keyring.ParseReplicas(c.Keyring.Replicas)
	if err != nil {
		return nil, fmt.Errorf("keyring.replicas: %w", err)
	}
	for i, r := range replicas {
		buckets = append(buckets, retention.Bucket{Name: fmt.Sprintf("keyring.replica%d", i+1), Open: opener(r.URL), Starts: keyed})
	}
	if c.Backup.Archive != "" {
		buckets = append(buckets, retention.Bucket{Name: "backups.archive", Open: opener(c.Backup.Archive), Starts: map[string][]string{"people/": {archiveStart}}})
	}
	if c.Backup.Bucket != "" {
		buckets = append(buckets, retention.Bucket{
			Name: "backups.postgres", Open: opener(c.Backup.Bucket), Described: ".json", Starts: map[string][]string{"backups/": {backupStart}, "wal/": {backupStart}},
		})
	}
	return buckets, nil
}

func opener(address string) func(context.Context) (objects.Erasable, error) {
	return func(ctx context.Context) (objects.Erasable, error) {
		store, err := objects.OpenErasable(ctx, strings.TrimSpace(address))
		if err != nil {
			return nil, fmt.Errorf("open the bucket: %w", err)
		}
		return store, nil
	}
}
