// Package weaviate builds the Weaviate server from its Go module, once, and runs it as one engine of the local
// stack.
package weaviate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meai/deploy/local/internal/filelock"
)

const (
	module     = "github.com/weaviate/weaviate"
	serverMain = module + "/cmd/weaviate-server"
	// pinFolder holds nothing but the go.mod that pins the server, seen from the repository's root.
	pinFolder = "deploy/local/weaviate"
)

// Binary is a server binary, built or yet to build.
type Binary struct {
	Version string // without the leading v
	Path    string
	pin     string // folder of the pinning module
}

// Locate tells which server binary belongs to this checkout and where it is kept in the folder bin, which may be
// shared: the version is part of the file's name. pin overrides the search for the pinning module.
func Locate(ctx context.Context, bin, pin string) (Binary, error) {
	if pin == "" {
		var err error
		if pin, err = findPin(); err != nil {
			return Binary{}, err
		}
	}
	version, err := goTool(ctx, pin, "list", "-m", "-f", "{{.Version}}", module)
	if err != nil {
		return Binary{}, fmt.Errorf("read the pinned Weaviate version: %w", err)
	}
	version = strings.TrimPrefix(version, "v")
	return Binary{Version: version, Path: filepath.Join(bin, "weaviate-"+version+"-loopback"), pin: pin}, nil
}

// findPin looks upwards from the program and from the working folder.
func findPin() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	working, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	for _, start := range []string{filepath.Dir(program), working} {
		for dir := start; ; dir = filepath.Dir(dir) {
			candidate := filepath.Join(dir, pinFolder)
			if _, err := os.Stat(filepath.Join(candidate, "go.mod")); err == nil {
				return candidate, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("the folder " + pinFolder + ", which pins the Weaviate server, was found neither above this program nor above the working folder; name it with --weaviate-source")
}

// Built reports whether the binary is there.
func (b Binary) Built() bool {
	_, err := os.Stat(b.Path)
	return err == nil
}

// Build compiles the server, unless another process just did: of several stacks that share the folder one builds and
// the others wait. The result appears under its name only when it is complete.
func (b Binary) Build(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(b.Path), 0o755); err != nil {
		return fmt.Errorf("make the folder of server binaries: %w", err)
	}
	lock, err := filelock.Wait(ctx, b.Path+".lock")
	if err != nil {
		return err
	}
	defer lock.Release()
	if b.Built() {
		return nil
	}
	workshop := b.Path + ".building"
	if err := os.RemoveAll(workshop); err != nil {
		return fmt.Errorf("clear an interrupted build: %w", err)
	}
	// The next build clears what a failing removal leaves.
	defer func() { _ = os.RemoveAll(workshop) }()
	if err := b.buildIn(ctx, workshop); err != nil {
		return fmt.Errorf("build the Weaviate server: %w", err)
	}
	return nil
}

// buildIn builds from a copy of the module in which the server listens on loopback only.
func (b Binary) buildIn(ctx context.Context, workshop string) error {
	if _, err := goTool(ctx, b.pin, "mod", "download", module); err != nil {
		return err
	}
	original, err := goTool(ctx, b.pin, "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	if err := copyModule(b.pin, original, workshop); err != nil {
		return err
	}
	for file, change := range toLoopback {
		if err := patch(filepath.Join(workshop, copyFolder, file), change); err != nil {
			return err
		}
	}
	result := filepath.Join(workshop, "weaviate-server")
	if _, err := goTool(ctx, workshop, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", result, serverMain); err != nil {
		return err
	}
	return os.Rename(result, b.Path)
}

// goTool runs the go command in a module, whatever workspace or flags the caller's environment has.
func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "CGO_ENABLED=0")
	// Asked to stop, the go command clears its temporary files away; killed, it leaves them.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
