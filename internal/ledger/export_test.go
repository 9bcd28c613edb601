package ledger

import (
	"context"
	"fmt"

	"meai/internal/objects"
	"meai/internal/signing"
)

// On opens a ledger on stores that a test made.
func On(key *signing.Key, stores ...objects.Store) *Ledger {
	var replicas []*replica
	for i, s := range stores {
		replicas = append(replicas, &replica{name: fmt.Sprintf("store %d", i+1), store: s})
	}
	l, err := newLedger(replicas, Options{Key: Fixed(key)})
	if err != nil {
		panic(err)
	}
	return l
}

// Fixed is a key that is there already.
func Fixed(key *signing.Key) func(context.Context) (*signing.Key, error) {
	return func(context.Context) (*signing.Key, error) { return key, nil }
}

var (
	Decode      = decode
	EntryName   = entryName
	PointerName = pointerName
	VoteName    = voteName
)

// Object is the bytes that a store holds of an entry.
func (e Entry) Object() []byte { return e.object }
