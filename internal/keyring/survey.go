package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"meai/internal/failure"
	"meai/internal/objects"
)

// holding is what one replica holds of a subject.
type holding struct {
	// answered: the rest is known.
	answered  bool
	tombstone bool
	// newest is the generation of the object, 0 without one.
	newest uint64
	object []byte
	// damaged: the object's checksum does not hold, and it counts as absent.
	damaged bool
	err     error
}

func (h holding) intact() bool { return h.answered && h.newest > 0 && !h.damaged }

// look reads what one replica holds of a subject.
func (r replica) look(ctx context.Context, subject uuid.UUID) holding {
	h := holding{}
	if h.tombstone, h.err = r.buried(ctx, subject); h.err == nil && !h.tombstone {
		h.newest, h.object, h.err = r.newest(ctx, subject)
	}
	if h.err != nil {
		return holding{err: fmt.Errorf("replica %s: %w", r.name, h.err)}
	}
	h.answered = true
	if h.newest > 0 {
		_, err := readEnvelope(h.object)
		h.damaged = err != nil
	}
	return h
}

// survey is what all replicas hold of a subject, in their order.
type survey struct {
	replicas replicas
	subject  uuid.UUID
	holdings []holding
}

// survey asks all replicas at once. With enough it returns as soon as the
// answers so far are enough to go by; without, when all have answered or failed.
func (rs replicas) survey(ctx context.Context, subject uuid.UUID, enough func(survey) bool) survey {
	s := survey{rs, subject, make([]holding, len(rs))}
	if len(rs) == 1 {
		s.holdings[0] = rs[0].look(ctx, subject)
		return s
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		from int
		holding
	}
	answers := make(chan answer, len(rs))
	for i, r := range rs {
		go func() { answers <- answer{i, r.look(ctx, subject)} }()
	}
	for i, r := range rs {
		s.holdings[i].err = fmt.Errorf("replica %s does not answer in time", r.name)
	}
	for range rs {
		select {
		case a := <-answers:
			s.holdings[a.from] = a.holding
		case <-ctx.Done(): // a local folder knows no time limit
			return s
		}
		if enough != nil && enough(s) {
			return s
		}
	}
	return s
}

// readable: a verdict can be reached without the replicas that did not answer yet.
func readable(s survey) bool {
	err := s.destroyed()
	if failure.Is(err, failure.KeyDestroyed) {
		return true
	}
	_, _, err = s.keys()
	return err == nil
}

// destroyed tells whether the subject's keys were destroyed. One tombstone is
// proof; that there is none takes a majority, as every tombstone has one.
// Errors: [failure.KeyDestroyed], [ErrBelowQuorum].
func (s survey) destroyed() error {
	answered, errs := 0, []error(nil)
	for _, h := range s.holdings {
		if h.tombstone {
			return failure.New(failure.KeyDestroyed, "the keys of "+describe(s.subject)+" were destroyed", nil)
		}
		if h.answered {
			answered++
		}
		errs = append(errs, h.err)
	}
	if answered < s.replicas.majority() {
		return fmt.Errorf("%w: %d of %d answer: %w", ErrBelowQuorum, answered, len(s.holdings), errors.Join(errs...))
	}
	return nil
}

// keys picks the newest generation that may be used.
//
// A replica may hold a newer generation than the others: a version in it that is
// new either does not seal yet, or was held by a quorum before (see rotate.go).
// What a quorum must hold is the subject's keys as such. The arbiter gets its
// first copy last (see create), so an object there proves that it did.
//
// Errors: [failure.KeyMissing], [ErrCorrupt], [ErrBelowQuorum].
func (s survey) keys() (generation uint64, object []byte, err error) {
	if err := s.destroyed(); err != nil {
		return 0, nil, err
	}
	damaged := false
	for _, h := range s.holdings {
		damaged = damaged || h.damaged
		if h.intact() {
			generation = max(generation, h.newest)
		}
	}
	switch {
	case generation == 0 && damaged:
		return 0, nil, fmt.Errorf("%w: every copy is damaged", ErrCorrupt)
	case generation == 0:
		return 0, nil, failure.New(failure.KeyMissing, "no keys for "+describe(s.subject), objects.ErrAbsent)
	}
	if !s.holdings[0].intact() && !s.replicas.quorum(func(i int) bool { return s.holdings[i].intact() }) {
		return 0, nil, fmt.Errorf("%w: too few hold the keys of %s", ErrBelowQuorum, describe(s.subject))
	}
	object, err = s.choose(generation)
	return generation, object, err
}

// choose settles which copy of a generation is right, should they differ: that
// can be after the arbiter's bucket was lost and begun anew. The arbiter's is,
// else the one that a quorum holds.
func (s survey) choose(generation uint64) ([]byte, error) {
	if h := s.holdings[0]; h.intact() && h.newest == generation {
		return h.object, nil
	}
	var first []byte
	differ := false
	for _, h := range s.holdings {
		if !h.intact() || h.newest != generation {
			continue
		}
		if first == nil {
			first = h.object
		}
		differ = differ || !bytes.Equal(first, h.object)
		if s.heldBy(generation, h.object) {
			return h.object, nil
		}
	}
	if differ {
		return nil, fmt.Errorf("%w: replicas hold different keys of %s", ErrCorrupt, describe(s.subject))
	}
	return first, nil
}

// heldBy reports whether a quorum holds exactly this object.
func (s survey) heldBy(generation uint64, object []byte) bool {
	return s.replicas.quorum(func(i int) bool {
		h := s.holdings[i]
		return h.intact() && h.newest == generation && bytes.Equal(h.object, object)
	})
}
