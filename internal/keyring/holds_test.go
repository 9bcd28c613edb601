package keyring_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestWhatAllReplicasHoldOfSomebodyIsCounted(t *testing.T) {
	ctx := context.Background()
	tr := newTrio()
	k := tr.open("s")
	holds := func(subject uuid.UUID) int {
		n, err := k.Holds(ctx, subject)
		require.NoError(t, err)
		return n
	}
	subject, _ := newSubject(t, k)
	other, _ := newSubject(t, k)
	require.Equal(t, 3, holds(subject))
	require.Zero(t, holds(uuid.New()))
	_, err := k.Publish(ctx, subject, rotation)
	require.NoError(t, err)
	require.GreaterOrEqual(t, holds(subject), 3, "the new generation takes the place of the old one")

	require.NoError(t, k.Bury(ctx, subject))
	require.Positive(t, holds(subject), "a tombstone alone deletes nothing")
	tr.down = [3]bool{false, true, false}
	_, err = k.Holds(ctx, subject)
	require.Error(t, err, "who does not answer may hold something")
	tr.down = [3]bool{}
	require.NoError(t, k.Clear(ctx, subject))
	require.Zero(t, holds(subject))
	require.Equal(t, 3, holds(other))
}
