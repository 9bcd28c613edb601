package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
)

// Activities are the steps of the archives' workflows. Every exported method is an
// activity that can run twice, and be killed anywhere, without harm. Inputs and results
// hold opaque ids, times and counts only.
type Activities struct {
	Archives *Archives
	// Permit fails with [failure.ConsentMissing] or [failure.ProcessingRestricted] for who
	// does not agree to be archived; nil asks nobody.
	Permit func(ctx context.Context, subject uuid.UUID) error
}

const defaultPage = 500

// errNone is the answer of processes in which nothing is configured: another may be.
var errNone = errors.New("no archives of people are configured in this process (backup.archive)")

// PageInput asks for a page of the people who must be archived.
type PageInput struct {
	// Run is when the run began, for all of its pages.
	Run time.Time `json:"run"`
	// After is the last person of the page before; zero begins.
	After uuid.UUID `json:"after,omitzero"`
	// Limit is how many people are looked at, not how many are found; 0 for 500.
	Limit int `json:"limit,omitempty"`
}

// Page is a page of people to archive.
type Page struct {
	Subjects []uuid.UUID `json:"subjects"`
	// Seen counts those who were looked at, Failed those about whom nothing could be found
	// out, which no retry mends.
	Seen   int       `json:"seen"`
	Failed int       `json:"failed,omitempty"`
	Next   uuid.UUID `json:"next,omitzero"`
	Ended  bool      `json:"ended,omitempty"`
}

// ListChanged finds those who changed since their newest archive. Who is being erased is
// not among them, nor who does not agree to it.
func (a *Activities) ListChanged(ctx context.Context, in PageInput) (Page, error) {
	if a.Archives == nil {
		return Page{}, errNone
	}
	limit := cmp.Or(in.Limit, defaultPage)
	people, err := a.Archives.DB.ActiveSubjects(ctx, in.After, int32(limit))
	if err != nil {
		return Page{}, err
	}
	page := Page{Ended: len(people) < limit}
	for _, subject := range people {
		changed, err := a.changed(ctx, subject, in.Run)
		switch {
		case err == nil, gone(err), unwanted(err):
		case beyondRepair(err):
			page.Failed++
			complain(ctx, subject, err)
		default:
			return Page{}, err
		}
		if changed {
			page.Subjects = append(page.Subjects, subject)
		}
		page.Seen++
		page.Next = subject
		activity.RecordHeartbeat(ctx, page.Seen)
	}
	return page, nil
}

func (a *Activities) changed(ctx context.Context, subject uuid.UUID, run time.Time) (bool, error) {
	if err := a.permitted(ctx, subject); err != nil {
		return false, err
	}
	return a.Archives.Changed(ctx, subject, run)
}

func (a *Activities) permitted(ctx context.Context, subject uuid.UUID) error {
	if a.Permit == nil {
		return nil
	}
	return a.Permit(ctx, subject)
}

// Input names people to archive.
type Input struct {
	// Run is when the run began: who was archived since is not archived again.
	Run      time.Time   `json:"run"`
	Subjects []uuid.UUID `json:"subjects"`
}

// Counts tell what became of people.
type Counts struct {
	Archived int `json:"archived"`
	// Done were archived in this run before.
	Done int `json:"done,omitempty"`
	// Inactive are being erased, or have been, or do not agree to be archived any more.
	Inactive int `json:"inactive,omitempty"`
	// Failed counts what no retry mends: lost or damaged keys, values that no key opens.
	Failed int   `json:"failed,omitempty"`
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
}

// Add adds up.
func (c *Counts) Add(o Counts) {
	c.Archived += o.Archived
	c.Done += o.Done
	c.Inactive += o.Inactive
	c.Failed += o.Failed
	c.Rows += o.Rows
	c.Bytes += o.Bytes
}

// Archive archives people, one after the other.
func (a *Activities) Archive(ctx context.Context, in Input) (Counts, error) {
	if a.Archives == nil {
		return Counts{}, errNone
	}
	var counts Counts
	for n, subject := range in.Subjects {
		err := a.archive(ctx, in.Run, subject, n, &counts)
		switch {
		case err == nil:
		case gone(err), unwanted(err):
			counts.Inactive++
		case beyondRepair(err):
			counts.Failed++
			complain(ctx, subject, err)
		default:
			return counts, err
		}
		activity.RecordHeartbeat(ctx, n+1)
	}
	return counts, nil
}

func (a *Activities) archive(ctx context.Context, run time.Time, subject uuid.UUID, n int, counts *Counts) error {
	if err := a.permitted(ctx, subject); err != nil {
		return err
	}
	last, ok, err := a.Archives.newest(ctx, subject)
	if err != nil {
		return err
	}
	if ok && !last.Begun.Before(run.Truncate(time.Second)) {
		counts.Done++
		return nil
	}
	w, err := a.Archives.Write(ctx, subject, func() { activity.RecordHeartbeat(ctx, n) })
	if err != nil {
		return err
	}
	counts.Archived++
	counts.Rows += w.Header.Rows()
	counts.Bytes += w.Size
	return nil
}

// gone: the person is being erased, which is how it should be.
func gone(err error) bool {
	return failure.Is(err, failure.KeyDestroyed) || failure.Is(err, failure.SubjectInactive)
}

// unwanted: the person does not agree to it.
func unwanted(err error) bool {
	return failure.Is(err, failure.ConsentMissing) || failure.Is(err, failure.ProcessingRestricted)
}

func beyondRepair(err error) bool {
	return errors.Is(err, keyring.ErrCorrupt) || errors.Is(err, keyring.ErrWrongKEK) ||
		errors.Is(err, ErrVersions) || failure.Is(err, failure.KeyMissing)
}

func complain(ctx context.Context, subject uuid.UUID, err error) {
	activity.GetLogger(ctx).Error("the archive of a person needs an operator", "subject", subject, "error", err)
}

// ExpireInput asks for a page of the bucket.
type ExpireInput struct {
	// Run is when the run began that has archived everybody; zero for none.
	Run   time.Time `json:"run,omitzero"`
	Token []byte    `json:"token,omitempty"`
	// Limit is how many archives are looked at; 0 for 500.
	Limit int `json:"limit,omitempty"`
}

// Expired counts what a page of the bucket lost.
type Expired struct {
	Seen int `json:"seen"`
	// Aged were older than [Years], Unreadable of people whose keys were destroyed.
	Aged       int `json:"aged"`
	Unreadable int `json:"unreadable"`
	// Kept should go, and the store does not let them: it is one that keeps.
	Kept int `json:"kept,omitempty"`
	// Strange are no archives, and left alone.
	Strange int    `json:"strange,omitempty"`
	Next    []byte `json:"next,omitempty"`
	Ended   bool   `json:"ended,omitempty"`
}

// Expire removes what is older than [Years], and all of those whose keys were destroyed.
// Nothing else is ever removed: keys that cannot be found are no destroyed keys. Its first
// page notes that the run has gone through everybody.
func (a *Activities) Expire(ctx context.Context, in ExpireInput) (Expired, error) {
	if a.Archives == nil {
		return Expired{}, errNone
	}
	if !in.Run.IsZero() && len(in.Token) == 0 {
		if err := a.Archives.conclude(ctx, in.Run); err != nil {
			return Expired{}, err
		}
	}
	names, next, err := a.Archives.Store.List(ctx, prefix, in.Token, cmp.Or(in.Limit, defaultPage))
	if err != nil {
		return Expired{}, fmt.Errorf("list archives: %w", err)
	}
	page := Expired{Next: next, Ended: len(next) == 0}
	destroyed, err := a.Archives.Keyring.Tombstones(ctx)
	if err != nil {
		return Expired{}, err
	}
	for _, name := range names {
		page.Seen++
		digest, k, ok := parse(name)
		if !ok {
			page.Strange++
			continue
		}
		_, unreadable := slices.BinarySearch(destroyed, digest)
		if err := a.expire(ctx, k, unreadable, &page); err != nil {
			return Expired{}, err
		}
		activity.RecordHeartbeat(ctx, page.Seen)
	}
	return page, nil
}

func (a *Activities) expire(ctx context.Context, k Kept, unreadable bool, page *Expired) error {
	aged := k.expired(time.Now())
	if !aged && !unreadable {
		return nil
	}
	err := a.Archives.Store.Remove(ctx, k.Name)
	switch {
	case errors.Is(err, objects.ErrKept):
		page.Kept++
	case err != nil:
		return fmt.Errorf("remove %s: %w", k.Name, err)
	case aged:
		page.Aged++
	default:
		page.Unreadable++
	}
	return nil
}
