package check

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func selects(s metav1.LabelSelector, of map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && selector.Matches(labels.Set(of))
}

func defaultDeny(w *World, bad report) {
	both := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	if !slices.ContainsFunc(w.Policies, func(p networkingv1.NetworkPolicy) bool {
		everybody := len(p.Spec.PodSelector.MatchLabels) == 0 && len(p.Spec.PodSelector.MatchExpressions) == 0
		return everybody && slices.Equal(p.Spec.PolicyTypes, both) && len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0
	}) {
		bad("Namespace/meai", "nothing denies what is not allowed")
	}
}

// openPolicies finds rules without a peer: they allow everybody. The gateway's is meant so.
func openPolicies(w *World, bad report) {
	for _, p := range w.Policies {
		for _, in := range p.Spec.Ingress {
			if len(in.From) == 0 && p.Name != "gateway" {
				bad("NetworkPolicy/"+p.Name, "everybody may come in")
			}
			anywhere(in.From, in.Ports, func(what string) { bad("NetworkPolicy/"+p.Name, "%s", what) })
		}
		for _, out := range p.Spec.Egress {
			// CloudNativePG's instances ask the API server, whose address no selector names.
			if len(out.To) == 0 && p.Spec.PodSelector.MatchLabels["cnpg.io/cluster"] == "" {
				bad("NetworkPolicy/"+p.Name, "they may go anywhere")
			}
			anywhere(out.To, out.Ports, func(what string) { bad("NetworkPolicy/"+p.Name, "%s", what) })
		}
	}
}

func anywhere(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, bad func(string)) {
	if len(ports) == 0 {
		bad("every port")
	}
	for _, peer := range peers {
		if b := peer.IPBlock; b != nil && strings.HasSuffix(b.CIDR, "/0") && !slices.Contains(b.Except, "169.254.0.0/16") {
			bad("every address, that of the cloud's metadata service too")
		}
		if s := peer.NamespaceSelector; s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 {
			bad("every namespace")
		}
	}
}

// passes reports whether the policies let one pod of this namespace reach a port of another.
func (w *World) passes(from, to map[string]string, port int32) bool {
	out, in := false, false
	for _, p := range w.Policies {
		if selects(p.Spec.PodSelector, from) {
			for _, rule := range p.Spec.Egress {
				out = out || (admits(rule.To, to) && opens(rule.Ports, port))
			}
		}
		if selects(p.Spec.PodSelector, to) {
			for _, rule := range p.Spec.Ingress {
				in = in || (admits(rule.From, from) && opens(rule.Ports, port))
			}
		}
	}
	return out && in
}

func admits(peers []networkingv1.NetworkPolicyPeer, pod map[string]string) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.NamespaceSelector == nil && p.PodSelector != nil && selects(*p.PodSelector, pod)
	})
}

func opens(ports []networkingv1.NetworkPolicyPort, port int32) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		if p.Protocol != nil && *p.Protocol != "TCP" {
			return false
		}
		first := intstr.IntOrString{IntVal: port}
		if p.Port != nil {
			first = *p.Port
		}
		last := first.IntVal
		if p.EndPort != nil {
			last = *p.EndPort
		}
		return first.IntVal <= port && port <= last
	})
}

type flow struct {
	from, to string
	port     int32
}

// needed are connections without which something does not work, forbidden are some that
// nothing needs; both by the names of workloads.
var needed = []flow{
	{"api", "temporal-frontend", 7233}, {"api", "weaviate", 8080}, {"api", "weaviate", 50051}, {"api", "valkey", 6379},
	{"worker-synthesis", "temporal-frontend", 7233}, {"worker-memory", "weaviate", 8080}, {"worker-batch", "weaviate", 50051},
	{"apply", "temporal-frontend", 7233}, {"migrate", "weaviate", 8080},
	{"temporal-frontend", "temporal-history", 7234}, {"temporal-history", "temporal-matching", 7235}, {"temporal-worker", "temporal-frontend", 7233},
	{"temporal-frontend", "temporal-matching", 7235}, {"temporal-history", "temporal-frontend", 6933}, {"temporal-matching", "temporal-history", 6934},
	{"temporal-worker", "temporal-matching", 6935}, {"temporal-history", "temporal-worker", 6939}, {"temporal-history", "temporal-worker", 7239},
	{"temporal-history", "temporal-history", 7234}, {"weaviate", "weaviate", 8300}, {"weaviate", "weaviate", 7101},
	{"valkey", "valkey", 16379}, {"valkey-cluster", "valkey", 6379},
}

var neededInRegions = []flow{
	{"api", "postgres", 5432}, {"codec", "postgres", 5432}, {"worker-privacy", "postgres", 5432}, {"worker-proving", "postgres", 5432}, {"migrate", "postgres", 5432},
	{"temporal-history", "postgres", 5432}, {"temporal-schema", "postgres", 5432}, {"archiver", "postgres", 5432}, {"archiver", "etcd", 2379}, {"observer", "postgres", 5432},
	{"api", "etcd", 2379}, {"worker-mirror", "etcd", 2379}, {"postgres", "etcd", 2379}, {"observer", "etcd", 2379},
	{"gateway", "api", 8080}, {"gateway", "codec", 8234},
}

var forbidden = []flow{
	{"gateway", "postgres", 5432}, {"gateway", "temporal-frontend", 7233}, {"gateway", "weaviate", 8080}, {"gateway", "worker-mirror", 9090},
	{"worker-mirror", "valkey", 6379}, {"worker-mirror", "api", 8080}, {"worker-mirror", "worker-memory", 9090}, {"codec", "temporal-frontend", 7233},
	{"codec", "weaviate", 8080}, {"temporal-frontend", "weaviate", 8080}, {"temporal-history", "valkey", 6379}, {"weaviate", "postgres", 5432},
	{"valkey", "postgres", 5432}, {"api", "temporal-history", 7234}, {"api", "weaviate", 8300}, {"api", "etcd", 2380}, {"gateway", "etcd", 2379}, {"valkey", "etcd", 2379},
	{"archiver", "weaviate", 8080}, {"archiver", "temporal-frontend", 7233},
}

func flows(w *World, bad report) {
	pods := map[string]map[string]string{}
	for _, l := range w.Workloads {
		pods[l.Name] = l.Pod.Labels
	}
	wanted := needed
	if w.region() {
		wanted = append(slices.Clone(needed), neededInRegions...)
	}
	for _, f := range wanted {
		if pods[f.from] == nil || pods[f.to] == nil || !w.passes(pods[f.from], pods[f.to], f.port) {
			bad(f.from, "it does not reach %s at %d", f.to, f.port)
		}
	}
	for _, f := range forbidden {
		if pods[f.from] != nil && pods[f.to] != nil && w.passes(pods[f.from], pods[f.to], f.port) {
			bad(f.from, "it reaches %s at %d", f.to, f.port)
		}
	}
}

func services(w *World, bad report) {
	for _, s := range w.Services {
		i := slices.IndexFunc(w.Workloads, func(l Workload) bool {
			return l.Serves() && selects(metav1.LabelSelector{MatchLabels: s.Spec.Selector}, l.Pod.Labels)
		})
		if i < 0 {
			if s.Spec.Selector["cnpg.io/cluster"] == "" { // whose operator makes the pods
				bad("Service/"+s.Name, "it selects no pods")
			}
			continue
		}
		for _, p := range s.Spec.Ports {
			found := false
			for _, c := range w.Workloads[i].Pod.Spec.Containers[0].Ports {
				found = found || c.Name == p.TargetPort.StrVal || c.ContainerPort == p.TargetPort.IntVal
			}
			if !found {
				bad("Service/"+s.Name, "port %s leads to %s, which %s does not have", p.Name, p.TargetPort.String(), w.Workloads[i])
			}
		}
	}
}
