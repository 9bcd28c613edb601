package check

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// gateway: TLS alone, with a certificate that its pods have as files and that names the hosts,
// and a bound.
func gateway(w *World, bad report) {
	if !w.region() {
		return
	}
	if !w.has("EnvoyFilter", "gateway-rate") {
		bad("Gateway/public", "nothing bounds how much is let in")
	}
	for _, o := range w.all("Gateway") {
		selector, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector")
		servers, _, _ := unstructured.NestedSlice(o.Object, "spec", "servers")
		for _, s := range servers {
			server, _ := s.(map[string]any)
			protocol, _, _ := unstructured.NestedString(server, "port", "protocol")
			hosts, _, _ := unstructured.NestedStringSlice(server, "hosts")
			if protocol != "HTTPS" {
				bad(Name(o), "it lets in what is not encrypted")
			}
			for _, key := range []string{"serverCertificate", "privateKey"} {
				file, _, _ := unstructured.NestedString(server, "tls", key)
				if !w.mounts(selector, file, hosts) {
					bad(Name(o), "%s %q is no file of a certificate for %v that its pods have", key, file, hosts)
				}
			}
		}
	}
	for _, o := range w.all("VirtualService") {
		if text := fmt.Sprint(o.Object); strings.Contains(text, "/metrics") || strings.Contains(text, "/readyz") {
			bad(Name(o), "what is for the inside is shown outside")
		}
	}
}

// mounts reports whether selected pods have a file out of a secret that holds a certificate
// for these names.
func (w *World) mounts(selector map[string]string, file string, names []string) bool {
	i := slices.IndexFunc(w.Workloads, func(l Workload) bool { return selects(metav1.LabelSelector{MatchLabels: selector}, l.Pod.Labels) })
	if i < 0 || file == "" {
		return false
	}
	pod := w.Workloads[i].Pod.Spec
	for _, m := range pod.Containers[0].VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name == m.Name && v.Secret != nil && strings.HasPrefix(file, m.MountPath+"/") && w.certified(v.Secret.SecretName, names) {
				return true
			}
		}
	}
	return false
}

// certified reports whether a secret gets a certificate for all these names.
func (w *World) certified(secret string, names []string) bool {
	return slices.ContainsFunc(w.all("Certificate"), func(o *Object) bool {
		in, _, _ := unstructured.NestedString(o.Object, "spec", "secretName")
		valid, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "dnsNames")
		return in == secret && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(valid, n) })
	})
}

// routes: what the API serves to people is let in. Whether it is ready is for the inside.
func routes(w *World, bad report) {
	if !w.region() {
		return
	}
	var matches []map[string]string
	for _, o := range w.all("VirtualService") {
		http, _, _ := unstructured.NestedSlice(o.Object, "spec", "http")
		for _, h := range http {
			match, _, _ := unstructured.NestedSlice(h.(map[string]any), "match")
			for _, m := range match {
				uri, _, _ := unstructured.NestedStringMap(m.(map[string]any), "uri")
				matches = append(matches, uri)
			}
		}
	}
	for _, path := range w.House.Paths {
		through := slices.ContainsFunc(matches, func(uri map[string]string) bool {
			return uri["exact"] == path || (uri["prefix"] != "" && strings.HasPrefix(path, uri["prefix"]))
		})
		if !through && path != "/readyz" {
			bad("VirtualService/api", "%s is not let in", path)
		}
	}
}
