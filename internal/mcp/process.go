package mcp

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// grace is how long a server may take to end once its input has.
	grace = 300 * time.Millisecond
	// allowance is what a server may send between two requests, in bytes. One that
	// goes on and on is cut off.
	allowance = 4 * mostFrame
)

var errFlood = errors.New("the server sends without end")

// process is a server that this process starts and speaks to by its standard input
// and output. It ends with this process, however that ends.
type process struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output io.ReadCloser
	left   atomic.Int64
	once   sync.Once
}

func newProcess(s Server) *process {
	cmd := exec.Command(s.Command[0], s.Command[1:]...) // #nosec G204 -- the operator's configuration names it
	// Nothing of our own environment is handed on, and what it prints is not logged.
	cmd.Env = []string{}
	for variable, value := range s.Env {
		cmd.Env = append(cmd.Env, variable+"="+string(value))
	}
	cmd.Dir = "/"
	detach(cmd)
	return &process{cmd: cmd}
}

// Connect implements [mcp.Transport]: it starts the server.
func (p *process) Connect(ctx context.Context) (mcp.Connection, error) {
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.output, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.renew()
	return (&mcp.IOTransport{Reader: p, Writer: p, MaxLineLength: mostFrame}).Connect(ctx)
}

func (p *process) renew() { p.left.Store(allowance) }

// Read implements [io.Reader] within the allowance.
func (p *process) Read(b []byte) (int, error) {
	n, err := p.output.Read(b)
	if p.left.Add(int64(-n)) < 0 {
		return 0, errFlood
	}
	return n, err
}

// Write implements [io.Writer].
func (p *process) Write(b []byte) (int, error) { return p.input.Write(b) }

// Close implements [io.Closer]: it asks the server to end by ending its input, and
// kills it with all that it started when that takes too long.
func (p *process) Close() error {
	p.once.Do(func() {
		if p.cmd.Process == nil {
			return
		}
		_ = p.input.Close()
		late := time.AfterFunc(grace, func() { killGroup(p.cmd.Process.Pid) })
		_ = p.cmd.Wait()
		late.Stop()
	})
	return nil
}

// killGroup ends a server and what it started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
