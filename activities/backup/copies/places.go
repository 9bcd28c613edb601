package copies

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"meai/internal/objects"
)

// ErrKeyring: keys would be copied. They are in no backup: a copy of them is one that
// the destruction of a person's keys does not reach.
var ErrKeyring = errors.New("the keyring is never copied")

// apart fails with the given error when a bucket is one of the others, lies within it or
// around it. What cannot be told apart for sure counts as the same.
func apart(rawURL string, others []string, meets error) error {
	at, err := placeOf(rawURL)
	if err != nil {
		return err
	}
	for i, other := range others {
		there, err := placeOf(other)
		if err != nil {
			return fmt.Errorf("other place %d: %w", i+1, err)
		}
		if at.meets(there) {
			return meets
		}
	}
	return nil
}

// place is where a bucket is.
type place struct {
	scheme, bucket string
	// within is the path of a folder, or what the names in a bucket begin with.
	within string
}

// placeOf reads a bucket's URL. Its errors do not repeat it.
func placeOf(rawURL string) (place, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return place{}, errors.New("not the URL of a bucket")
	}
	if strings.EqualFold(u.Scheme, "file") {
		path, err := realPath(objects.FilePath(u))
		return place{scheme: "file", within: path}, err
	}
	// Account, region and endpoint are left aside: whoever has buckets of the same name
	// at two providers can give one of them another name.
	within := strings.TrimPrefix(u.Path, "/") + u.Query().Get("prefix")
	return place{strings.ToLower(u.Scheme), strings.ToLower(u.Host), within}, nil
}

func (p place) meets(o place) bool {
	if p.scheme != o.scheme || p.bucket != o.bucket {
		return false
	}
	if p.scheme != "file" {
		return strings.HasPrefix(p.within, o.within) || strings.HasPrefix(o.within, p.within)
	}
	return inside(p.within, o.within) || inside(o.within, p.within)
}

// inside reports whether a path is another, or below it: by name, and by what is there,
// for a folder may be mounted twice.
func inside(path, folder string) bool {
	is, err := os.Stat(folder)
	for {
		if path == folder {
			return true
		}
		if here, errHere := os.Stat(path); err == nil && errHere == nil && os.SameFile(here, is) {
			return true
		}
		parent := filepath.Dir(path)
		if parent == path {
			return false
		}
		path = parent
	}
}

// realPath is a path without links, as far as it exists.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		parent := filepath.Dir(path)
		if !errors.Is(err, os.ErrNotExist) || parent == path {
			return "", errors.New("the path of a folder cannot be followed")
		}
		rest = filepath.Join(filepath.Base(path), rest)
		path = parent
	}
}
