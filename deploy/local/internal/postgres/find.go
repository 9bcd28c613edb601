// Package postgres runs PostgreSQL from the system's binaries as one engine of the local stack: it finds (or
// installs) them, creates the cluster, its roles and databases, and starts the server unprivileged.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Oldest is the first major version whose features MeAi's migrations use.
const Oldest = 15

// Binaries is one PostgreSQL installation.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Major   int
	Version string // as PostgreSQL prints it, for example "15.18"
}

func (b Binaries) path(tool string) string { return filepath.Join(b.Dir, tool) }

// ErrNotInstalled means that no usable server binaries were found.
var ErrNotInstalled = errors.New("no PostgreSQL server binaries found")

// usualFolders are where packages of Debian, Red Hat and Homebrew (both processor families) put the server.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/bin",
	"/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// Find returns the newest usable installation; with major != 0 only that major version will do, because a cluster
// can be opened by no other. The error is [ErrNotInstalled] when there is none.
func Find(ctx context.Context, major int) (Binaries, error) { return find(ctx, usualFolders, major) }

func find(ctx context.Context, folders []string, major int) (Binaries, error) {
	var found []Binaries
	for _, dir := range candidates(ctx, folders) {
		if b, ok := inspect(ctx, dir); ok && b.Major >= Oldest && (major == 0 || b.Major == major) {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		if major != 0 {
			return Binaries{}, fmt.Errorf("%w: the data was made by PostgreSQL %d, which is not installed", ErrNotInstalled, major)
		}
		return Binaries{}, ErrNotInstalled
	}
	return slices.MaxFunc(found, func(a, b Binaries) int { return a.Major - b.Major }), nil
}

// candidates lists the folder that pg_config names and those that exist of the usual ones.
func candidates(ctx context.Context, folders []string) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range folders {
		// The patterns are constants; Glob fails on malformed ones only.
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// inspect asks the server binary for its version. A folder with client tools only is not an installation.
func inspect(ctx context.Context, dir string) (Binaries, bool) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	match := versionPattern.FindStringSubmatch(string(out))
	if match == nil {
		return Binaries{}, false
	}
	major, err := strconv.Atoi(match[2])
	return Binaries{Dir: dir, Major: major, Version: match[1]}, err == nil
}
