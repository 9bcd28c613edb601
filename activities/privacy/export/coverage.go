package export

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"meai/activities/privacy/datamap"
	"meai/internal/postgres"
	"meai/internal/unsealed"
)

// The data map says what is exported, what its columns hold, and why the rest is not.
var dataMap = sync.OnceValues(datamap.Load)

// elsewhere are the tables that hold something of a person without being per-person
// tables, with the file that it is in.
var elsewhere = map[string]string{
	"subjects": "account.json", "principals": "account.json", "api_keys": "account.json",
	"privacy_requests": "requests.json",
}

// coverage is which of the tables an export covers, and all that is kept of people besides.
// What the map does not know is covered: too much is better than too little.
func coverage(tables []postgres.PersonTable) (covered []postgres.PersonTable, left []LeftOut, err error) {
	m, err := dataMap()
	if err != nil {
		return nil, nil, fmt.Errorf("read the data map: %w", err)
	}
	for _, t := range tables {
		if s, known := m.Store(t.Name); !known || s.Export {
			covered = append(covered, t)
		}
	}
	for _, s := range m.Stores {
		if s.Personal() && !s.Export {
			left = append(left, LeftOut{What: s.Name + " (" + string(s.Kind) + "): " + s.Purpose, Why: s.NotExported})
		}
	}
	return covered, left, nil
}

// hidden columns of a table are left out: what is blinded means nothing outside, and whose
// rows they are is said once, in the manifest.
func hidden(t postgres.PersonTable) []string {
	m, _ := dataMap() // coverage has seen that it can be read
	s, _ := m.Store(t.Name)
	return slices.DeleteFunc(slices.Clone(t.Columns), func(column string) bool {
		if c, known := s.Columns[column]; known {
			return column != s.Person && c.Class != datamap.Blinded
		}
		return column != "subject_id" && !strings.HasSuffix(column, "_hmac")
	})
}

// about says what a table holds.
func about(table string) string {
	m, _ := dataMap()
	s, _ := m.Store(table)
	return s.Purpose
}

// holds says what an exported column holds.
func holds(table, column string) string {
	m, _ := dataMap()
	s, _ := m.Store(table)
	for name, c := range s.Columns {
		if unsealed.Name(name) == column && c.Holds != "" {
			return strings.ToUpper(c.Holds[:1]) + c.Holds[1:] + "."
		}
	}
	return ""
}
