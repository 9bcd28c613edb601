// Package unsealed opens what is sealed in a person's rows, and seals it again. Rows are
// JSON, as [postgres.Snapshot.Rows] hands them out.
package unsealed

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres"
)

// ErrRow: a row is not as it was stored.
var ErrRow = errors.New("unsealed: the row is not as it was stored")

// Columns are those of a row, each as JSON.
type Columns map[string]json.RawMessage

// suffix is what names of sealed columns end in.
const suffix = "_sealed"

// Name is what a sealed column is called when it is open.
func Name(column string) string { return strings.TrimSuffix(column, suffix) }

// bytesOnly is an opened value that is no text.
type bytesOnly struct {
	Base64 []byte `json:"base64"`
}

// Open replaces the sealed columns of a table's row, base64 of ciphertext, by what is in
// them: "words_sealed" is "words" then. Text is a string, what is no text is
// {"base64": …}, and what is null stays null. A sealed column that
// [postgres.SealedColumns] does not name stays as it is. Errors: [ErrRow], and those of
// [keyring.Keys.Open].
func Open(keys *keyring.Keys, table string, row Columns) error {
	for _, c := range postgres.SealedColumns {
		value, there := row[c.Column]
		if c.Table != table || !there {
			continue
		}
		opened, err := open(keys, c, row[c.Key], value)
		if err != nil {
			return err
		}
		delete(row, c.Column)
		row[Name(c.Column)] = opened
	}
	return nil
}

func open(keys *keyring.Keys, c postgres.SealedColumn, key, value json.RawMessage) (json.RawMessage, error) {
	var sealed []byte
	if err := json.Unmarshal(value, &sealed); err != nil {
		return nil, fmt.Errorf("%w: its %s is no base64", ErrRow, c.Column)
	}
	if sealed == nil {
		return json.RawMessage("null"), nil
	}
	at, err := placeOf(c, key)
	if err != nil {
		return nil, err
	}
	plain, err := keys.Open(sealed, at)
	if err != nil {
		return nil, err
	}
	if utf8.Valid(plain) {
		return json.Marshal(string(plain))
	}
	return json.Marshal(bytesOnly{plain})
}

// Seal undoes [Open] for a row of the same table, under the keys and the id that are the
// row's now. Ciphertext is written as PostgreSQL reads bytes: "\x" and hexadecimal digits.
func Seal(keys *keyring.Keys, table string, row Columns) error {
	for _, c := range postgres.SealedColumns {
		value, there := row[Name(c.Column)]
		if c.Table != table || !there {
			continue
		}
		sealed, err := seal(keys, c, row[c.Key], value)
		if err != nil {
			return err
		}
		delete(row, Name(c.Column))
		row[c.Column] = sealed
	}
	return nil
}

func seal(keys *keyring.Keys, c postgres.SealedColumn, key, value json.RawMessage) (json.RawMessage, error) {
	plain, err := Bytes(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name(c.Column), err)
	}
	if plain == nil {
		return json.RawMessage("null"), nil
	}
	at, err := placeOf(c, key)
	if err != nil {
		return nil, err
	}
	sealed, err := keys.Seal(plain, at)
	if err != nil {
		return nil, err
	}
	return Bytea(sealed), nil
}

// Bytes are those of an opened value; nil for null.
func Bytes(value json.RawMessage) ([]byte, error) {
	var text *string
	if err := json.Unmarshal(value, &text); err == nil {
		if text == nil {
			return nil, nil
		}
		return []byte(*text), nil
	}
	var other bytesOnly
	if err := json.Unmarshal(value, &other); err != nil || other.Base64 == nil {
		return nil, fmt.Errorf("%w: neither a text nor base64", ErrRow)
	}
	return other.Base64, nil
}

// Bytea is a JSON string that PostgreSQL reads as these bytes.
func Bytea(b []byte) json.RawMessage {
	text := make([]byte, 0, 5+2*len(b))
	text = append(text, `"\\x`...)
	text = hex.AppendEncode(text, b)
	return append(text, '"')
}

func placeOf(c postgres.SealedColumn, key json.RawMessage) (keyring.Location, error) {
	var row uuid.UUID
	if err := json.Unmarshal(key, &row); err != nil {
		return keyring.Location{}, fmt.Errorf("%w: its %s is no id", ErrRow, c.Key)
	}
	return keyring.Location{Table: c.Table, Column: c.As, Row: row}, nil
}
