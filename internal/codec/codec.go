// Package codec seals what Temporal keeps: every payload, and the text of every
// failure.
//
// A payload of a workflow "person/<subject>/..." is sealed under that person's
// keys, so destroying them makes its whole history unreadable; everything else
// is sealed under the system's. A sealed payload names its key itself. Decoding
// therefore works without a context (in the codec server, in the CLI, in a
// replay under another namespace or workflow id), and nothing but the person
// and the purpose is bound into the ciphertext.
//
// An Update-with-Start must name its workflow in the update's options too: the SDK
// does not require it, and seals the update's arguments as the system's without.
//
// Not covered, and so never to hold a person's words: ids of workflows,
// activities and schedules, their types, search attributes, headers, and the
// error message of a failed query.
package codec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"meai/internal/failure"
	"meai/internal/keyring"
)

const (
	// Encoding marks a sealed payload.
	Encoding = "binary/meai-sealed"
	// MetadataKey names whose key sealed the payload: a subject's UUID, "system",
	// or "system-by-hand" for what an operator entered through the codec server.
	MetadataKey = "meai-key"
	// MetadataVersion is the key's version as 8 hexadecimal digits, for the
	// search for what still needs an old version.
	MetadataVersion = "meai-key-version"

	systemKey    = "system"
	byHandKey    = "system-by-hand"
	personPrefix = "person/"
)

// One of these is bound into every sealed payload. Neither workflow id nor
// namespace is: a schedule appends a time to the ids it starts, and a replay
// knows neither. What was entered by hand keeps a place of its own, so that
// renaming its key does not make it pass for MeAi's.
var (
	payloadPlace = keyring.Location{Table: "temporal", Column: "payload"}
	byHandPlace  = keyring.Location{Table: "temporal", Column: "payload-by-hand"}
)

// codec implements converter.PayloadCodec for one serialization context.
type codec struct {
	keys *keyring.Keyring
	// workflow is the id from the context; "" when there is none.
	workflow string
	// ctx bounds waiting for keys; nil for context.Background.
	ctx context.Context
	// workflowTask: the codec runs inside workflow code, where an error may fail
	// the workflow for good while a panic makes the server repeat the task.
	workflowTask bool
}

// Encode seals payloads.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	keys, err := c.sealingKeys()
	if err != nil {
		return payloads, c.surface(fmt.Errorf("encode payloads: %w", err))
	}
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if sealed[i], err = seal(keys, p); err != nil {
			return payloads, fmt.Errorf("encode payload: %w", err)
		}
	}
	return sealed, nil
}

// Decode opens payloads with the keys that they name.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if opened[i], err = c.open(p); err != nil {
			return payloads, c.surface(fmt.Errorf("decode payload: %w", err))
		}
	}
	return opened, nil
}

// seal does not compress first: for the few kilobytes of JSON that MeAi's
// payloads are, deflating took several times as long as sealing did and saved
// some hundred bytes.
func seal(keys *keyring.Keys, p *commonpb.Payload) (*commonpb.Payload, error) {
	return sealAt(keys, keyName(keys.Subject()), payloadPlace, p)
}

func sealAt(keys *keyring.Keys, name string, place keyring.Location, p *commonpb.Payload) (*commonpb.Payload, error) {
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	data, err := keys.Seal(plain, place)
	if err != nil {
		return nil, err
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(Encoding),
			MetadataKey:                []byte(name),
			MetadataVersion:            fmt.Appendf(nil, "%08x", keys.Version()),
		},
		Data: data,
	}, nil
}

func (c codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	person, err := PersonOf(c.workflow)
	if err != nil {
		return nil, err
	}
	if !isSealed(p) {
		return c.acceptPlain(p, person)
	}
	name := string(p.GetMetadata()[MetadataKey])
	keys, err := c.openingKeys(name, person)
	if err != nil {
		return nil, err
	}
	plain, err := keys.Open(p.GetData(), placeOf(name))
	if err != nil {
		return nil, err
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, errors.New("sealed contents are no payload")
	}
	return opened, nil
}

// acceptPlain lets operators start operational workflows with plain JSON from
// the temporal CLI. A person's workflow takes nothing that was not sealed.
func (c codec) acceptPlain(p *commonpb.Payload, person uuid.UUID) (*commonpb.Payload, error) {
	if person != uuid.Nil {
		return nil, failure.New(failure.InvalidInput, "a person's workflow takes sealed payloads only; start it through meai", nil)
	}
	return p, nil
}

func (c codec) sealingKeys() (*keyring.Keys, error) {
	person, err := PersonOf(c.workflow)
	if err != nil {
		return nil, err
	}
	return c.load(person)
}

// openingKeys returns the keys that a payload names. In a person's workflow
// they must be that person's or the system's: otherwise somebody has pasted one
// person's payload into another's history.
func (c codec) openingKeys(name string, person uuid.UUID) (*keyring.Keys, error) {
	subject, err := ownerOf(name)
	switch {
	case err != nil:
		return nil, err
	case person == uuid.Nil || subject == person || name == systemKey:
		return c.load(subject)
	case name == byHandKey:
		return nil, failure.New(failure.InvalidInput, "what was entered by hand does not enter a person's workflow", nil)
	default:
		return nil, failure.New(failure.InvalidInput, "sealed payload belongs to another person", nil)
	}
}

// ownerOf is the subject whose key a name stands for; the zero UUID for the system.
func ownerOf(name string) (uuid.UUID, error) {
	if name == systemKey || name == byHandKey {
		return uuid.Nil, nil
	}
	subject, err := uuid.Parse(name)
	if err != nil || subject == uuid.Nil || subject.String() != name {
		return uuid.Nil, failure.New(failure.InvalidInput, "sealed payload names no key", nil)
	}
	return subject, nil
}

func placeOf(name string) keyring.Location {
	if name == byHandKey {
		return byHandPlace
	}
	return payloadPlace
}

const (
	// attempts to reach the keyring, with growing waits between them.
	attempts  = 4
	firstWait = 20 * time.Millisecond
	// workflowPatience bounds the wait inside workflow code, which Temporal's
	// deadlock detector stops after one second.
	workflowPatience = 800 * time.Millisecond
)

// load reads a key set; the zero subject stands for the system. It outlasts a
// short outage of the keyring by itself.
func (c codec) load(subject uuid.UUID) (*keyring.Keys, error) {
	ctx := c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	if c.workflowTask {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, workflowPatience)
		defer cancel()
	}
	for attempt, wait := 1, firstWait; ; attempt, wait = attempt+1, 4*wait {
		keys, err := c.loadOnce(ctx, subject)
		if err == nil || permanent(err) || attempt == attempts {
			return keys, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (c codec) loadOnce(ctx context.Context, subject uuid.UUID) (*keyring.Keys, error) {
	if subject == uuid.Nil {
		return c.keys.System(ctx)
	}
	return c.keys.Keys(ctx, subject)
}

// surface decides between error and panic. A panic in workflow code repeats the
// workflow task until the keyring is back, or an operator has mended it.
func (c codec) surface(err error) error {
	if c.workflowTask && !permanent(err) {
		panic(err)
	}
	return err
}

// permanent reports whether no repetition can mend err. Keys that are missing,
// damaged or wrapped by another KEK are not permanent here, although they are
// for an activity: the cause is a worker that was pointed at the wrong keyring
// more often than a loss, and must not end every running workflow.
func permanent(err error) bool {
	return failure.Is(err, failure.KeyDestroyed) || failure.Is(err, failure.InvalidInput) || errors.Is(err, keyring.ErrSealed)
}

// PersonOf reads whose keys seal a workflow from its id "person/<subject>/<kind>/...".
// It returns the zero UUID for any other id. A person's id without a valid
// subject is an error rather than the system's business.
func PersonOf(workflow string) (uuid.UUID, error) {
	rest, ok := strings.CutPrefix(workflow, personPrefix)
	if !ok {
		return uuid.Nil, nil
	}
	text, _, _ := strings.Cut(rest, "/")
	subject, err := uuid.Parse(text)
	if err != nil || subject == uuid.Nil || subject.String() != text {
		return uuid.Nil, failure.New(failure.InvalidInput, "workflow id names no subject", nil)
	}
	return subject, nil
}

func keyName(subject uuid.UUID) string {
	if subject == uuid.Nil {
		return systemKey
	}
	return subject.String()
}
