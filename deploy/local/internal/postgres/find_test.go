package postgres

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// program puts an executable shell script into dir.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

func installation(t *testing.T, dir, version string) {
	t.Helper()
	program(t, dir, "initdb", "")
	program(t, dir, "postgres", fmt.Sprintf("echo 'postgres (PostgreSQL) %s'", version))
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	installation(t, filepath.Join(root, "14/bin"), "14.2 (Debian 14.2-1)")
	installation(t, filepath.Join(root, "15/bin"), "15.18 (Debian 15.18-0+deb12u1)")
	installation(t, filepath.Join(root, "17/bin"), "17.4 (Homebrew)")
	program(t, filepath.Join(root, "18/bin"), "postgres", "echo 'postgres (PostgreSQL) 18.1'") // no initdb
	installation(t, filepath.Join(root, "named"), "16rc1")
	t.Setenv("PATH", t.TempDir())

	for name, test := range map[string]struct {
		folders []string
		major   int
		want    string
		err     string
	}{
		"the newest complete one":          {folders: []string{root + "/*/bin"}, want: "17.4"},
		"the one that made the cluster":    {folders: []string{root + "/*/bin"}, major: 15, want: "15.18"},
		"no other for an existing cluster": {folders: []string{root + "/*/bin"}, major: 16, err: "made by PostgreSQL 16, which is not installed"},
		"none that is too old":             {folders: []string{root + "/14/bin"}, err: "no PostgreSQL server binaries found"},
		"none without initdb":              {folders: []string{root + "/18/bin"}, err: "no PostgreSQL server binaries found"},
		"a release candidate":              {folders: []string{root + "/named"}, want: "16rc1"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := find(t.Context(), test.folders, test.major)
			if test.err != "" {
				require.ErrorIs(t, err, ErrNotInstalled)
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, found.Version)
			require.DirExists(t, found.Dir)
		})
	}
}

func TestFindAsksPgConfigFirstOfAll(t *testing.T) {
	root := t.TempDir()
	installation(t, filepath.Join(root, "odd place"), "16.1")
	program(t, filepath.Join(root, "path"), "pg_config", "echo '"+root+"/odd place'")
	t.Setenv("PATH", filepath.Join(root, "path")+":/bin:/usr/bin")
	found, err := find(t.Context(), nil, 0)
	require.NoError(t, err)
	require.Equal(t, "16.1", found.Version)
}

func TestInstall(t *testing.T) {
	for name, test := range map[string]struct {
		managers []string
		root     bool
		ran, err string
	}{
		"by apt-get as root":       {managers: []string{"apt-get"}, root: true, ran: "apt-get install -y --no-install-recommends postgresql\n"},
		"by dnf as root":           {managers: []string{"dnf"}, root: true, ran: "dnf install -y postgresql-server postgresql-contrib\n"},
		"by brew as a person":      {managers: []string{"brew"}, ran: "brew install postgresql@17\n"},
		"apt-get needs root":       {managers: []string{"apt-get"}, err: "run: sudo apt-get install -y --no-install-recommends postgresql"},
		"brew refuses root":        {managers: []string{"brew"}, root: true, err: "run: brew install postgresql@17"},
		"unknown system":           {err: "no known package manager"},
		"the manager itself fails": {managers: []string{"failing dnf"}, root: true, err: "exit status 7"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			for _, manager := range test.managers {
				if manager == "failing dnf" {
					program(t, path, "dnf", "exit 7")
					continue
				}
				program(t, path, manager, `echo "${0##*/} $*"`)
			}
			program(t, path, "sh", "") // the configuration step must not touch this machine
			t.Setenv("PATH", path)
			var output bytes.Buffer
			err := install(t.Context(), test.root, &output)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Contains(t, output.String(), test.ran)
		})
	}
}

func TestStatementsOfTheInitFiles(t *testing.T) {
	got := statements("-- a comment; with a semicolon\nselect 1;\n\ncreate database x\n  owner y;\n")
	require.Equal(t, []string{"select 1", "create database x\n  owner y"}, got)
	require.Len(t, statements(databasesSQL), 9)
}
