package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var (
	scraped  = regexp.MustCompile(`job="([^"]*)"`)
	labelled = regexp.MustCompile(`\{[^}]*\}`)
)

// queries: what is asked of Prometheus is what Prometheus is told to scrape. It gives labels of
// its own to nothing but jobs and instances, so that a query names no other.
func queries(w *World, bad report) {
	for _, kind := range []string{"ScaledObject", "AnalysisTemplate"} {
		for _, o := range w.all(kind) {
			text := fmt.Sprint(o.Object["spec"])
			for _, job := range scraped.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(w.House.Jobs, job[1]) {
					bad(Name(o), "it asks for the job %q, which deploy/monitoring/prometheus.yaml does not have", job[1])
				}
			}
			for _, labels := range labelled.FindAllString(text, -1) {
				if strings.Contains(labels, "namespace=") {
					bad(Name(o), "it asks for a namespace, a label that nothing gives")
				}
			}
		}
	}
	for _, o := range w.all("AnalysisTemplate") {
		metrics, _, _ := unstructured.NestedSlice(o.Object, "spec", "metrics")
		for _, m := range metrics {
			metric, _ := m.(map[string]any)
			for _, condition := range []string{"successCondition", "failureCondition"} {
				if text, _, _ := unstructured.NestedString(metric, condition); !strings.HasPrefix(text, "len(result) > 0 && ") {
					bad(Name(o), "no answer at all has a %s: it is neither", condition)
				}
			}
			if limit, _, _ := unstructured.NestedFieldNoCopy(metric, "inconclusiveLimit"); limit == nil {
				bad(Name(o), "the first time that Prometheus does not answer stops it")
			}
		}
	}
}

// mail: who tells people by mail gets out at the ports of submission, and nobody else does.
func mail(w *World, bad report) {
	for _, l := range w.Workloads {
		tells := false
		for _, e := range l.Pod.Spec.Containers[0].Env {
			tells = tells || strings.HasSuffix(e.Name, "_NOTIFY")
		}
		for _, port := range []int32{465, 587} {
			if out := w.leaves(l.Pod.Labels, port); out != tells {
				bad(l.String(), "mail leaves at port %d: %v, and it tells people: %v", port, out, tells)
			}
		}
	}
}

// leaves reports whether a pod reaches a port of the world outside.
func (w *World) leaves(pod map[string]string, port int32) bool {
	return slices.ContainsFunc(w.Policies, func(p networkingv1.NetworkPolicy) bool {
		return selects(p.Spec.PodSelector, pod) && slices.ContainsFunc(p.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
			outside := func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.IPBlock != nil && peer.IPBlock.CIDR == "0.0.0.0/0"
			}
			return slices.ContainsFunc(rule.To, outside) && opens(rule.Ports, port)
		})
	})
}

// coordinator: this site's member of etcd has a certificate for the name by which all sites ask
// it, and asks who comes by authority alone, for addresses are in no certificate.
func coordinator(w *World, bad report) {
	if !w.region() {
		return
	}
	for _, o := range w.all("ConfigMap") {
		data, _, _ := unstructured.NestedStringMap(o.Object, "data")
		if o.GetName() != "meai" {
			continue
		}
		own := "https://etcd." + data["MEAI_REGIONS_NAME"] + "."
		for url := range strings.SplitSeq(data["MEAI_REGIONS_ETCD"], ",") {
			host, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ":")
			if strings.HasPrefix(url, own) && !w.certified("etcd-certificate", []string{host}) {
				bad("Certificate/etcd", "it is not valid for %s", host)
			}
		}
	}
	for _, l := range w.Workloads {
		if l.Name == "etcd" && !slices.ContainsFunc(l.Pod.Spec.Containers[0].Args, func(a string) bool { return strings.HasSuffix(a, "peer-skip-client-san-verification") }) {
			bad(l.String(), "members of other sites come from addresses that no certificate has")
		}
	}
}

// memory: what a program is told to use fits into what its container may.
func memory(w *World, bad report) {
	for _, l := range w.Workloads {
		c := l.Pod.Spec.Containers[0]
		for _, e := range c.Env {
			text := e.Value
			switch e.Name {
			case "GOMEMLIMIT":
				text = strings.TrimSuffix(text, "B")
			case "MAXMEMORY":
				text = strings.ToUpper(strings.TrimSuffix(text, "b")) + "i" // Valkey's 12gb are powers of two
			default:
				continue
			}
			used, err := resource.ParseQuantity(text)
			if limit := c.Resources.Limits.Memory(); err != nil || used.Cmp(*limit) >= 0 {
				bad(l.String(), "%s of %s, where it is killed at %s", e.Name, e.Value, limit)
			}
		}
	}
}

// wave is when Argo CD deploys an object: lower ones first.
func wave(annotations map[string]string) int {
	n, _ := strconv.Atoi(annotations["argocd.argoproj.io/sync-wave"]) // none is 0
	return n
}

// firsts are the engines that jobs talk to.
var firsts = []string{"postgres", "etcd", "weaviate", "valkey"}

// order: what a hook needs is deployed before it. Argo CD waits for each wave to be well, so
// that a hook that waits for a later one waits for ever.
func order(w *World, bad report) {
	if !w.region() {
		return
	}
	for _, l := range w.Workloads {
		i := slices.IndexFunc(w.Objects, func(o *Object) bool { return o.GetKind() == l.Kind && o.GetName() == l.Name })
		hook := w.Objects[i].GetAnnotations()
		if hook["argocd.argoproj.io/hook"] == "" {
			continue
		}
		secrets := secretsOf(l)
		for _, o := range w.Objects {
			makes, _, _ := unstructured.NestedString(o.Object, "spec", "target", "name")
			if o.GetKind() == "Certificate" {
				makes, _, _ = unstructured.NestedString(o.Object, "spec", "secretName")
			}
			wanted := slices.Contains([]string{"Namespace", "PriorityClass", "NetworkPolicy", "Service"}, o.GetKind()) ||
				(o.GetKind() == "ServiceAccount" && o.GetName() == l.Pod.Spec.ServiceAccountName) ||
				(o.GetKind() == "ConfigMap" && o.GetName() == "meai") || slices.Contains(secrets, makes) ||
				(o.GetKind() == "StatefulSet" && slices.Contains(firsts, o.GetName()))
			if wanted && wave(o.GetAnnotations()) >= wave(hook) {
				bad(l.String(), "Argo CD waits for it before it makes %s", Name(o))
			}
		}
	}
}
