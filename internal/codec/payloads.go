package codec

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"meai/internal/failure"
	"meai/internal/keyring"
)

// Owner says whose keys sealed a payload, the zero UUID for the system's; sealed
// is false for one in the open. It does not open the payload, so what it says is
// a claim until [Open] succeeds.
func Owner(p *commonpb.Payload) (owner uuid.UUID, sealed bool, err error) {
	if !isSealed(p) {
		return uuid.Nil, false, nil
	}
	owner, err = ownerOf(string(p.GetMetadata()[MetadataKey]))
	return owner, true, err
}

// Open opens one payload of whatever workflow. Whether the one who asks may see
// it is for the caller to decide.
func Open(ctx context.Context, k *keyring.Keyring, p *commonpb.Payload) (*commonpb.Payload, error) {
	return codec{keys: k, ctx: ctx}.open(p)
}

// SealByHand seals what an operator enters, under the system's key. Workflows of
// a person do not take it: whose words they hold is decided by meai alone.
func SealByHand(ctx context.Context, k *keyring.Keyring, p *commonpb.Payload) (*commonpb.Payload, error) {
	if isSealed(p) {
		return nil, failure.New(failure.InvalidInput, "the payload is sealed already", nil)
	}
	keys, err := codec{keys: k, ctx: ctx}.load(uuid.Nil)
	if err != nil {
		return nil, err
	}
	sealed, err := sealAt(keys, byHandKey, byHandPlace, p)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return sealed, nil
}

func isSealed(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == Encoding
}
