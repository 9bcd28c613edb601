package unsealed_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/unsealed"
)

func keysOf(t *testing.T) *keyring.Keys {
	t.Helper()
	ring, subject := enginetest.Keyring(t), uuid.New()
	require.NoError(t, ring.Create(t.Context(), subject))
	keys, err := ring.Keys(t.Context(), subject)
	require.NoError(t, err)
	return keys
}

func quoted(t *testing.T, v any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// asStored is a row with a value in every sealed column of a table.
func asStored(t *testing.T, keys *keyring.Keys, table string, key uuid.UUID, plain []byte) unsealed.Columns {
	t.Helper()
	row := unsealed.Columns{"n": json.RawMessage("9007199254740993")}
	for _, c := range postgres.SealedColumns {
		if c.Table != table {
			continue
		}
		row[c.Key] = quoted(t, key)
		row[c.Column] = json.RawMessage("null")
		if plain != nil {
			sealed, err := keys.Seal(plain, keyring.Location{Table: c.Table, Column: c.As, Row: key})
			require.NoError(t, err)
			row[c.Column] = quoted(t, sealed)
		}
	}
	return row
}

// read turns what Seal wrote into what a snapshot would read of it.
func read(t *testing.T, table string, row unsealed.Columns) unsealed.Columns {
	t.Helper()
	for _, c := range postgres.SealedColumns {
		var text *string
		if value, there := row[c.Column]; c.Table != table || !there || json.Unmarshal(value, &text) != nil || text == nil {
			continue
		}
		require.Equal(t, `\x`, (*text)[:2])
		sealed, err := hex.DecodeString((*text)[2:])
		require.NoError(t, err)
		row[c.Column] = quoted(t, base64.StdEncoding.EncodeToString(sealed))
	}
	return row
}

func TestEverySealedColumnOpensAndIsSealedForAnother(t *testing.T) {
	keys, others := keysOf(t), keysOf(t)
	for name, plain := range map[string][]byte{"words": []byte("I slept badly, \u0000 \"and\" woke."), "bytes": {0xff, 0, 0x80}, "nothing": {}, "null": nil} {
		for _, c := range postgres.SealedColumns {
			id, next := uuid.New(), uuid.New()
			row := asStored(t, keys, c.Table, id, plain)
			require.NoError(t, unsealed.Open(keys, c.Table, row), c.Table)
			require.NotContains(t, row, c.Column)
			opened, err := unsealed.Bytes(row[unsealed.Name(c.Column)])
			require.NoError(t, err)
			require.Equal(t, plain, opened, name)
			require.Equal(t, json.RawMessage("9007199254740993"), row["n"], "no number loses a digit")

			row[c.Key] = quoted(t, next)
			require.NoError(t, unsealed.Seal(others, c.Table, row))
			require.NotContains(t, row, unsealed.Name(c.Column))
			row = read(t, c.Table, row)
			if plain != nil {
				moved := unsealed.Columns{c.Key: quoted(t, id), c.Column: row[c.Column]}
				require.ErrorIs(t, unsealed.Open(others, c.Table, moved), keyring.ErrSealed, "it is bound to its new row")
			}
			require.NoError(t, unsealed.Open(others, c.Table, row))
			opened, err = unsealed.Bytes(row[unsealed.Name(c.Column)])
			require.NoError(t, err)
			require.Equal(t, plain, opened, name)
		}
	}
}

func TestARowThatIsNotAsStoredIsRefused(t *testing.T) {
	keys := keysOf(t)
	id := uuid.New()
	for what, row := range map[string]unsealed.Columns{
		"no base64": {"id": quoted(t, id), "words_sealed": quoted(t, "?")},
		"no id":     {"id": quoted(t, "me"), "words_sealed": quoted(t, []byte("x"))},
		"lacks it":  {"words_sealed": quoted(t, []byte("x"))},
	} {
		require.ErrorIs(t, unsealed.Open(keys, "interactions", row), unsealed.ErrRow, what)
	}
	for what, value := range map[string]string{"a number": "1", "an object": `{"a":"b"}`, "a list": "[]"} {
		row := unsealed.Columns{"id": quoted(t, id), "words": json.RawMessage(value)}
		require.ErrorIs(t, unsealed.Seal(keys, "interactions", row), unsealed.ErrRow, what)
	}
	require.NoError(t, unsealed.Open(keys, "interactions", unsealed.Columns{"later_sealed": quoted(t, "?")}), "what nobody knows stays")
}
