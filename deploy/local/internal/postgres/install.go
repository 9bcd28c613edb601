package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// packageManager is a way to get PostgreSQL onto this machine.
type packageManager struct {
	name     string
	needRoot bool
	steps    [][]string
}

// managers in the order in which they are tried. Debian's package would create and start a cluster of its own
// on port 5432; the environment of the command is no way to prevent it, its configuration drop-in is.
var managers = []packageManager{
	{name: "apt-get", needRoot: true, steps: [][]string{
		{"apt-get", "update"},
		{"sh", "-c", "mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/meai.conf"},
		{"apt-get", "install", "-y", "--no-install-recommends", "postgresql"},
	}},
	{name: "dnf", needRoot: true, steps: [][]string{{"dnf", "install", "-y", "postgresql-server", "postgresql-contrib"}}},
	{name: "brew", steps: [][]string{{"brew", "install", "postgresql@17"}}},
}

// install gets PostgreSQL by the system's package manager when this user may do that. Otherwise the error is
// one sentence with the command that a person can run.
func install(ctx context.Context, root bool, output io.Writer) error {
	for _, m := range managers {
		if _, err := exec.LookPath(m.name); err != nil {
			continue
		}
		// Homebrew refuses root, the others need it.
		if m.needRoot != root {
			return fmt.Errorf("PostgreSQL %d or newer is not installed; run: %s", oldest, m.advice())
		}
		return m.run(ctx, output)
	}
	return fmt.Errorf("PostgreSQL %d or newer is not installed and no known package manager was found; install its server package and try again", oldest)
}

func (m packageManager) advice() string {
	command := strings.Join(m.steps[len(m.steps)-1], " ")
	if m.needRoot {
		return "sudo " + command
	}
	return command
}

func (m packageManager) run(ctx context.Context, output io.Writer) error {
	for _, step := range m.steps {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = output, output
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install PostgreSQL with %q: %w", strings.Join(step, " "), err)
		}
	}
	return nil
}

// Locate finds the binaries and installs them when they are missing and mayInstall allows it. progress gets the
// package manager's output. major is that of an existing cluster, or zero.
func Locate(ctx context.Context, major int, mayInstall bool, progress io.Writer) (Binaries, error) {
	found, err := find(ctx, usualFolders, major)
	if err == nil || !errors.Is(err, errNotInstalled) || major != 0 {
		return found, err
	}
	if !mayInstall {
		return Binaries{}, fmt.Errorf("%w, and installing them was not allowed", err)
	}
	if err := install(ctx, os.Geteuid() == 0, progress); err != nil {
		return Binaries{}, err
	}
	return find(ctx, usualFolders, 0)
}
