package mirror

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/models"
)

// Labels are the feelings of the vocabulary.
func Labels(t *testing.T) (labels []string) {
	all, err := loadVocabulary()
	require.NoError(t, err)
	for _, e := range all {
		labels = append(labels, e.Label)
	}
	return labels
}

// NeedNames are the needs that are looked for.
func NeedNames(t *testing.T) (names []string) {
	m, err := models.Load()
	require.NoError(t, err)
	for _, label := range m.NeedLabels() {
		if name := strings.TrimRight(label, "+-"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
