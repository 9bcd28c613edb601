package ledger

import (
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
	l, err := newLedger(replicas, Options{Key: key})
	if err != nil {
		panic(err)
	}
	return l
}

var (
	Decode      = decode
	EntryName   = entryName
	PointerName = pointerName
	VoteName    = voteName
)

// Object is the bytes that a store holds of an entry.
func (e Entry) Object() []byte { return e.object }
