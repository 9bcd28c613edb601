package people

import (
	"encoding/json"
	"fmt"

	"meai/activities/backup/repository"
	"meai/internal/keyring"
	"meai/internal/unsealed"
)

// openRow opens the sealed columns of a row.
func openRow(keys *keyring.Keys, row Row) (Row, error) {
	var columns unsealed.Columns
	if err := json.Unmarshal(row.Row, &columns); err != nil {
		return Row{}, fmt.Errorf("%w: %w", repository.ErrAltered, err)
	}
	if err := unsealed.Open(keys, row.Table, columns); err != nil {
		return Row{}, asStored(err)
	}
	text, err := json.Marshal(columns)
	return Row{row.Table, text}, err
}
