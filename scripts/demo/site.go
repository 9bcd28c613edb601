package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meai/internal/identity/devlogin"
	"meai/scripts/internal/child"
	"meai/scripts/internal/engines"
)

const (
	usualAddress = "127.0.0.1:8080"
	readyWithin  = 60 * time.Second
	stopWithin   = 45 * time.Second
	lookEvery    = 50 * time.Millisecond
	logLines     = 25
)

// site is MeAi with its engines on this machine.
type site struct {
	meai, meaiLocal, data string
	out                   io.Writer

	engines *engines.Stack
	process *child.Process
	log     string // path of meai's log
	url     string // of the API
}

// open brings up one thing after the other. What came up before a failure is left to close.
func (s *site) open(ctx context.Context) (err error) {
	s.engines, err = engines.Start(ctx, engines.Options{Program: s.meaiLocal, Data: s.data, Output: s.out})
	if err != nil {
		return err
	}
	if err := s.step("migrate", "database schema and vector index", func() error { return s.command(ctx, "migrate") }); err != nil {
		return err
	}
	if err := s.step("apply", "namespace, search attributes, schedules", func() error { return s.command(ctx, "apply") }); err != nil {
		return err
	}
	return s.step("meai", "API and workers", func() error { return s.up(ctx) })
}

// step runs one step and prints its line in the way of meai-local.
func (s *site) step(name, what string, do func() error) error {
	begun := time.Now()
	mark := "✓"
	err := do()
	if err != nil {
		mark = "✗"
	}
	if _, printed := fmt.Fprintf(s.out, "  %s  %-10s  %-52s %6.1f s\n", mark, name, what, time.Since(begun).Seconds()); printed != nil {
		return errors.Join(err, printed)
	}
	return err
}

// command runs a meai command to its end; what it prints is shown only when it fails.
func (s *site) command(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, s.meai, "--config", s.engines.Config, name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("meai %s: %w\n%s", name, err, lastLines(string(out)))
	}
	return nil
}

// up starts API and workers, and returns once the API says that it is ready.
func (s *site) up(ctx context.Context) error {
	address, err := chooseAddress()
	if err != nil {
		return err
	}
	s.url = "http://" + address
	s.log = filepath.Join(s.data, "logs", "meai.log")
	if err := os.MkdirAll(filepath.Dir(s.log), 0o700); err != nil {
		return fmt.Errorf("make the folder of logs: %w", err)
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open meai's log: %w", err)
	}
	cmd := exec.Command(s.meai, "--config", s.engines.Config, "up")
	cmd.Env = append(os.Environ(), "MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_API_LISTEN="+address)
	cmd.Stdout, cmd.Stderr = log, log
	s.process, err = child.Start("meai", cmd)
	// The child has its own descriptor of the log.
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.lastWords())
	}
	return nil
}

func (s *site) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if ready(ctx, s.url) {
			return nil
		}
		select {
		case <-s.process.Done():
			return errors.Join(errors.New("meai ended before it was ready"), s.process.Err())
		case <-ctx.Done():
			return fmt.Errorf("wait for meai to be ready: %w", ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

// ready asks once. An API that does not listen yet is just not ready.
func ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// chooseAddress prefers the usual one. Somebody may take it before meai does; meai then says so.
func chooseAddress() (string, error) {
	for _, address := range []string{usualAddress, "127.0.0.1:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		return listener.Addr().String(), listener.Close()
	}
	return "", errors.New("no free port for the API")
}

// lost is closed when meai or its engines have ended. Engines of somebody else are not watched.
func (s *site) lost() <-chan struct{} {
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		select {
		case <-s.process.Done():
		case <-s.engines.Lost():
		}
	}()
	return lost
}

// lastWords is the end of meai's log as an error.
func (s *site) lastWords() error {
	return fmt.Errorf("%s ends with:\n%s", s.log, child.Tail(s.log, logLines))
}

func (s *site) printAddresses() error {
	_, err := fmt.Fprintf(s.out, "\nAPI %s   contract %s/docs   configuration %s\nSign in as anyone at %s/\n",
		s.url, s.url, s.engines.Config, devlogin.Issuer(s.url))
	return err
}

// close stops what open started, in the opposite order: requests and workers finish before
// their engines go.
func (s *site) close() error {
	var err error
	if s.process != nil {
		err = s.process.Stop(stopWithin)
	}
	if s.engines != nil {
		err = errors.Join(err, s.engines.Stop())
	}
	return err
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
