// Package retention deletes what is older than it is kept, tells what went and what did not
// and why, and shows beforehand what will go. It also reports on whether everything that has
// to be sealed is.
//
// How long what is kept, the data map says (package datamap). What is deleted row by row, or
// a partition at a time, the database knows as rules (table retention_rules); its functions
// delete nothing that no rule finds old enough, whoever asks. Memories go by forgetting, so
// that graph, vectors, patterns and histories stay whole. Everything else that has an age is
// ended elsewhere, and is reported.
//
// Nothing of a person goes for its age while a legal hold says so, while a request of theirs
// is open, for which it is evidence, or while their data is restricted: stored, and not used.
package retention

import (
	"context"
	"fmt"
	"slices"

	"meai/activities/privacy/datamap"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Rule is what goes for its age, as the database carries it out.
type Rule struct {
	Name  string `json:"rule"`
	Table string `json:"table"`
	// Category is the data map's.
	Category string `json:"category"`
	// Days is how long a row is kept.
	Days int `json:"days"`
	// Persons: the rows are people's own.
	Persons bool `json:"persons"`
	// Forgotten: they go by being forgotten, not as rows.
	Forgotten bool `json:"forgotten,omitempty"`
}

// Reason is why something that is old enough stays.
type Reason string

// The reasons.
const (
	// LegalHold: everything of the person is held.
	LegalHold Reason = "legal_hold"
	// HeldItem: it is held itself, or belongs to something that is.
	HeldItem Reason = "held_item"
	// OpenRequest: a request of the person is open, for which it is evidence.
	OpenRequest Reason = "open_request"
	// Restricted: it is stored and not used, because the person has asked for that.
	Restricted Reason = "processing_restricted"
	// BeingErased: the person's erasure deletes it.
	BeingErased Reason = "being_erased"
)

// Elsewhere is what has an age that something else ends, or no age, with the reason as a code.
type Elsewhere struct {
	Store    string `json:"store"`
	Category string `json:"category"`
	// Days is how long it is kept; 0 where no age ends it.
	Days   int    `json:"days,omitempty"`
	Reason string `json:"reason"`
}

// operations is the category of what holds nothing of anybody's.
const operations = "operations"

// rules are all there are, in the order in which they are carried out.
func rules(ctx context.Context, db *postgres.DB, m datamap.Map) (all []Rule, err error) {
	err = db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.RetentionRules(ctx)
		for _, row := range rows {
			r := Rule{Name: row.Rule, Table: row.TableName, Category: operations, Days: int(row.Days), Persons: row.Persons, Forgotten: row.Forgotten}
			if store, ok := m.Store(row.TableName); ok && store.Personal() {
				r.Category = store.Category
			}
			all = append(all, r)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rules of retention: %w", err)
	}
	return all, nil
}

// carried are tables whose rows go with those of another, by the database itself.
var carried = map[string]string{"memory_terms": "memory_nodes", "memory_edges": "memory_nodes", "memory_evidence": "memory_nodes"}

// endedBy says, of kinds of stores, what ends them.
var endedBy = map[datamap.Kind]string{
	datamap.Collection: "goes_with_its_rows", datamap.Histories: "ended_by_temporal", datamap.Visibility: "ended_by_temporal",
	datamap.Keyring: "until_erasure", datamap.Ledger: "append_only", datamap.Cache: "gone_within_a_day", datamap.Logs: "ended_by_the_log_store",
	datamap.Metrics: "ended_by_the_metrics_system", datamap.Traces: "ended_by_the_trace_store", datamap.Service: "ended_by_the_provider",
}

// endedBySelf says, of single stores, what ends them where their kind does not.
var endedBySelf = map[string]string{
	"rate_limits": "swept_at_once", "legal_hold_items": "goes_with_its_hold", "audit_log": "append_only", "backups.postgres": "ended_by_backup_keeping", "backups.weaviate": "ended_by_backup_keeping",
	"backups.second": "ended_by_its_copier", "backups.archive": "ended_by_the_archive", "backups.folders": "gone_within_a_day",
	"exports": "ended_by_the_export", "weaviate.files": "goes_with_its_rows", "postgres.files": "goes_with_its_rows", "logs.engines": "ended_by_the_log_store",
	"regions.folder": "ended_by_its_agent",
}

// elsewhere is all of the data map that no rule is about, in its order.
func elsewhere(m datamap.Map, all []Rule) (list []Elsewhere) {
	for _, s := range m.Stores {
		if !s.Personal() || slices.ContainsFunc(all, func(r Rule) bool { return r.Table == s.Name }) {
			continue
		}
		e := Elsewhere{Store: s.Name, Category: s.Category}
		if retention, ok := m.Retention(s.Retention); ok {
			e.Days = retention.Days
		}
		_, goes := carried[s.Name]
		switch {
		case goes:
			e.Reason = "goes_with_its_rows"
		case endedBySelf[s.Name] != "":
			e.Reason = endedBySelf[s.Name]
		case endedBy[s.Kind] != "":
			e.Reason = endedBy[s.Kind]
		case s.Retention == "account":
			e.Reason = "until_erasure"
		case e.Days == 0:
			e.Reason = "evidence"
		default:
			e.Reason = unruled
		}
		list = append(list, e)
	}
	return list
}

// unruled marks what should go and nothing deletes; a test lets there be none.
const unruled = "nothing_deletes_it"
