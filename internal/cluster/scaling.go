package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scaling says how many replicas (processes) of a component a region's cluster runs, what
// asks for more, and what each of them has. The zero value is of a component that no cluster
// runs.
type Scaling struct {
	Replicas Replicas `yaml:"replicas"`
	// Backlog is how many tasks may wait in the queue for each replica before there is one
	// more; for task queues only, and required for them.
	Backlog int `yaml:"backlog"`
	// RequestsPerSecond is how many requests a second one replica answers before there is
	// one more; for the API only, and required for it.
	RequestsPerSecond float64 `yaml:"requests_per_second"`
	// CPUPercent is how much of its CPU a replica uses, averaged over all of them, before
	// there is one more (1 to 100).
	CPUPercent int `yaml:"cpu_percent"`
	// Cooldown is how many seconds it has been calm before there is one replica less.
	Cooldown  int       `yaml:"cooldown_seconds"`
	Resources Resources `yaml:"resources"`
}

// Replicas bounds how many replicas there are in one region.
type Replicas struct {
	Min int `yaml:"min"`
	Max int `yaml:"max"`
}

// Resources are what each replica is given, requested and limit alike: it has no less when
// its neighbours are busy, and no more when they are not.
type Resources struct {
	// CPU is in cores (vCPUs).
	CPU float64 `yaml:"cpu"`
	// Memory is what the process and its temporary files in memory use at most.
	Memory Bytes `yaml:"memory"`
	// Scratch is disk that is gone with the replica; 0 for none.
	Scratch Bytes `yaml:"scratch"`
}

// Bytes is a size, written as a whole number of Mi, Gi or Ti (powers of 1024).
type Bytes int64

var sizes = []struct {
	unit string
	size Bytes
}{{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}}

// String is the size in the largest unit that divides it, as Kubernetes reads it too.
func (b Bytes) String() string {
	for _, s := range sizes {
		if b != 0 && b%s.size == 0 {
			return strconv.FormatInt(int64(b/s.size), 10) + s.unit
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// UnmarshalYAML reads a size such as 32Gi.
func (b *Bytes) UnmarshalYAML(node *yaml.Node) error {
	for _, s := range sizes {
		number, has := strings.CutSuffix(node.Value, s.unit)
		if !has {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 32)
		if err == nil && n > 0 {
			*b = Bytes(n) * s.size
			return nil
		}
	}
	return fmt.Errorf("line %d: %q is not a size such as 512Mi or 32Gi", node.Line, node.Value)
}

// Declared reports whether there is anything in it.
func (s Scaling) Declared() bool { return s != Scaling{} }

// Service is what a component besides the workers needs; today that is the API.
type Service struct {
	Scaling Scaling `yaml:"scaling"`
}

// problems are what is wrong with the scaling at a path of the declaration; of a task queue
// when queue is set, else of the API.
func (s Scaling) problems(at string, queue bool) []error {
	if !s.Declared() {
		return nil
	}
	var problems []error
	bad := func(field, want string) { problems = append(problems, errors.New(at+"."+field+": "+want)) }
	if s.Replicas.Min < 1 {
		bad("replicas.min", "at least 1")
	}
	if s.Replicas.Max < s.Replicas.Min {
		bad("replicas.max", "at least replicas.min")
	}
	if queue {
		if s.Backlog < 1 {
			bad("backlog", "must be set, at least 1")
		}
		if s.RequestsPerSecond != 0 {
			bad("requests_per_second", "is for the API; a queue has a backlog")
		}
	} else {
		if s.RequestsPerSecond <= 0 {
			bad("requests_per_second", "must be set, more than 0")
		}
		if s.Backlog != 0 {
			bad("backlog", "is for task queues; the API has requests_per_second")
		}
	}
	if s.CPUPercent < 1 || s.CPUPercent > 100 {
		bad("cpu_percent", "must be set, 1 to 100")
	}
	if s.Cooldown < 1 || s.Cooldown > 3600 {
		bad("cooldown_seconds", "must be set, 1 to 3600")
	}
	if s.Resources.CPU <= 0 {
		bad("resources.cpu", "must be set, more than 0")
	}
	if s.Resources.Memory <= 0 {
		bad("resources.memory", "must be set, such as 32Gi")
	}
	return problems
}
