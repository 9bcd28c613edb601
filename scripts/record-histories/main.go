// Command record-histories runs each workflow through its scenarios on a real
// Temporal server and saves the histories that the replay tests read.
//
// Record from the version that is deployed, before a workflow is changed, never
// from the change under test: a history made by the new code replays trivially.
// The messages are invented and the payloads are not sealed, so that a history
// can be read in a review.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"meai/internal/cluster"
	"meai/internal/config"
	"meai/workflows"
)

const namespace = "meai-record-histories"

type cli struct {
	Config      string `env:"MEAI_TEST_CONFIG" required:"" type:"path" help:"Configuration of the engines, as meai-local writes it."`
	Declaration string `default:"temporal.yaml" type:"path" help:"Declaration to apply to the namespace."`
	Only        string `help:"Record this scenario alone, as for a workflow that is new."`
	Out         string `default:"workflows/testdata/histories" type:"path" help:"Folder to write the histories to."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("record-histories"), kong.Description("Records workflow histories for the replay tests. Run it on the deployed version, before changing a workflow."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := c.record(ctx)
	stop()
	k.FatalIfErrorf(err)
}

func (c cli) record(ctx context.Context) error {
	cfg, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return err
	}
	declared, err := cluster.Load(c.Declaration)
	if err != nil {
		return err
	}
	temporal, err := client.NewLazyClient(client.Options{HostPort: cfg.Temporal.Address, Namespace: namespace, Identity: "recorder"})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer temporal.Close()
	declared.Schedules = nil
	if _, err := (cluster.Applier{Client: temporal, Namespace: namespace, Declared: declared}).Apply(ctx); err != nil {
		return err
	}
	for _, s := range slices.Concat(scenarios, backupScenarios, requestScenarios, retentionScenarios, regionScenarios) {
		if c.Only != "" && s.name != c.Only {
			continue
		}
		if err := c.recordOne(ctx, temporal, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Println("recorded", s.name)
	}
	return nil
}

// recordOne runs one scenario on workers of its own and saves its history.
func (c cli) recordOne(ctx context.Context, temporal client.Client, s scenario) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, queue := range []string{workflows.QueueSynthesis, workflows.QueueMirror, workflows.QueueMemory, workflows.QueueTruthFilter, workflows.QueueBatch, workflows.QueuePrivacy, workflows.QueueOperations, workflows.QueueProving} {
		w := worker.New(temporal, queue, worker.Options{})
		w.RegisterWorkflow(workflows.Interaction)
		w.RegisterWorkflow(workflows.Memorise)
		w.RegisterWorkflow(workflows.Import)
		w.RegisterWorkflow(workflows.Forgetting)
		w.RegisterWorkflow(workflows.ReflectionPrompts)
		w.RegisterWorkflow(workflows.Consolidation)
		w.RegisterWorkflow(workflows.ConsolidateSubject)
		w.RegisterWorkflow(workflows.RepairIndex)
		w.RegisterWorkflow(workflows.Upkeep)
		w.RegisterWorkflow(workflows.LibraryReview)
		w.RegisterWorkflow(workflows.Rekey)
		w.RegisterWorkflow(workflows.Rewrap)
		w.RegisterWorkflow(workflows.RetireKeys)
		w.RegisterWorkflow(workflows.Erasure)
		w.RegisterWorkflow(workflows.Approval)
		w.RegisterWorkflow(workflows.Escalation)
		w.RegisterWorkflow(workflows.EscalationSweep)
		w.RegisterWorkflow(workflows.TextAssessment)
		w.RegisterWorkflow(workflows.FilterPolicy)
		w.RegisterWorkflow(workflows.Backup)
		w.RegisterWorkflow(workflows.ProveBackup)
		w.RegisterWorkflow(workflows.MarkBackup)
		w.RegisterWorkflow(workflows.CheckBackups)
		w.RegisterWorkflow(workflows.KeepBackups)
		w.RegisterWorkflow(workflows.HoldBackup)
		w.RegisterWorkflow(workflows.Restore)
		w.RegisterWorkflow(workflows.ArchivePeople)
		w.RegisterWorkflow(workflows.CopyObjects)
		w.RegisterWorkflow(workflows.LegalHold)
		w.RegisterWorkflow(workflows.PrivacyDeadlines)
		w.RegisterWorkflow(workflows.Retention)
		w.RegisterWorkflow(workflows.VerifyEncryption)
		w.RegisterWorkflow(workflows.Failover)
		w.RegisterWorkflow(workflows.HandoverDrill)
		for name, perform := range s.activities() {
			w.RegisterActivityWithOptions(perform, activity.RegisterOptions{Name: name})
		}
		if err := w.Start(); err != nil {
			return fmt.Errorf("start a worker: %w", err)
		}
		defer w.Stop()
	}
	id := s.id
	if id == "" {
		id = s.name + "/" + uuid.NewString()
	}
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: s.queue}, s.workflow, s.input)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if s.update != "" {
		options := client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: s.update, WaitForStage: client.WorkflowUpdateStageCompleted}
		if s.updateArg != nil {
			options.Args = []any{s.updateArg}
		}
		handle, err := temporal.UpdateWorkflow(ctx, options)
		if err != nil {
			return fmt.Errorf("send the update: %w", err)
		}
		if err := handle.Get(ctx, nil); err != nil {
			return fmt.Errorf("wait for the update: %w", err)
		}
	}
	if err := run.Get(ctx, nil); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return c.save(ctx, temporal, run, s.name)
}

func (c cli) save(ctx context.Context, temporal client.Client, run client.WorkflowRun, name string) error {
	var history historypb.History
	events := temporal.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		history.Events = append(history.Events, event)
	}
	if len(history.Events) == 0 {
		return errors.New("the history is empty")
	}
	raw, err := protojson.MarshalOptions{Indent: " "}.Marshal(&history)
	if err != nil {
		return fmt.Errorf("encode the history: %w", err)
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Out, name+".json"), raw, 0o644)
}
