package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstRestart = 100 * time.Millisecond
	slowestStart = 10 * time.Second
	// steady is how long an engine must have lived for its next death to count as a new incident.
	steady       = time.Minute
	probeEvery   = 50 * time.Millisecond
	probeTimeout = 3 * time.Second
)

// Process is one supervised engine. Create it with [New], then Start once and Stop once.
type Process struct {
	engine  Engine
	options Options
	backoff *backoff.ExponentialBackOff

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	current *instance
}

// New prepares a process; nothing runs until Start.
func New(engine Engine, options Options) *Process {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = firstRestart
	b.MaxInterval = slowestStart
	return &Process{engine: engine, options: options, backoff: b, cancel: func() {}}
}

// Start runs the engine and returns once it is healthy. From then on it is restarted, with growing pauses,
// whenever it dies, unless it is to run once. When it never becomes healthy the error is a [*StartError] and nothing is left running.
func (p *Process) Start(ctx context.Context) error {
	first, err := p.bringUp(ctx)
	if err != nil {
		return err
	}
	keep, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go p.keepRunning(keep, first)
	return nil
}

// Stop ends the engine cleanly and waits until it is gone. It may be called when Start failed or never ran.
func (p *Process) Stop() {
	p.cancel()
	if p.done != nil {
		<-p.done
	}
}

// PIDs reports the process ids of this moment.
func (p *Process) PIDs() PIDs {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return PIDs{}
	}
	return PIDs{Engine: p.current.pid(), Guard: p.current.guard.pid()}
}

// keepRunning owns the engine from its first healthy moment until ctx ends.
func (p *Process) keepRunning(ctx context.Context, inst *instance) {
	defer close(p.done)
	for {
		select {
		case <-ctx.Done():
			p.takeDown(inst)
			return
		case <-inst.exited:
		}
		p.setCurrent(nil)
		inst.release()
		if p.engine.Once {
			p.options.Report(p.engine.Name, fmt.Sprintf("is gone (%v)", inst.exit()))
			return
		}
		p.options.Report(p.engine.Name, fmt.Sprintf("stopped unexpectedly (%v); restarting", inst.exit()))
		if inst = p.revive(ctx, inst.started); inst == nil {
			return
		}
	}
}

// revive restarts the engine until it is healthy; nil means that ctx ended first.
func (p *Process) revive(ctx context.Context, lastStart time.Time) *instance {
	died := time.Now()
	if died.Sub(lastStart) > steady {
		p.backoff.Reset()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.backoff.NextBackOff()):
		}
		inst, err := p.bringUp(ctx)
		switch {
		case err == nil:
			p.options.Report(p.engine.Name, fmt.Sprintf("is back after %.1f s", time.Since(died).Seconds()))
			return inst
		case ctx.Err() != nil:
			return nil
		default:
			p.options.Report(p.engine.Name, err.Error())
		}
	}
}

// bringUp starts one instance and waits for its health. On error nothing is left running.
func (p *Process) bringUp(ctx context.Context) (*instance, error) {
	ctx, cancel := context.WithTimeout(ctx, p.engine.StartWithin)
	defer cancel()
	cmd, err := p.engine.Command(ctx)
	if err != nil {
		return nil, &StartError{Engine: p.engine.Name, Err: err}
	}
	inst, err := launch(p.engine, cmd, p.options)
	if err != nil {
		return nil, &StartError{Engine: p.engine.Name, Err: err}
	}
	if err := inst.awaitHealthy(ctx, p.engine.Healthy); err != nil {
		inst.stop()
		return nil, &StartError{Engine: p.engine.Name, Err: err, Log: inst.log.tail()}
	}
	p.setCurrent(inst)
	return inst, nil
}

func (p *Process) takeDown(inst *instance) {
	if killed := inst.stop(); killed {
		p.options.Report(p.engine.Name, fmt.Sprintf("did not stop within %v and was killed", p.engine.StopWithin))
	}
	p.setCurrent(nil)
}

func (p *Process) setCurrent(inst *instance) {
	p.mu.Lock()
	p.current = inst
	p.mu.Unlock()
	p.options.Changed()
}
