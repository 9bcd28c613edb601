package check_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"meai/deploy/kubernetes/check"
)

// mistake is planted into region a's objects; finder is the rule that has to find it, or
// "schema".
type mistake struct {
	what   string
	finder string
	plant  func(*testing.T, *[]*check.Object)
}

// at changes a field of one object, by a path of names and of indices as text.
func at(kind, name string, change func(map[string]any)) func(*testing.T, *[]*check.Object) {
	return func(t *testing.T, objects *[]*check.Object) {
		i := slices.IndexFunc(*objects, func(o *check.Object) bool { return o.GetKind() == kind && o.GetName() == name })
		require.GreaterOrEqual(t, i, 0, "%s/%s", kind, name)
		change((*objects)[i].Object)
	}
}

// without removes an object.
func without(kind, name string) func(*testing.T, *[]*check.Object) {
	return func(t *testing.T, objects *[]*check.Object) {
		before := len(*objects)
		*objects = slices.DeleteFunc(*objects, func(o *check.Object) bool { return o.GetKind() == kind && o.GetName() == name })
		require.Len(t, *objects, before-1)
	}
}

func pod(name string, change func(spec map[string]any)) func(*testing.T, *[]*check.Object) {
	return at("Deployment", name, func(o map[string]any) {
		change(o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any))
	})
}

func container(name string, change func(container map[string]any)) func(*testing.T, *[]*check.Object) {
	return pod(name, func(spec map[string]any) { change(spec["containers"].([]any)[0].(map[string]any)) })
}

func set(value any, path ...string) func(map[string]any) {
	return func(o map[string]any) {
		if err := unstructured.SetNestedField(o, value, path...); err != nil {
			panic(err)
		}
	}
}

func remove(path ...string) func(map[string]any) {
	return func(o map[string]any) { unstructured.RemoveNestedField(o, path...) }
}

func variable(name, value string) func(map[string]any) {
	return func(c map[string]any) {
		c["env"] = append(c["env"].([]any), map[string]any{"name": name, "value": value})
	}
}

func secretVariable(name, secret string) func(map[string]any) {
	return func(c map[string]any) {
		c["env"] = append(c["env"].([]any), map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": "value"}}})
	}
}

// ingress replaces what a network policy lets in.
func ingress(rule map[string]any) func(map[string]any) {
	return func(o map[string]any) { o["spec"].(map[string]any)["ingress"] = []any{rule} }
}

func first(path ...string) func(o map[string]any) map[string]any {
	return func(o map[string]any) map[string]any {
		list, _, _ := unstructured.NestedFieldNoCopy(o, path...)
		return list.([]any)[0].(map[string]any)
	}
}

var mistakes = []mistake{
	{"image of no version", "image", container("api", set("meai", "image"))},
	{"image of the latest version", "image", container("worker-mirror", set("registry.example.org/meai:latest", "image"))},
	{"no limit of memory", "resources", container("worker-mirror", remove("resources", "limits", "memory"))},
	{"no request of CPU", "resources", container("api", remove("resources", "requests", "cpu"))},
	{"no liveness probe", "probes", container("worker-memory", remove("livenessProbe"))},
	{"liveness that asks the engines", "probes", container("api", set("/readyz", "livenessProbe", "httpGet", "path"))},
	{"probe of a page that is not served", "probes", container("worker-memory", set("/health", "readinessProbe", "httpGet", "path"))},
	{"probe of a port that is not there", "probes", container("worker-memory", set("web", "startupProbe", "httpGet", "port"))},
	{"root", "privileges", pod("api", set(false, "securityContext", "runAsNonRoot"))},
	{"privileged", "privileges", container("api", set(true, "securityContext", "privileged"))},
	{"escalation", "privileges", container("worker-batch", set(true, "securityContext", "allowPrivilegeEscalation"))},
	{"a capability kept", "privileges", container("worker-batch", remove("securityContext", "capabilities"))},
	{"the machine's network", "privileges", pod("gateway", set(true, "hostNetwork"))},
	{"a token", "token", pod("worker-privacy", set(true, "automountServiceAccountToken"))},
	{"an account of another", "account", pod("worker-privacy", set("worker-batch", "serviceAccountName"))},
	{"killed while it stops", "grace", pod("worker-synthesis", set(int64(30), "terminationGracePeriodSeconds"))},
	{"all in one zone", "spread", pod("api", remove("topologySpreadConstraints"))},
	{"a priority that is not there", "priority", pod("api", set("urgent", "priorityClassName"))},
	{"no disruption budget", "budget", without("PodDisruptionBudget", "api")},
	{"a budget that stops maintenance", "budget", at("PodDisruptionBudget", "api", set(int64(0), "spec", "maxUnavailable"))},
	{"no autoscaler", "autoscaler", without("ScaledObject", "worker-mirror")},
	{"a maximum of its own", "autoscaler", at("ScaledObject", "worker-mirror", set(int64(40), "spec", "maxReplicaCount"))},
	{"another queue is counted", "autoscaler", at("ScaledObject", "worker-mirror", func(o map[string]any) {
		o["spec"].(map[string]any)["triggers"].([]any)[1].(map[string]any)["metadata"].(map[string]any)["taskQueue"] = "memory"
	})},
	{"a canary's Deployment is scaled beside it", "autoscaler", at("ScaledObject", "api", set("Deployment", "spec", "scaleTargetRef", "kind"))},
	{"nothing looks at the canary", "canary", without("AnalysisTemplate", "api")},
	{"Rollouts: a text for a number", "schema", at("Rollout", "api", set("few", "spec", "revisionHistoryLimit"))},
	{"replicas beside the autoscaler", "replicas", at("Deployment", "api", set(int64(3), "spec", "replicas"))},
	{"a queue that nobody serves", "queues", without("Deployment", "worker-operations")},
	{"an unknown variable", "settings", container("api", variable("MEAI_POSTGRES_URI", "x"))},
	{"a secret that nothing makes", "secret-there", without("ExternalSecret", "postgres-app")},
	{"the owner's password for a worker", "secret-reach", container("worker-mirror", secretVariable("MEAI_POSTGRES_OWNER_URL", "postgres-owner"))},
	{"a password that is written down", "no-secret-written", container("api", variable("MEAI_REGIONS_ETCD_PASSWORD", "hunter2"))},
	{"Pod Security of less", "pod-security", at("Namespace", "meai", func(o map[string]any) {
		o["metadata"].(map[string]any)["labels"].(map[string]any)["pod-security.kubernetes.io/enforce"] = "baseline"
	})},
	{"no denial by default", "deny", without("NetworkPolicy", "default-deny")},
	{"a policy for everybody", "open", at("NetworkPolicy", "weaviate", ingress(map[string]any{"ports": []any{map[string]any{"port": int64(8080)}}}))},
	{"what is needed does not pass", "flows", without("NetworkPolicy", "api-to-valkey")},
	{"what is not needed passes", "flows", func(t *testing.T, objects *[]*check.Object) { // both ends let it pass, or it does not
		at("NetworkPolicy", "product-to-temporal-and-weaviate", set(map[string]any{}, "spec", "podSelector"))(t, objects)
		everyPod := map[string]any{"podSelector": map[string]any{}}
		at("NetworkPolicy", "to-temporal-frontend", ingress(map[string]any{"from": []any{everyPod}, "ports": []any{map[string]any{"port": int64(7233)}}}))(t, objects)
	}},
	{"a service without pods", "service", at("Service", "api", set("apis", "spec", "selector", "app.kubernetes.io/part-of"))},
	{"plain connections", "mtls", at("PeerAuthentication", "default", set("PERMISSIVE", "spec", "mtls", "mode"))},
	{"everybody is allowed", "authorization", without("AuthorizationPolicy", "nobody")},
	{"somebody who is not there is allowed", "authorization", without("ServiceAccount", "worker-batch")},
	{"nobody is let in at all", "authorization", without("AuthorizationPolicy", "gateway")},
	{"the mesh does not know a member's port", "members", without("Service", "temporal-history")},
	{"a caller whom the mesh does not let through", "members", at("AuthorizationPolicy", "valkey", func(o map[string]any) {
		set([]any{"cluster.local/ns/meai/sa/valkey", "cluster.local/ns/meai/sa/valkey-cluster"}, "source", "principals")(first("from")(first("spec", "rules")(o)))
	})},
	{"a certificate that the gateway may not ask for", "gateway", at("Gateway", "public", func(o map[string]any) {
		set(map[string]any{"mode": "SIMPLE", "credentialName": "gateway-certificate"}, "tls")(first("spec", "servers")(o))
	})},
	{"a certificate that the gateway does not have", "gateway", container("gateway", remove("volumeMounts"))},
	{"a certificate for other hosts", "gateway", at("Certificate", "gateway", set([]any{"api.example.org"}, "spec", "dnsNames"))},
	{"assistants are not let in", "routes", at("VirtualService", "api", func(o map[string]any) {
		first("spec", "http")(o)["match"] = []any{map[string]any{"uri": map[string]any{"prefix": "/v1/"}}}
	})},
	{"nobody hears calls for help", "mail", without("NetworkPolicy", "mail")},
	{"everybody writes letters", "mail", at("NetworkPolicy", "mail", set(map[string]any{}, "spec", "podSelector"))},
	{"a job that Prometheus does not know scales", "queries", at("ScaledObject", "api", func(o map[string]any) {
		set(`sum(rate(x{job="api"}[1m]))`, "metadata", "query")(o["spec"].(map[string]any)["triggers"].([]any)[1].(map[string]any))
	})},
	{"a label that nothing gives", "queries", at("AnalysisTemplate", "api", func(o map[string]any) {
		set(`sum(rate(x{namespace="meai"}[1m]))`, "provider", "prometheus", "query")(first("spec", "metrics")(o))
	})},
	{"no answer passes for a good one", "queries", at("AnalysisTemplate", "api", func(o map[string]any) {
		set("len(result) == 0 || result[0] <= 0.01", "successCondition")(first("spec", "metrics")(o))
	})},
	{"etcd under a name that others do not use", "coordinator", at("Certificate", "etcd", set([]any{"etcd.meai.svc", "etcd.example.org"}, "spec", "dnsNames"))},
	{"etcd that refuses the other sites", "coordinator", at("StatefulSet", "etcd", func(o map[string]any) {
		set([]any{"--peer-client-cert-auth"}, "args")(first("spec", "template", "spec", "containers")(o))
	})},
	{"more memory than there is", "memory", container("api", set([]any{map[string]any{"name": "GOMEMLIMIT", "value": "64GiB"}}, "env"))},
	{"Valkey that outgrows its container", "memory", at("StatefulSet", "valkey", func(o map[string]any) {
		c := first("spec", "template", "spec", "containers")(o)
		variable("MAXMEMORY", "16gb")(c)
	})},
	{"a hook before its secret", "order", at("ExternalSecret", "postgres-owner", remove("metadata", "annotations"))},
	{"a hook before its engine", "order", at("StatefulSet", "postgres", remove("metadata", "annotations"))},
	{"an image of somebody's registry", "image", container("api", set("registry.somebody.example/meai/meai:v1.0.0", "image"))},
	{"a gateway without TLS", "gateway", at("Gateway", "public", func(o map[string]any) { set("HTTP", "port", "protocol")(first("spec", "servers")(o)) })},
	{"a gateway without a bound", "gateway", without("EnvoyFilter", "gateway-rate")},
	{"two nodes of Weaviate", "engines", at("StatefulSet", "weaviate", set(int64(2), "spec", "replicas"))},
	{"a gateway that does not grow", "engines", at("HorizontalPodAutoscaler", "gateway", set(int64(2), "spec", "maxReplicas"))},
	{"a hook that waits for a region to serve", "region", at("Job", "apply", set("Sync", "metadata", "annotations", "argocd.argoproj.io/hook"))},
	{"the other region's name", "region", at("ConfigMap", "meai", set("b", "data", "MEAI_REGIONS_NAME"))},
	{"a field that is not there", "schema", container("api", set("x", "imagePullPolice"))},
	{"a text for a number", "schema", at("Deployment", "api", set("many", "spec", "minReadySeconds"))},
	{"KEDA: a text for a number", "schema", at("ScaledObject", "api", set("twenty", "spec", "maxReplicaCount"))},
	{"KEDA: a field that is not there", "schema", at("ScaledObject", "api", set(int64(5), "spec", "minReplicas"))},
	{"Istio: a mode that is not there", "schema", at("PeerAuthentication", "default", set("STRICTEST", "spec", "mtls", "mode"))},
	{"cert-manager: no issuer", "schema", at("Certificate", "gateway", remove("spec", "issuerRef"))},
	{"External Secrets: an unknown policy", "schema", at("ExternalSecret", "postgres-app", set("Never", "spec", "target", "creationPolicy"))},
	{"NetworkPolicy: a field that is not there", "schema", at("NetworkPolicy", "default-deny", set("x", "spec", "podSelektor"))},
}

func TestEveryPlantedMistakeIsFound(t *testing.T) {
	schemas, err := check.LoadSchemas()
	require.NoError(t, err)
	house, err := check.ReadHouse(root)
	require.NoError(t, err)
	sound, err := check.Build(folder, "region-a")
	require.NoError(t, err)
	tried := map[string]bool{}
	for _, m := range mistakes {
		t.Run(m.what, func(t *testing.T) {
			tried[m.finder] = true
			var objects []*check.Object
			for _, o := range sound {
				objects = append(objects, o.DeepCopy())
			}
			m.plant(t, &objects)
			if m.finder == "schema" {
				require.NotEmpty(t, problems(schemas, objects))
				return
			}
			w, err := check.Read("region-a", objects, house)
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(check.Findings(w), func(f check.Finding) bool { return f.Rule == m.finder }), "rule %s did not find it", m.finder)
		})
	}
	for _, r := range check.Rules {
		require.True(t, tried[r.Name], "nothing is planted for the rule %s", r.Name)
	}
}

func problems(s *check.Schemas, objects []*check.Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, s.Problems(o)...)
	}
	return all
}
