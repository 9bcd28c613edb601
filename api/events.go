package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/tmaxmax/go-sse"

	"meai/activities/interaction"
	"meai/activities/synthesis"
)

// pace is how an event stream keeps time.
type pace struct {
	poll      time.Duration // between two looks at the rows, while something changes
	rest      time.Duration // the same, the longest while nothing does
	heartbeat time.Duration // between two comments that keep proxies from closing the stream
	lifetime  time.Duration // after which the client has to connect again
	write     time.Duration // for one event to be taken
}

var defaultPace = pace{poll: 150 * time.Millisecond, rest: 2 * time.Second, heartbeat: 15 * time.Second, lifetime: 10 * time.Minute, write: 10 * time.Second}

// StreamInteraction implements [StrictServerInterface]. The stream is read from
// the rows that each step writes, so that it works whichever process runs the step.
func (s *Server) StreamInteraction(ctx context.Context, r StreamInteractionRequestObject) (StreamInteractionResponseObject, error) {
	rec, err := s.read(ctx, r.SessionId, r.InteractionId)
	if err != nil {
		return nil, err
	}
	seen := sent(orZero(r.Params.LastEventID))
	if seen&sentAnswer != 0 {
		return StreamInteraction204Response{}, nil // EventSource stops connecting again
	}
	read := func() (synthesis.Record, error) { return s.read(ctx, r.SessionId, r.InteractionId) }
	return &eventStream{server: s, ctx: ctx, read: read, subject: rec.Ref.Subject, record: rec, sent: seen}, nil
}

// sent says which events a client has received, a bit for each. It is the id of
// the last event: with every event a bit is added, so ids grow, and a client that
// comes back with its last id gets exactly what it lacks, although steps run side
// by side and end in any order.
type sent uint32

const sentAnswer sent = 1 << 16

// steps in the order of their bits; new ones go to the end.
var steps = [...]interaction.Step{
	interaction.EmotionalAnalysis, interaction.MemoryRetrieval, interaction.ResourceSearch, interaction.ResponseGeneration,
	interaction.TruthReview, interaction.Delivery, interaction.MemoryStorage, interaction.MemoryIndexing,
}

// sentStep is the bits of a step in a state: one once it has begun, both once it
// is over. A beginning that went unseen between two looks is not told afterwards.
func sentStep(r interaction.StepRecord) sent {
	for i, step := range steps {
		if step != r.Step {
			continue
		}
		if r.State == interaction.Started {
			return 1 << (2 * i)
		}
		return 3 << (2 * i)
	}
	return 0
}

// eventStream is the response of one stream.
type eventStream struct {
	server *Server
	ctx    context.Context // the request's
	read   func() (synthesis.Record, error)
	// subject is whose stream this is.
	subject uuid.UUID
	record  synthesis.Record
	sent    sent
	out     http.ResponseWriter
	failed  bool
}

// VisitStreamInteractionResponse implements [StreamInteractionResponseObject]. It
// returns when the answer is sent, the client or the server goes, or time is up.
func (e *eventStream) VisitStreamInteractionResponse(w http.ResponseWriter) error {
	leave, err := e.server.streams.enter(e.subject)
	if err != nil {
		return err
	}
	defer leave()
	e.out = w
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if err := e.run(); err != nil {
		// The status is sent and the client mostly gone: there is nobody left to tell.
		e.server.log.LogAttrs(e.ctx, slog.LevelDebug, "event stream ended early", slog.Any("error", err))
	}
	return nil
}

func (e *eventStream) run() error {
	p := e.server.pace
	pause := p.poll
	look, beat, end := time.NewTimer(pause), time.NewTicker(p.heartbeat), time.NewTimer(p.lifetime)
	defer look.Stop()
	defer beat.Stop()
	defer end.Stop()
	if err := e.write(&sse.Message{Retry: retrySeconds * time.Second}); err != nil {
		return err
	}
	for {
		before := e.sent
		if err := e.tell(); err != nil || e.sent&sentAnswer != 0 {
			return err
		}
		if e.sent != before { // something happens: look often again
			pause = p.poll
			look.Reset(pause)
		}
		select {
		case <-e.ctx.Done():
			return e.ctx.Err()
		case <-e.server.draining.Done():
			return nil
		case <-end.C:
			return nil
		case <-beat.C:
			if err := e.comment("still here"); err != nil {
				return err
			}
		case <-look.C:
			if err := e.look(); err != nil {
				return err
			}
			pause = min(pause*3/2, p.rest)
			look.Reset(pause)
		}
	}
}

// look reads the rows again. A store that does not answer ends nothing: the
// stream goes on when it is back.
func (e *eventStream) look() error {
	rec, err := e.read()
	if err == nil {
		e.record, e.failed = rec, false
		return nil
	}
	if classify(err).status() < http.StatusInternalServerError || e.ctx.Err() != nil {
		return err
	}
	if !e.failed {
		e.failed = true
		e.server.log.LogAttrs(e.ctx, slog.LevelWarn, "event stream waits for the store", slog.Any("error", err))
	}
	return nil
}

// tell sends what the record holds and the client has not received.
func (e *eventStream) tell() error {
	for _, step := range e.record.Steps {
		bits := sentStep(step)
		if bits&^e.sent == 0 {
			continue
		}
		if err := e.event("step", bits, toStep(step)); err != nil {
			return err
		}
	}
	if e.record.Answer == nil {
		return nil
	}
	return e.event("answer", sentAnswer, e.server.toInteraction(e.record))
}

func (e *eventStream) event(kind string, bits sent, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	e.sent |= bits
	m := sse.Message{ID: sse.ID(strconv.Itoa(int(e.sent))), Type: sse.Type(kind)}
	m.AppendData(string(encoded))
	return e.write(&m)
}

func (e *eventStream) comment(text string) error {
	var m sse.Message
	m.AppendComment(text)
	return e.write(&m)
}

func (e *eventStream) write(m *sse.Message) error {
	if err := setWriteDeadline(e.out, e.server.pace.write); err != nil {
		return err
	}
	if _, err := m.WriteTo(e.out); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if err := http.NewResponseController(e.out).Flush(); err != nil {
		return fmt.Errorf("flush an event: %w", err)
	}
	return nil
}

// setWriteDeadline gives the client that long to take what is written. A writer
// without deadlines, as in tests, has none to set.
func setWriteDeadline(w http.ResponseWriter, within time.Duration) error {
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(within))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("bound the response: %w", err)
	}
	return nil
}
