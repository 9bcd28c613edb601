package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"meai/activities/failover"
	"meai/internal/fence"
	"meai/workflows"
)

type regionWorkerCommand struct{}

func (regionWorkerCommand) Help() string {
	return `Runs the workflow Failover in the control plane's own Temporal (failover.temporal), measures how far the other region is behind,
keeps the schedule of drills (drills.schedule), and, with failover.automatic, fails over when the observers agree that the primary is lost. Run it at the site that is in neither
region, and a second one wherever you like: one failover is under way at a time. When that Temporal does not answer, it carries a
failover out by itself. A failover whose runner is gone, which no workflow drives, it brings to its end, also one that was begun by hand.

By hand: temporal workflow start --address ADDRESS --namespace control --task-queue operations --type Failover --input '{"to":"b"}'`
}

func (regionWorkerCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-region-worker")
	if err != nil {
		return err
	}
	defer p.close(&err)
	failovers, err := p.failovers(ctx, controller)
	if err != nil {
		return err
	}
	temporal := failovers.Temporal
	health := &failover.Health{Controller: controller, Others: p.copiesOf(controller)}
	if err := health.Observe(p.telemetry.Meters); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broken := make(chan error, 4)
	go func() { broken <- health.Run(ctx) }()
	go func() {
		broken <- controller.Detect(ctx, controller.Automatic(func(ctx context.Context, in failover.Input) error {
			return p.failOver(ctx, failovers, in)
		}))
	}()
	go func() { broken <- controller.Inherit(ctx, driven(temporal), p.tellStep) }()
	go func() { broken <- p.controlWorker(ctx, temporal, controller) }()
	go p.scheduleDrills(ctx, temporal)
	return p.run(ctx, p.metricsServer(), broken)
}

// controlWorker serves the control plane's queue until ctx ends. It is registered here and
// not in package workers: that one's queues, codecs and consents are the product's, on a
// Temporal that may be lost with its region.
func (p *parts) controlWorker(ctx context.Context, temporal client.Client, controller *failover.Controller) error {
	for {
		w := worker.New(temporal, workflows.QueueOperations, worker.Options{
			Identity: controller.Name, WorkerStopTimeout: 5 * time.Second, DisableRegistrationAliasing: true,
			OnFatalError: func(err error) { p.telemetry.Logger.Error("the control worker has stopped", "error", err) },
		})
		registerControl(w, controller)
		if err := w.Start(); err == nil {
			p.telemetry.Logger.Info("control worker started", "queues", workflows.QueueOperations)
			<-ctx.Done()
			w.Stop()
			return nil
		} else if ctx.Err() == nil {
			p.telemetry.Logger.Warn("the control plane's Temporal does not answer", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// registerControl registers what the control plane runs.
func registerControl(r worker.Registry, controller *failover.Controller) {
	r.RegisterWorkflowWithOptions(workflows.Failover, workflow.RegisterOptions{Name: "Failover"})
	r.RegisterWorkflowWithOptions(workflows.HandoverDrill, workflow.RegisterOptions{Name: "HandoverDrill"})
	r.RegisterActivityWithOptions(&failover.Activities{Controller: controller}, activity.RegisterOptions{Name: "failover."})
}

// failOver begins a failover as a workflow; where Temporal is gone as well, in this process.
func (p *parts) failOver(ctx context.Context, failovers *workflows.Failovers, in failover.Input) error {
	in.ID = uuid.New()
	_, err := failovers.Start(ctx, in)
	if err == nil {
		p.telemetry.Logger.Warn("a failover has begun by itself", "id", in.ID.String())
		return nil
	}
	p.telemetry.Logger.Error("a failover is carried out without Temporal", "id", in.ID.String(), "error", err)
	err = failovers.Journal.Carry(ctx, in, p.tellStep)
	if err != nil {
		return fmt.Errorf("failover %s: %w", in.ID, err)
	}
	return nil
}

// tellStep tells of an attempt at a step that this process makes without Temporal.
func (p *parts) tellStep(step string, _ failover.Done, err error) {
	switch {
	case errors.Is(err, fence.ErrHeld):
		// It waits for whoever runs it, and asks again and again.
	case err != nil:
		p.telemetry.Logger.Warn("a step of a failover waits or has failed", "step", step, "error", err)
	default:
		p.telemetry.Logger.Info("a step of a failover is done", "step", step)
	}
}

// drivenTimeout bounds asking the control plane's Temporal: what does not answer drives nothing.
const drivenTimeout = 2 * time.Second

// driven reports whether a workflow goes on with failovers. One that does is known to the
// control plane's Temporal, under whatever id it was started.
func driven(temporal client.Client) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, drivenTimeout)
		defer cancel()
		running, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Query: `WorkflowType = "Failover" and ExecutionStatus = "Running"`,
		})
		return err == nil && running.GetCount() > 0
	}
}
