package retention_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
)

// TestTheRulesAreTheDataMaps holds what the database deletes to what the data map says.
func TestTheRulesAreTheDataMaps(t *testing.T) {
	s := newScene(t)
	r := s.retain(t, s.run)
	rows, err := s.owner.Query(t.Context(), "select rule, table_name::text, days, counted from retention_rules")
	require.NoError(t, err)
	days, counted := map[string][]int{}, map[string]string{}
	for rows.Next() {
		var rule, table, since string
		var kept int
		require.NoError(t, rows.Scan(&rule, &table, &kept, &since))
		days[table], counted[table] = append(days[table], kept), counted[table]+" "+since
	}
	require.NoError(t, rows.Err())
	elsewhere := map[string]string{}
	for _, e := range r.Elsewhere {
		elsewhere[e.Store] = e.Reason
	}
	for _, store := range s.Map.Stores {
		if !store.Personal() {
			continue
		}
		kept, ruled := days[store.Name]
		require.NotEqual(t, ruled, elsewhere[store.Name] != "", "%s is in one list, and in one only", store.Name)
		require.NotEqual(t, "nothing_deletes_it", elsewhere[store.Name], "the data map gives %s an age, and nothing deletes it", store.Name)
		if !ruled {
			continue
		}
		require.Equal(t, datamap.Table, store.Kind, store.Name)
		retention, ok := s.Map.Retention(store.Retention)
		require.True(t, ok)
		require.Contains(t, kept, retention.Days, "%s: the data map says %s", store.Name, store.Retention)
		for _, n := range kept {
			require.LessOrEqual(t, n, retention.Days, "%s is kept longer than the data map says", store.Name)
		}
		require.True(t, strings.Contains(counted[store.Name], store.Since), "%s: the data map counts from %s, the rule from%s", store.Name, store.Since, counted[store.Name])
	}
	for _, rule := range r.Rules {
		require.NotEmpty(t, rule.Category, rule.Rule)
	}
}
