package synthesis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func BenchmarkAccept(b *testing.B) {
	s := newStore(b)
	subject, session := s.newSession(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, fresh, err := s.Accept(b.Context(), request(subject, session, fmt.Sprint(i), `{"words":"hello"}`))
		if err != nil || !fresh {
			b.Fatal(fresh, err)
		}
	}
}

func BenchmarkAcceptAgain(b *testing.B) {
	s := newStore(b)
	subject, session := s.newSession(b)
	s.accept(b, subject, session, "same")
	b.ReportAllocs()
	for b.Loop() {
		_, fresh, err := s.Accept(b.Context(), request(subject, session, "same", "{}"))
		if err != nil || fresh {
			b.Fatal(fresh, err)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	s := newStore(b)
	subject, session := s.newSession(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		rec := s.accept(b, subject, session, fmt.Sprint(i))
		b.StartTimer()
		if _, err := s.Deliver(b.Context(), delivery(rec)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadInteraction(b *testing.B) {
	s := newStore(b)
	subject, session := s.newSession(b)
	rec := s.accept(b, subject, session, "key")
	_, err := s.Deliver(b.Context(), delivery(rec))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Interaction(b.Context(), subject, session, rec.Ref.Interaction); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListInteractions(b *testing.B) {
	s := newStore(b)
	subject, session := s.newSession(b)
	for i := range 40 {
		_, err := s.Deliver(b.Context(), delivery(s.accept(b, subject, session, fmt.Sprint(i))))
		require.NoError(b, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.Interactions(b.Context(), subject, session, uuid.Nil, 20)
		if err != nil || len(page) != 20 {
			b.Fatal(len(page), err)
		}
	}
}

func BenchmarkCreateSession(b *testing.B) {
	s := newStore(b)
	subject := uuid.New()
	for b.Loop() {
		if _, err := s.CreateSession(b.Context(), subject, "phone", time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
