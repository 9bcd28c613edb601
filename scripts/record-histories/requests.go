package main

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/requests"
	"meai/workflows"
)

// requestScenarios are of holds and of the time limits of requests.
var requestScenarios = []scenario{
	{
		name: "legal-hold", queue: workflows.QueueOperations, workflow: workflows.LegalHold, id: requests.HoldWorkflow(uuid.UUID{21}),
		input: requests.HoldInput{Approval: uuid.UUID{21}, Items: []uuid.UUID{{22}}}, different: heldAndTold,
	},
	{name: "privacy-deadlines", queue: workflows.QueueOperations, workflow: workflows.PrivacyDeadlines, input: struct{}{}, different: heldAndTold},
}

var heldAndTold = map[string]any{
	"requests.CarryHold": func(_ context.Context, in requests.HoldInput) (requests.HoldRef, error) {
		return requests.HoldRef{ID: in.Approval}, nil
	},
	"requests.SettleHolds": func(context.Context, struct{}) (requests.Settled, error) { return requests.Settled{Holds: 1}, nil },
	"requests.WatchDeadlines": func(context.Context, struct{}) (requests.Watched, error) {
		over := requests.Warning{Request: uuid.UUID{23}, Limit: requests.ByLaw, EndsAt: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC), Level: 3}
		elsewhere := over
		elsewhere.Place = 1
		return requests.Watched{Overdue: 1, Warnings: []requests.Warning{over, elsewhere}}, nil
	},
	"requests.Warn": func(context.Context, requests.Warning) (struct{}, error) { return struct{}{}, nil },
}
