package failover_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
)

func TestTheLedgerOfAcknowledgementsGoesOnAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acknowledged.jsonl")
	var want []failover.Acknowledged
	note := func(key string) {
		ledger, err := failover.OpenAcknowledgements(path)
		require.NoError(t, err)
		line := failover.Acknowledged{Key: key, Interaction: uuid.New(), At: at(1)}
		require.NoError(t, ledger.Note(line))
		require.NoError(t, ledger.Close())
		want = append(want, line)
	}
	cut := func() {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.WriteString(`{"key":"half","inter`)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	note("one")
	note("two")
	cut()
	require.Equal(t, want, readAll(t, path), "the half line was told to nobody")
	note("three")
	require.Equal(t, want, readAll(t, path))

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	broken := strings.Replace(string(text), `"key":"two"`, `"key":two`, 1)
	err = failover.ReadAcknowledgements(strings.NewReader(broken), 2, func([]failover.Acknowledged) error { return nil })
	require.ErrorIs(t, err, failover.ErrAcknowledgements, "what is missing is not known then")
}

func readAll(t *testing.T, path string) (all []failover.Acknowledged) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.NoError(t, failover.ReadAcknowledgements(file, 2, func(page []failover.Acknowledged) error {
		require.LessOrEqual(t, len(page), 2)
		all = append(all, page...)
		return nil
	}))
	return all
}
