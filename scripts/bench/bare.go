package main

import (
	"context"
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

	"meai/activities/mirror"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
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
}

func startBare(ctx context.Context, m measureCommand, cfg config.Config, declared cluster.Declaration) (*bareChain, error) {
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
	// Its workers run in a process of their own, as the product's do.
	cmd := exec.Command(self, "bare", "--address", cfg.Temporal.Address, "--declaration", m.Declaration)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare workers: %w", err)
	}
	return &bareChain{temporal: c, workers: cmd}, nil
}

func (b *bareChain) name() string { return "bare chain" }

func (b *bareChain) stop() {
	b.temporal.Close()
	if err := b.workers.Process.Kill(); err == nil {
		_ = b.workers.Wait() // it was killed; there is nothing to learn
	}
}

func (b *bareChain) client(context.Context) (func(context.Context) error, error) {
	n := 0
	return func(ctx context.Context) error {
		n++
		in := workflows.InteractionInput{Words: messages[n%len(messages)], AcceptedAt: time.Now()}
		in.Ref.Subject, in.Ref.Session, in.Ref.Interaction = uuid.New(), uuid.New(), uuid.New()
		in.Ref.Workflow = "person/" + in.Ref.Subject.String() + "/interaction/" + uuid.NewString()
		handle, err := b.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: b.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
				ID: in.Ref.Workflow, TaskQueue: workflows.QueueSynthesis,
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, bareInteraction, in),
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: in.Ref.Workflow, UpdateName: workflows.AnsweredUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, nil)
	}, nil
}

// bareStep is an activity of the chain: which queue, and what stands in for the
// payload that the product's activity takes besides the input.
type bareStep struct {
	queue string
	extra int
}

// payload carries the message and as many more bytes as the product would.
type payload struct {
	Input workflows.InteractionInput
	Extra []byte
}

// bareInteraction has the shape of workflows.Interaction without a meaning:
// a side effect, two activities side by side, three in a row, the answer, and
// two afterwards.
func bareInteraction(ctx workflow.Context, in workflows.InteractionInput) error {
	answered := false
	err := workflow.SetUpdateHandler(ctx, workflows.AnsweredUpdate, func(ctx workflow.Context) error {
		return workflow.Await(ctx, func() bool { return answered })
	})
	if err != nil {
		return err
	}
	workflow.SideEffect(ctx, func(workflow.Context) any { return "none" })
	analyzing, recalling := startBareStep(ctx, in, analysisStep), startBareStep(ctx, in, recallStep)
	if err := analyzing.Get(ctx, nil); err != nil {
		return err
	}
	if err := recalling.Get(ctx, nil); err != nil {
		return err
	}
	for _, s := range []bareStep{composeStep, reviewStep, deliverStep} {
		if err := startBareStep(ctx, in, s).Get(ctx, nil); err != nil {
			return err
		}
	}
	answered = true
	for _, s := range []bareStep{rememberStep, indexStep} {
		if err := startBareStep(ctx, in, s).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// The extra sizes are those of the JSON that the product's activities pass for
// the benchmark's messages: an analysis, five memories, an answer.
var (
	analysisStep = bareStep{workflows.QueueMirror, 0}
	recallStep   = bareStep{workflows.QueueMemory, 0}
	composeStep  = bareStep{workflows.QueueSynthesis, sizeOf(mirror.Analysis{}) + 1500}
	reviewStep   = bareStep{workflows.QueueTruthFilter, sizeOf(mirror.Analysis{}) + 2000}
	deliverStep  = bareStep{workflows.QueueSynthesis, sizeOf(synthesis.Answer{}) + sizeOf(truthfilter.Judgement{}) + 2500}
	rememberStep = bareStep{workflows.QueueMemory, sizeOf(mirror.Analysis{})}
	indexStep    = bareStep{workflows.QueueMemory, 0}
)

func startBareStep(ctx workflow.Context, in workflows.InteractionInput, s bareStep) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: s.queue, StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: time.Minute,
	})
	return workflow.ExecuteActivity(ctx, bareActivity, payload{Input: in, Extra: make([]byte, s.extra*3/4)})
}

// bareActivity returns about as much as the product's activities do.
func bareActivity(context.Context, payload) ([]byte, error) { return make([]byte, 600), nil }

type bareCommand struct {
	Address     string `required:""`
	Declaration string `required:""`
}

// Run serves the bare chain until it is killed.
func (b bareCommand) Run(ctx context.Context) error {
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
		w.RegisterActivityWithOptions(bareActivity, activity.RegisterOptions{})
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
