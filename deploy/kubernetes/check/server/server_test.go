package server_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"meai/deploy/kubernetes/check"
	"meai/deploy/kubernetes/check/server"
)

const folder, bin = "../..", "../../../../.local/bin"

func start(t *testing.T) *server.Server {
	t.Helper()
	scratch, s := t.TempDir(), &server.Server{}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); s.Wait() })
	programs := server.Programs{APIServer: os.Getenv("KUBE_APISERVER"), Local: path(t, filepath.Join(bin, "meai-local"))}
	require.NotEmpty(t, programs.APIServer, "make test-kubernetes sets KUBE_APISERVER")
	require.NoError(t, s.Start(ctx, programs, scratch))
	define(t, s)
	return s
}

func path(t *testing.T, p string) string {
	t.Helper()
	absolute, err := filepath.Abs(p)
	require.NoError(t, err)
	return absolute
}

// define applies the definitions of custom kinds.
func define(t *testing.T, s *server.Server) {
	t.Helper()
	for _, d := range check.Definitions {
		files, err := d.Fetch()
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for document := range strings.SplitSeq("\n"+string(text), "\n---") {
				o := &check.Object{}
				require.NoError(t, yaml.Unmarshal([]byte(document), &o.Object))
				if o.GetKind() != "" {
					require.NoError(t, s.Apply(t.Context(), o, false), check.Name(o))
				}
			}
		}
	}
}

// deploy applies an overlay in the order in which one thing needs another, and says which
// objects no server here knows.
func deploy(t *testing.T, s *server.Server, overlay string) (objects []*check.Object, unknown []string) {
	t.Helper()
	objects, err := check.Build(folder, overlay)
	require.NoError(t, err)
	early := []string{"Namespace", "PriorityClass", "ServiceAccount"}
	slices.SortStableFunc(objects, func(a, b *check.Object) int { return rank(early, a) - rank(early, b) })
	for _, o := range objects {
		if _, undefined := check.Undefined[o.GroupVersionKind().GroupKind()]; undefined {
			unknown = append(unknown, check.Name(o))
			continue
		}
		require.NoError(t, s.Apply(t.Context(), o, false), check.Name(o))
	}
	return objects, unknown
}

func rank(early []string, o *check.Object) int {
	if i := slices.Index(early, o.GetKind()); i >= 0 {
		return i
	}
	return len(early)
}

func TestARealServerAcceptsEveryOverlay(t *testing.T) {
	for _, overlay := range check.Overlays {
		t.Run(overlay, func(t *testing.T) {
			s := start(t)
			objects, unknown := deploy(t, s, overlay)
			// Deployments are let in whatever their pods may do, with a warning.
			require.Empty(t, s.Warnings())
			pods := 0
			for _, o := range objects {
				if pod := podOf(o); pod != nil {
					require.NoError(t, s.Apply(t.Context(), pod, true), check.Name(o))
					pods++
				}
			}
			require.Greater(t, pods, 10)
			t.Logf("%d objects and %d pods accepted; not known here: %v", len(objects)-len(unknown), pods, unknown)
		})
	}
}

func TestARealServerAcceptsWhatFollowsAndBreaksARegion(t *testing.T) {
	s := start(t)
	for _, name := range []string{"argocd", "meai"} {
		namespace := &check.Object{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
		require.NoError(t, s.Apply(t.Context(), namespace, false))
	}
	for _, other := range check.Others {
		objects, err := check.BuildAt(filepath.Join(folder, other))
		require.NoError(t, err)
		require.NotEmpty(t, objects)
		for _, o := range objects {
			require.NoError(t, s.Apply(t.Context(), o, false), check.Name(o))
		}
	}
	require.Empty(t, s.Warnings())
}

// podOf is a pod as a controller would make it; nil for what makes none.
func podOf(o *check.Object) *check.Object {
	template, found, _ := unstructured.NestedMap(o.Object, "spec", "template")
	if !found {
		return nil
	}
	pod := &check.Object{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetNamespace(o.GetNamespace())
	pod.SetName("pod-of-" + o.GetName())
	claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
	volumes, _, _ := unstructured.NestedSlice(template, "spec", "volumes")
	for _, c := range claims {
		name, _, _ := unstructured.NestedString(c.(map[string]any), "metadata", "name")
		volumes = append(volumes, map[string]any{"name": name, "persistentVolumeClaim": map[string]any{"claimName": name}})
	}
	if len(volumes) > 0 {
		_ = unstructured.SetNestedSlice(pod.Object, volumes, "spec", "volumes")
	}
	return pod
}

// wrong is an object of region a with one field changed, or the pod of one.
type wrong struct {
	what, kind, name string
	pod              bool
	value            any
	at               []string
	says             string
}

var wrongs = []wrong{
	{"root", "Deployment", "api", true, false, []string{"spec", "securityContext", "runAsNonRoot"}, "violates PodSecurity"},
	{"the machine's network", "Deployment", "api", true, true, []string{"spec", "hostNetwork"}, "violates PodSecurity"},
	{"no seccomp profile", "Deployment", "worker-mirror", true, map[string]any{}, []string{"spec", "securityContext"}, "violates PodSecurity"},
	{"a folder of the machine's", "Deployment", "api", true, []any{map[string]any{"name": "data", "hostPath": map[string]any{"path": "/"}}, map[string]any{"name": "tmp", "emptyDir": map[string]any{}}, map[string]any{"name": "regions", "emptyDir": map[string]any{}}}, []string{"spec", "volumes"}, "violates PodSecurity"},
	{"an account that is not there", "Deployment", "api", true, "nobody", []string{"spec", "serviceAccountName"}, "not found"},
	{"a priority that is not there", "Deployment", "api", true, "urgent", []string{"spec", "priorityClassName"}, "no PriorityClass"},
	{"a strategy that is not there", "Deployment", "api", false, "Rolling", []string{"spec", "strategy", "type"}, "Unsupported value"},
	{"a selector of other pods", "Deployment", "api", false, map[string]any{"matchLabels": map[string]any{"a": "b"}}, []string{"spec", "selector"}, "selector"},
	{"a budget in words", "PodDisruptionBudget", "api", false, "1x%", []string{"spec", "maxUnavailable"}, "percent"},
	{"a kind of policy that is not there", "NetworkPolicy", "default-deny", false, []any{"Inside"}, []string{"spec", "policyTypes"}, "Unsupported value"},
	{"a field that is not there", "NetworkPolicy", "default-deny", false, "x", []string{"spec", "podSelektor"}, "field not declared in schema"},
	{"KEDA: a text for a number", "ScaledObject", "api", false, "twenty", []string{"spec", "maxReplicaCount"}, "expected numeric"},
	{"KEDA: a behaviour that is not there", "ScaledObject", "api", false, "more", []string{"spec", "fallback", "behavior"}, "Unsupported value"},
	{"Istio: a mode that is not there", "PeerAuthentication", "default", false, "STRICTEST", []string{"spec", "mtls", "mode"}, "Unsupported value"},
	{"Istio: a bound that is none", "DestinationRule", "api", false, "0s", []string{"spec", "trafficPolicy", "outlierDetection", "interval"}, "must be a valid duration"},
	{"cert-manager: a text for a list", "Certificate", "gateway", false, "api.example.org", []string{"spec", "dnsNames"}, "dnsNames"},
	{"External Secrets: a policy that is not there", "ExternalSecret", "postgres-app", false, "Never", []string{"spec", "target", "creationPolicy"}, "Unsupported value"},
}

func TestARealServerRefusesWhatIsWrong(t *testing.T) {
	s := start(t)
	objects, _ := deploy(t, s, "region-a")
	for _, w := range wrongs {
		t.Run(w.what, func(t *testing.T) {
			i := slices.IndexFunc(objects, func(o *check.Object) bool { return o.GetKind() == w.kind && o.GetName() == w.name })
			require.GreaterOrEqual(t, i, 0)
			o := objects[i].DeepCopy()
			if w.pod {
				o = podOf(o)
			}
			require.NoError(t, s.Apply(t.Context(), o, true), "without the mistake")
			require.NoError(t, unstructured.SetNestedField(o.Object, w.value, w.at...))
			err := s.Apply(t.Context(), o, true)
			require.ErrorContains(t, err, w.says)
			require.NotContains(t, err.Error(), "connection refused")
		})
	}
}
