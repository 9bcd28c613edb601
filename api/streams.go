package api

import (
	"errors"
	"sync"

	"github.com/google/uuid"
)

// StreamLimits cap the event streams that are open at the same time: each asks the
// database again and again. Zero takes the default.
type StreamLimits struct {
	Process int // of one process, 1000 by default
	Person  int // of one person at one process, 10 by default
}

var errStreamsFull = errors.New("this process has as many event streams as it may")

// streams counts the open ones.
type streams struct {
	limits StreamLimits

	mu     sync.Mutex
	open   int
	person map[uuid.UUID]int
}

func newStreams(l StreamLimits) *streams {
	if l.Process == 0 {
		l.Process = 1000
	}
	if l.Person == 0 {
		l.Person = 10
	}
	return &streams{limits: l, person: map[uuid.UUID]int{}}
}

// enter counts one more stream of a person until leave is called. Beyond the
// person's own number the problem is theirs to mend; a full process is a reason
// to come back, perhaps to another one.
func (s *streams) enter(subject uuid.UUID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.person[subject] >= s.limits.Person:
		return nil, &problem{code: tooManyStreams}
	case s.open >= s.limits.Process:
		return nil, &problem{code: unavailable, cause: errStreamsFull}
	}
	s.open++
	s.person[subject]++
	return func() { s.leave(subject) }, nil
}

func (s *streams) leave(subject uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.person[subject]--; s.person[subject] == 0 {
		delete(s.person, subject)
	}
}
