package keyring

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"meai/internal/failure"
)

// A subject's key is replaced in three steps, so that nobody ever meets a
// version that he does not know:
//
//  1. [Keyring.Publish] adds the new version, which only opens. A quorum holds it.
//  2. One [Lease] later every process has loaded keys that contain it, or loads
//     them anew. [Keyring.Promote] makes it the one that seals.
//  3. When nothing is left that was sealed under the old version,
//     [Keyring.Retire] removes that.
//
// Each is idempotent and may be interrupted anywhere. Their errors are those of
// [Keyring.Keys], and [ErrConflict].

// ErrNotPublished: there is nothing to promote, or a quorum of the replicas did
// not hold the new version before; publish, wait one [Lease] and try again.
var ErrNotPublished = errors.New("keyring: the new version is not published")

// ErrInUse: the version that seals, or is about to, cannot be retired.
var ErrInUse = errors.New("keyring: the version is in use")

// VersionInfo tells about one key version of a subject. Times are zero when not
// known, or when it did not happen yet.
type VersionInfo struct {
	ID uint32
	// Primary: it is the one that seals.
	Primary                       bool
	Created, Promoted, Superseded time.Time
}

// Versions lists a subject's key versions, the zero UUID's for the system, as a
// quorum of the replicas knows them now.
func (k *Keyring) Versions(ctx context.Context, subject uuid.UUID) ([]VersionInfo, error) {
	generation, object, err := k.replicas.survey(ctx, subject, readable).keys()
	if err != nil {
		return nil, err
	}
	c, err := readObject(ctx, k.keks, subject, generation, object)
	if err != nil {
		return nil, err
	}
	return c.versions()
}

func (c *contents) versions() ([]VersionInfo, error) {
	handle, err := c.handle()
	if err != nil {
		return nil, err
	}
	var versions []VersionInfo
	info := handle.KeysetInfo()
	for _, key := range info.GetKeyInfo() {
		v := VersionInfo{ID: key.GetKeyId(), Primary: key.GetKeyId() == info.GetPrimaryKeyId()}
		for _, t := range c.Versions {
			if t.ID == v.ID {
				v.Created, v.Promoted, v.Superseded = t.Created, t.Promoted, t.Superseded
			}
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// pending is the version that was published and does not seal yet, or 0.
func pending(versions []VersionInfo) uint32 {
	for _, v := range versions {
		if !v.Primary && v.Promoted.IsZero() && v.Superseded.IsZero() {
			return v.ID
		}
	}
	return 0
}

// Publish adds a new version to the keys of a subject, the zero UUID's for the
// system, unless the one that seals was made at or after olderThan. It returns
// whether a version waits for [Keyring.Promote], new or from an earlier call.
func (k *Keyring) Publish(ctx context.Context, subject uuid.UUID, olderThan time.Time) (waiting bool, err error) {
	_, _, err = k.change(ctx, subject, func(now *present) (bool, error) {
		versions, err := now.versions()
		if err != nil {
			return false, err
		}
		if waiting = pending(versions) != 0; waiting {
			return false, nil
		}
		primary := versions[slices.IndexFunc(versions, func(v VersionInfo) bool { return v.Primary })]
		if !primary.Created.Before(olderThan) {
			return false, nil
		}
		waiting = true
		return true, now.addVersion(time.Now().UTC())
	})
	return waiting && err == nil, err
}

func (c *contents) addVersion(now time.Time) error {
	handle, err := c.handle()
	if err != nil {
		return err
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	if handle, err = manager.Handle(); err != nil {
		return err
	}
	// The old primary came without times when the first format made it, and must
	// not be taken for one that waits once it seals no more.
	c.times(id).Created = now
	return c.setHandle(handle)
}

// Promote makes the published version the one that seals. The caller has waited
// one [Lease] since [Keyring.Publish] succeeded. Errors: [ErrNotPublished].
func (k *Keyring) Promote(ctx context.Context, subject uuid.UUID) error {
	_, _, err := k.change(ctx, subject, func(now *present) (bool, error) {
		versions, err := now.versions()
		if err != nil {
			return false, err
		}
		id := pending(versions)
		if id == 0 {
			return false, nil // done before
		}
		if !now.held {
			return false, ErrNotPublished
		}
		return true, now.promote(id, time.Now().UTC())
	})
	return err
}

func (c *contents) promote(id uint32, now time.Time) error {
	handle, err := c.handle()
	if err != nil {
		return err
	}
	old := handle.KeysetInfo().GetPrimaryKeyId()
	manager := keyset.NewManagerFromHandle(handle)
	if err := manager.SetPrimary(id); err != nil {
		return err
	}
	if handle, err = manager.Handle(); err != nil {
		return err
	}
	c.times(id).Promoted = now
	c.times(old).Superseded = now
	return c.setHandle(handle)
}

// Retire removes old versions for ever. The caller knows that nothing is left
// that was sealed under them. complete: no replica holds them any more.
// Errors: [ErrInUse].
func (k *Keyring) Retire(ctx context.Context, subject uuid.UUID, ids ...uint32) (complete bool, err error) {
	_, complete, err = k.change(ctx, subject, func(now *present) (bool, error) {
		versions, err := now.versions()
		if err != nil {
			return false, err
		}
		var old []uint32
		for _, v := range versions {
			if !slices.Contains(ids, v.ID) {
				continue
			}
			if v.Primary || v.Superseded.IsZero() {
				return false, ErrInUse
			}
			old = append(old, v.ID)
		}
		return len(old) > 0, now.remove(old)
	})
	return complete, err
}

func (c *contents) remove(ids []uint32) error {
	handle, err := c.handle()
	if err != nil {
		return err
	}
	manager := keyset.NewManagerFromHandle(handle)
	for _, id := range ids {
		if err := manager.Delete(id); err != nil {
			return err
		}
	}
	if handle, err = manager.Handle(); err != nil {
		return err
	}
	c.Versions = slices.DeleteFunc(c.Versions, func(v versionTime) bool { return slices.Contains(ids, v.ID) })
	return c.setHandle(handle)
}

// Rewrap wraps a subject's keys, the zero UUID's for the system, under the KEK
// that is in use, and mends what replicas lack: keys, and the tombstone of keys
// that were destroyed. changed: they were wrapped under another. complete: every
// replica holds the newest generation and nothing older.
func (k *Keyring) Rewrap(ctx context.Context, subject uuid.UUID) (changed, complete bool, err error) {
	changed, complete, err = k.change(ctx, subject, func(now *present) (bool, error) {
		return now.epoch != k.keks.current, nil
	})
	switch {
	case failure.Is(err, failure.KeyDestroyed):
		return false, true, k.Clear(ctx, subject)
	case failure.Is(err, failure.KeyMissing), errors.Is(err, ErrBelowQuorum):
		// An interrupted creation: complete it, then it is as any other.
		if err := k.createOnce(ctx, subject); err != nil {
			return false, false, err
		}
		return false, false, nil
	}
	return changed, complete, err
}
