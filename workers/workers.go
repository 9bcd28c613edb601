// Package workers says which task queue runs what, and runs it.
package workers

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"meai/activities/approval"
	"meai/activities/backup"
	"meai/activities/backup/copies"
	"meai/activities/backup/drill"
	"meai/activities/backup/people"
	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/export"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/retention"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/activities/upkeep"
	"meai/internal/cluster"
	"meai/workflows"
)

// DrainTimeout is how long a stopping worker lets running activities finish. It
// is longer than any activity that a person waits for.
const DrainTimeout = 12 * time.Second

// Capabilities are the activities with their dependencies.
type Capabilities struct {
	Mirror      *mirror.Activities
	Memory      *memory.Activities
	TruthFilter *truthfilter.Activities
	Bridge      *bridge.Activities
	Library     *bridge.Review
	Synthesis   *synthesis.Activities
	Upkeep      *upkeep.Activities
	Feedback    *feedback.Activities
	Approval    *approval.Activities
	Escalation  *escalation.Activities
	Keys        *keys.Activities
	Erasure     *erasure.Activities
	Backup      *backup.Activities
	Prover      *backup.Prover
	Drills      *drill.Activities
	Restores    *backup.Restores
	People      *people.Activities
	Copies      *copies.Activities
	Retention   *retention.Activities
	Encryption  *retention.Encryption
	Requests    *requests.Activities
	// Consents are asked before each step of a person's story. Required.
	Consents Permitter
	Exports  *export.Activities
}

// service is what one queue runs.
type service struct {
	workflows []any
	// persons: the workflows carry a person's words.
	persons bool
	// activities by the capability's name; they are known as "capability.Method".
	activities func(Capabilities) map[string]any
}

// served maps each queue that has work to what it runs.
var served = map[string]service{
	workflows.QueueSynthesis: {
		workflows:  []any{workflows.Interaction, workflows.EmotionalAnalysis, workflows.ReflectionPrompts, workflows.MemoryQuery, workflows.ResourceSearch, workflows.TextAssessment},
		persons:    true,
		activities: func(c Capabilities) map[string]any { return map[string]any{"synthesis": c.Synthesis} },
	},
	workflows.QueueMirror: {
		activities: func(c Capabilities) map[string]any { return map[string]any{"mirror": c.Mirror} },
	},
	workflows.QueueTruthFilter: {
		activities: func(c Capabilities) map[string]any {
			return map[string]any{"truthfilter": c.TruthFilter, "bridge": c.Bridge}
		},
	},
	workflows.QueueMemory: {
		workflows:  []any{workflows.Memorise, workflows.Import, workflows.Forgetting, workflows.Recollection, workflows.Export, workflows.ImportExport},
		persons:    true,
		activities: func(c Capabilities) map[string]any { return map[string]any{"memory": c.Memory} },
	},
	workflows.QueueBatch: {
		workflows: []any{
			workflows.Consolidation, workflows.ConsolidateSubject, workflows.RepairIndex, workflows.Upkeep, workflows.LibraryReview, workflows.FilterPolicy,
			workflows.Backup, workflows.ProveBackup, workflows.MarkBackup, workflows.CheckBackups, workflows.KeepBackups, workflows.HoldBackup, workflows.ArchivePeople, workflows.CopyObjects, workflows.BackupDrill,
			workflows.Retention, workflows.VerifyEncryption,
		},
		activities: func(c Capabilities) map[string]any {
			return map[string]any{"memory": c.Memory, "upkeep": c.Upkeep, "library": c.Library, "feedback": c.Feedback, "backup": c.Backup, "people": c.People, "copies": c.Copies, "retention": c.Retention, "encryption": c.Encryption}
		},
	},
	workflows.QueueOperations: {
		workflows: []any{workflows.Approval, workflows.Escalation, workflows.EscalationSweep, workflows.Restore, workflows.LegalHold, workflows.PrivacyDeadlines},
		activities: func(c Capabilities) map[string]any {
			return map[string]any{"approval": c.Approval, "escalation": c.Escalation, "requests": c.Requests}
		},
	},
	workflows.QueueProving: {
		activities: func(c Capabilities) map[string]any {
			return map[string]any{"prover": &proving{c.Prover, c.Drills}, "restorer": c.Restores}
		},
	},
	workflows.QueuePrivacy: {
		workflows: []any{workflows.Rekey, workflows.Rewrap, workflows.RetireKeys, workflows.Erasure, workflows.SweepErased, workflows.SettleErasures},
		activities: func(c Capabilities) map[string]any {
			return map[string]any{"keys": c.Keys, "erasure": c.Erasure, "export": c.Exports}
		},
	},
}

// proving is what needs scratch servers: to prove backups, and to see that what is wrong
// with one is detected.
type proving struct {
	*backup.Prover
	*drill.Activities
}

func (s service) register(r worker.Registry, c Capabilities) {
	for _, w := range s.workflows {
		r.RegisterWorkflow(w)
	}
	for capability, a := range s.activities(c) {
		r.RegisterActivityWithOptions(a, activity.RegisterOptions{Name: capability + "."})
	}
}

// Queues lists the queues that have work, in order.
func Queues() []string { return slices.Sorted(maps.Keys(served)) }

// Group is the running workers of one process.
type Group struct {
	workers  map[string]worker.Worker
	consents *consents
	log      *slog.Logger
	fatal    chan error
}

// Start serves the named queues, all that have work when none is named. The
// declaration tunes each.
func Start(c client.Client, d cluster.Declaration, queues []string, caps Capabilities, log *slog.Logger) (*Group, error) {
	if len(queues) == 0 {
		queues = Queues()
	}
	if err := check(queues, d); err != nil {
		return nil, err
	}
	if caps.Consents == nil {
		return nil, errors.New("nobody is there who knows what people agree to")
	}
	setStickyCache(d, queues)
	g := &Group{workers: map[string]worker.Worker{}, consents: &consents{permitter: caps.Consents}, log: log, fatal: make(chan error, len(queues))}
	for _, queue := range queues {
		w := worker.New(c, queue, g.options(queue, d.TaskQueues[queue]))
		served[queue].register(w, caps)
		if err := w.Start(); err != nil {
			g.Stop()
			return nil, fmt.Errorf("start the worker of queue %s: %w", queue, err)
		}
		g.workers[queue] = w
	}
	log.Info("workers started", "queues", strings.Join(queues, " "))
	return g, nil
}

func check(queues []string, d cluster.Declaration) error {
	var problems []error
	for _, queue := range queues {
		if _, declared := d.TaskQueues[queue]; !declared {
			problems = append(problems, fmt.Errorf("queue %q is not declared; the declared queues are %s", queue, strings.Join(d.Queues(), ", ")))
		} else if _, has := served[queue]; !has {
			problems = append(problems, fmt.Errorf("queue %q has no work in this version; these have: %s", queue, strings.Join(Queues(), ", ")))
		}
	}
	return errors.Join(problems...)
}

// setStickyCache sizes the process-wide cache of running workflows.
func setStickyCache(d cluster.Declaration, queues []string) {
	size := 0
	for _, queue := range queues {
		size = max(size, d.TaskQueues[queue].StickyWorkflows)
	}
	if size > 0 {
		worker.SetStickyWorkflowCacheSize(size)
	}
}

func (g *Group) options(queue string, q cluster.Queue) worker.Options {
	o := Tuning(q)
	o.DisableWorkflowWorker = len(served[queue].workflows) == 0
	if served[queue].persons {
		o.Interceptors = []interceptor.WorkerInterceptor{&personsOnly{}, g.consents}
	} else { // steps of people's stories run on these queues, too
		o.Interceptors = []interceptor.WorkerInterceptor{&nobodysOnly{}, g.consents}
	}
	o.OnFatalError = func(err error) {
		g.fatal <- fmt.Errorf("worker of queue %s: %w", queue, err)
	}
	return o
}

// Tuning turns a queue's declaration into the SDK's options.
func Tuning(q cluster.Queue) worker.Options {
	return worker.Options{
		MaxConcurrentWorkflowTaskExecutionSize:  q.WorkflowSlots,
		MaxConcurrentWorkflowTaskPollers:        q.WorkflowPollers,
		MaxConcurrentActivityExecutionSize:      q.ActivitySlots,
		MaxConcurrentActivityTaskPollers:        q.ActivityPollers,
		MaxConcurrentLocalActivityExecutionSize: q.ActivitySlots,
		WorkerActivitiesPerSecond:               q.WorkerActivitiesPerSecond,
		TaskQueueActivitiesPerSecond:            q.QueueActivitiesPerSecond,
		WorkerStopTimeout:                       DrainTimeout,
	}
}

// Fatal yields an error when a worker cannot go on, such as when the namespace
// is gone. The process should then stop.
func (g *Group) Fatal() <-chan error { return g.fatal }

// Stop drains all workers side by side: no new work, running work may finish.
func (g *Group) Stop() {
	done := make(chan struct{})
	for _, w := range g.workers {
		go func() { w.Stop(); done <- struct{}{} }()
	}
	for range g.workers {
		<-done
	}
	g.log.Info("workers stopped")
}
