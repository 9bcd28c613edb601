package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"meai/api/client"
	"meai/internal/identity/devlogin"
)

// messages of about forty words, as people write them.
var messages = []string{
	"My sister Maya moved to Lisbon last week and I did not expect the flat to feel this empty. I keep cooking for two, and then I sit there and wonder who I am supposed to tell about my day.",
	"Work has been relentless again, three deadlines fell on the same day and my manager added a fourth. I snapped at a colleague who only wanted to help, and now I feel ashamed and too tired to apologise.",
	"Something good for once: the interview went well and they called the same evening. I walked home through the rain smiling like a fool, and I would love to hold on to this feeling for a little while longer.",
	"I have been lying awake since four because the doctor wants to repeat the test. It is probably nothing, everybody says so, but my head keeps writing the worst ending and I cannot make it stop.",
}

// product is MeAi itself, API and workers in one process, driven over HTTP.
type product struct {
	in   installation
	base string
	cmd  *exec.Cmd
	mu   sync.Mutex
	// spent sums the time of each step over all answers.
	spent map[string]time.Duration
	count map[string]int
}

// startProduct runs a binary as an installation of its own.
func startProduct(ctx context.Context, m target, in installation) (*product, error) {
	return start(ctx, m, in, "up")
}

// start prepares an installation and runs a command of it that serves the API.
func start(ctx context.Context, m target, in installation, serving string) (*product, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("free the port: %w", err)
	}
	command := func(args ...string) *exec.Cmd { return in.command(m, address, args...) }
	for _, step := range []string{"migrate", "apply"} {
		if err := command(step).Run(); err != nil {
			return nil, fmt.Errorf("meai %s: %w", step, err)
		}
	}
	p := &product{in: in, base: "http://" + address, cmd: command(serving), spent: map[string]time.Duration{}, count: map[string]int{}}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start meai: %w", err)
	}
	if err := p.awaitReady(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// command runs the installation's binary, whose API listens at an address.
func (in installation) command(m target, address string, args ...string) *exec.Cmd {
	cmd := exec.Command(in.binary, args...)
	cmd.Env = append(os.Environ(), "MEAI_CONFIG="+m.Config, "MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_API_LISTEN="+address,
		"MEAI_TEMPORAL_DECLARATION="+m.Declaration, "MEAI_TELEMETRY_LOG_LEVEL=warn",
		"MEAI_LIMITS_SYNTHESIS=1000000", "MEAI_LIMITS_BRIDGE=1000000", "MEAI_LIMITS_MEMORY=1000000") // requests are counted as ever, and none is refused
	cmd.Env = append(cmd.Env, in.env...)
	cmd.Stderr = os.Stderr
	return cmd
}

func (p *product) name() string { return p.in.name }

func (p *product) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask whether MeAi is ready: %w", err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			if err := response.Body.Close(); err == nil && response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("MeAi does not become ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *product) stop() {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		_ = p.cmd.Wait() // how it ended was logged by itself
	}
}

// person is a new one with a session.
func (p *product) person(ctx context.Context) (api *client.ClientWithResponses, session uuid.UUID, err error) {
	token, err := devlogin.Machine(ctx, devlogin.Issuer(p.base), "bench-"+uuid.NewString())
	if err != nil {
		return nil, uuid.Nil, fmt.Errorf("sign in: %w", err)
	}
	if api, err = client.NewClientWithResponses(p.base, client.Bearer(token)); err != nil {
		return nil, uuid.Nil, err
	}
	if err := api.AgreeToAll(ctx); err != nil {
		return nil, uuid.Nil, err
	}
	begun, err := api.CreateSessionWithResponse(ctx, client.NewSession{})
	if err != nil {
		return nil, uuid.Nil, err
	}
	if begun.JSON201 == nil {
		return nil, uuid.Nil, fmt.Errorf("no session: %s", begun.Status())
	}
	return api, begun.JSON201.Id, nil
}

// client is a new person who writes.
func (p *product) client(ctx context.Context) (func(context.Context) error, error) {
	api, session, err := p.person(ctx)
	if err != nil {
		return nil, err
	}
	n, wait := 0, "wait=30"
	return func(ctx context.Context) error {
		n++
		got, err := api.CreateInteractionWithResponse(ctx, session,
			&client.CreateInteractionParams{IdempotencyKey: strconv.Itoa(n), Prefer: &wait},
			client.NewInteraction{Input: client.InteractionInput{Text: messages[n%len(messages)]}})
		if err != nil {
			return err
		}
		if got.JSON201 == nil || got.JSON201.Response == nil {
			return fmt.Errorf("no answer: %s", got.Status())
		}
		if len(got.JSON201.Response.Degraded) > 0 {
			return fmt.Errorf("a degraded answer does not count: %v", got.JSON201.Response.Degraded)
		}
		p.note(got.JSON201.Steps)
		return nil
	}, nil
}

func (p *product) note(steps []client.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range steps {
		if !s.CompletedAt.IsZero() {
			p.spent[string(s.Step)] += s.CompletedAt.Sub(s.StartedAt)
			p.count[string(s.Step)]++
		}
	}
}

// printSteps shows where the time of an answer goes, queueing included.
func (p *product) printSteps() {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println("Mean time for each step over all measurements, from scheduled to done (the first two run side by side)")
	for _, step := range slices.SortedFunc(maps.Keys(p.spent), func(a, b string) int {
		return int(p.spent[b]/time.Duration(p.count[b]) - p.spent[a]/time.Duration(p.count[a]))
	}) {
		fmt.Printf("  %-22s %8.1f ms  (%d)\n", step, milliseconds(p.spent[step]/time.Duration(p.count[step])), p.count[step])
	}
}

// residentMegabytes of the product's process, read from the kernel; 0 where that
// is not to be had.
func (p *product) residentMegabytes() int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize() >> 20
}
