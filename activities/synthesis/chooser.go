package synthesis

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/google/uuid"
)

// chooser varies wording: the same interaction always gets the same words, and
// one that names its predecessor never the predecessor's choice.
type chooser struct {
	seed     uint64
	previous uint64
	follows  bool
}

func newChooser(in ComposeInput) chooser {
	c := chooser{seed: seedOf(in.Ref.Interaction, in.Words)}
	if in.Context.Previous != nil {
		c.previous, c.follows = seedOf(*in.Context.Previous, ""), true
	}
	return c
}

// seedOf hashes an interaction's id, or the words when it has none.
func seedOf(id uuid.UUID, words string) uint64 {
	h := fnv.New64a()
	if id == uuid.Nil {
		h.Write([]byte(words)) // a hash's Write never fails
	} else {
		h.Write(id[:])
	}
	return h.Sum64()
}

// pick chooses one of the options for a place in the answer.
func (c chooser) pick(place string, options []string) string {
	if len(options) == 0 {
		return ""
	}
	chosen := spread(c.seed, place, len(options))
	if c.follows && len(options) > 1 && chosen == spread(c.previous, place, len(options)) {
		chosen = (chosen + 1) % len(options)
	}
	return options[chosen]
}

func spread(seed uint64, place string, n int) int {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte(place))
	// FNV's low bits of short inputs are poor; fold the high ones in.
	sum := h.Sum64()
	return int((sum ^ sum>>29 ^ sum>>47) % uint64(n))
}
