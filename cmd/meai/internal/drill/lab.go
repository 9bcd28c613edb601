package drill

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Lab is two regions and a control site that may be broken: what `meai-local up --regions 2`
// writes into lab.json. Drills are run on nothing else: who has no such file has nothing
// that this package can break.
type Lab struct {
	// API is the base address at which links are cut and sites are killed.
	API   string          `json:"api"`
	Data  string          `json:"data"`
	Sites map[string]Site `json:"sites"`
	// Etcd are the members' addresses at each site; "direct" leads past what is cut.
	Etcd map[string][]string `json:"etcd"`
	// ControlTemporal is the control site's, as each site sees it.
	ControlTemporal  map[string]string `json:"control_temporal"`
	ControlNamespace string            `json:"control_namespace"`

	// Program is the meai binary, Log where its processes write.
	Program string    `json:"-"`
	Log     io.Writer `json:"-"`
	// Settings are further ones of these processes, as MEAI_NAME=value.
	Settings []string `json:"-"`
	// Patience is how long is waited for one answer; the constant of that name when zero.
	Patience time.Duration `json:"-"`

	mu      sync.Mutex
	running map[string][]*exec.Cmd
	// lives counts how often each site was killed; over is set when the drill is.
	lives map[string]int
	over  bool
}

// Site is where things of a site are.
type Site struct {
	Folder string `json:"folder"`
	Config string `json:"config"`
	API    string `json:"api"`
}

// The sites. Control is the third.
const (
	A       = "a"
	B       = "b"
	Control = "c"
)

// OpenLab reads the file of a lab, and asks whether it runs.
func OpenLab(ctx context.Context, path string) (*Lab, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("find the lab (meai-local up --regions 2 makes one): %w", err)
	}
	l := &Lab{running: map[string][]*exec.Cmd{}, lives: map[string]int{}}
	if err := json.Unmarshal(raw, l); err != nil {
		return nil, fmt.Errorf("read the lab's file: %w", err)
	}
	if len(l.Sites) != 3 {
		return nil, errors.New("read the lab's file: a lab has three sites")
	}
	return l, l.ask(ctx, http.MethodGet, "/sites", nil)
}

// Other is the other region.
func Other(region string) string {
	if region == A {
		return B
	}
	return A
}

// Link sets what a site hears of another: "cut", "slow" or "up".
func (l *Lab) Link(ctx context.Context, from, to, state string, latency time.Duration) error {
	return l.ask(ctx, http.MethodPost, "/links", map[string]any{"from": from, "to": to, "state": state, "latency_ms": latency.Milliseconds()})
}

// Heal has every site hear every other again.
func (l *Lab) Heal(ctx context.Context) error { return l.ask(ctx, http.MethodPost, "/heal", nil) }

// Kill ends every process of a site at once, the product's first: a power cut.
func (l *Lab) Kill(ctx context.Context, site string) error {
	l.mu.Lock()
	l.lives[site]++
	for _, cmd := range l.running[site] {
		// Those that have ended already are as dead.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	delete(l.running, site)
	l.mu.Unlock()
	return l.ask(ctx, http.MethodPost, "/sites/"+site+"/kill", nil)
}

// Start brings a site back, with what runs there.
func (l *Lab) Start(ctx context.Context, site string) error {
	if err := l.ask(ctx, http.MethodPost, "/sites/"+site+"/start", nil); err != nil {
		return err
	}
	if site == Control {
		return l.control()
	}
	return l.serve(site)
}

// Revive brings back every site that does not run.
func (l *Lab) Revive(ctx context.Context) error {
	sites, err := l.sites(ctx)
	if err != nil {
		return err
	}
	for name, site := range sites {
		if !site.Running {
			err = errors.Join(err, l.Start(ctx, name))
		}
	}
	return err
}

// siteStatus is what the lab tells of a site.
type siteStatus struct {
	Running bool           `json:"running"`
	Engines map[string]int `json:"engines"` // process ids
}

func (l *Lab) sites(ctx context.Context) (all map[string]siteStatus, err error) {
	return all, l.askFor(ctx, http.MethodGet, "/sites", nil, &all)
}

func (l *Lab) ask(ctx context.Context, method, path string, body any) error {
	return l.askFor(ctx, method, path, body, nil)
}

func (l *Lab) askFor(ctx context.Context, method, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	within := cmp.Or(l.Patience, Patience)
	ctx, cancel := context.WithTimeoutCause(ctx, within, errWaited)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, l.API+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the lab: %s, for at most %s: %w", path, within, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // an explanation at best
		return fmt.Errorf("ask the lab: %s %s: %s", path, response.Status, bytes.TrimSpace(said))
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read what the lab says: %w", err)
	}
	return nil
}

// Run starts a program of the product at a site, and lets it run.
func (l *Lab) Run(site string, arguments ...string) error {
	return l.run(site, l.Sites[site].Config, arguments...)
}

func (l *Lab) run(site, configuration string, arguments ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.launch(site, l.lives[site], configuration, arguments)
}

// RunOnce starts a program of the product at a site, which ends by itself or with its site.
func (l *Lab) RunOnce(site string, arguments ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cmd, err := l.begin(site, l.Sites[site].Config, arguments)
	if err == nil {
		go func() { _ = cmd.Wait(); l.forget(site, cmd) }() // what it says is in the log
	}
	return err
}

// launch starts a program and does so again when it ends, as long as its site lives and the
// drill goes on: programs end when their database is not theirs any more, and whoever runs
// them in earnest starts them anew. It is called with the lock.
func (l *Lab) launch(site string, life int, configuration string, arguments []string) error {
	cmd, err := l.begin(site, configuration, arguments)
	if err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait() // what it says is in the log
		l.forget(site, cmd)
		time.Sleep(again)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lives[site] == life && !l.over {
			_ = l.launch(site, life, configuration, arguments) // it has started before
		}
	}()
	return nil
}

// again is how long whoever runs programs waits before one that ended is started anew.
const again = time.Second

// begin starts a program. It is called with the lock.
func (l *Lab) begin(site, configuration string, arguments []string) (*exec.Cmd, error) {
	cmd := exec.Command(l.Program, append(slices.Clone(arguments), "--config", configuration)...)
	cmd.Stdout, cmd.Stderr = l.Log, l.Log
	cmd.Env = l.environ(site)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start meai %s at site %s: %w", arguments[0], site, err)
	}
	l.running[site] = append(l.running[site], cmd)
	return cmd, nil
}

func (l *Lab) forget(site string, cmd *exec.Cmd) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running[site] = slices.DeleteFunc(l.running[site], func(other *exec.Cmd) bool { return other == cmd })
}

// Ask runs a program of the product at a site to its end, and reads what it prints as JSON.
func (l *Lab) Ask(ctx context.Context, site string, into any, arguments ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(l.Patience, Patience), errWaited)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.Program, append(slices.Clone(arguments), "--config", l.Sites[site].Config)...)
	cmd.Env, cmd.WaitDelay = l.environ(site), time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("meai %s, at site %s: %w: %s", strings.Join(arguments, " "), site, errors.Join(err, context.Cause(ctx)), bytes.TrimSpace(append(said.Bytes(), out...)))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read what meai %s says: %w", arguments[0], err)
	}
	return nil
}

// environ is what drills set beyond the lab's configuration: who is refused for writing
// often would look as if nobody served, and one drill follows another at once.
func (l *Lab) environ(site string) []string {
	// Settings in this process's environment are for something else.
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "MEAI_") })
	return append(append(own,
		"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_TELEMETRY_LOG_LEVEL=warn",
		"MEAI_FAILOVER_AUTOMATIC=true", "MEAI_FAILOVER_COOLDOWN=1s", "MEAI_FAILOVER_TEMPORAL="+l.ControlTemporal[site], "MEAI_FAILOVER_NAMESPACE="+l.ControlNamespace,
		"MEAI_FAILOVER_CONFIGURATIONS="+l.configurations(),
		"MEAI_LIMITS_SYNTHESIS=1000000", "MEAI_LIMITS_READING=1000000", "MEAI_LIMITS_ACCOUNT=1000000", "MEAI_LIMITS_FAILED_LOGINS=1000000", "MEAI_LIMITS_API_KEY=1000000"), l.Settings...)
}

// configurations are those by which the control site reaches into the regions.
func (l *Lab) configurations() string {
	var all []string
	for _, region := range []string{A, B} {
		all = append(all, region+"="+filepath.Join(l.Sites[Control].Folder, "region-"+region+".yaml"))
	}
	return strings.Join(all, ",")
}

// Begin has the product run in both regions, and at each site somebody who looks.
func (l *Lab) Begin(ctx context.Context, serving string) error {
	if err := l.Ask(ctx, serving, nil, "apply"); err != nil {
		return err
	}
	for _, region := range []string{serving, Other(serving)} {
		if err := l.serve(region); err != nil {
			return err
		}
	}
	if err := l.control(); err != nil {
		return err
	}
	return l.Healthy(ctx, serving)
}

// serve has the product and an observer run in a region.
func (l *Lab) serve(region string) error {
	if err := l.Run(region, "up"); err != nil {
		return err
	}
	return l.observe(region)
}

// control has an observer and the worker of failovers run at the control site.
func (l *Lab) control() error {
	if err := l.observe(Control); err != nil {
		return err
	}
	return l.Run(Control, "region", "worker")
}

// observe has somebody look from a site, who may do nothing else.
func (l *Lab) observe(site string) error {
	return l.run(site, filepath.Join(l.Sites[site].Folder, "observer.yaml"), "region", "observe", "--site", site)
}

// Stop ends the product's programs in order, all sites'.
func (l *Lab) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, all := range l.running {
		for _, cmd := range all {
			_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended is what is wanted
		}
	}
	l.running = map[string][]*exec.Cmd{}
}

// Healthy waits until a region's API is ready to serve.
func (l *Lab) Healthy(ctx context.Context, region string) error {
	return await(ctx, cmp.Or(l.Patience, Patience), pause, "the API of region "+region+" to be ready", func(ctx context.Context) bool {
		_, ready := l.ready(ctx, region)
		return ready
	}, func(ctx context.Context) string {
		said, _ := l.ready(ctx, region)
		return said
	})
}

// ready asks a region's API once whether it is ready.
func (l *Lab) ready(ctx context.Context, region string) (said string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Base(region)+"/readyz", nil)
	if err != nil {
		return err.Error(), false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error(), false
	}
	_ = response.Body.Close()
	return "it answers " + response.Status, response.StatusCode == http.StatusOK
}

// Base is the address of a region's API.
func (l *Lab) Base(region string) string { return "http://" + l.Sites[region].API }
