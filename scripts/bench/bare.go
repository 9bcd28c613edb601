package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/internal/cluster"
	"meai/internal/config"
	"meai/workers"
	"meai/workflows"
)

// bareNamespace keeps the bare chain's histories apart from the product's.
const bareNamespace = "meai-bench-bare"

// bareChain drives the chain that does nothing.
type bareChain struct {
	temporal client.Client
	workers  *exec.Cmd
	shape    shape
}

func startBare(ctx context.Context, m measureCommand, cfg config.Config, declared cluster.Declaration, like shape) (*bareChain, error) {
	c, err := client.NewLazyClient(client.Options{HostPort: cfg.Temporal.Address, Namespace: bareNamespace, Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("connect the bare chain: %w", err)
	}
	declared.Schedules = nil
	if _, err := (cluster.Applier{Client: c, Namespace: bareNamespace, Declared: declared}).Apply(ctx); err != nil {
		return nil, fmt.Errorf("prepare the bare chain: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	encoded, err := json.Marshal(like)
	if err != nil {
		return nil, fmt.Errorf("encode the shape: %w", err)
	}
	// Its workers run in a process of their own, as the product's do.
	cmd := exec.Command(self, "bare", "--address", cfg.Temporal.Address, "--declaration", m.Declaration, "--shape", string(encoded))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare workers: %w", err)
	}
	return &bareChain{temporal: c, workers: cmd, shape: like}, nil
}

func (b *bareChain) name() string { return "bare chain" }

func (b *bareChain) stop() {
	b.temporal.Close()
	if err := b.workers.Process.Kill(); err == nil {
		_ = b.workers.Wait() // it was killed; there is nothing to learn
	}
}

func (b *bareChain) client(context.Context) (func(context.Context) error, error) {
	return func(ctx context.Context) error {
		id := "person/" + uuid.NewString() + "/interaction/" + uuid.NewString()
		handle, err := b.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: b.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
				ID: id, TaskQueue: workflows.QueueSynthesis,
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, bareInteraction, bytesOf(b.shape.Start)),
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: id, UpdateName: workflows.AnsweredUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, nil)
	}, nil
}

// bareStep is an activity of the chain: its queue, and MeAi's activity whose
// payloads it carries.
type bareStep struct{ queue, activity string }

var (
	analysisStep = bareStep{workflows.QueueMirror, "mirror.Analyze"}
	recallStep   = bareStep{workflows.QueueMemory, "memory.Recall"}
	composeStep  = bareStep{workflows.QueueSynthesis, "synthesis.Compose"}
	reviewStep   = bareStep{workflows.QueueTruthFilter, "truthfilter.Review"}
	deliverStep  = bareStep{workflows.QueueSynthesis, "synthesis.Deliver"}
	rememberStep = bareStep{workflows.QueueMemory, "memory.Remember"}
	indexStep    = bareStep{workflows.QueueMemory, "memory.IndexVectors"}

	bareChainSteps = []bareStep{analysisStep, recallStep, composeStep, reviewStep, deliverStep, rememberStep, indexStep}
)

// carried is the shape that the bare workers were started with.
var carried shape

// bareInteraction has the shape of workflows.Interaction without a meaning:
// a side effect, two activities side by side, three in a row, the answer, and
// two afterwards.
func bareInteraction(ctx workflow.Context, _ []byte) error {
	answered := false
	err := workflow.SetUpdateHandler(ctx, workflows.AnsweredUpdate, func(ctx workflow.Context) error {
		return workflow.Await(ctx, func() bool { return answered })
	})
	if err != nil {
		return err
	}
	workflow.SideEffect(ctx, func(workflow.Context) any { return bytesOf(carried.SideEffect) })
	analyzing, recalling := startBareStep(ctx, analysisStep), startBareStep(ctx, recallStep)
	if err := analyzing.Get(ctx, nil); err != nil {
		return err
	}
	if err := recalling.Get(ctx, nil); err != nil {
		return err
	}
	for _, s := range []bareStep{composeStep, reviewStep, deliverStep} {
		if err := startBareStep(ctx, s).Get(ctx, nil); err != nil {
			return err
		}
	}
	answered = true
	for _, s := range []bareStep{rememberStep, indexStep} {
		if err := startBareStep(ctx, s).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

func startBareStep(ctx workflow.Context, s bareStep) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: s.queue, StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: time.Minute,
	})
	return workflow.ExecuteActivity(ctx, s.activity, bytesOf(carried.Activities[s.activity].Input))
}

// bytesOf makes a payload of about the given size: what it takes besides the
// bytes themselves is subtracted.
func bytesOf(size int) []byte {
	const envelope = 36
	return make([]byte, max(0, size-envelope))
}

type bareCommand struct {
	Address     string `required:""`
	Declaration string `required:""`
	Shape       string `required:"" help:"The shape as JSON."`
}

// Run serves the bare chain until it is killed.
func (b bareCommand) Run(ctx context.Context) error {
	if err := json.Unmarshal([]byte(b.Shape), &carried); err != nil {
		return fmt.Errorf("read the shape: %w", err)
	}
	declared, err := cluster.Load(b.Declaration)
	if err != nil {
		return err
	}
	c, err := client.Dial(client.Options{HostPort: b.Address, Namespace: bareNamespace, Logger: quiet{}})
	if err != nil {
		return fmt.Errorf("connect the bare workers: %w", err)
	}
	defer c.Close()
	for _, queue := range workers.Queues() {
		options := workers.Tuning(declared.TaskQueues[queue])
		options.DisableWorkflowWorker = queue != workflows.QueueSynthesis
		w := worker.New(c, queue, options)
		if queue == workflows.QueueSynthesis {
			w.RegisterWorkflow(bareInteraction)
		}
		for name, step := range carried.Activities {
			w.RegisterActivityWithOptions(func(context.Context, []byte) ([]byte, error) {
				return bytesOf(step.Result), nil
			}, activity.RegisterOptions{Name: name})
		}
		if err := w.Start(); err != nil {
			return fmt.Errorf("start the bare worker of %s: %w", queue, err)
		}
	}
	<-ctx.Done()
	return nil
}

// quiet drops the SDK's log: retries while the engines warm up are no news.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

var _ log.Logger = quiet{}
