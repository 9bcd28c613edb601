package export

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/google/uuid"

	"meai/internal/postgres"
	"meai/internal/unsealed"
)

// columnsAbout says what columns hold where the data map, which is about what is stored,
// does not say what is exported.
var columnsAbout = map[string]string{
	nodesTable + ".kind":      "turn (what was said), marker (a significant moment), echo and storyline (patterns), entity (people, places, things), vault (kept apart).",
	nodesTable + ".vector":    "The text as numbers, by which it is found by meaning: little-endian 32-bit floats, made by model.",
	nodesTable + ".said_at":   "When it began to hold; valid_to is when it ceased to.",
	nodesTable + ".name":      "What makes an entity or a pattern the same one.",
	nodesTable + ".name_id":   "Where that cannot be told: equal ones are the same.",
	edgesTable + ".slot":      "The question that a fact answers.",
	edgesTable + ".slot_id":   "Where that cannot be told: equal ones are the same.",
	edgesTable + ".closed_by": "The edge that took its place, or the turn that denied it.",
}

// Schema describes the files of an export (JSON Schema 2020-12), for the tables that it
// covers.
func Schema(tables []postgres.PersonTable) (*jsonschema.Schema, error) {
	s := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema", Title: "An export of MeAi",
		Description: "Each file's manifest entry names its definition here. Files of data hold arrays, a record a line. All times are RFC 3339; ids are opaque.",
		Defs:        map[string]*jsonschema.Schema{},
	}
	for _, t := range tables {
		record, err := recordOf(t)
		if err != nil {
			return nil, err
		}
		s.Defs[t.Name] = &jsonschema.Schema{Type: "array", Description: about(t.Name), Items: record}
	}
	options := &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[uuid.UUID](): {Type: "string", Format: "uuid"},
		reflect.TypeFor[time.Time](): {Type: "string", Format: "date-time"},
	}}
	errs := []error{
		define[[]Origin](s, options, "provenance", "Where each memory came from, and which model and rules read it."),
		define[Versions](s, options, "versions", "Which models, rules and policies were at work, and how often."),
		define[Account](s, options, "account", "The account: ids and times."),
		define[[]Request](s, options, "requests", "Requests for rights, with their time limits."),
		define[[]Act](s, options, "audit", "What the audit log has of the person."),
		define[Manifest](s, options, "manifest", "What is in the archive."),
	}
	return s, errors.Join(errs...)
}

// define adds the schema of a Go type.
func define[T any](to *jsonschema.Schema, options *jsonschema.ForOptions, name, description string) error {
	s, err := jsonschema.For[T](options)
	if err != nil {
		return fmt.Errorf("describe %s: %w", name, err)
	}
	s.Description = description
	if s.Types != nil { // a slice of ours is never null
		s.Type, s.Types = "array", nil
	}
	to.Defs[name] = s
	return nil
}

// recordOf describes a row.
func recordOf(t postgres.PersonTable) (*jsonschema.Schema, error) {
	record := &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	add := func(column string, s *jsonschema.Schema) {
		s.Description = cmp.Or(columnsAbout[t.Name+"."+column], holds(t.Name, column))
		record.Properties[column] = s
		record.PropertyOrder = append(record.PropertyOrder, column)
		record.Required = append(record.Required, column)
	}
	hide := hidden(t)
	for i, column := range t.Columns {
		if slices.Contains(hide, column) {
			continue
		}
		s, err := typeOf(t, column, t.Types[i])
		if err != nil {
			return nil, err
		}
		add(unsealed.Name(column), s)
	}
	for _, column := range revealed[t.Name] {
		add(column, &jsonschema.Schema{Types: []string{"string", "null"}})
	}
	return record, nil
}

// types are those of SQL as JSON has them.
var types = map[string]jsonschema.Schema{
	"uuid":                     {Type: "string", Format: "uuid"},
	"text":                     {Type: "string"},
	"timestamp with time zone": {Type: "string", Format: "date-time"},
	"date":                     {Type: "string", Format: "date"},
	"smallint":                 {Type: "integer"},
	"integer":                  {Type: "integer"},
	"bigint":                   {Type: "integer"},
	"real":                     {Type: "number"},
	"double precision":         {Type: "number"},
	"numeric":                  {Type: "number"},
	"boolean":                  {Type: "boolean"},
	"jsonb":                    {},
	"json":                     {},
	"bytea":                    {Type: "string", ContentEncoding: "base64"},
	"uuid[]":                   {Type: "array", Items: &jsonschema.Schema{Type: "string", Format: "uuid"}},
	"text[]":                   {Type: "array", Items: &jsonschema.Schema{Type: "string"}},
	"bigint[]":                 {Type: "array", Items: &jsonschema.Schema{Type: "integer"}},
}

func typeOf(t postgres.PersonTable, column, sql string) (*jsonschema.Schema, error) {
	if slices.Contains(structured[t.Name], unsealed.Name(column)) {
		return &jsonschema.Schema{}, nil
	}
	if slices.Contains(t.Sealed, column) {
		return opened(!slices.Contains(t.Required, column)), nil
	}
	known, ok := types[sql]
	if !ok {
		return nil, fmt.Errorf("describe %s.%s: no JSON is known for %s", t.Name, column, sql)
	}
	s := known.CloneSchemas()
	if !slices.Contains(t.Required, column) && s.Type != "" {
		s.Types, s.Type = []string{s.Type, "null"}, ""
	}
	return s, nil
}

// opened is what was sealed: text, or bytes that are none.
func opened(nullable bool) *jsonschema.Schema {
	s := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string"},
		{Type: "object", Required: []string{"base64"}, Properties: map[string]*jsonschema.Schema{"base64": {Type: "string", ContentEncoding: "base64"}}},
	}}
	if nullable {
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Type: "null"})
	}
	return s
}

// SchemaOf is the published schema of a database's exports, as docs/export-schema.json.
func SchemaOf(ctx context.Context, db *postgres.DB) ([]byte, error) {
	tables, err := db.PersonTables(ctx)
	if err != nil {
		return nil, err
	}
	covered, _, err := coverage(tables)
	if err != nil {
		return nil, err
	}
	return schemaText(covered)
}

func schemaText(tables []postgres.PersonTable) ([]byte, error) {
	s, err := Schema(tables)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return append(text, '\n'), nil
}

// schema writes it into the archive.
func (w *writing) schema(context.Context) error {
	content, err := schemaText(w.tables)
	if err != nil {
		return err
	}
	return w.file(schemaName, "", func(out io.Writer) (int64, error) {
		_, err := out.Write(content)
		return 0, err
	})
}
