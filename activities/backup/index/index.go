// Package index backs up Weaviate and restores it: all collections with all tenants, by
// Weaviate's own backup API, whose result is packed and sealed into the repository.
//
// Weaviate holds copies, so a backup of it saves time, not data: after a restore the
// repair of the index (workflow RepairIndex) compares each person's tenant with
// PostgreSQL, copies the sealed vectors of what came since and removes what is gone.
//
// What Weaviate leaves to its callers is done here. Version 1.35.2 says success for a
// backup without the tenants that are not active: they are activated before, and put
// back after. Its backups are not encrypted, and lie in a folder or bucket of its own,
// the staging: what it put there is sealed and removed.
//
// Only clusters of one node are backed up: the backend of files serves no other, and a
// restore needs as many nodes as there were, which a scratch server is not.
package index

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"meai/activities/backup/repository"
)

var (
	// ErrServer: Weaviate is out of reach, did not answer in time, or went away.
	ErrServer = errors.New("weaviate is out of reach or went away")
	// ErrFailed: Weaviate refused a backup or a restore, or gave it up.
	ErrFailed = errors.New("weaviate did not do it")
	// ErrIncomplete: a backup lacks what the server holds, or its own description names.
	ErrIncomplete = errors.New("the backup of weaviate is incomplete")
	// ErrNotEmpty: the server that is to be restored into has a collection.
	ErrNotEmpty = errors.New("weaviate holds collections already")
	// ErrNode: the cluster has several nodes, or one of another name than the backup's.
	ErrNode = errors.New("weaviate has other nodes")
	// ErrVersion: the server is older than the one that made the backup.
	ErrVersion = errors.New("weaviate is older than the backup")
	// ErrIncremental: incremental backups are not made.
	ErrIncremental = errors.New("incremental backups of weaviate are not made")
	// ErrDifferent: the server does not hold what the manifest says.
	ErrDifferent = errors.New("weaviate does not hold what the backup's manifest says")
)

// Part is the last piece of the sealed object's name: a tar of what Weaviate wrote,
// compressed by zstd.
const Part = "index.tar.zst"

// Step is what is being done.
type Step string

// The steps of a backup, and those of a restore.
const (
	Activating Step = "activating" // tenants
	Counting   Step = "counting"   // tenants
	Sampling   Step = "sampling"   // objects
	BackingUp  Step = "backing up" // Weaviate does not say how far it is
	Packing    Step = "packing"    // bytes, before compression

	Unpacking Step = "unpacking" // bytes, sealed
	Restoring Step = "restoring" // Weaviate does not say how far it is
	Comparing Step = "comparing" // tenants
)

// Progress says how far a step is. Total is 0 where nobody knows.
type Progress struct {
	Step        Step
	Done, Total int64
}

const (
	defaultPatience = time.Minute
	defaultSamples  = 32
)

// Options say where Weaviate is and how to go about it.
type Options struct {
	// URL is the base URL of the HTTP API, such as "http://127.0.0.1:8085"; APIKey is sent
	// as a bearer token, empty for none; TLS is nil for the system's authorities.
	URL    string
	APIKey string
	TLS    *tls.Config

	// Staging is the URL of the folder or bucket that Weaviate's backup module is set to
	// (file, s3, gs, azblob), with the module's path as "prefix". Its scheme names the
	// module. A folder must be one that this process and Weaviate both can use.
	Staging string
	// CPU is how many percent of the server's processors a backup may take, from 1 to 80;
	// 0 leaves it to Weaviate (50).
	CPU int
	// Samples is how many objects of each collection are sampled; 0 means 32.
	Samples int
	// Patience is for how long the server may not answer while it is at work; 0 means a
	// minute. One that refuses connections has ended, and is not waited for.
	Patience time.Duration
	// Progress is told how far things are, often, and by one goroutine at a time; nil for
	// nobody.
	Progress func(Progress)

	// Drop has a restore delete the collections that it finds, all of them.
	Drop bool

	// Base would be the id of the backup that this one is an increment of. It is a seam:
	// a server that knows "incremental_base_backup_id" (1.34.18, 1.35.13, 1.36.3, 1.37 and
	// later) needs the files of the base in the staging, from which they are removed here;
	// an older one ignores the field and makes a full backup. So it is refused, with
	// [ErrIncremental].
	Base string
}

func (o Options) withDefaults() Options {
	if o.Samples <= 0 {
		o.Samples = defaultSamples
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

func (o Options) tell(step Step, done, total int64) {
	o.Progress(Progress{Step: step, Done: done, Total: total})
}

// backends are Weaviate's modules by the scheme of the staging's URL.
var backends = map[string]string{"file": "filesystem", "s3": "s3", "gs": "gcs", "azblob": "azure"}

// backend is the module that writes to the staging.
func (o Options) backend() (string, error) {
	u, err := url.Parse(o.Staging)
	if err != nil {
		return "", fmt.Errorf("parse the staging's URL: %w", err)
	}
	name, ok := backends[u.Scheme]
	if !ok {
		return "", fmt.Errorf("weaviate has no backup module for a staging in %q", u.Scheme)
	}
	return name, nil
}

// nameOf is a backup's name in Weaviate, which allows no capital letters.
func nameOf(id string) string { return strings.ToLower(id) }

// checkBase refuses an increment, with the reason that goes for the server's version.
func checkBase(base, version string) error {
	switch {
	case base == "":
		return nil
	case knowsIncremental(version):
		return fmt.Errorf("%w: the files of %s are no longer in the staging", ErrIncremental, base)
	default:
		return fmt.Errorf("%w: version %s would make a full one instead", ErrIncremental, version)
	}
}

// knowsIncremental reports whether a version has incremental backups.
func knowsIncremental(version string) bool {
	v := "v" + version
	for _, since := range []string{"v1.34.18", "v1.35.13", "v1.36.3"} {
		if semver.MajorMinor(v) == semver.MajorMinor(since) {
			return semver.Compare(v, since) >= 0
		}
	}
	return semver.Compare(v, "v1.37.0") >= 0
}

// checkTarget refuses a server that cannot take the backup as it was.
func checkTarget(i *repository.Index, node, version string) error {
	if node != i.Node {
		return fmt.Errorf("%w: this one's name is %q, the backup is of %q", ErrNode, node, i.Node)
	}
	if semver.Compare("v"+version, "v"+i.Version) < 0 {
		return fmt.Errorf("%w: %s, the backup is of %s", ErrVersion, version, i.Version)
	}
	return nil
}
