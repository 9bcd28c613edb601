package check

import (
	"fmt"
	"slices"
)

// Rule is one thing that must hold for every overlay.
type Rule struct {
	Name string
	// Why it is there, for who breaks it.
	Why   string
	check func(*World, report)
}

// report notes that something is wrong with an object.
type report func(object, format string, args ...any)

// Finding is one thing to mend.
type Finding struct{ Rule, Object, What string }

// String is the finding in one line.
func (f Finding) String() string { return f.Object + ": " + f.What + " (" + f.Rule + ")" }

// Rules are all rules of the house.
var Rules = []Rule{
	{"image", "what runs tomorrow is what was tested today", images},
	{"resources", "a pod without bounds takes its neighbours down", resources},
	{"probes", "what hangs is started anew, what is not ready gets no work", probes},
	{"privileges", "who breaks out of the program is still nobody on the machine", privileges},
	{"token", "the product never asks the API server, so it has no key to it", tokens},
	{"account", "each workload is somebody of its own, so that rules can tell them apart", accounts},
	{"grace", "a pod is not killed while it stops in order", grace},
	{"spread", "the loss of a zone takes a third", spread},
	{"priority", "who gives way when there is no room is decided beforehand", priorities},
	{"budget", "maintenance takes one at a time", budgets},
	{"autoscaler", "every queue is scaled as temporal.yaml says", autoscalers},
	{"canary", "a new version is looked at before all have it", canaries},
	{"queries", "a question for what nobody measures is never answered", queries},
	{"replicas", "a number beside an autoscaler undoes its work at each deployment", fixedReplicas},
	{"queues", "a queue that nobody serves keeps its work waiting", queues},
	{"settings", "a variable that the product does not know does nothing", settings},
	{"secret-there", "a pod whose secret is missing does not start", secretsThere},
	{"secret-reach", "who needs no password has none", secretReach},
	{"no-secret-written", "what is in the repository is no secret", noSecretWritten},
	{"pod-security", "the API server refuses what is not restricted", podSecurity},
	{"deny", "nothing is reached but what is named", defaultDeny},
	{"open", "a policy for everybody is none", openPolicies},
	{"flows", "what is needed passes, what is not does not", flows},
	{"service", "a service without pods answers nobody", services},
	{"mtls", "every connection in the mesh is encrypted and has two names", mutualTLS},
	{"authorization", "without a rule nobody reaches anybody", authorization},
	{"members", "the mesh refuses whom it does not know, and what it does not know it cannot name", members},
	{"gateway", "the way in is one, with a certificate and a bound", gateway},
	{"routes", "what is offered can be asked for", routes},
	{"mail", "who calls for help is heard, and nobody else writes letters", mail},
	{"engines", "engines are as large as was asked for", engines},
	{"memory", "a program that thinks that it has more than it has is killed", memory},
	{"coordinator", "without a majority of etcd no region serves", coordinator},
	{"order", "a deployment that waits for itself never ends", order},
	{"region", "each process asks whether writes belong here", regionSettings},
}

// Findings are what breaks any rule, in order.
func Findings(w *World) []Finding {
	var all []Finding
	for _, r := range Rules {
		r.check(w, func(object, format string, args ...any) {
			all = append(all, Finding{r.Name, object, fmt.Sprintf(format, args...)})
		})
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		if a.Object == b.Object {
			return 0
		}
		if a.Object < b.Object {
			return -1
		}
		return 1
	})
	return all
}
