package people

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"meai/activities/backup/repository"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// openRow opens the sealed columns of a row.
func openRow(keys *keyring.Keys, row Row) (Row, error) {
	var columns map[string]json.RawMessage
	if err := json.Unmarshal(row.Row, &columns); err != nil {
		return Row{}, fmt.Errorf("%w: %w", repository.ErrAltered, err)
	}
	for _, c := range postgres.SealedColumns {
		value, there := columns[c.Column]
		if c.Table != row.Table || !there {
			continue
		}
		opened, err := openColumn(keys, c, columns[c.Key], value)
		if err != nil {
			return Row{}, err
		}
		delete(columns, c.Column)
		columns[clearName(c.Column)] = opened
	}
	text, err := json.Marshal(columns)
	return Row{row.Table, text}, err
}

// clearName is what a sealed column is called when it is open.
func clearName(column string) string { return strings.TrimSuffix(column, "_sealed") }

// notText is an opened value that is no text.
type notText struct {
	Base64 []byte `json:"base64"`
}

// openColumn opens one value; a column without one stays null.
func openColumn(keys *keyring.Keys, c postgres.SealedColumn, key, value json.RawMessage) (json.RawMessage, error) {
	var row uuid.UUID
	var sealed []byte
	if err := json.Unmarshal(key, &row); err != nil {
		return nil, fmt.Errorf("%w: its %s: %w", repository.ErrAltered, c.Key, err)
	}
	if err := json.Unmarshal(value, &sealed); err != nil {
		return nil, fmt.Errorf("%w: its %s: %w", repository.ErrAltered, c.Column, err)
	}
	if sealed == nil {
		return value, nil
	}
	plain, err := keys.Open(sealed, keyring.Location{Table: c.Table, Column: c.As, Row: row})
	if err != nil {
		return nil, asStored(err)
	}
	if utf8.Valid(plain) {
		return json.Marshal(string(plain))
	}
	return json.Marshal(notText{plain})
}
