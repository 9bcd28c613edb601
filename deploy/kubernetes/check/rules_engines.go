package check

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// size is what the requirements' table of the data tier has for an engine.
type size struct {
	name, cpu, memory, disk string
	replicas                int32
}

// sizes: Valkey's cluster has a replica for each of three; PostgreSQL's has the graph's part
// in it, and its copies are in the other region and in the backups.
var sizes = []size{
	{"weaviate", "8", "32Gi", "200Gi", 3},
	{"valkey", "4", "16Gi", "100Gi", 6},
	{"postgres", "16", "64Gi", "1536Gi", 1},
}

func engines(w *World, bad report) {
	if !w.region() {
		return
	}
	for _, s := range sizes {
		for _, l := range w.Workloads {
			if l.Kind != "StatefulSet" || l.Name != s.name {
				continue
			}
			limits := l.Pod.Spec.Containers[0].Resources.Limits
			if l.Replicas == nil || *l.Replicas != s.replicas || limits.Cpu().Cmp(resource.MustParse(s.cpu)) != 0 || limits.Memory().Cmp(resource.MustParse(s.memory)) != 0 {
				bad(l.String(), "not %d of %s cores and %s", s.replicas, s.cpu, s.memory)
			}
		}
		for _, o := range w.all("StatefulSet") {
			claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
			if o.GetName() != s.name || len(claims) == 0 {
				continue
			}
			disk, _, _ := unstructured.NestedString(claims[0].(map[string]any), "spec", "resources", "requests", "storage")
			if disk != s.disk {
				bad(Name(o), "a disk of %s, not %s", disk, s.disk)
			}
		}
	}
	for _, o := range w.all("HorizontalPodAutoscaler") {
		least, _, _ := unstructured.NestedInt64(o.Object, "spec", "minReplicas")
		most, _, _ := unstructured.NestedInt64(o.Object, "spec", "maxReplicas")
		if o.GetName() == "gateway" && (Bounds{least, most}) != (Bounds{2, 10}) {
			bad(Name(o), "two to ten")
		}
	}
}
