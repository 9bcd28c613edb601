package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// autoscalers holds KEDA's objects to temporal.yaml: the numbers, and that what they scale and
// count is there.
func autoscalers(w *World, bad report) {
	if !w.region() {
		return
	}
	wanted := map[string]Bounds{"api": w.House.API}
	for queue, b := range w.House.Queues {
		wanted["worker-"+queue] = b
	}
	for _, o := range w.all("ScaledObject") {
		want, known := wanted[o.GetName()]
		delete(wanted, o.GetName())
		least, _, _ := unstructured.NestedInt64(o.Object, "spec", "minReplicaCount")
		most, _, _ := unstructured.NestedInt64(o.Object, "spec", "maxReplicaCount")
		if !known || (Bounds{least, most}) != want {
			bad(Name(o), "%d to %d replicas, where temporal.yaml has %d to %d", least, most, want.Min, want.Max)
		}
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
		if target, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name"); !w.has(kind, target) || (kind == "Deployment" && w.has("Rollout", target)) {
			bad(Name(o), "there is no %s %q whose replicas are its own", kind, target)
		}
		triggers, _, _ := unstructured.NestedSlice(o.Object, "spec", "triggers")
		for _, t := range triggers {
			trigger, _ := t.(map[string]any)
			queue, counts, _ := unstructured.NestedString(trigger, "metadata", "taskQueue")
			if counts && "worker-"+queue != o.GetName() {
				bad(Name(o), "it counts what waits in queue %s", queue)
			}
		}
		if len(triggers) != 2 {
			bad(Name(o), "it has to look at its CPU and at its load")
		}
	}
	for name := range wanted {
		bad("Deployment/"+name, "nothing scales it")
	}
}

// canaries: a Rollout takes pods from a Deployment and asks an analysis that is there.
func canaries(w *World, bad report) {
	for _, o := range w.all("Rollout") {
		if of, _, _ := unstructured.NestedString(o.Object, "spec", "workloadRef", "name"); !w.has("Deployment", of) {
			bad(Name(o), "there is no Deployment %q", of)
		}
		templates, _, _ := unstructured.NestedSlice(o.Object, "spec", "strategy", "canary", "analysis", "templates")
		for _, t := range templates {
			if name, _, _ := unstructured.NestedString(t.(map[string]any), "templateName"); !w.has("AnalysisTemplate", name) {
				bad(Name(o), "there is no AnalysisTemplate %q", name)
			}
		}
		if len(templates) == 0 {
			bad(Name(o), "nothing looks at the new version")
		}
	}
}

func fixedReplicas(w *World, bad report) {
	scaled := map[string]bool{}
	for _, kind := range []string{"ScaledObject", "HorizontalPodAutoscaler"} {
		for _, o := range w.all(kind) {
			target, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
			scaled[target] = true
		}
	}
	for _, l := range w.Workloads {
		if scaled[l.Name] && l.Replicas != nil {
			bad(l.String(), "replicas are set, and an autoscaler sets them")
		}
	}
}

func queues(w *World, bad report) {
	for queue := range w.House.Queues {
		i := slices.IndexFunc(w.Workloads, func(l Workload) bool { return l.Name == "worker-"+queue })
		if i < 0 && queue == "proving" && !w.region() {
			continue // backups are not proven there
		}
		if i < 0 {
			bad("Deployment/worker-"+queue, "it is not there, and temporal.yaml has the queue")
			continue
		}
		if args := w.Workloads[i].Pod.Spec.Containers[0].Args; !slices.Equal(args, []string{"worker", "--queue", queue}) {
			bad(w.Workloads[i].String(), "it runs %v", args)
		}
	}
}

func settings(w *World, bad report) {
	for _, o := range w.all("ConfigMap") {
		data, _, _ := unstructured.NestedStringMap(o.Object, "data")
		for name := range data {
			if strings.HasPrefix(name, "MEAI_") && !w.House.Variables[name] {
				bad(Name(o), "%s is no key of the configuration", name)
			}
		}
	}
	for _, l := range w.Workloads {
		for _, c := range l.Pod.Spec.Containers {
			for _, e := range c.Env {
				if strings.HasPrefix(e.Name, "MEAI_") && !w.House.Variables[e.Name] {
					bad(l.String(), "%s is no key of the configuration", e.Name)
				}
				if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil && !w.has("ConfigMap", e.ValueFrom.ConfigMapKeyRef.Name) {
					bad(l.String(), "there is no ConfigMap %s", e.ValueFrom.ConfigMapKeyRef.Name)
				}
			}
			for _, from := range c.EnvFrom {
				if from.ConfigMapRef == nil || !w.has("ConfigMap", from.ConfigMapRef.Name) {
					bad(l.String(), "variables come from a ConfigMap that is there")
				}
			}
		}
	}
}

// secretsOf are the secrets that a workload's pods read.
func secretsOf(l Workload) []string {
	var names []string
	for _, c := range l.Pod.Spec.Containers {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				names = append(names, e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	for _, v := range l.Pod.Spec.Volumes {
		if v.Secret != nil {
			names = append(names, v.Secret.SecretName)
		}
	}
	return names
}

// Secrets are all that the overlay's pods read, each once, in order.
func (w *World) Secrets() []string {
	var names []string
	for _, l := range w.Workloads {
		names = append(names, secretsOf(l)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func secretsThere(w *World, bad report) {
	if !w.region() {
		return // overlays/local/secrets.sh makes them
	}
	made := map[string]bool{}
	for _, o := range w.all("ExternalSecret") {
		name, _, _ := unstructured.NestedString(o.Object, "spec", "target", "name")
		made[name] = true
	}
	for _, o := range w.all("Certificate") {
		name, _, _ := unstructured.NestedString(o.Object, "spec", "secretName")
		made[name] = true
	}
	for _, l := range w.Workloads {
		for _, name := range secretsOf(l) {
			if !made[name] {
				bad(l.String(), "nothing makes the secret %s", name)
			}
		}
	}
}

// reach says who alone may read a secret.
var reach = map[string][]string{
	"postgres-owner":       {"migrate"},
	"postgres-superuser":   {"postgres"},
	"postgres-observer":    {"observer"},
	"postgres-temporal":    {"temporal-frontend", "temporal-history", "temporal-matching", "temporal-worker", "temporal-schema"},
	"postgres-maintenance": {"worker-privacy"},
	"postgres-backup":      {"worker-batch", "worker-proving", "archiver"},
	"prover-identity":      {"worker-proving"},
	"weaviate-nodes":       {"weaviate"},
	"valkey-url":           {"api"},
	"valkey-password":      {"valkey", "valkey-cluster"},
	"escalation-l1":        {"worker-operations"},
	"escalation-l2":        {"worker-operations"},
	"escalation-l3":        {"worker-operations"},
	"privacy-notify":       {"worker-operations"},
	"gateway-certificate":  {"gateway"},
}

func secretReach(w *World, bad report) {
	for _, l := range w.Workloads {
		for _, name := range secretsOf(l) {
			if who, limited := reach[name]; limited && !slices.Contains(who, l.Name) {
				bad(l.String(), "it reads the secret %s, which is for %s", name, strings.Join(who, ", "))
			}
		}
	}
}

var telling = regexp.MustCompile(`(?i)password|passwd|secret|token|api_key$|private_key|kek$|_pwd$`)

func noSecretWritten(w *World, bad report) {
	for _, o := range w.all("Secret") {
		bad(Name(o), "it is written in the repository")
	}
	for _, l := range w.Workloads {
		for _, c := range l.Pod.Spec.Containers {
			for _, e := range c.Env {
				if e.Value != "" && telling.MatchString(e.Name) {
					bad(l.String(), "%s has its value in the repository", e.Name)
				}
			}
		}
	}
}

func podSecurity(w *World, bad report) {
	for _, o := range w.all("Namespace") {
		if o.GetLabels()["pod-security.kubernetes.io/enforce"] != "restricted" {
			bad(Name(o), "Pod Security is not enforced as restricted")
		}
	}
	for _, o := range w.Objects {
		if ns := o.GetNamespace(); ns != "" && !w.has("Namespace", ns) {
			bad(Name(o), "it is in namespace %s", ns)
		}
	}
}

// regionSettings: in a region every process of the product knows its region, and has etcd's
// password and authority.
func regionSettings(w *World, bad report) {
	if !w.region() {
		return
	}
	for _, o := range w.all("ConfigMap") {
		data, _, _ := unstructured.NestedStringMap(o.Object, "data")
		if o.GetName() == "meai" && "region-"+data["MEAI_REGIONS_NAME"] != w.Overlay {
			bad(Name(o), "its region is %q", data["MEAI_REGIONS_NAME"])
		}
	}
	for _, o := range w.all("Job") {
		// In the region that stands by only one that knows it ends; a hook that does not holds up everything.
		ends := strings.Contains(fmt.Sprint(o.Object), "pg_is_in_recovery") || o.GetName() == "valkey-cluster"
		if hook := o.GetAnnotations()["argocd.argoproj.io/hook"]; hook != "" && !ends {
			bad(Name(o), "it does not end in the region that stands by, and keeps the deployment waiting")
		}
	}
	for _, l := range w.Workloads {
		if !l.Product() {
			continue
		}
		if !slices.ContainsFunc(l.Pod.Spec.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == "MEAI_REGIONS_ETCD_PASSWORD" }) {
			bad(l.String(), "it cannot ask etcd whether writes belong here")
		}
	}
}
