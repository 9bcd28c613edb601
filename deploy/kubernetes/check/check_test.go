package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/deploy/kubernetes/check"
)

const root, folder = "../../..", ".."

func world(t *testing.T, overlay string) *check.World {
	t.Helper()
	objects, err := check.Build(folder, overlay)
	require.NoError(t, err)
	house, err := check.ReadHouse(root)
	require.NoError(t, err)
	w, err := check.Read(overlay, objects, house)
	require.NoError(t, err)
	require.NotEmpty(t, w.Workloads)
	return w
}

func TestEveryOverlayHasTheFormThatItsSchemasAskFor(t *testing.T) {
	schemas, err := check.LoadSchemas()
	require.NoError(t, err)
	for _, overlay := range check.Overlays {
		t.Run(overlay, func(t *testing.T) {
			objects, err := check.Build(folder, overlay)
			require.NoError(t, err)
			for _, o := range objects {
				require.Empty(t, schemas.Problems(o), check.Name(o))
			}
		})
	}
}

func TestEveryOverlayKeepsTheRules(t *testing.T) {
	for _, overlay := range check.Overlays {
		t.Run(overlay, func(t *testing.T) {
			for _, f := range check.Findings(world(t, overlay)) {
				t.Error(f)
			}
		})
	}
}

func TestEveryRuleSaysWhy(t *testing.T) {
	for _, r := range check.Rules {
		require.NotEmpty(t, r.Why, r.Name)
	}
}
