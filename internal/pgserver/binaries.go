// Package pgserver runs PostgreSQL servers of our own from the system's binaries: the
// scratch server that a backup is proven in, and the one that a restore brings back.
//
// deploy/local runs the development stack's server; it is a module of its own and
// shares no code with this one.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ErrNotInstalled: no PostgreSQL server of the wanted major version was found.
var ErrNotInstalled = errors.New("no PostgreSQL server binaries found")

// usualFolders are where the packages of Debian, Red Hat and Homebrew, and the
// official container image put the server.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/usr/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
}

// Binaries is one PostgreSQL installation.
type Binaries struct {
	Dir     string
	Major   int
	Version string // as PostgreSQL prints it, such as "15.18"
}

// Find returns the newest installation, or the one of a major version: files of a
// cluster can be opened by no other. The error is [ErrNotInstalled] without one.
func Find(ctx context.Context, major int) (Binaries, error) {
	var found []Binaries
	for _, pattern := range usualFolders {
		dirs, _ := filepath.Glob(pattern) // it fails for malformed patterns only
		for _, dir := range dirs {
			if b, ok := inspect(ctx, dir); ok && (major == 0 || b.Major == major) {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		return Binaries{}, fmt.Errorf("%w (major version %d, 0 for any)", ErrNotInstalled, major)
	}
	return slices.MaxFunc(found, func(a, b Binaries) int { return a.Major - b.Major }), nil
}

var versionForm = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

func inspect(ctx context.Context, dir string) (Binaries, bool) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	match := versionForm.FindStringSubmatch(string(out))
	if match == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(match[2])
	return Binaries{Dir: dir, Major: major, Version: match[1]}, err == nil
}

// Account is who runs PostgreSQL, which refuses to run as root. The zero account is
// the caller.
type Account struct {
	Name     string
	uid, gid uint32
	switched bool
}

// Unprivileged is the caller, or the package's own user (or nobody) for root.
func Unprivileged() (Account, error) {
	if os.Geteuid() != 0 {
		return Account{}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		found, err := user.Lookup(name)
		var unknown user.UnknownUserError
		if errors.As(err, &unknown) {
			continue
		}
		if err != nil {
			return Account{}, fmt.Errorf("look up the user %s: %w", name, err)
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return Account{}, fmt.Errorf("read the user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return Account{}, fmt.Errorf("read the group id of %s: %w", name, err)
		}
		return Account{Name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
	}
	return Account{}, errors.New("PostgreSQL does not run as root and neither the user postgres nor nobody exists")
}

// Own hands a file or folder over to the account.
func (a Account) Own(path string) error {
	if !a.switched {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// MakeFolder makes a private folder that belongs to the account.
func (a Account) MakeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	if err := a.Own(path); err != nil {
		return fmt.Errorf("hand %s over to %s: %w", path, a.Name, err)
	}
	return nil
}

// CanReach reports whether the account gets into a folder. Asking the system as that
// account is the only answer that takes every parent and access list into account.
func (a Account) CanReach(ctx context.Context, dir string) bool {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd "$1"`, "sh", dir)
	cmd.Dir = "/"
	a.drop(cmd)
	return cmd.Run() == nil
}

func (a Account) drop(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if a.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
}

// Command is one of PostgreSQL's tools, to be run as the account with a small, fixed
// environment. Secrets go into more variables (PGPASSWORD), never into arguments, which
// everybody on the machine can read.
func (b Binaries) Command(ctx context.Context, a Account, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, tool), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + b.Dir + ":" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	a.drop(cmd)
	return cmd
}

// Run runs a tool to its end; the error holds the end of what it printed.
func (b Binaries) Run(ctx context.Context, a Account, tool string, args ...string) error {
	out, err := b.Command(ctx, a, tool, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, lastLines(out))
	}
	return nil
}

const shownOutput = 2000

// lastLines are the end of a tool's output, which names the cause.
func lastLines(out []byte) string {
	text := strings.TrimSpace(string(out))
	if len(text) > shownOutput {
		text = "…" + text[len(text)-shownOutput:]
	}
	return text
}
