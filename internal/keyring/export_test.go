package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"meai/internal/objects"
)

// OpenWithClock opens a keyring whose leases follow the given clock.
func OpenWithClock(ctx context.Context, o Options, clock otter.Clock) (*Keyring, error) {
	o.clock = clock
	return Open(ctx, o)
}

// OpenOn opens a keyring whose stores a test wraps.
func OpenOn(ctx context.Context, o Options, clock otter.Clock, wrap func(replica int, s objects.Erasable) objects.Erasable) (*Keyring, error) {
	o.wrapStore = wrap
	return OpenWithClock(ctx, o, clock)
}

// As returns the same keys in another person's name.
func (k *Keys) As(subject uuid.UUID) *Keys {
	return &Keys{subject: subject, aead: k.aead, version: k.version, versions: k.versions, macRoot: k.macRoot, renew: k.renew}
}

// MoveStream seals the data key of a stream for another place, as only the holder of the keys can.
func (k *Keys) MoveStream(stream []byte, from, to Location) []byte {
	dataKey, err := k.open(stream[len(streamMagic):streamHeaderSize], ofDataKey, from)
	if err != nil {
		panic(err)
	}
	sealed, err := k.seal(dataKey, ofDataKey, to)
	if err != nil {
		panic(err)
	}
	return slices.Concat([]byte(streamMagic), sealed, stream[streamHeaderSize:])
}

// ReadObject opens the bytes of an object.
func (k *Keyring) ReadObject(ctx context.Context, subject uuid.UUID, generation uint64, object []byte) (*Keys, error) {
	k.keks.byEpoch[FirstEpoch] = k.keks.byEpoch[k.keks.current]
	k.keks.byEpoch["s"] = k.keks.byEpoch[k.keks.current]
	c, err := readObject(ctx, k.keks, subject, generation, object)
	if err != nil {
		return nil, err
	}
	return newKeys(c)
}

// ReadContents reads what an object holds inside its wrapping.
func ReadContents(subject uuid.UUID, generation uint64, inner []byte) (*Keys, error) {
	c, err := readContents(subject, generation, inner)
	if err != nil {
		return nil, err
	}
	if _, err := c.versions(); err != nil {
		return nil, err
	}
	return newKeys(c)
}

// FreshContents is what an object of new keys holds.
func FreshContents(subject uuid.UUID) []byte {
	c, err := newContents(subject, time.Now())
	if err != nil {
		panic(err)
	}
	inner, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return inner
}

// Checksummed is an object whose checksum holds, whatever its body.
func Checksummed(magic string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(magic), sum[:], body)
}
