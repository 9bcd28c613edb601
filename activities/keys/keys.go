// Package keys replaces, re-wraps, retires and destroys the keys of people.
//
// Its inputs and results hold opaque ids, times and counts only, for the
// workflows that call it are sealed under the system's key: an erasure must not
// seal itself with the key that it destroys.
package keys

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// Lease is how long a process may use keys without asking again.
const Lease = keyring.Lease

// Digest names a person in the ids of workflows and in whatever else outlives them; see
// [keyring.Digest].
func Digest(subject uuid.UUID) string { return keyring.Digest(subject) }

// Cursor is a place in the list of all keys; the zero value is the start.
type Cursor = keyring.Cursor

// Census counts what the keyring's replicas hold.
type Census = keyring.Census

// Activities are the steps of the keys' workflows. Every exported method is an
// activity that can run twice, and be killed anywhere, without harm.
type Activities struct {
	Keyring  *keyring.Keyring
	DB       *postgres.DB
	Temporal client.Client
	Audit    *audit.Log
	// Ledger applies with [ApplyErased].
	Ledger audit.Committer
	// Namespace is where the histories of people's workflows are.
	Namespace string
	// ArchiveAge is how long the oldest backup is kept. It holds rows under versions
	// that no live row has any more.
	ArchiveAge time.Duration
	// Archived reports whether an archive of a person, which may be kept far longer,
	// holds anything under a version of their key; nil when nobody is archived.
	Archived func(ctx context.Context, subject uuid.UUID, version keyring.VersionInfo) (bool, error)
	// KEKGrace is how long a KEK is kept after nothing needs it any more.
	KEKGrace time.Duration
	// Straggling is how long after a promotion something may still be written that
	// was sealed just before it; 0 for an hour, far longer than any activity runs.
	Straggling time.Duration
}

// PageInput asks for a page of the subjects whose keys exist.
type PageInput struct {
	At    keyring.Cursor `json:"at,omitzero"`
	Limit int            `json:"limit"`
}

// Page is a page of subjects; the zero UUID stands for the system.
type Page struct {
	Subjects []uuid.UUID    `json:"subjects"`
	Next     keyring.Cursor `json:"next"`
}

// ListKeys pages through the keyring. A subject may come more than once.
func (a *Activities) ListKeys(ctx context.Context, in PageInput) (Page, error) {
	subjects, next, err := a.Keyring.Subjects(ctx, in.At, in.Limit)
	return Page{Subjects: subjects, Next: next}, err
}

// Counts tells what was done, and what was not.
type Counts struct {
	// Seen counts visits; a subject is visited once for each replica.
	Seen int `json:"seen"`
	// Changed counts key sets that were re-keyed, re-wrapped or lost a version.
	Changed int `json:"changed"`
	// Rows counts sealed values that were sealed anew.
	Rows int `json:"rows"`
	// Incomplete counts key sets that not every replica could be given. The next
	// run goes on with them.
	Incomplete int `json:"incomplete"`
	// Failed counts what no retry mends: a lost or damaged object, a wrong KEK.
	Failed int `json:"failed"`
	// Kept counts old versions that something may still need, by what it is.
	KeptForArchives  int `json:"kept_for_archives,omitempty"`
	KeptForHistories int `json:"kept_for_histories,omitempty"`
	KeptForRows      int `json:"kept_for_rows,omitempty"`
	Retired          int `json:"retired,omitempty"`
}

// Add adds up.
func (c *Counts) Add(o Counts) {
	c.Seen += o.Seen
	c.Changed += o.Changed
	c.Rows += o.Rows
	c.Incomplete += o.Incomplete
	c.Failed += o.Failed
	c.KeptForArchives += o.KeptForArchives
	c.KeptForHistories += o.KeptForHistories
	c.KeptForRows += o.KeptForRows
	c.Retired += o.Retired
}

// SubjectsInput names the subjects of a step.
type SubjectsInput struct {
	Subjects []uuid.UUID `json:"subjects"`
	// Before: keys older than this are replaced.
	Before time.Time `json:"before,omitzero"`
}

// forEach does a step for each subject and heartbeats. What no retry mends is
// logged, counted and passed over; anything else fails the activity, which is
// then tried again: steps that are done already cost little.
func forEach(ctx context.Context, in SubjectsInput, counts *Counts, step func(uuid.UUID) error) error {
	for _, subject := range in.Subjects {
		err := step(subject)
		switch {
		case err == nil, gone(err):
		case beyondRepair(err):
			counts.Failed++
			activity.GetLogger(ctx).Error("the keys of a subject need an operator", "subject", subject, "error", err)
		default:
			return err
		}
		counts.Seen++
		activity.RecordHeartbeat(ctx, counts.Seen)
	}
	return nil
}

// gone: the person is being erased, which is how it should be.
func gone(err error) bool {
	return failure.Is(err, failure.KeyDestroyed) || failure.Is(err, failure.SubjectInactive)
}

func beyondRepair(err error) bool {
	return errors.Is(err, keyring.ErrCorrupt) || errors.Is(err, keyring.ErrWrongKEK) ||
		errors.Is(err, keyring.ErrSealed) || errors.Is(err, keyring.ErrUnknownVersion) || failure.Is(err, failure.KeyMissing)
}
