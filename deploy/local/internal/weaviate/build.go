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

	"meai/deploy/local/internal/filelock"
)

const (
	module     = "github.com/weaviate/weaviate"
	serverMain = module + "/cmd/weaviate-server"
	// moduleFolder holds nothing but the go.mod that pins the server, seen from the repository's root.
	moduleFolder = "deploy/local/weaviate"
)

// Binary is a server binary, built or yet to build.
type Binary struct {
	Version string // without the leading v
	Path    string
	source  string // folder of the pinning module
}

// Locate tells which server binary belongs to this checkout and where it is kept in the folder bin, which may be
// shared: the version is part of the file's name. source overrides the search for the pinning module.
func Locate(ctx context.Context, bin, source string) (Binary, error) {
	if source == "" {
		var err error
		if source, err = findSource(); err != nil {
			return Binary{}, err
		}
	}
	version, err := goTool(ctx, source, "list", "-m", "-f", "{{.Version}}", module)
	if err != nil {
		return Binary{}, fmt.Errorf("read the pinned Weaviate version: %w", err)
	}
	version = strings.TrimPrefix(version, "v")
	return Binary{Version: version, Path: filepath.Join(bin, "weaviate-server-"+version), source: source}, nil
}

// findSource looks upwards from the program and from the working folder.
func findSource() (string, error) {
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
			candidate := filepath.Join(dir, moduleFolder)
			if _, err := os.Stat(filepath.Join(candidate, "go.mod")); err == nil {
				return candidate, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("the folder " + moduleFolder + ", which pins the Weaviate server, was found neither above this program nor above the working folder; name it with --weaviate-source")
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
	unfinished := b.Path + ".unfinished"
	if _, err := goTool(ctx, b.source, "build", "-ldflags", "-s -w", "-o", unfinished, serverMain); err != nil {
		return fmt.Errorf("build the Weaviate server: %w", err)
	}
	if err := os.Rename(unfinished, b.Path); err != nil {
		return fmt.Errorf("put the Weaviate server in place: %w", err)
	}
	return nil
}

// goTool runs the go command in the pinning module, whatever workspace or flags the caller's environment has.
func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
