package memory

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// readFrom reads a stretch of a conversation as the statement does.
func readFrom(told []spoken, part stretch) []spoken {
	at := slices.IndexFunc(told, func(t spoken) bool { return t.id == part.turn.id })
	list := slices.Clone(told[max(0, at-part.before):at])
	for _, t := range told[at+1 : min(len(told), at+1+part.after)] {
		if before(t, part.until) < 0 {
			list = append(list, t)
		}
	}
	return list
}

// TestWhatIsReadOfAConversationHoldsTheTurnsAroundEachThatWasFound, however far apart those
// are, and next to nothing twice.
func TestWhatIsReadOfAConversationHoldsTheTurnsAroundEachThatWasFound(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	session := uuid.New()
	for range 500 {
		told := make([]spoken, 1+random.IntN(150))
		for i := range told { // some at the same moment, where their ids tell
			told[i].saidAt = time.Unix(int64(i/3), 0)
			binary.BigEndian.PutUint32(told[i].id[:], uint32(i))
		}
		found := map[uuid.UUID][]spoken{}
		for range 1 + random.IntN(6) {
			if one := told[random.IntN(len(told))]; !slices.ContainsFunc(found[session], func(f spoken) bool { return f.id == one.id }) {
				found[session] = append(found[session], one)
			}
		}
		var all, more []spoken
		for _, part := range stretches(found) {
			all = append(all, readFrom(told, part)...)
		}
		for _, part := range remaining(found, map[uuid.UUID][]spoken{session: all}) {
			more = append(more, readFrom(told, part)...)
		}
		s := &search{}
		known := inOrder(found[session], all, more)
		for _, one := range found[session] {
			place := func(list []spoken) int {
				return slices.IndexFunc(list, func(t spoken) bool { return t.id == one.id })
			}
			require.Equal(t, s.around(told, place(told)), s.around(known, place(known)))
		}
		require.LessOrEqual(t, len(all)+len(more), len(known)+reach*len(found[session]))
	}
}
