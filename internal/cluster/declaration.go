// Package cluster declares MeAi's Temporal cluster in one file and reconciles a
// running cluster to it.
package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.yaml.in/yaml/v3"
)

// Declaration is the content of temporal.yaml.
type Declaration struct {
	Namespace        Namespace         `yaml:"namespace"`
	SearchAttributes map[string]string `yaml:"search_attributes"`
	// API is how the HTTP API scales; the task queues say it for themselves.
	API        Service             `yaml:"api"`
	TaskQueues map[string]Queue    `yaml:"task_queues"`
	Schedules  map[string]Schedule `yaml:"schedules"`
}

// Namespace declares how the namespace is kept; its name is configuration.
type Namespace struct {
	Description string        `yaml:"description"`
	Retention   time.Duration `yaml:"retention"`
}

// Queue tunes the worker of one task queue, for each process that serves it.
type Queue struct {
	// WorkflowSlots and ActivitySlots bound what runs at once; 0 is the SDK's default.
	WorkflowSlots   int `yaml:"workflow_slots"`
	ActivitySlots   int `yaml:"activity_slots"`
	WorkflowPollers int `yaml:"workflow_pollers"`
	ActivityPollers int `yaml:"activity_pollers"`
	// StickyWorkflows is how many workflows stay cached in the process; the
	// largest value over the served queues counts, the cache is shared.
	StickyWorkflows int `yaml:"sticky_workflows"`
	// WorkerActivitiesPerSecond limits one process, QueueActivitiesPerSecond the
	// whole queue on the server (which turns eager starts off); 0 is no limit.
	WorkerActivitiesPerSecond float64 `yaml:"worker_activities_per_second"`
	QueueActivitiesPerSecond  float64 `yaml:"queue_activities_per_second"`
	// Scaling is of the processes that serve this queue and no other.
	Scaling Scaling `yaml:"scaling"`
}

// Schedule starts a workflow by the calendar.
type Schedule struct {
	Workflow       string         `yaml:"workflow"`
	TaskQueue      string         `yaml:"task_queue"`
	Note           string         `yaml:"note"`
	Cron           string         `yaml:"cron"`
	TimeZone       string         `yaml:"time_zone"`
	Jitter         time.Duration  `yaml:"jitter"`
	Overlap        Overlap        `yaml:"overlap"`
	CatchupWindow  time.Duration  `yaml:"catchup_window"`
	PauseOnFailure bool           `yaml:"pause_on_failure"`
	RunTimeout     time.Duration  `yaml:"run_timeout"`
	Input          map[string]any `yaml:"input"`
	// Needs names what must be configured for the schedule to make sense; empty for
	// nothing.
	Needs string `yaml:"needs"`
}

// needs are what schedules may depend on.
var needs = []string{"", "backups", "index_backups", "copies", "archives"}

// With is the declaration without the schedules that need what is not there.
func (d Declaration) With(there ...string) Declaration {
	d.Schedules = maps.Clone(d.Schedules)
	maps.DeleteFunc(d.Schedules, func(_ string, s Schedule) bool { return s.Needs != "" && !slices.Contains(there, s.Needs) })
	return d
}

// Overlap says what happens when a run is due while the last one is open.
type Overlap string

var overlaps = map[Overlap]enumspb.ScheduleOverlapPolicy{
	"skip":            enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"buffer_one":      enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	"buffer_all":      enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	"cancel_other":    enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
	"terminate_other": enumspb.SCHEDULE_OVERLAP_POLICY_TERMINATE_OTHER,
	"allow_all":       enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}

var attributeTypes = map[string]enumspb.IndexedValueType{
	"Keyword":     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"KeywordList": enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	"Text":        enumspb.INDEXED_VALUE_TYPE_TEXT,
	"Int":         enumspb.INDEXED_VALUE_TYPE_INT,
	"Double":      enumspb.INDEXED_VALUE_TYPE_DOUBLE,
	"Bool":        enumspb.INDEXED_VALUE_TYPE_BOOL,
	"Datetime":    enumspb.INDEXED_VALUE_TYPE_DATETIME,
}

// Load reads and checks a declaration; the error joins every problem found.
func Load(path string) (Declaration, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Declaration{}, fmt.Errorf("read the Temporal declaration: %w", err)
	}
	var d Declaration
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return Declaration{}, fmt.Errorf("parse %s: %w", path, err)
	}
	if err := d.validate(); err != nil {
		return Declaration{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// Queues lists the names of the declared task queues in order.
func (d Declaration) Queues() []string { return slices.Sorted(maps.Keys(d.TaskQueues)) }

func (d Declaration) validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if d.Namespace.Retention < 24*time.Hour {
		bad("namespace.retention: at least 24h, Temporal keeps no less")
	}
	for name, kind := range d.SearchAttributes {
		if _, known := attributeTypes[kind]; !known {
			bad("search_attributes.%s: unknown type %q", name, kind)
		}
	}
	problems = append(problems, d.API.Scaling.problems("api.scaling", false)...)
	for name, q := range d.TaskQueues {
		problems = append(problems, q.Scaling.problems("task_queues."+name+".scaling", true)...)
		for _, n := range []float64{float64(q.WorkflowSlots), float64(q.ActivitySlots), float64(q.WorkflowPollers), float64(q.ActivityPollers), float64(q.StickyWorkflows), q.WorkerActivitiesPerSecond, q.QueueActivitiesPerSecond} {
			if n < 0 {
				bad("task_queues.%s: no value may be negative", name)
				break
			}
		}
		// The SDK needs one of each beside the one for its sticky queue, and panics.
		if q.WorkflowPollers == 1 {
			bad("task_queues.%s.workflow_pollers: at least 2", name)
		}
		if q.WorkflowSlots == 1 {
			bad("task_queues.%s.workflow_slots: at least 2", name)
		}
	}
	for name, s := range d.Schedules {
		problems = append(problems, s.problems("schedules."+name, d)...)
	}
	return errors.Join(problems...)
}

func (s Schedule) problems(at string, d Declaration) []error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(at+"."+format, args...))
	}
	if s.Workflow == "" {
		bad("workflow: must be set")
	}
	if _, declared := d.TaskQueues[s.TaskQueue]; !declared {
		bad("task_queue: %q is not declared", s.TaskQueue)
	}
	if !slices.Contains(needs, s.Needs) {
		bad("needs: %q is nothing that can be configured", s.Needs)
	}
	if s.Cron == "" {
		bad("cron: must be set")
	}
	if _, known := overlaps[s.Overlap]; !known {
		bad("overlap: %q is not a policy", s.Overlap)
	}
	// The server's default catch-up window is a year: a backup from last spring
	// would be made up for. Every schedule says how late is too late.
	if s.CatchupWindow < 10*time.Second {
		bad("catchup_window: must be set, at least 10s")
	}
	if s.RunTimeout <= 0 {
		bad("run_timeout: must be set")
	}
	return problems
}
