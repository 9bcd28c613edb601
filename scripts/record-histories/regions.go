package main

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/failover"
	"meai/workflows"
)

// regionScenarios are of what the control plane runs.
var regionScenarios = []scenario{
	{name: "failover", queue: workflows.QueueOperations, workflow: workflows.Failover, input: failover.Input{To: "b"}, different: regions},
	{name: "handover-drill", queue: workflows.QueueOperations, workflow: workflows.HandoverDrill, input: failover.DrillRef{}, different: regions},
}

var regions = map[string]any{
	"failover.Begin": func(_ context.Context, in failover.Input) (failover.Plan, error) {
		return failover.Plan{ID: in.ID, From: "a", To: "b", Planned: in.Planned, Epoch: 1, At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}, nil
	},
	"failover.Step": func(_ context.Context, in failover.StepInput) (failover.Done, error) {
		done := failover.Done{Step: in.Step, Found: map[string]string{"timeline": "2"}}
		if in.Step == "gate" {
			done.Judgement = &failover.Judgement{Passes: true, Lossless: true}
		}
		return done, nil
	},
	"failover.RollBack":   func(context.Context, failover.Ref) (failover.RolledOrNot, error) { return failover.RolledOrNot{}, nil },
	"failover.AllowDrill": func(context.Context, failover.DrillRef) (struct{}, error) { return struct{}{}, nil },
	"failover.KeepDrill": func(_ context.Context, in failover.DrillRef) (failover.Drilled, error) {
		return failover.Drilled{ID: uuid.UUID{41}, Kind: failover.Handover, BeganAt: in.At, From: "a", To: "b", State: failover.Completed, Pause: 1.5}, nil
	},
}
