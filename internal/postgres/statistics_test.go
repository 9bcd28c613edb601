package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheServersCountersAreRead(t *testing.T) {
	db, _, anna := newPerson(t)
	newSubject(t, db)
	// The server's processes tell what they have counted at the end of a transaction, and
	// at most once a second.
	require.Eventually(t, func() bool {
		require.NoError(t, db.CheckActive(t.Context(), anna))
		s, err := db.Statistics(t.Context())
		require.NoError(t, err)
		return s.Hits > 0 && s.Reads >= 0 && s.Connections > 0 && s.Most >= s.Connections && s.Bytes > 1<<20
	}, 10*time.Second, 200*time.Millisecond)
}
