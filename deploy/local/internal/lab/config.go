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

// ViewPath is the configuration file of the meai binary for who works on a region from the control site.
func (p *Plan) ViewPath(region string) string {
	return filepath.Join(p.Folder(Control), "region-"+region+".yaml")
}

// writeConfig tells the meai binary at a site where everything is, as it is seen from there. At the control site nothing
// of the product runs but what looks after the regions; it gets a file more for each of them.
func (p *Plan) writeConfig(site, meai, weaviateBinary string) error {
	if err := p.watching(site, meai).Write(p.ObserverPath(site)); err != nil {
		return err
	}
	if isRegion(site) {
		return p.view(site, site, meai, weaviateBinary).Write(p.ConfigPath(site))
	}
	for _, region := range Regions {
		if err := p.view(site, region, meai, "").Write(p.ViewPath(region)); err != nil {
			return err
		}
	}
	c, workflows := p.view(site, RegionA, meai, ""), p.temporal(Control)
	c.Temporal.Address, c.Temporal.UIURL, c.Temporal.Namespace = workflows.Address(), workflows.UIURL(), controlNamespace
	c.Codec.Origins = workflows.UIURL()
	return c.Write(p.ConfigPath(site))
}

// observer is the role by which the regions' health is asked.
const observer = "meai_observer"

// ObserverPath is the configuration file of the meai binary for a site's observer, which may do nothing but connect.
func (p *Plan) ObserverPath(site string) string {
	return filepath.Join(p.Folder(site), "observer.yaml")
}

// ObserverURL connects from a site to a region's server as an observer.
func (p *Plan) ObserverURL(site, region string) string {
	return p.postgres(site, region).RoleURL(observer, p.Passwords.Observer)
}

// watching is the configuration of a site's observer.
func (p *Plan) watching(site, meai string) product.Config {
	region := site
	if site == Control {
		region = RegionA // an observer asks for none in particular
	}
	c := p.view(site, region, meai, "")
	c.Postgres.OwnerURL, c.Backup.PostgresURL, c.Privacy.MaintenanceURLs, c.Regions.Postgres = "", "", "", nil
	for _, region := range Regions {
		c.Regions.Postgres = append(c.Regions.Postgres, region+"="+p.ObserverURL(site, region))
	}
	return c
}

// view is a region's configuration as a site sees it.
func (p *Plan) view(site, region, meai, weaviateBinary string) product.Config {
	var c product.Config
	database, workflows := p.postgres(site, region), p.temporal(region)
	workflows.Host = p.seen(site, region)
	c.Postgres.URL, c.Postgres.OwnerURL, c.Postgres.ReaderURL = database.AppURL(), database.OwnerURL(), database.ReaderURL()
	c.Temporal.Address, c.Temporal.Namespace = workflows.Address(), "meai"
	c.Temporal.Declaration = product.Declaration(meai)
	c.API.Listen = network.Address(p.Host(site), p.Site[site].API)
	c.Weaviate.APIKey = p.WeaviateKey
	c.Weaviate.URL = "http://" + network.Address(p.seen(site, region), p.Site[region].Weaviate)
	p.stores(site, &c)
	c.Backup.PostgresURL = database.BackupURL()
	if site == region {
		c.Temporal.UIURL, c.Codec.Origins = workflows.UIURL(), workflows.UIURL()
		c.Backup.WeaviateBinary = weaviateBinary
		c.Backup.WeaviateBucket = product.Bucket(p.weaviate(region).Backups())
		c.Privacy.MaintenanceURLs = strings.Join(database.MaintenanceURLs(), " ")
		c.Regions.Data, c.Regions.Mode = p.postgresHome(site), p.Replication
	}
	c.Regions.Name, c.Regions.Etcd = site, p.etcdSeen(site)
	for _, other := range Regions {
		c.Regions.Postgres = append(c.Regions.Postgres, other+"="+p.postgres(site, other).SuperuserURL())
	}
	return c
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
