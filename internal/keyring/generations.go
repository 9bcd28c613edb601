package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/objects"
)

// ErrConflict: somebody else changed the keys of the same subject at the same
// time. Trying again goes on from what they left.
var ErrConflict = errors.New("keyring: the keys were changed at the same time")

// createOnce goes on from what others do at the same time.
func (k *Keyring) createOnce(ctx context.Context, subject uuid.UUID) (err error) {
	for range 5 {
		if err = k.create(ctx, subject); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}

// create makes the first generation. With replicas the arbiter keeps the object
// as a candidate until a quorum holds it, and takes it under its name last: a
// reader who finds it there needs no more proof that it may be used.
func (k *Keyring) create(ctx context.Context, subject uuid.UUID) error {
	s := k.replicas.survey(ctx, subject, readable)
	if err := s.destroyed(); err != nil {
		return err
	}
	_, _, err := s.keys()
	partial := failure.Is(err, failure.KeyMissing) || errors.Is(err, ErrBelowQuorum)
	if err == nil || !partial {
		return err
	}
	generation, object := s.partial()
	if generation > 1 {
		// The arbiter's bucket was lost; the others know the keys.
		_, err := k.settle(ctx, subject, generation, object)
		return err
	}
	if object == nil {
		if object, err = k.newObject(ctx, subject); err != nil {
			return fmt.Errorf("make keys of %s: %w", describe(subject), err)
		}
	}
	if err := k.commit(ctx, subject, object); err != nil {
		return fmt.Errorf("store keys of %s: %w", describe(subject), err)
	}
	return k.recheck(ctx, subject)
}

// partial is what an interrupted creation, or the loss of replicas, left.
func (s survey) partial() (generation uint64, object []byte) {
	for _, h := range s.holdings {
		if h.intact() && h.newest > generation {
			generation, object = h.newest, h.object
		}
	}
	return generation, object
}

func (k *Keyring) newObject(ctx context.Context, subject uuid.UUID) ([]byte, error) {
	if err := k.checkEpoch(ctx); err != nil {
		return nil, err
	}
	c, err := newContents(subject, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	return writeObject(ctx, k.keks, c)
}

func (k *Keyring) commit(ctx context.Context, subject uuid.UUID, object []byte) error {
	arbiter, name := k.replicas[0], objectName(subject, 1)
	if len(k.replicas) > 1 {
		candidate, err := arbiter.nominate(ctx, subject, object)
		if err != nil || candidate == nil {
			return err
		}
		object = candidate
		held, spreadErr := k.replicas[1:].spread(ctx, name, object)
		if !k.replicas.quorum(func(i int) bool { return i == 0 || held[i-1] }) {
			return fmt.Errorf("%w: %w", ErrBelowQuorum, spreadErr)
		}
	}
	if err := arbiter.createBounded(ctx, name, object); err != nil && !errors.Is(err, objects.ErrExists) {
		return err
	}
	if len(k.replicas) > 1 {
		return arbiter.removeBounded(ctx, candidateName(subject))
	}
	return nil
}

// nominate returns the object that the subject's keys are made from: this one, or
// the one of whoever came first; nil when the keys are complete already.
func (r replica) nominate(ctx context.Context, subject uuid.UUID, object []byte) ([]byte, error) {
	name := candidateName(subject)
	err := r.createBounded(ctx, name, object)
	if errors.Is(err, objects.ErrExists) {
		object, err = r.readBounded(ctx, name)
		if errors.Is(err, objects.ErrAbsent) {
			return nil, ErrConflict
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err := readEnvelope(object); err != nil {
		// Nothing was ever sealed with it.
		return nil, errors.Join(err, r.removeBounded(ctx, name))
	}
	// A candidate is removed only after its keys were completed, so one that was
	// taken since this creation began shows here.
	generation, _, err := r.newest(ctx, subject)
	if err != nil {
		return nil, err
	}
	if generation > 0 {
		return nil, r.removeBounded(ctx, name)
	}
	return object, nil
}

// recheck clears away what was written while the subject's keys were destroyed.
func (k *Keyring) recheck(ctx context.Context, subject uuid.UUID) error {
	err := k.replicas.survey(ctx, subject, nil).destroyed()
	if failure.Is(err, failure.KeyDestroyed) {
		return errors.Join(err, k.Clear(ctx, subject))
	}
	return err
}

// present is a subject's keys before a change.
type present struct {
	contents
	epoch string
	// held: a quorum holds this very generation.
	held bool
}

// change makes the next generation from the present one. edit changes the
// contents, or returns false when there is nothing to change. Either way the
// newest generation is brought to every replica, and older ones are removed when
// all have it: complete says whether all of that was done. It fails unless a
// quorum holds the newest generation in the end.
func (k *Keyring) change(ctx context.Context, subject uuid.UUID, edit func(*present) (bool, error)) (changed, complete bool, err error) {
	s := k.replicas.survey(ctx, subject, nil)
	generation, object, err := s.keys()
	if err != nil {
		return false, false, fmt.Errorf("read keys of %s: %w", describe(subject), err)
	}
	now := present{held: s.heldBy(generation, object)}
	if now.contents, err = readObject(ctx, k.keks, subject, generation, object); err != nil {
		return false, false, fmt.Errorf("open keys of %s: %w", describe(subject), err)
	}
	if e, err := readEnvelope(object); err == nil {
		now.epoch = e.epoch
	}
	if changed, err = edit(&now); err != nil {
		return false, false, fmt.Errorf("change keys of %s: %w", describe(subject), err)
	}
	if changed {
		generation++
		if object, err = k.next(ctx, now.contents, generation); err != nil {
			return false, false, fmt.Errorf("change keys of %s: %w", describe(subject), err)
		}
	}
	complete, err = k.settle(ctx, subject, generation, object)
	return changed, complete, err
}

// next takes the name of the next generation at the arbiter.
func (k *Keyring) next(ctx context.Context, c contents, generation uint64) ([]byte, error) {
	if err := k.checkEpoch(ctx); err != nil {
		return nil, err
	}
	c.Generation = generation
	object, err := writeObject(ctx, k.keks, c)
	if err != nil {
		return nil, err
	}
	arbiter, name := k.replicas[0], objectName(c.Subject, generation)
	err = arbiter.createBounded(ctx, name, object)
	if errors.Is(err, objects.ErrExists) {
		return nil, ErrConflict
	}
	if err != nil {
		return nil, fmt.Errorf("replica %s: %w", arbiter.name, err)
	}
	// Whoever was slow may have taken a name that had been used and removed.
	highest, err := arbiter.highest(ctx, c.Subject)
	if err != nil {
		return nil, err
	}
	if highest > generation {
		return nil, errors.Join(ErrConflict, arbiter.removeBounded(ctx, name))
	}
	return object, nil
}

// settle brings a generation to all replicas, fails unless a quorum holds it, and
// removes older ones when all do.
func (k *Keyring) settle(ctx context.Context, subject uuid.UUID, generation uint64, object []byte) (complete bool, err error) {
	held, spreadErr := k.replicas.spread(ctx, objectName(subject, generation), object)
	s := k.replicas.survey(ctx, subject, nil)
	if err := s.destroyed(); failure.Is(err, failure.KeyDestroyed) {
		return false, errors.Join(err, k.Clear(ctx, subject))
	}
	for _, h := range s.holdings {
		if h.newest > generation {
			return false, ErrConflict
		}
	}
	if !k.replicas.quorum(func(i int) bool { return held[i] }) {
		return false, fmt.Errorf("%w: %w", ErrBelowQuorum, spreadErr)
	}
	k.cache.Invalidate(subject)
	if spreadErr != nil {
		return false, nil
	}
	return k.removeOlder(ctx, subject, generation) == nil, nil
}

func (k *Keyring) removeOlder(ctx context.Context, subject uuid.UUID, generation uint64) error {
	errs := make([]error, len(k.replicas))
	k.replicas.each(func(i int, r replica) {
		names, err := r.all(ctx, generationsOf(subject))
		errs[i] = err
		if generation > 1 {
			names = append(names, objectName(subject, 1))
		}
		for _, name := range append(names, candidateName(subject)) {
			if _, g, ok := parseName(name); ok && g >= generation {
				continue
			}
			errs[i] = errors.Join(errs[i], r.removeBounded(ctx, name))
		}
	})
	return errors.Join(errs...)
}
