package codecserver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"meai/internal/authorization"
	"meai/internal/codec"
	"meai/internal/failure"
	"meai/internal/identity"
)

// MarkerKey is the metadata key of a payload that stands for one that is not
// shown; its value is a [Marker].
const MarkerKey = "meai-marker"

// Marker says why a payload is not shown.
type Marker string

// The markers.
const (
	ErasedMarker Marker = "erased"
	SealedMarker Marker = "sealed"
)

// What is shown instead of a payload.
const (
	saysErased      = "erased"
	saysForbidden   = "sealed: not permitted"
	saysStepUp      = "sealed: not permitted without a recent sign-in with several factors"
	saysUnapproved  = "sealed: not approved"
	saysUndecided   = "sealed: whether it is approved cannot be found out now"
	saysUnreadable  = "sealed: cannot be opened"
	saysOutOfReach  = "sealed: the keys are out of reach now"
	scope           = "codec"
	encodingJSON    = "json/plain"
	encodingNothing = "binary/null"
)

// request is one caller's way through the payloads of one request.
type request struct {
	server *Server
	who    identity.Caller
	now    time.Time
	// verdicts by owner: each is asked for once.
	verdicts map[uuid.UUID]verdict
	accesses []Access
}

// verdict is whether the caller may see an owner's payloads.
type verdict struct {
	refusal  string // what to show instead; "" when they may
	approval string
}

// decode opens what the caller may see and marks the rest. Payloads in the open
// come back as they are.
func (r *request) decode(ctx context.Context, payloads []*commonpb.Payload) []*commonpb.Payload {
	shown := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		owner, sealed, err := codec.Owner(p)
		switch {
		case !sealed:
			shown[i] = p
		case err != nil:
			shown[i] = marker(SealedMarker, saysUnreadable)
			r.note(DecodeSystem, uuid.Nil, Unreadable, "")
		default:
			shown[i] = r.open(ctx, owner, p)
		}
	}
	return shown
}

func (r *request) open(ctx context.Context, owner uuid.UUID, p *commonpb.Payload) *commonpb.Payload {
	act := DecodeSystem
	if owner != uuid.Nil {
		act = DecodePerson
	}
	v, known := r.verdicts[owner]
	if !known {
		v = r.judge(ctx, act, owner)
		r.verdicts[owner] = v
	}
	if v.refusal != "" {
		r.note(act, owner, Denied, v.approval)
		return marker(SealedMarker, v.refusal)
	}
	opened, err := codec.Open(ctx, r.server.o.Keys, p)
	switch {
	case err == nil:
		r.note(act, owner, Done, v.approval)
		return opened
	case failure.Is(err, failure.KeyDestroyed):
		r.note(act, owner, Erased, v.approval)
		return marker(ErasedMarker, saysErased)
	default:
		r.note(act, owner, Unreadable, v.approval)
		if ctx.Err() != nil || !hopeless(err) {
			return marker(SealedMarker, saysOutOfReach)
		}
		return marker(SealedMarker, saysUnreadable)
	}
}

// judge asks the policies, and for a person's payloads whether somebody approved.
func (r *request) judge(ctx context.Context, act Act, owner uuid.UUID) verdict {
	switch r.server.o.Policies.Decide(authorization.Request{Caller: r.who, Action: string(act), Scope: scope, Subject: owner, Now: r.now}) {
	case authorization.Allowed:
	case authorization.StepUp:
		return verdict{refusal: saysStepUp}
	default:
		return verdict{refusal: saysForbidden}
	}
	if act != DecodePerson || r.server.o.Approvals == nil {
		return verdict{}
	}
	approval, approved, err := r.server.o.Approvals.Approved(ctx, r.who, owner)
	switch {
	case err != nil:
		r.server.o.Logger.Error("whether an access is approved could not be found out", "error", err)
		return verdict{refusal: saysUndecided}
	case !approved:
		return verdict{refusal: saysUnapproved, approval: approval}
	default:
		return verdict{approval: approval}
	}
}

var (
	errForbidden = errors.New("not permitted")
	errNotPlain  = errors.New("only plain JSON can be encoded")
)

// encode seals what an operator enters in the UI or the CLI. It knows no
// workflow, so all of it is the system's.
func (r *request) encode(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if r.judge(ctx, EncodeSystem, uuid.Nil).refusal != "" {
		r.noteAll(EncodeSystem, Denied, len(payloads))
		return nil, errForbidden
	}
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if e := string(p.GetMetadata()[converter.MetadataEncoding]); e != encodingJSON && e != encodingNothing {
			r.noteAll(EncodeSystem, Unreadable, len(payloads))
			return nil, errNotPlain
		}
		var err error
		if sealed[i], err = codec.SealByHand(ctx, r.server.o.Keys, p); err != nil {
			return nil, err
		}
	}
	r.noteAll(EncodeSystem, Done, len(payloads))
	return sealed, nil
}

func (r *request) noteAll(act Act, outcome Outcome, payloads int) {
	r.accesses = append(r.accesses, Access{Caller: r.who, Act: act, Outcome: outcome, Payloads: payloads})
}

// note counts one payload among those of the same owner that went the same way.
func (r *request) note(act Act, owner uuid.UUID, outcome Outcome, approval string) {
	for i, x := range r.accesses {
		if x.Act == act && x.Subject == owner && x.Outcome == outcome {
			r.accesses[i].Payloads++
			return
		}
	}
	r.accesses = append(r.accesses, Access{Caller: r.who, Act: act, Subject: owner, Outcome: outcome, Payloads: 1, Approval: approval})
}

// marker stands for a payload. Where it stands for the text of a failure, the
// UI and the CLI show its message as the failure's.
func marker(m Marker, says string) *commonpb.Payload {
	data, err := json.Marshal(map[string]string{"meai": string(m), "message": says})
	if err != nil {
		panic("codecserver: two texts are no JSON: " + err.Error()) // cannot happen
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encodingJSON), MarkerKey: []byte(m)},
		Data:     data,
	}
}
