package check

import (
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func images(w *World, bad report) {
	for _, o := range w.Objects {
		if image, found, _ := unstructured.NestedString(o.Object, "spec", "imageName"); found {
			foreign(Name(o), image, bad)
		}
	}
	for _, l := range w.Workloads {
		for _, c := range l.Pod.Spec.Containers {
			if l.Name == "gateway" && c.Image == "auto" {
				continue // Istio's word for the image of its own version
			}
			_, tag, tagged := strings.Cut(path.Base(c.Image), ":")
			if !tagged || tag == "" || tag == "latest" {
				bad(l.String(), "image %q names no version", c.Image)
			}
			foreign(l.String(), c.Image, bad)
		}
	}
}

// foreign: overlays give images a registry of their own, and until then an example.
func foreign(object, image string, bad report) {
	host, _, named := strings.Cut(image, "/")
	if named && strings.ContainsAny(host, ".:") && host != "registry.example.org" {
		bad(object, "image %q names a registry, which is for whoever deploys to say", image)
	}
}

func resources(w *World, bad report) {
	for _, l := range w.Workloads {
		for _, c := range l.Pod.Spec.Containers {
			for _, of := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
				request, limit := c.Resources.Requests[of], c.Resources.Limits[of]
				if request.IsZero() || limit.IsZero() || limit.Cmp(request) < 0 {
					bad(l.String(), "container %s: request and limit of %s", c.Name, of)
				}
			}
		}
	}
}

// answers are the pages by which the product can be asked how it is.
var answers = []string{"/healthz", "/readyz"}

func probes(w *World, bad report) {
	for _, l := range w.Workloads {
		if !l.Serves() {
			continue
		}
		c := l.Pod.Spec.Containers[0]
		for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			if p == nil {
				bad(l.String(), "no %s probe", name)
				continue
			}
			var port string
			switch {
			case p.HTTPGet != nil:
				port = p.HTTPGet.Port.String()
				if l.Product() && !slices.Contains(answers, p.HTTPGet.Path) {
					bad(l.String(), "the product does not serve %s", p.HTTPGet.Path)
				}
				if name == "liveness" && p.HTTPGet.Path == "/readyz" {
					bad(l.String(), "an engine's loss is no reason to start the API anew")
				}
			case p.TCPSocket != nil:
				port = p.TCPSocket.Port.String()
			case p.GRPC != nil:
				continue // by number, not by name
			}
			if !slices.ContainsFunc(c.Ports, func(q corev1.ContainerPort) bool { return q.Name == port }) {
				bad(l.String(), "the %s probe asks port %q, which is none of the container's", name, port)
			}
		}
	}
}

func privileges(w *World, bad report) {
	for _, l := range w.Workloads {
		s := l.Pod.Spec
		p := s.SecurityContext
		if p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			bad(l.String(), "not root, and the runtime's seccomp profile")
		}
		if s.HostNetwork || s.HostPID || s.HostIPC {
			bad(l.String(), "it shares the machine's namespaces")
		}
		for _, v := range s.Volumes {
			if v.HostPath != nil {
				bad(l.String(), "volume %s is the machine's", v.Name)
			}
		}
		for _, c := range append(slices.Clone(s.InitContainers), s.Containers...) {
			if !confined(c.SecurityContext) {
				bad(l.String(), "container %s: no escalation, no capability, nothing written to the image", c.Name)
			}
		}
	}
}

func confined(s *corev1.SecurityContext) bool {
	return s != nil && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation && (s.Privileged == nil || !*s.Privileged) &&
		s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem &&
		s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0
}

func tokens(w *World, bad report) {
	for _, l := range w.Workloads {
		if m := l.Pod.Spec.AutomountServiceAccountToken; m == nil || *m {
			bad(l.String(), "its pods get a token")
		}
	}
	for _, o := range w.all("ServiceAccount") {
		if mounted, said := o.Object["automountServiceAccountToken"].(bool); !said || mounted {
			bad(Name(o), "its pods get a token unless they say otherwise")
		}
	}
}

func accounts(w *World, bad report) {
	of := map[string]string{}
	for _, l := range w.Workloads {
		account := l.Pod.Spec.ServiceAccountName
		if !w.has("ServiceAccount", account) {
			bad(l.String(), "service account %q is not there", account)
		}
		if other := of[account]; other != "" {
			bad(l.String(), "it is the same somebody as %s", other)
		}
		of[account] = l.String()
	}
}

func grace(w *World, bad report) {
	for _, l := range w.Workloads {
		if !l.Serves() || !l.Product() {
			continue
		}
		need := w.House.Stop
		if c := l.Pod.Spec.Containers[0]; c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
			need += time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		}
		if g := l.Pod.Spec.TerminationGracePeriodSeconds; g == nil || time.Duration(*g)*time.Second <= need {
			bad(l.String(), "it is killed before the %v are over that it may take to stop", need)
		}
	}
}

func spread(w *World, bad report) {
	for _, l := range w.Workloads {
		if !l.Serves() || (l.Replicas != nil && *l.Replicas == 1) {
			continue
		}
		if !slices.ContainsFunc(l.Pod.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool {
			return c.TopologyKey == corev1.LabelTopologyZone && c.MaxSkew == 1 && (c.WhenUnsatisfiable == corev1.DoNotSchedule || !w.region()) &&
				c.LabelSelector != nil && selects(*c.LabelSelector, l.Pod.Labels)
		}) {
			bad(l.String(), "its pods may all be in one zone")
		}
	}
}

func priorities(w *World, bad report) {
	for _, l := range w.Workloads {
		if !w.has("PriorityClass", l.Pod.Spec.PriorityClassName) {
			bad(l.String(), "priority class %q is not there", l.Pod.Spec.PriorityClassName)
		}
	}
}

func budgets(w *World, bad report) {
	for _, l := range w.Workloads {
		if !l.Serves() {
			continue
		}
		n := 0
		for _, b := range w.Budgets {
			if b.Spec.Selector != nil && selects(*b.Spec.Selector, l.Pod.Labels) {
				n++
				if b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntValue() != 1 {
					bad("PodDisruptionBudget/"+b.Name, "one at a time, no more and no less")
				}
			}
		}
		if n != 1 {
			bad(l.String(), "%d disruption budgets, not one", n)
		}
	}
}
