package workers

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"meai/activities/keys"
	"meai/internal/alias"
	"meai/workflows"
)

// names reports whether bytes hold a person's id in any usual form.
func names(subject uuid.UUID, text []byte) bool {
	for _, form := range []string{
		subject.String(), string(subject[:]), hex.EncodeToString(subject[:]),
		base64.RawStdEncoding.EncodeToString(subject[:]), base64.RawURLEncoding.EncodeToString(subject[:]),
	} {
		if strings.Contains(strings.ToLower(string(text)), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// TestNothingThatAnErasureLeavesNamesThePerson looks at every byte that stays: keyring,
// ledger, the histories of the runs about them, and the tables that are nobody's own.
func TestNothingThatAnErasureLeavesNamesThePerson(t *testing.T) {
	s := newSite(t)
	subject := uuid.New()
	require.NoError(t, s.keys.Create(t.Context(), subject))
	require.NoError(t, s.db.EnsureSubject(t.Context(), subject))
	rekeyed, err := s.starter.StartKeys(t.Context(), keys.Rekey, workflows.KeysInput{Subject: subject})
	require.NoError(t, err)
	require.NoError(t, rekeyed.Get(t.Context(), nil))
	erasure := s.erases(t, subject, time.Second)
	require.NoError(t, erasure.Get(t.Context(), nil))

	require.NoError(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			require.False(t, names(subject, []byte(filepath.Base(path))), path)
			return err
		}
		content, err := os.ReadFile(path)
		require.False(t, names(subject, append([]byte(path), content...)), path)
		return err
	}))
	for _, id := range []string{rekeyed.GetID(), erasure.GetID()} {
		require.False(t, names(subject, []byte(id)), id)
		history, err := proto.Marshal(s.history(t, id))
		require.NoError(t, err)
		require.False(t, names(subject, history), id)
		described, err := s.temporal.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		description, err := proto.Marshal(described)
		require.NoError(t, err)
		require.False(t, names(subject, description), id)
	}

	who, err := alias.Of(t.Context(), s.keys, subject)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), s.urls.Reader)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var erased int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from erased_people where alias = $1", who[:]).Scan(&erased))
	require.Equal(t, 1, erased)
	for table, columns := range map[string]string{
		"approvals": "parameters::text || requester || coalesce(used_by, '')", "approval_decisions": "r::text", "audit_log": "r::text",
		"ledger_applied": "r::text", "erased_people": "r::text", "revocations": "r::text", "settings": "r::text",
	} {
		rows, err := conn.Query(t.Context(), "select "+columns+" from "+table+" r")
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, text := range texts {
			require.False(t, names(subject, []byte(text)), "%s: %s", table, text)
			require.NotContains(t, text, hex.EncodeToString([]byte(subject.String())), "as bytes are written: %s", table)
		}
	}
}
