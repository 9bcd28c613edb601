package postgres

import (
	"context"
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

// Install gets PostgreSQL by the system's package manager when this user may do that; output gets what the package
// manager prints. Otherwise the error is one sentence with the command that a person can run.
func Install(ctx context.Context, output io.Writer) error {
	return install(ctx, os.Geteuid() == 0, output)
}

func install(ctx context.Context, root bool, output io.Writer) error {
	for _, m := range managers {
		if _, err := exec.LookPath(m.name); err != nil {
			continue
		}
		// Homebrew refuses root, the others need it.
		if m.needRoot != root {
			return fmt.Errorf("PostgreSQL %d or newer is not installed; run: %s", Oldest, m.advice())
		}
		return m.run(ctx, output)
	}
	return fmt.Errorf("PostgreSQL %d or newer is not installed and no known package manager was found; install its server package and try again", Oldest)
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
