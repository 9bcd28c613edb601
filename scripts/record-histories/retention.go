package main

import (
	"context"

	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/activities/privacy/retention"
	"meai/workflows"
)

// retentionScenarios are of what goes for its age, and of looks at encryption.
var retentionScenarios = []scenario{
	{name: "retention", queue: workflows.QueueBatch, workflow: workflows.Retention, input: workflows.RetentionInput{PageSize: 2}, different: aged},
	{name: "retention-dry-run", queue: workflows.QueueBatch, workflow: workflows.Retention, input: workflows.RetentionInput{PageSize: 2, DryRun: true}, different: aged},
	{name: "verify-encryption", queue: workflows.QueueBatch, workflow: workflows.VerifyEncryption, input: retention.LookInput{}, different: aged},
}

var aged = map[string]any{
	"retention.Prepare": func(context.Context, retention.Run) (struct{}, error) { return struct{}{}, nil },
	"retention.DropPartitions": func(context.Context, retention.Run) (retention.Partitions, error) {
		return retention.Partitions{Dropped: 1}, nil
	},
	// One has old memories, and there is more to do than fits into a step.
	"retention.ApplyToPeople": func(_ context.Context, in retention.PeopleInput) (retention.PeopleDone, error) {
		done := retention.PeopleDone{Counts: retention.Counts{"interactions": {Deleted: 2, Kept: map[retention.Reason]int64{retention.LegalHold: 1}}}}
		if len(in.Subjects) > 1 {
			done.Left = in.Subjects[1:]
		}
		if in.Subjects[0] == (uuid.UUID{6}) && !in.Again && !in.DryRun {
			done.Expiring = in.Subjects[:1]
		}
		return done, nil
	},
	"retention.PlanExpiry": func(_ context.Context, in retention.ExpiryInput) (memory.ForgettingRef, error) {
		if in.Turn > 0 {
			return memory.ForgettingRef{}, nil
		}
		return memory.ForgettingRef{Subject: in.Subject, Forgetting: uuid.UUID{31}}, nil
	},
	"retention.ApplyToRest": func(context.Context, retention.Run) (retention.Counts, error) {
		return retention.Counts{"approvals": {Deleted: 1}}, nil
	},
	"retention.Conclude": func(context.Context, retention.Conclusion) (struct{}, error) { return struct{}{}, nil },
	"encryption.OpenSamples": func(context.Context, retention.LookInput) (retention.Look, error) {
		return retention.Look{Looked: retention.Looked{People: 2, Values: 20}}, nil
	},
	"encryption.CheckColumns": func(context.Context, retention.LookInput) (retention.Look, error) {
		return retention.Look{Looked: retention.Looked{Columns: 90, Rows: 900}, Findings: []retention.Finding{{Problem: retention.NotOfItsClass, Store: "interaction_steps", Column: "reason", Count: 1}}}, nil
	},
	"encryption.CheckPlaces": func(context.Context, retention.LookInput) (retention.Look, error) {
		return retention.Look{Looked: retention.Looked{Objects: 7, Links: 3}}, nil
	},
	"encryption.Conclude": func(context.Context, retention.Finish) (retention.Soundness, error) { return retention.Unsound, nil },
}
