package check

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Workload is whatever runs pods.
type Workload struct {
	Kind, Name string
	// Replicas is nil where an autoscaler says it.
	Replicas *int32
	Pod      corev1.PodTemplateSpec
}

// Serves reports whether it is to run always, in contrast to jobs.
func (w Workload) Serves() bool { return w.Kind != "Job" }

// Product reports whether it runs the product's program.
func (w Workload) Product() bool {
	return len(w.Pod.Spec.Containers) > 0 && w.Pod.Spec.Containers[0].Name == "meai"
}

func (w Workload) String() string { return w.Kind + "/" + w.Name }

// World is what one overlay deploys, read into types.
type World struct {
	Overlay   string
	Objects   []*Object
	Workloads []Workload
	Policies  []networkingv1.NetworkPolicy
	Budgets   []policyv1.PodDisruptionBudget
	Services  []corev1.Service
	// House is what the repository says besides the manifests.
	House House
}

// Read sorts an overlay's objects.
func Read(overlay string, objects []*Object, house House) (*World, error) {
	w := &World{Overlay: overlay, Objects: objects, House: house}
	for _, o := range objects {
		if err := w.read(o); err != nil {
			return nil, fmt.Errorf("%s: %w", Name(o), err)
		}
	}
	return w, nil
}

func (w *World) read(o *Object) error {
	convert := func(into any) error { return runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into) }
	switch o.GetKind() {
	case "Deployment":
		var d appsv1.Deployment
		if err := convert(&d); err != nil {
			return err
		}
		w.Workloads = append(w.Workloads, Workload{"Deployment", d.Name, d.Spec.Replicas, d.Spec.Template})
	case "StatefulSet":
		var s appsv1.StatefulSet
		if err := convert(&s); err != nil {
			return err
		}
		w.Workloads = append(w.Workloads, Workload{"StatefulSet", s.Name, s.Spec.Replicas, s.Spec.Template})
	case "Job":
		var j batchv1.Job
		if err := convert(&j); err != nil {
			return err
		}
		w.Workloads = append(w.Workloads, Workload{"Job", j.Name, nil, j.Spec.Template})
	case "NetworkPolicy":
		var p networkingv1.NetworkPolicy
		if err := convert(&p); err != nil {
			return err
		}
		w.Policies = append(w.Policies, p)
	case "PodDisruptionBudget":
		var b policyv1.PodDisruptionBudget
		if err := convert(&b); err != nil {
			return err
		}
		w.Budgets = append(w.Budgets, b)
	case "Service":
		var s corev1.Service
		if err := convert(&s); err != nil {
			return err
		}
		w.Services = append(w.Services, s)
	}
	return nil
}

// all are the objects of a kind.
func (w *World) all(kind string) []*Object {
	var found []*Object
	for _, o := range w.Objects {
		if o.GetKind() == kind {
			found = append(found, o)
		}
	}
	return found
}

// has reports whether there is an object of that kind and name.
func (w *World) has(kind, name string) bool {
	for _, o := range w.all(kind) {
		if o.GetName() == name {
			return true
		}
	}
	return false
}

// region reports whether it is one of the two regions' overlays, not the one to look at.
func (w *World) region() bool { return w.Overlay != "local" }

// Selected is how many workloads have pods with these labels.
func (w *World) Selected(labels map[string]string) int {
	n := 0
	for _, l := range w.Workloads {
		if selects(metav1.LabelSelector{MatchLabels: labels}, l.Pod.Labels) {
			n++
		}
	}
	return n
}
