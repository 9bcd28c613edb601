package check_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

func TestWhatFollowsAndBreaksARegionHasItsForm(t *testing.T) {
	schemas, err := check.LoadSchemas()
	require.NoError(t, err)
	region := world(t, "region-a")
	for _, other := range check.Others {
		objects, err := check.BuildAt(filepath.Join(folder, other))
		require.NoError(t, err)
		require.NotEmpty(t, objects)
		for _, o := range objects {
			require.Empty(t, schemas.Problems(o), check.Name(o))
			wrong := o.DeepCopy()
			require.NoError(t, unstructured.SetNestedField(wrong.Object, "x", "spec", "unknown"))
			require.NotEmpty(t, schemas.Problems(wrong), check.Name(o))
			path, _, _ := unstructured.NestedString(o.Object, "spec", "source", "path")
			if o.GetKind() == "Application" {
				require.FileExists(t, filepath.Join(root, path, "kustomization.yaml"))
			}
			for _, chaos := range []string{"podChaos", "networkChaos"} {
				for _, selector := range [][]string{{"spec", chaos, "selector", "labelSelectors"}, {"spec", chaos, "target", "selector", "labelSelectors"}} {
					labels, found, _ := unstructured.NestedStringMap(o.Object, selector...)
					require.True(t, !found || region.Selected(labels) > 0, "%s is about pods that are not there", check.Name(o))
				}
			}
		}
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
		require.True(t, made[name], name)
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
