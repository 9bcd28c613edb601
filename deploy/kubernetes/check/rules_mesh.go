package check

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func mutualTLS(w *World, bad report) {
	if !w.region() {
		return
	}
	all := w.all("PeerAuthentication")
	for _, o := range all {
		if mode, _, _ := unstructured.NestedString(o.Object, "spec", "mtls", "mode"); mode != "STRICT" {
			bad(Name(o), "plain connections are let in")
		}
	}
	if len(all) == 0 {
		bad("Namespace/meai", "nothing asks for mutual TLS")
	}
	for _, o := range w.all("Namespace") {
		if o.GetLabels()["istio-injection"] != "enabled" {
			bad(Name(o), "its pods are not in the mesh")
		}
	}
}

// authorization: one policy without rules denies all, and those that allow name identities
// that are there. The way in alone has strangers as callers. Whoever serves is allowed
// somebody: without that it would be there for nobody.
func authorization(w *World, bad report) {
	if !w.region() {
		return
	}
	denies := false
	for _, o := range w.all("AuthorizationPolicy") {
		spec, _, _ := unstructured.NestedMap(o.Object, "spec")
		if len(spec) == 0 {
			denies = true
			continue
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
		for _, r := range rules {
			rule, _ := r.(map[string]any)
			from, _, _ := unstructured.NestedSlice(rule, "from")
			if len(from) == 0 && o.GetName() != "gateway" {
				bad(Name(o), "everybody may")
			}
			for _, principal := range principals(from) {
				account, ours := strings.CutPrefix(principal, "cluster.local/ns/meai/sa/")
				if ours && !w.has("ServiceAccount", account) {
					bad(Name(o), "nobody is %s", principal)
				}
				if strings.Contains(principal, "*") {
					bad(Name(o), "%s is many", principal)
				}
			}
		}
	}
	if !denies {
		bad("Namespace/meai", "what no rule allows is allowed")
	}
	for _, l := range w.Workloads {
		if l.Serves() && l.injected() && len(w.allowing(l)) == 0 {
			bad(l.String(), "no rule of the mesh allows anybody to reach it")
		}
	}
}

// injected reports whether its pods are in the mesh.
func (w Workload) injected() bool {
	return w.Pod.Annotations["sidecar.istio.io/inject"] != "false" && w.Pod.Labels["sidecar.istio.io/inject"] != "false"
}

// allowing are the rules by which the mesh lets somebody reach a workload.
func (w *World) allowing(l Workload) []map[string]any {
	var all []map[string]any
	for _, o := range w.all("AuthorizationPolicy") {
		labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
		if len(labels) == 0 || !selects(metav1.LabelSelector{MatchLabels: labels}, l.Pod.Labels) {
			continue
		}
		for _, r := range rules {
			all = append(all, r.(map[string]any))
		}
	}
	return all
}

func principals(from []any) []string {
	var all []string
	for _, f := range from {
		source, _ := f.(map[string]any)
		names, _, _ := unstructured.NestedStringSlice(source, "source", "principals")
		all = append(all, names...)
	}
	return all
}

// members holds what is needed between two pods of the mesh to what the mesh knows: an
// address whose port no Service has gets no certificate, and is refused; and a rule has to
// allow the caller. What sidecars leave alone needs neither.
func members(w *World, bad report) {
	if !w.region() {
		return
	}
	pods := map[string]Workload{}
	for _, l := range w.Workloads {
		pods[l.Name] = l
	}
	for _, f := range slices.Concat(needed, neededInRegions) {
		from, to := pods[f.from], pods[f.to]
		excluded := strings.Split(to.Pod.Annotations["traffic.sidecar.istio.io/excludeInboundPorts"], ",")
		if !from.injected() || !to.injected() || slices.Contains(excluded, strconv.Itoa(int(f.port))) {
			continue
		}
		if !w.named(to, f.port) {
			bad(to.String(), "no Service has its port %d: %s would speak to it without a certificate", f.port, f.from)
		}
		if !slices.ContainsFunc(w.allowing(to), func(rule map[string]any) bool { return lets(rule, from.Pod.Spec.ServiceAccountName, f.port) }) {
			bad(to.String(), "the mesh does not let %s reach port %d", f.from, f.port)
		}
	}
}

// named reports whether a Service leads to a workload's port by the port's own number, as
// whoever asks an address has to.
func (w *World) named(l Workload, port int32) bool {
	return slices.ContainsFunc(w.Services, func(s corev1.Service) bool {
		return selects(metav1.LabelSelector{MatchLabels: s.Spec.Selector}, l.Pod.Labels) &&
			slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
	})
}

// lets reports whether a rule of the mesh admits an account to a port.
func lets(rule map[string]any, account string, port int32) bool {
	from, _, _ := unstructured.NestedSlice(rule, "from")
	to, _, _ := unstructured.NestedSlice(rule, "to")
	opened := len(to) == 0
	for _, t := range to {
		ports, limited, _ := unstructured.NestedStringSlice(t.(map[string]any), "operation", "ports")
		opened = opened || !limited || slices.Contains(ports, strconv.Itoa(int(port)))
	}
	return opened && slices.Contains(principals(from), "cluster.local/ns/meai/sa/"+account)
}
