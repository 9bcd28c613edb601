package lab

import (
	"path/filepath"
	"strings"

	"meai/deploy/local/internal/network"
	"meai/deploy/local/internal/product"
)

const configFile = "meai.yaml"

// ConfigPath is the configuration file of the meai binary for processes at a site.
func (p *Plan) ConfigPath(site string) string { return filepath.Join(p.Folder(site), configFile) }

// writeConfig tells the meai binary at a site where everything is, as it is seen from there. At the control site nothing
// of the product runs but what looks after the regions.
func (p *Plan) writeConfig(site, meai, weaviateBinary string) error {
	var c product.Config
	home := site
	if site == Control {
		home = RegionA
	}
	database, workflows := p.postgres(site, home), p.temporal(site)
	c.Postgres.URL, c.Postgres.OwnerURL, c.Postgres.ReaderURL = database.AppURL(), database.OwnerURL(), database.ReaderURL()
	c.Temporal.Address, c.Temporal.UIURL, c.Temporal.Namespace = workflows.Address(), workflows.UIURL(), "meai"
	c.Temporal.Declaration = product.Declaration(meai)
	c.Codec.Origins = workflows.UIURL()
	c.API.Listen = network.Address(p.Host(site), p.Site[site].API)
	index := p.weaviate(home)
	c.Weaviate.APIKey = p.WeaviateKey
	c.Weaviate.URL = "http://" + network.Address(p.seen(site, home), p.Site[home].Weaviate)
	p.stores(site, &c)
	if site == Control {
		c.Temporal.Namespace = controlNamespace
	} else {
		c.Backup.PostgresURL, c.Backup.WeaviateBinary = database.BackupURL(), weaviateBinary
		c.Backup.WeaviateBucket = product.Bucket(index.Backups())
		c.Privacy.MaintenanceURLs = strings.Join(database.MaintenanceURLs(), " ")
		c.Regions.Data, c.Regions.Mode = p.postgresHome(site), p.Replication
	}
	c.Regions.Name, c.Regions.Etcd = site, p.etcdSeen(site)
	for _, region := range Regions {
		c.Regions.Postgres = append(c.Regions.Postgres, region+"="+p.postgres(site, region).SuperuserURL())
	}
	return c.Write(p.ConfigPath(site))
}

// stores are folders at all three sites. The network does not lie before them: a site that is cut off still reaches
// them, and they outlive a region that is killed.
func (p *Plan) stores(site string, c *product.Config) {
	at := func(site, name string) string { return product.Bucket(filepath.Join(p.Folder(site), name)) }
	var replicas, ledgers []string
	for _, other := range Sites {
		if other != site {
			replicas = append(replicas, other+"="+at(other, "keyring"))
		}
		ledgers = append(ledgers, at(other, "ledger"))
	}
	c.Keyring.Bucket, c.Keyring.Region, c.Keyring.Replicas = at(site, "keyring"), site, strings.Join(replicas, " ")
	c.Keyring.KEK = "file://" + filepath.ToSlash(filepath.Join(p.data, "kek.key"))
	c.Ledger.Buckets = strings.Join(ledgers, ",")
	c.Privacy.Exports = at(site, "objects/exports")
}

func (p *Plan) postgresHome(site string) string { return filepath.Join(p.Folder(site), "postgres") }
