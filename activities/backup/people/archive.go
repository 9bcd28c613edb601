// Package people archives what is stored of each person, for seven years, in a bucket
// of its own that may keep what it is given (WORM): a name is used once, nothing is ever
// overwritten, and what is removed was seven years old, or nobody can read it any more.
//
// An archive is all rows of one person at one moment, as they are stored: what is sealed
// stays sealed. It is the object
//
//	people/<digest>/<UTC time>-<n>.mar
//
// (the digest is [keyring.Digest]: a bucket that keeps its objects keeps their names, too,
// and so do the lists of its copies) which holds, in this order,
//
//	"MeAiPer1" | how many key versions (2 bytes) | the versions (4 bytes each)
//	a stream sealed under the person's key ([keyring.Keys.SealStream]) of the zstd of
//	  a line of JSON: the [Header]
//	  a line for each row: {"table": …, "row": …}, bytes as base64
//	  a line with the SHA-256 of all lines before: {"sha256": …}
//
// The person's key opens it and nothing else: with the key, all archives are destroyed.
// The versions in front are those that seal the stream and the values in its rows. They
// can be read without a key, so that none of them is retired too early; the stream is
// bound to them and to the object's name.
//
// # What counts as a change
//
// Somebody is archived when they told, had forgotten, opened or rated anything since
// their newest archive ([postgres.DB.ChangedSince], every night), when anything else is
// not as it was archived (compared row by row, each person once in [Rota] nights), or
// when the newest archive is older than [Refresh]. So what a person does is archived
// within a day, what the nights make of it (patterns), pins and corrections within a
// week, and whoever is silent for years keeps an archive that has not expired. New keys
// and a new schema change how rows are stored, and count.
package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
)

const (
	// Years is how long an archive is kept, counted from when it was begun.
	Years = 7
	// Refresh is the age at which an archive is made anew although nothing changed.
	Refresh = 365 * 24 * time.Hour
	// Rota is in how many nights everybody is compared row by row.
	Rota = 7
	// margin covers what was written by clocks that differ, or in a transaction that ended
	// while the archive was begun.
	margin = 10 * time.Minute
)

// Archives are those of all people in one bucket. All fields are required. It is safe
// for concurrent use.
type Archives struct {
	Store   objects.Erasable
	DB      *postgres.DB
	Keyring *keyring.Keyring
}

// Kept is an archive in the bucket.
type Kept struct {
	// Subject is zero where only the name is known.
	Subject uuid.UUID `json:"subject,omitzero"`
	// Name is the object's.
	Name string `json:"name"`
	// Begun is when its rows were stored like that, to the second below.
	Begun time.Time `json:"begun"`
	// Serial tells those of one second apart, from 1.
	Serial int `json:"serial"`
}

const (
	prefix    = "people/"
	extension = ".mar"
	timeForm  = "20060102T150405Z"
)

func folderOf(digest string) string { return prefix + digest + "/" }

func nameOf(digest string, begun time.Time, serial int) string {
	return folderOf(digest) + begun.UTC().Format(timeForm) + "-" + strconv.Itoa(serial) + extension
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parse reads the digest of whose archive of what time a name is; ok is false for any
// other name.
func parse(name string) (digest string, k Kept, ok bool) {
	folder, file := path.Split(name)
	base, ends := strings.CutSuffix(file, extension)
	at, number, _ := strings.Cut(base, "-")
	digest = strings.TrimSuffix(strings.TrimPrefix(folder, prefix), "/")
	begun, errt := time.Parse(timeForm, at)
	serial, errn := strconv.Atoi(number)
	if errors.Join(errt, errn) != nil || !ends || !digestForm.MatchString(digest) {
		return "", Kept{}, false
	}
	return digest, Kept{Name: name, Begun: begun, Serial: serial}, name == nameOf(digest, begun, serial)
}

// Owner is the digest of whose archive an object is, by its name; ok is false for names
// that are not those of archives.
func Owner(name string) (digest string, ok bool) {
	digest, _, ok = parse(name)
	return digest, ok
}

// expired reports whether its years are over.
func (k Kept) expired(now time.Time) bool { return k.Begun.AddDate(Years, 0, 0).Before(now) }

// List finds a person's archives, oldest first.
func (a *Archives) List(ctx context.Context, subject uuid.UUID) ([]Kept, error) {
	var all []Kept
	digest := keyring.Digest(subject)
	names, err := objects.Names(ctx, a.Store, folderOf(digest))
	if err != nil {
		return nil, fmt.Errorf("list the archives of subject %s: %w", subject, err)
	}
	for _, name := range names {
		if of, k, ok := parse(name); ok && of == digest {
			k.Subject = subject
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Kept) int { return cmp.Or(a.Begun.Compare(b.Begun), a.Serial-b.Serial) })
	return all, nil
}

// newest is the last of the person's archives; ok is false without any.
func (a *Archives) newest(ctx context.Context, subject uuid.UUID) (k Kept, ok bool, err error) {
	all, err := a.List(ctx, subject)
	if err != nil || len(all) == 0 {
		return Kept{}, false, err
	}
	return all[len(all)-1], true, nil
}

// Changed reports whether the person must be archived in a run that began at a time.
func (a *Archives) Changed(ctx context.Context, subject uuid.UUID, run time.Time) (bool, error) {
	last, ok, err := a.newest(ctx, subject)
	if err != nil {
		return false, err
	}
	if !ok {
		return a.DB.ChangedSince(ctx, subject, time.Time{})
	}
	if run.Sub(last.Begun) > Refresh {
		return true, nil
	}
	changed, err := a.DB.ChangedSince(ctx, subject, last.Begun.Add(-margin))
	if err != nil || changed || !itsTurn(subject, run) {
		return changed, err
	}
	return a.differs(ctx, last)
}

// itsTurn spreads people over the nights by the end of their ids, which is random.
func itsTurn(subject uuid.UUID, run time.Time) bool {
	night := run.Unix() / (24 * 60 * 60)
	return int64(subject[15])%Rota == night%Rota
}

// differs compares all that is stored with what an archive says that it holds.
func (a *Archives) differs(ctx context.Context, last Kept) (bool, error) {
	r, err := a.Read(ctx, last.Subject, last.Name)
	if unreadable(err) {
		return true, nil // the person needs one that can be read
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = r.Close() }() // of an object that was read
	differ := false
	err = a.DB.Snapshot(ctx, last.Subject, func(ctx context.Context, s *postgres.Snapshot) error {
		now, err := describe(ctx, s)
		differ = err == nil && !now.holdsAs(r.Header)
		return err
	})
	return differ, err
}

// Needs reports whether an archive of the person may hold anything that was sealed under
// a version of their key. An archive whose beginning is damaged may.
func (a *Archives) Needs(ctx context.Context, subject uuid.UUID, version keyring.VersionInfo) (bool, error) {
	all, err := a.List(ctx, subject)
	if err != nil {
		return false, err
	}
	for _, k := range all {
		if k.Begun.Before(version.Created.Add(-margin)) {
			continue // the version did not exist
		}
		versions, err := a.versions(ctx, k.Name)
		if unreadable(err) {
			return true, nil
		}
		if err != nil || slices.Contains(versions, version.ID) {
			return err == nil, err
		}
	}
	return false, nil
}
