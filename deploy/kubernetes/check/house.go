package check

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"sigs.k8s.io/yaml"
)

// House is what other files of the repository say and manifests must agree with.
type House struct {
	// Queues are the declared task queues with the number of replicas of each.
	Queues map[string]Bounds
	API    Bounds
	// Stop is the longest time that a process takes to stop in order.
	Stop time.Duration
	// Variables are the environment variables that the product knows.
	Variables map[string]bool
	// Jobs are what Prometheus is told to scrape.
	Jobs []string
	// Paths are what the API serves: the contract's, the pages' and the assistants'.
	Paths []string
}

// Bounds are how many replicas there are at least and at most.
type Bounds struct{ Min, Max int64 }

type scaling struct {
	Scaling struct {
		Replicas Bounds `json:"replicas"`
	} `json:"scaling"`
}

// ReadHouse reads the repository at root.
func ReadHouse(root string) (House, error) {
	var declared struct {
		API        scaling            `json:"api"`
		TaskQueues map[string]scaling `json:"task_queues"`
	}
	text, err := os.ReadFile(filepath.Join(root, "temporal.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &declared)
	}
	if err != nil {
		return House{}, fmt.Errorf("read temporal.yaml: %w", err)
	}
	h := House{API: declared.API.Scaling.Replicas, Queues: map[string]Bounds{}, Variables: map[string]bool{}}
	for queue, s := range declared.TaskQueues {
		h.Queues[queue] = s.Scaling.Replicas
	}
	drain, err := find(root, "workers/workers.go", `const DrainTimeout = (\d+) \* time\.Second`)
	if err != nil {
		return House{}, err
	}
	shutdown, err := find(root, "docs/configuration.md", `MEAI_API_SHUTDOWN_TIMEOUT.*?\b(\d+)s\b`)
	if err != nil {
		return House{}, err
	}
	for _, seconds := range []string{drain, shutdown} {
		d, err := time.ParseDuration(seconds + "s")
		if err != nil {
			return House{}, err
		}
		h.Stop += d
	}
	reference, err := os.ReadFile(filepath.Join(root, "docs/configuration.md"))
	for _, name := range regexp.MustCompile(`MEAI_[A-Z0-9_]+`).FindAllString(string(reference), -1) {
		h.Variables[name] = true
	}
	if err != nil {
		return House{}, err
	}
	h.Jobs, err = findAll(root, "deploy/monitoring/prometheus.yaml", `(?m)^  - job_name: (\S+)$`)
	for file, pattern := range map[string]string{
		"api/openapi.yaml": `(?m)^  (/\S+):$`, "api/pages.go": `e\.GET\("(/[^"*:]+)`, "api/assistants.go": `assistantsPath = "(.*)"`,
	} {
		paths, unread := findAll(root, file, pattern)
		h.Paths, err = append(h.Paths, paths...), errors.Join(err, unread)
	}
	return h, err
}

// find is the first group of a pattern in a file.
func find(root, file, pattern string) (string, error) {
	all, err := findAll(root, file, pattern)
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// findAll is the first group of each match of a pattern in a file, at least one.
func findAll(root, file, pattern string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
		all = append(all, string(match[1]))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has nothing like %s", file, pattern)
	}
	return all, nil
}
