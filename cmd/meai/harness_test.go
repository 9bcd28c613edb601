package main_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/identity/devlogin"
	"meai/internal/language/languagetest"
	"meai/internal/mcp/mcptest"
)

// binary is the meai under test, built once for all scenarios.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "meai-test-")
	if err != nil {
		fail(err)
	}
	binary = filepath.Join(dir, "meai")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fail(fmt.Errorf("build meai: %w\n%s", err, out))
	}
	code := m.Run()
	languagetest.Clean()
	mcptest.Clean()
	if err := os.RemoveAll(dir); err != nil {
		fail(err)
	}
	os.Exit(code)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// site is one installation under test: configuration by file and environment.
type site struct {
	config string
	env    []string
}

// run runs a meai command to its end and returns what it printed.
func (s site) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := s.command(args...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "meai %s:\n%s", strings.Join(args, " "), out)
	return string(out)
}

func (s site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"--config", s.config}, args...)...)
	cmd.Dir = filepath.Join("..", "..") // where temporal.yaml is
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// process is a running meai; kill -9 and start again as often as a scenario wants.
type process struct {
	site site
	args []string
	log  *journal
	cmd  *exec.Cmd
	done chan error
}

func (s site) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{site: s, args: args, log: &journal{}}
	p.launch(t)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("what meai %s warned of:\n%s", strings.Join(args, " "), p.log.warnings(30))
			t.Logf("the end of the log of meai %s:\n%s", strings.Join(args, " "), p.log.tail(4000))
		}
	})
	return p
}

func (p *process) launch(t *testing.T) {
	t.Helper()
	p.cmd, p.done = p.site.command(p.args...), make(chan error, 1)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	// The process must not outlive the test, whatever becomes of it.
	p.cmd.SysProcAttr = diesWithParent()
	require.NoError(t, p.cmd.Start())
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(p.cmd, p.done)
}

// kill is kill -9: nothing is flushed, nothing is drained.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	if p.cmd.Process.Kill() == nil {
		<-p.done
	}
	p.cmd = nil
}

// stop is a stop signal; it returns how the process ended.
func (p *process) stop(t *testing.T) error {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.done:
		p.cmd = nil
		return err
	case <-time.After(45 * time.Second):
		t.Fatalf("meai %s does not stop", strings.Join(p.args, " "))
		return nil
	}
}

// journal keeps what a process prints.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// warnings are the last n lines of the levels above INFO.
func (j *journal) warnings(n int) string {
	lines := slices.DeleteFunc(strings.Split(j.String(), "\n"), func(line string) bool {
		return !strings.Contains(line, `"level":"WARN"`) && !strings.Contains(line, `"level":"ERROR"`)
	})
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (j *journal) tail(n int) string {
	s := j.String()
	return s[max(0, len(s)-n):]
}

// person is one caller of the API.
type person struct {
	subject uuid.UUID
	token   string
	api     *client.ClientWithResponses
	session uuid.UUID
}

// newPerson signs in as somebody new, and agrees to everything.
func newPerson(t *testing.T, base string) *person {
	t.Helper()
	p := signedIn(t, base, "person-"+uuid.NewString())
	p.agree(t)
	return p
}

// agree gives every consent, which is the first thing that somebody new does.
func (p *person) agree(t *testing.T) {
	t.Helper()
	require.NoError(t, p.api.AgreeToAll(t.Context()))
}

// signedIn signs in under a name, as a browser does, with a second factor.
func signedIn(t *testing.T, base, name string) *person {
	t.Helper()
	token, err := devlogin.SignIn(t.Context(), devlogin.Issuer(base), name, true)
	require.NoError(t, err)
	return withToken(t, base, token)
}

// withToken is whoever a token or an API key stands for.
func withToken(t *testing.T, base, token string) *person {
	t.Helper()
	p := &person{token: token}
	var err error
	p.api, err = client.NewClientWithResponses(base, client.Bearer(token))
	require.NoError(t, err)
	me, err := p.api.GetMeWithResponse(t.Context())
	require.NoError(t, err)
	require.NotNil(t, me.JSON200, "%s", me.Body)
	p.subject = me.JSON200.Subject
	return p
}

func (p *person) begin(t *testing.T) {
	t.Helper()
	got, err := p.api.CreateSessionWithResponse(t.Context(), client.NewSession{})
	require.NoError(t, err)
	require.NotNil(t, got.JSON201, "%s", got.Body)
	p.session = got.JSON201.Id
}

// say posts one message; wait "" asks for no answer in the same call.
func (p *person) say(ctx context.Context, key, text, wait string) (*client.CreateInteractionResponse, error) {
	params := &client.CreateInteractionParams{IdempotencyKey: key}
	if wait != "" {
		params.Prefer = &wait
	}
	return p.api.CreateInteractionWithResponse(ctx, p.session, params, client.NewInteraction{Input: client.InteractionInput{Text: text}})
}

// tell says something and returns the answered interaction.
func (p *person) tell(t *testing.T, text string) client.Interaction {
	t.Helper()
	got, err := p.say(t.Context(), uuid.NewString(), text, "wait=30")
	require.NoError(t, err)
	require.NotNil(t, got.JSON201, "%d %s", got.StatusCode(), got.Body)
	require.NotNil(t, got.JSON201.Response, "%s", got.Body)
	return *got.JSON201
}

// await reads an interaction until it is answered and all its steps have ended.
func (p *person) await(t *testing.T, id uuid.UUID, within time.Duration) client.Interaction {
	t.Helper()
	var last client.Interaction
	require.Eventually(t, func() bool {
		got, err := p.api.GetInteractionWithResponse(t.Context(), p.session, id)
		if err != nil || got.JSON200 == nil {
			return false
		}
		last = *got.JSON200
		return last.State == client.InteractionStateAnswered && stepState(last, "memory_indexing") == "completed"
	}, within, 100*time.Millisecond, "the interaction is not finished")
	return last
}

func stepState(i client.Interaction, step string) string {
	for _, s := range i.Steps {
		if string(s.Step) == step {
			return string(s.State)
		}
	}
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// awaitReady waits until the API says that everything it requires answers.
func awaitReady(t *testing.T, address string, within time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		return got.Body.Close() == nil && got.StatusCode == http.StatusOK
	}, within, 50*time.Millisecond, "the API at %s is not ready", address)
}
