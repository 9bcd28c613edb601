package base_test

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"meai/activities/backup/base"
	"meai/activities/backup/repository"
	"meai/internal/pgserver"
)

// seal puts a part of a backup there as Take does, of whatever contents.
func (s *shelf) seal(t *testing.T, m *repository.Manifest, part string, write func(io.Writer)) {
	t.Helper()
	object, err := s.Write(t.Context(), m.Part(part), s.key, func(w io.Writer) error {
		z, err := zstd.NewWriter(w)
		require.NoError(t, err)
		write(z)
		return z.Close()
	})
	require.NoError(t, err)
	m.Objects = append(m.Objects, object)
}

// made is a backup whose archive has the given entries, their names as contents.
func (s *shelf) made(t *testing.T, entries ...tar.Header) repository.Manifest {
	t.Helper()
	m := repository.Manifest{ID: newID(t), Kind: repository.Postgres, Cluster: &repository.Cluster{}}
	s.seal(t, &m, "base.tar.zst", func(w io.Writer) {
		archive := tar.NewWriter(w)
		for _, header := range entries {
			header.Mode = 0o6777
			if header.Typeflag == tar.TypeReg {
				header.Size = int64(len(header.Name))
			}
			require.NoError(t, archive.WriteHeader(&header))
			if header.Typeflag == tar.TypeReg {
				_, err := io.WriteString(archive, header.Name)
				require.NoError(t, err)
			}
		}
		require.NoError(t, archive.Close())
	})
	s.seal(t, &m, "backup_manifest.zst", func(w io.Writer) {
		_, err := io.WriteString(w, "{}")
		require.NoError(t, err)
	})
	return m
}

func TestArchivesThatWriteElsewhereAreRefused(t *testing.T) {
	s := newShelf(t, nil)
	parent := t.TempDir()
	dir := filepath.Join(parent, "restored")
	account := pgserver.Account{}
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	inner := tar.Header{Typeflag: tar.TypeDir, Name: "pg_tblspc/"}
	link := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	for what, entries := range map[string][]tar.Header{
		"an absolute path":             {file(filepath.Join(parent, "escaped"))},
		"a path out of the folder":     {file("../escaped")},
		"a path out and in":            {file("../restored/escaped")},
		"a path with dots within":      {inner, file("pg_tblspc/../escaped")},
		"a folder out of the folder":   {{Typeflag: tar.TypeDir, Name: "../escaped/"}},
		"a link out":                   {link("escaped", parent)},
		"a link within":                {inner, link("escaped", "pg_tblspc")},
		"a link to an unknown space":   {inner, link("pg_tblspc/5", parent)},
		"a file through a link":        {link("way", parent), file("way/escaped")},
		"a hard link":                  {{Typeflag: tar.TypeLink, Name: "escaped", Linkname: "/etc/passwd"}},
		"a device":                     {{Typeflag: tar.TypeBlock, Name: "escaped"}},
		"a pipe":                       {{Typeflag: tar.TypeFifo, Name: "escaped"}},
		"a file twice":                 {file("escaped"), file("escaped")},
		"a folder twice":               {inner, inner},
		"a file where a folder was":    {inner, file("pg_tblspc")},
		"a path that is none":          {file("./.")},
		"the folder itself":            {{Typeflag: tar.TypeDir, Name: "./"}, inner},
		"a path that is not its clean": {file("././escaped")},
	} {
		t.Run(what, func(t *testing.T) {
			err := base.Extract(t.Context(), s.Repository, s.made(t, entries...), s.keys, account, dir, nil)
			require.ErrorIs(t, err, base.ErrUnsafe)
			left, err := os.ReadDir(parent)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	t.Run("an oid that is none", func(t *testing.T) {
		m := s.made(t)
		m.Cluster.Tablespaces = map[string]string{"../x": "/"}
		require.ErrorIs(t, base.Extract(t.Context(), s.Repository, m, s.keys, account, dir, nil), base.ErrUnsafe)
	})
	t.Run("an increment", func(t *testing.T) {
		m := s.made(t)
		m.Cluster.Base = newID(t)
		require.ErrorIs(t, base.Extract(t.Context(), s.Repository, m, s.keys, account, dir, nil), base.ErrIncremental)
	})
	t.Run("what is no archive", func(t *testing.T) {
		m := repository.Manifest{ID: newID(t), Cluster: &repository.Cluster{}}
		s.seal(t, &m, "base.tar.zst", func(w io.Writer) { _, _ = w.Write(make([]byte, 511)) })
		s.seal(t, &m, "backup_manifest.zst", func(io.Writer) {})
		require.ErrorIs(t, base.Extract(t.Context(), s.Repository, m, s.keys, account, dir, nil), io.ErrUnexpectedEOF)
	})
	m := s.made(t, inner, file("./PG_VERSION"), file("pg_tblspc/whatever"))
	require.NoError(t, base.Extract(t.Context(), s.Repository, m, s.keys, account, dir, nil))
	for path, mode := range map[string]os.FileMode{"": 0o700, "PG_VERSION": 0o600, "pg_tblspc": 0o700, "backup_manifest": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode()&^os.ModeDir, path)
	}
	contents, err := os.ReadFile(filepath.Join(dir, "pg_tblspc", "whatever"))
	require.NoError(t, err)
	require.Equal(t, "pg_tblspc/whatever", string(contents))
}
