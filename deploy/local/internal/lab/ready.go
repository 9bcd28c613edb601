package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/probe"
	"meai/deploy/local/internal/temporal"
)

// wholeWithin bounds the start of a lab, in which a cluster may have to be copied.
const wholeWithin = 5 * time.Minute

// awaitWhole returns when everything that the lab consists of is as it should be.
func (l *Lab) awaitWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	for _, part := range l.plan.parts() {
		for {
			probe, done := context.WithTimeout(ctx, 3*time.Second)
			err := part.healthy(probe)
			done()
			if err == nil {
				l.say("%s", part.name)
				break
			}
			if err := l.ended(); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait until %s: %w", part.name, errors.Join(ctx.Err(), err))
			case <-time.After(lookEvery):
			}
		}
	}
	return nil
}

// ended is an error when a site does not run any more; it holds the end of its log.
func (l *Lab) ended() error {
	for site, status := range l.Sites() {
		if !status.Running {
			log, err := os.ReadFile(filepath.Join(l.plan.Folder(site), "logs", "site-"+site+".log"))
			return errors.Join(fmt.Errorf("site %s ended while the lab started; its log ends with:\n%s", site, log[max(0, len(log)-logShown):]), err)
		}
	}
	return nil
}

const logShown = 1000 // bytes

// part is something that has to be so in a whole lab.
type part struct {
	name    string
	healthy func(context.Context) error
}

func (p *Plan) parts() []part {
	parts := []part{{name: "control Temporal serves", healthy: temporal.New(p.temporal(Control), nil).Engine().Healthy}}
	for _, site := range Regions {
		parts = append(parts, part{name: "Weaviate of region " + site + " serves",
			healthy: p.indexServes(site)})
	}
	return append(parts,
		part{name: "one region is primary, and the other's standby streams", healthy: func(ctx context.Context) error {
			_, err := p.Primary(ctx)
			return err
		}},
		part{name: "the primary's Temporal serves", healthy: func(ctx context.Context) error {
			region, err := p.Primary(ctx)
			if err != nil {
				return err
			}
			return temporal.New(p.temporal(region), nil).Engine().Healthy(ctx)
		}})
}

// indexServes asks a region's Weaviate by the port that others may reach.
func (p *Plan) indexServes(site string) func(context.Context) error {
	return func(ctx context.Context) error {
		return probe.HTTP(ctx, p.weaviate(site).URL()+"/v1/.well-known/ready")
	}
}

// Primary names the region whose server takes writes while the other's streams from it.
func (p *Plan) Primary(ctx context.Context) (region string, err error) {
	var errs []error
	for _, region := range Regions {
		standby, err := p.streaming(ctx, region)
		if err == nil && standby {
			return region, nil
		}
		if err == nil {
			err = errors.New("no standby streams from it")
		}
		errs = append(errs, fmt.Errorf("region %s: %w", region, err))
	}
	return "", errors.Join(errs...)
}

// streaming reports whether a region's server is the primary and a standby streams from it.
func (p *Plan) streaming(ctx context.Context, region string) (bool, error) {
	conn, err := pgx.Connect(ctx, p.postgres(region, region).SuperuserURL())
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	var yes bool
	err = conn.QueryRow(ctx, `select not pg_is_in_recovery()
		and exists (select from pg_stat_replication where state = 'streaming' and application_name = any($1))`, Regions).Scan(&yes)
	return yes, err
}

// Described is the file that tells drills and tests where everything is.
type Described struct {
	Data string `json:"data"`
	// API is the base address of the lab's own interface: links, and sites that die and come back.
	API        string `json:"api"`
	Supervisor int    `json:"supervisor"`
	// Etcd are the members' addresses for clients at each site, its own first; "direct" leads past the network.
	Etcd map[string][]string `json:"etcd"`
	// ControlTemporal is the address of the control site's Temporal as each site sees it.
	ControlTemporal  map[string]string        `json:"control_temporal"`
	ControlNamespace string                   `json:"control_namespace"`
	ControlUI        string                   `json:"control_ui"`
	Sites            map[string]DescribedSite `json:"sites"`
}

// DescribedSite is where things of a site are.
type DescribedSite struct {
	Folder string `json:"folder"`
	Config string `json:"config"` // configuration file of the meai binary
	Host   string `json:"host"`
	// Observer is that file for the site's observer, who has a role that may only connect.
	Observer string `json:"observer"`
	// View is the configuration file for who works on this region from the control site.
	View string `json:"view,omitempty"`
	// NetNS is the network namespace in which the site's processes run; "" where there is none.
	NetNS    string `json:"netns,omitempty"`
	API      string `json:"api"` // where the product's API is to listen
	Postgres string `json:"postgres,omitempty"`
	Temporal string `json:"temporal"`
	Weaviate string `json:"weaviate,omitempty"`
	// Seen are the addresses of other sites' services from this one, through the network: by site and service.
	Seen map[string]map[string]string `json:"seen"`
	PIDs PIDs                         `json:"pids"` // at the start of the lab
}

func (l *Lab) writeLabFile() error {
	return folder.WriteJSON(filepath.Join(l.options.Data, LabFile), l.describe())
}

func (l *Lab) describe() Described {
	p := l.plan
	d := Described{
		Data: p.data, API: p.apiURL(), Supervisor: os.Getpid(), ControlNamespace: controlNamespace, ControlUI: p.temporal(Control).UIURL(),
		Etcd: map[string][]string{"direct": p.etcdSeen("")}, ControlTemporal: map[string]string{}, Sites: map[string]DescribedSite{},
	}
	sites := l.Sites()
	for _, site := range Sites {
		d.Etcd[site] = p.etcdSeen(site)
		at := func(host string, port int) string {
			if port == 0 {
				return ""
			}
			return net.JoinHostPort(host, fmt.Sprint(port))
		}
		d.ControlTemporal[site] = at(p.seen(site, Control), p.Site[Control].Temporal)
		own, host := p.Site[site], p.Host(site)
		described := DescribedSite{
			Folder: p.Folder(site), NetNS: p.namespace(site), Observer: p.ObserverPath(site), Config: p.ConfigPath(site), Host: host, API: at(host, own.API), Postgres: at(host, own.Postgres),
			Temporal: at(host, own.Temporal), Weaviate: at(host, own.Weaviate), Seen: map[string]map[string]string{}, PIDs: sites[site].PIDs,
		}
		if isRegion(site) {
			described.View = p.ViewPath(site)
		}
		for _, other := range Sites {
			if other == site {
				continue
			}
			described.Seen[other] = map[string]string{}
			for service, port := range p.Site[other].services() {
				described.Seen[other][service] = at(p.seen(site, other), port)
			}
		}
		d.Sites[site] = described
	}
	return d
}
