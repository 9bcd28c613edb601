package export

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/unsealed"
)

const (
	nodesTable = "memory_nodes"
	edgesTable = "memory_edges"
)

// shown are the columns of a table as they are exported, in their order, with those that
// say in the clear what a hidden one stands for.
func shown(t postgres.PersonTable) (columns []string) {
	hide := hidden(t)
	for _, column := range t.Columns {
		if !slices.Contains(hide, column) {
			columns = append(columns, unsealed.Name(column))
		}
	}
	return append(columns, revealed[t.Name]...)
}

// revealed are the columns that take the place of hidden ones. A name or a question that
// cannot be told in the clear is an opaque id, which tells equal ones.
var revealed = map[string][]string{nodesTable: {"name", "name_id"}, edgesTable: {"slot", "slot_id"}}

// structured columns hold JSON as text; it is exported as what it is.
var structured = map[string][]string{
	"interactions": {"context", "answer"}, nodesTable: {"details"}, "memory_writes": {"content"},
	"escalations": {"assessment"}, "filter_triggers": {"triggers"},
}

// unfold puts the JSON in the place of its text.
func unfold(table string, row unsealed.Columns) {
	for _, column := range structured[table] {
		if inner := []byte(text(row, column)); json.Valid(inner) {
			row[column] = inner
		}
	}
}

// fold undoes it.
func fold(table string, row unsealed.Columns) error {
	for _, column := range structured[table] {
		value, there := row[column]
		if !there || string(value) == "null" || value[0] == '"' {
			continue
		}
		if err := set(row, column, string(value)); err != nil {
			return err
		}
	}
	return nil
}

// inTheClear are the texts of a person's entities, by id.
type inTheClear struct{ entities map[uuid.UUID]string }

// name is the text of an entity; "" for none of these.
func (c *inTheClear) name(id string) string {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return ""
	}
	return c.entities[parsed]
}

// keys anew each time: they may have been destroyed meanwhile.
func (w *writing) keys(ctx context.Context) (*keyring.Keys, error) {
	return w.exports.Keyring.Keys(ctx, w.snapshot.Subject())
}

// readEntities reads them ahead of the facts that point at them.
func (w *writing) readEntities(ctx context.Context) error {
	const page = 1000
	w.clear = &inTheClear{entities: map[uuid.UUID]string{}}
	w.seen.clear = w.clear
	for after := uuid.Nil; ; {
		rows, err := w.snapshot.Queries().ExportEntities(ctx, w.snapshot.Subject(), after, page)
		if err != nil {
			return fmt.Errorf("read entities: %w", err)
		}
		keys, err := w.keys(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			text, err := keys.Open(row.TextSealed, keyring.Location{Table: nodesTable, Column: "text_sealed", Row: row.ID})
			if err != nil {
				return fmt.Errorf("read entity %s: %w", row.ID, err)
			}
			w.clear.entities[row.ID] = string(text)
			after = row.ID
		}
		if len(rows) < page {
			return nil
		}
	}
}

// data writes every table as JSON.
func (w *writing) data(ctx context.Context) error {
	if err := w.readEntities(ctx); err != nil {
		return err
	}
	for _, t := range w.tables {
		err := w.file(dataFolder+t.Name+".json", schemaName+"#/$defs/"+t.Name, func(out io.Writer) (int64, error) {
			all := &list{to: out}
			err := w.each(ctx, t, func(row unsealed.Columns) error {
				w.seen.add(t.Name, row)
				return all.addValue(row)
			})
			if err != nil {
				return 0, err
			}
			return all.end()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each hands out the rows of a table in the clear.
func (w *writing) each(ctx context.Context, t postgres.PersonTable, do func(unsealed.Columns) error) error {
	hide := hidden(t)
	return w.snapshot.Rows(ctx, t, func(object []byte) error {
		var row unsealed.Columns
		if err := json.Unmarshal(object, &row); err != nil {
			return fmt.Errorf("read a row of %s: %w", t.Name, err)
		}
		keys, err := w.keys(ctx)
		if err != nil {
			return err
		}
		if err := unsealed.Open(keys, t.Name, row); err != nil {
			return fmt.Errorf("read a row of %s: %w", t.Name, err)
		}
		if err := w.reveal(keys, t.Name, row); err != nil {
			return fmt.Errorf("read a row of %s: %w", t.Name, err)
		}
		for _, column := range hide {
			delete(row, column)
		}
		unfold(t.Name, row)
		w.record()
		return do(row)
	})
}

// reveal says in the clear what names and questions are blinded in a row.
func (w *writing) reveal(keys *keyring.Keys, table string, row unsealed.Columns) error {
	switch table {
	case nodesTable:
		return reveal(row, "name", func(blinded []byte) (string, bool) {
			return memory.NameOf(keys, memory.Kind(text(row, "kind")), text(row, "text"), []byte(text(row, "details")), blinded)
		})
	case edgesTable:
		return reveal(row, "slot", func(blinded []byte) (string, bool) {
			return memory.SlotOf(keys, w.clear.name(text(row, "to_id")), blinded)
		})
	}
	return nil
}

// reveal sets a column, or its opaque form, from the blinded one.
func reveal(row unsealed.Columns, column string, tell func(blinded []byte) (string, bool)) error {
	null := json.RawMessage("null")
	row[column], row[column+"_id"] = null, null
	value, there := row[column+"_hmac"]
	if !there {
		return nil // a copy of the table without it
	}
	var blinded []byte
	if err := json.Unmarshal(value, &blinded); err != nil {
		return fmt.Errorf("%w: %s_hmac is no base64", unsealed.ErrRow, column)
	}
	if blinded == nil {
		return nil
	}
	if clear, ok := tell(blinded); ok {
		return set(row, column, clear)
	}
	return set(row, column+"_id", hex.EncodeToString(blinded))
}

// set writes a value into a row.
func set(row unsealed.Columns, column string, value any) error {
	encoded, err := json.Marshal(value)
	row[column] = encoded
	return err
}

// text is a column's, or "" for null and for what is no text.
func text(row unsealed.Columns, column string) string {
	var s string
	if value, ok := row[column]; !ok || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// spreadsheets writes every table as CSV (RFC 4180), in UTF-8, with vectors left out.
func (w *writing) spreadsheets(ctx context.Context) error {
	if !w.has(CSV) {
		return nil
	}
	for _, t := range w.tables {
		t = without(t, "vector_sealed", "terms")
		err := w.file(tableFolder+t.Name+".csv", "", func(out io.Writer) (rows int64, err error) {
			table, columns := csv.NewWriter(out), shown(t)
			if err := table.Write(columns); err != nil {
				return 0, err
			}
			err = w.each(ctx, t, func(row unsealed.Columns) error {
				cells := make([]string, len(columns))
				for i, column := range columns {
					cells[i] = cell(row[column])
				}
				rows++
				return table.Write(cells)
			})
			table.Flush()
			if err == nil {
				err = table.Error()
			}
			return rows, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// without is a table that has not got some columns.
func without(t postgres.PersonTable, columns ...string) postgres.PersonTable {
	t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c string) bool { return slices.Contains(columns, c) })
	return t
}

// cell is a value as a spreadsheet shows it. What one would take for a formula gets a
// quote in front: the exact text is in the JSON.
func cell(value json.RawMessage) string {
	if len(value) == 0 || string(value) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
