package telemetry

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// mostHeld bounds how many spans wait for the end of their trace; beyond it a span is
// decided on by itself.
const mostHeld = 20_000

// selective passes on what is worth keeping of all traces: a share of them, the same in
// every process, and each one in which something failed or took long. That is known at the
// end only, so the spans of a trace wait until none of this process is open. Other processes
// decide on their own part: a part in which nothing failed may be missing from a trace that
// was kept for what failed elsewhere.
type selective struct {
	next sdktrace.SpanProcessor
	// share of the traces is kept whatever happens in them, from 0 to 1.
	share float64
	// slow is what takes long.
	slow time.Duration

	mu     sync.Mutex
	traces map[trace.TraceID]*part
	held   int
}

// part is what this process has of a trace.
type part struct {
	open  int
	kept  bool
	ended []sdktrace.ReadOnlySpan
}

func newSelective(next sdktrace.SpanProcessor, share float64, slow time.Duration) *selective {
	return &selective{next: next, share: share, slow: slow, traces: map[trace.TraceID]*part{}}
}

// OnStart counts the span as open.
func (s *selective) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	s.next.OnStart(parent, span)
	id := span.SpanContext().TraceID()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.traces[id]
	if p == nil {
		p = &part{kept: s.shared(id)}
		s.traces[id] = p
	}
	p.open++
}

// OnEnd passes a trace's spans on once the last of them has ended, or none of them.
func (s *selective) OnEnd(span sdktrace.ReadOnlySpan) {
	for _, kept := range s.end(span) {
		s.next.OnEnd(kept)
	}
}

func (s *selective) end(span sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	id := span.SpanContext().TraceID()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.traces[id]
	if p == nil {
		return nil // it began before this was there
	}
	p.open--
	p.kept = p.kept || s.notable(span)
	if p.open > 0 && s.held < mostHeld && !p.kept {
		p.ended = append(p.ended, span)
		s.held++
		return nil
	}
	ended := append(p.ended, span)
	s.held -= len(p.ended)
	p.ended = nil
	if p.open == 0 {
		delete(s.traces, id)
	}
	if !p.kept {
		return nil
	}
	return ended
}

func (s *selective) notable(span sdktrace.ReadOnlySpan) bool {
	return span.Status().Code == codes.Error || span.EndTime().Sub(span.StartTime()) >= s.slow
}

// shared decides by the id, as every process does.
func (s *selective) shared(id trace.TraceID) bool {
	return float64(binary.BigEndian.Uint64(id[8:])>>1)/math.MaxInt64 < s.share
}

// Shutdown ends the next processor; what waits is of traces that have not ended.
func (s *selective) Shutdown(ctx context.Context) error { return s.next.Shutdown(ctx) }

// ForceFlush flushes the next processor.
func (s *selective) ForceFlush(ctx context.Context) error { return s.next.ForceFlush(ctx) }
