package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"meai/activities/failover"
	"meai/internal/region"
)

type regionObserveCommand struct {
	Site string `help:"The site that it looks from; regions.name when left out." placeholder:"SITE"`
}

func (regionObserveCommand) Help() string {
	return `Asks both regions' PostgreSQL twice a second and says in etcd what it sees. Run one at each of three sites, of which one is in
neither region. It decides nothing: more than half of the observers must see the primary lost, for two seconds, and whether
anything follows from that is for 'meai region worker', or for you. A region is called ill after three seconds without an
answer and well again after ten seconds without a failure.

It connects as meai_observer, which may do nothing else, with the password of the regions.postgres URLs' when those name that role;
give observers a configuration of their own.`
}

func (o regionObserveCommand) Run(ctx context.Context, c *cli) (err error) {
	p, err := openRegion(ctx, c, "meai-region-observe")
	if err != nil {
		return err
	}
	defer p.close(&err)
	register, err := p.register()
	if err != nil {
		return err
	}
	observer := &failover.Observer{Register: register, Site: o.Site, Databases: map[string]failover.Observed{}, Damping: failover.Usual, Logger: p.telemetry.Logger}
	if observer.Site == "" {
		observer.Site = p.config.Regions.Name
	}
	servers, err := region.ParseServers(p.config.Regions.Postgres)
	if err != nil {
		return err
	}
	if len(servers) != 2 {
		return fmt.Errorf("regions.postgres names %d regions, and two are watched", len(servers))
	}
	for name, text := range servers {
		u, err := url.Parse(text)
		if err != nil {
			return errors.New("regions.postgres: a URL cannot be read") // it may hold a secret
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/postgres"
		}
		observer.Databases[name] = failover.Database{URL: u.String(), TLS: p.postgresTLS()}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- observer.Run(ctx) }()
	return p.run(ctx, p.metricsServer(), ended)
}
