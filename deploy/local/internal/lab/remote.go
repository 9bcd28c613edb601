package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/network"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/supervisor"
	"meai/deploy/local/internal/temporal"
)

// Act kills, stops or starts a site of a lab that runs on a data folder.
func Act(ctx context.Context, data, site, act string) error {
	return ask(ctx, data, http.MethodPost, "/sites/"+site+"/"+act, nil, nil)
}

// SetLink puts a link of a lab that runs on a data folder into a state.
func SetLink(ctx context.Context, data string, link network.Link) error {
	return ask(ctx, data, http.MethodPost, "/links", link, nil)
}

// PrintLinks lists the links of a lab that runs on a data folder.
func PrintLinks(ctx context.Context, out io.Writer, data string) error {
	var links []network.Link
	if err := ask(ctx, data, http.MethodGet, "/links", nil, &links); err != nil {
		return err
	}
	for _, link := range links {
		state := string(link.State)
		if link.State == network.Slow {
			state += " by " + link.Latency().String()
		}
		if _, err := fmt.Fprintf(out, "%s to %s: %s\n", link.From, link.To, state); err != nil {
			return err
		}
	}
	return nil
}

// ask sends a question to the interface of a running lab.
func ask(ctx context.Context, data, method, path string, question, reply any) error {
	plan, err := ReadPlan(data)
	if err != nil {
		return fmt.Errorf("%s is no lab: %w", data, err)
	}
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode the question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, plan.apiURL()+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the lab: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the lab: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask the lab: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	if reply == nil {
		return nil
	}
	return json.Unmarshal(text, reply)
}

// Stop asks a lab to stop and waits until it has.
func Stop(ctx context.Context, data string) error {
	running, err := folder.IsRunning(data)
	if err != nil {
		return err
	}
	if !running {
		return fmt.Errorf("nothing runs on %s", data)
	}
	var described Described
	if err := folder.ReadJSON(filepath.Join(data, LabFile), &described); err != nil {
		return fmt.Errorf("the lab is not up yet: %w", err)
	}
	return folder.Stop(ctx, data, described.Supervisor)
}

// PrintStatus probes a lab's engines and reports whether it is whole. Of Temporal there is only one, at the primary.
func PrintStatus(ctx context.Context, out io.Writer, data string) (healthy bool, err error) {
	running, err := folder.IsRunning(data)
	if err != nil {
		return false, err
	}
	if !running {
		_, err := fmt.Fprintf(out, "nothing runs on %s\n", data)
		return false, err
	}
	plan, err := ReadPlan(data)
	if err != nil {
		return false, err
	}
	var sites map[string]SiteStatus
	if err := ask(ctx, data, http.MethodGet, "/sites", nil, &sites); err != nil {
		return false, err
	}
	whole, primary := true, ""
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	// A builder in memory takes everything.
	line := func(site, name string, pid int, condition string) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", site, name, pid, condition)
	}
	probe, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if primary, err = plan.Primary(probe); err != nil {
		whole = false
	}
	for _, site := range Sites {
		if !sites[site].Running {
			line(site, "supervisor", 0, "does not run")
			whole = false
			continue
		}
		line(site, "supervisor", sites[site].Supervisor, "running")
		whole = plan.probe(ctx, site, primary, sites[site], line) && whole
	}
	_ = table.Flush()
	_, err = io.WriteString(out, text.String())
	return whole, err
}

// probe asks a site's engines for their health.
func (p *Plan) probe(ctx context.Context, site, primary string, status SiteStatus, line func(string, string, int, string)) (healthy bool) {
	healthy = true
	for _, engine := range p.engines(site) {
		probe, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := engine.Healthy(probe)
		cancel()
		switch {
		case err == nil:
			line(site, engine.Name, status.Engines[engine.Name], "healthy")
		case engine.Name == "temporal" && isRegion(site) && site != primary:
			line(site, engine.Name, 0, "waits until this region is primary")
		default:
			line(site, engine.Name, status.Engines[engine.Name], err.Error())
			healthy = false
		}
	}
	if isRegion(site) && site == primary {
		line(site, "", 0, "this region is primary; a standby streams from it")
	}
	return healthy
}

func (p *Plan) engines(site string) []supervisor.Engine {
	etcd := supervisor.Engine{Name: "etcd", Healthy: func(ctx context.Context) error {
		return listens(ctx, network.Address(p.Host(site), p.Site[site].Etcd))
	}}
	engines := []supervisor.Engine{etcd, temporal.New(p.temporal(site), nil).Engine()}
	if isRegion(site) {
		engines = append(engines, postgres.At(p.Host(site), p.Site[site].Postgres, p.Passwords).Engine(),
			supervisor.Engine{Name: "weaviate", Healthy: p.indexServes(site)})
	}
	return engines
}

// PrintAddresses shows where everything is, and what to try.
func (l *Lab) PrintAddresses(out io.Writer) {
	d := l.describe()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, site := range slices.Sorted(maps.Keys(d.Sites)) {
		s := d.Sites[site]
		name := "Region " + site
		if !isRegion(site) {
			name = "Control"
		}
		// A builder in memory takes everything.
		_, _ = fmt.Fprintf(table, "  %s\tetcd %s\tTemporal %s\tPostgreSQL %s\tWeaviate %s\n", name,
			net.JoinHostPort(s.Host, fmt.Sprint(l.plan.Site[site].Etcd)), s.Temporal, dash(s.Postgres), dash(s.Weaviate))
	}
	_ = table.Flush()
	// As with all progress, a closed terminal must not stop the engines.
	_, _ = fmt.Fprintf(out, "ready in %.1f s\n\n%s\n  %s tells the rest.\n\nTry, in another terminal:\n", time.Since(l.began).Seconds(),
		text.String(), filepath.Join(d.Data, LabFile))
	for _, try := range [][2]string{
		{"status", ""}, {"region kill", " a"}, {"region start", " a"}, {"link", " a b cut"}, {"link", " a others cut --one-way"},
		{"link", " a b slow --latency 400ms"}, {"link", " a b up"},
	} {
		_, _ = fmt.Fprintf(out, "  meai-local %s --data %s%s\n", try[0], d.Data, try[1])
	}
	_, _ = fmt.Fprint(out, "\nCtrl-C stops everything; the data stays.\n")
}

func dash(address string) string {
	if address == "" {
		return "-"
	}
	return address
}
