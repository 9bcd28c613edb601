package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"meai/activities/failover"
	"meai/internal/cluster"
	"meai/internal/codec"
	"meai/internal/region"
	"meai/workflows"
)

// openControl opens what the control plane needs: no key of anybody, no database.
func openControl(ctx context.Context, c *cli, service string) (*parts, *failover.Controller, error) {
	p, err := openRegion(ctx, c, service)
	if err != nil {
		return nil, nil, err
	}
	controller, err := p.controller()
	if err != nil {
		p.close(&err)
		return nil, nil, err
	}
	return p, controller, nil
}

// controller carries failovers out, by hand or for the control worker.
func (p *parts) controller() (*failover.Controller, error) {
	f := p.config.Failover
	register, err := p.register()
	if err != nil {
		return nil, err
	}
	databases, err := p.regionDatabases()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, item := range f.Configurations {
		name, file, ok := strings.Cut(item, "=")
		if _, known := databases[name]; !ok || !known {
			return nil, fmt.Errorf("failover.configurations: %q is not region=FILE with a region of regions.postgres", item)
		}
		files[name] = file
	}
	name, err := p.runner()
	if err != nil {
		return nil, err
	}
	c := &failover.Controller{
		Register: register, Databases: databases,
		Open: func(ctx context.Context, region string) (failover.Place, error) {
			return p.place(ctx, region, files[region])
		},
		Limits: failover.Limits{RPO: f.RPO, Replay: f.Replay},
		Rules:  failover.Rules{Sites: f.Sites, Lasting: 2 * time.Second, Automatic: f.Automatic, Cooldown: f.Cooldown},
		Rejoin: f.Rejoin, DrillsAllowed: p.config.Drills.Allowed, Acknowledgements: f.Acknowledged, Logger: p.telemetry.Logger,
		Name: name,
	}
	if f.Approvers != "" {
		keys, err := os.ReadFile(f.Approvers)
		if err != nil {
			return nil, fmt.Errorf("failover.approvers: %w", err)
		}
		c.Approvers = string(keys)
	}
	if f.RouteHook != "" {
		c.Route = routing(f.RouteHook)
	}
	return c, nil
}

// runner is who this process is when it carries a failover out, or takes one back.
func (p *parts) runner() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find this machine's name: %w", err)
	}
	return fmt.Sprintf("%s-%s-%d", p.config.Regions.Name, host, os.Getpid()), nil
}

// failovers are what the API and the commands do with failovers.
func (p *parts) failovers(ctx context.Context, controller *failover.Controller) (*workflows.Failovers, error) {
	temporal, err := p.controlTemporal(ctx)
	if err != nil {
		return nil, err
	}
	return &workflows.Failovers{Temporal: temporal, Journal: controller}, nil
}

// operations are what the API shows and does of two regions; nil where there is one. It has
// neither region's servers: it reads the register, and asks the control plane.
func (p *parts) operations(ctx context.Context) (*workflows.Failovers, error) {
	if p.config.Regions.Name == "" {
		return nil, nil
	}
	register, err := p.register()
	if err != nil {
		return nil, err
	}
	name, err := p.runner()
	if err != nil {
		return nil, err
	}
	return p.failovers(ctx, &failover.Controller{Register: register, Name: name, Logger: p.telemetry.Logger})
}

// regionDatabases are the product's in both regions, as regions.postgres reaches them.
func (p *parts) regionDatabases() (map[string]failover.Server, error) {
	servers, err := region.ParseServers(p.config.Regions.Postgres)
	if err != nil {
		return nil, err
	}
	databases := map[string]failover.Server{}
	for name, text := range servers {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errors.New("regions.postgres: a URL cannot be read") // it may hold a secret
		}
		u.Path = "/" + p.productDatabase()
		databases[name] = failover.Database{URL: u.String(), TLS: p.postgresTLS()}
	}
	return databases, nil
}

// controlTemporal is a client of the control plane's Temporal. Payloads are plain JSON, not
// sealed as the product's are: they hold ids, codes and numbers only, an operator can start
// and read them with the temporal program alone in the hour in which no key can be reached,
// and the control plane has no key of anybody.
func (p *parts) controlTemporal(ctx context.Context) (client.Client, error) {
	f := p.config.Failover
	c, err := cluster.Connect(ctx, cluster.ConnectOptions{
		Address: f.Temporal, Namespace: f.Namespace, DataConverter: converter.GetDefaultDataConverter(), FailureConverter: codec.PlainFailures(),
		Logger: p.telemetry.Logger, Tracers: p.telemetry.Tracers, Meters: p.telemetry.Meters,
	})
	if err != nil {
		return nil, err
	}
	p.closing(func() error { c.Close(); return nil })
	return c, nil
}

// hookTimeout bounds one call of whoever directs clients.
const hookTimeout = 10 * time.Second

func routing(hook string) func(context.Context, failover.Notice) error {
	return func(ctx context.Context, n failover.Notice) error {
		ctx, cancel := context.WithTimeout(ctx, hookTimeout)
		defer cancel()
		text, err := json.Marshal(n)
		if err != nil {
			return err
		}
		if strings.HasPrefix(hook, "http://") || strings.HasPrefix(hook, "https://") {
			return postNotice(ctx, hook, text)
		}
		program := exec.CommandContext(ctx, hook)
		program.Stdin = bytes.NewReader(text)
		if err := program.Run(); err != nil {
			return fmt.Errorf("failover.route_hook: %w", err)
		}
		return nil
	}
}

func postNotice(ctx context.Context, hook string, text []byte) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, bytes.NewReader(text))
	if err != nil {
		return errors.New("failover.route_hook: the URL cannot be used") // it may hold a secret
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("failover.route_hook: %w", withoutURL(err))
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("failover.route_hook answered %d", answer.StatusCode)
	}
	return nil
}

// withoutURL is what went wrong, without the address, which may hold a secret.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
