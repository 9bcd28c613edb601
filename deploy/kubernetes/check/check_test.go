package check_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

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

func TestTheLocalSecretsAreThoseThatItsPodsRead(t *testing.T) {
	text, err := exec.Command(filepath.Join(folder, "overlays/local/secrets.sh")).Output()
	require.NoError(t, err)
	made := map[string]bool{}
	for document := range strings.SplitSeq("\n"+string(text), "\n---") {
		var secret corev1.Secret
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), &secret))
		made[secret.Name] = true
		require.Equal(t, secret.Name != "", len(secret.StringData) > 0, document)
	}
	for _, name := range world(t, "local").Secrets() {
		if name != "prover-identity" { // backups are not proven there
			require.True(t, made[name], name)
		}
	}
	again, err := exec.Command(filepath.Join(folder, "overlays/local/secrets.sh")).Output()
	require.NoError(t, err)
	require.NotEqual(t, string(text), string(again), "passwords are random")
}

func TestEveryRuleSaysWhy(t *testing.T) {
	for _, r := range check.Rules {
		require.NotEmpty(t, r.Why, r.Name)
	}
}
