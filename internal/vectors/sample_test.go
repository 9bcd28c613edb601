package vectors_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestSamplesAreWhatWasStored(t *testing.T) {
	index := open(t)
	subject := newTenant(t, index)
	stored := map[uuid.UUID][]float32{}
	for i := range 5 {
		o := memory(i, 1, 2)
		o.Vector = pointing(i, 0.3)
		stored[o.ID] = o.Vector
		require.NoError(t, index.Put(t.Context(), subject, o))
	}
	samples, err := index.Sample(t.Context(), subject, 3)
	require.NoError(t, err)
	require.Len(t, samples, 3)
	for _, s := range samples {
		require.Equal(t, stored[s.ID], s.Vector, "to the last bit")
	}
	samples, err = index.Sample(t.Context(), uuid.New(), 3)
	require.NoError(t, err)
	require.Empty(t, samples)
}
