package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// ApplySchedule makes one schedule be as it is wanted, whatever else there is. A pause that
// somebody has set is kept.
func ApplySchedule(ctx context.Context, c client.Client, id string, want Schedule) error {
	if err := (Applier{Client: c}).applySchedule(ctx, id, want, func(Change) {}); err != nil {
		return fmt.Errorf("schedule %s: %w", id, err)
	}
	return nil
}

// RemoveSchedule removes a schedule; there may be none.
func RemoveSchedule(ctx context.Context, c client.Client, id string) error {
	err := c.ScheduleClient().GetHandle(ctx, id).Delete(ctx)
	var absent *serviceerror.NotFound
	if err != nil && !errors.As(err, &absent) {
		return fmt.Errorf("remove the schedule %s: %w", id, err)
	}
	return nil
}

func (a Applier) applySchedules(ctx context.Context, note func(Change)) error {
	for _, id := range slices.Sorted(maps.Keys(a.Declared.Schedules)) {
		if err := a.applySchedule(ctx, id, a.Declared.Schedules[id], note); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func (a Applier) applySchedule(ctx context.Context, id string, want Schedule, note func(Change)) error {
	handle := a.Client.ScheduleClient().GetHandle(ctx, id)
	got, err := handle.Describe(ctx)
	var absent *serviceerror.NotFound
	if errors.As(err, &absent) {
		note(Change{What: "schedule " + id, To: want.summary()})
		if a.DryRun {
			return nil
		}
		return a.createSchedule(ctx, id, want)
	}
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if current(got) == want.action(id).ID && want.holds(got.Schedule) {
		return nil
	}
	note(Change{What: "schedule " + id, From: "another declaration", To: want.summary()})
	if a.DryRun {
		return nil
	}
	err = handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			// What an operator set by hand, such as a pause, is kept.
			updated := in.Description.Schedule
			updated.Spec, updated.Action, updated.Policy = want.spec(), want.action(id), want.policies()
			return &client.ScheduleUpdate{Schedule: &updated}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

func (a Applier) createSchedule(ctx context.Context, id string, want Schedule) error {
	policies := want.policies()
	_, err := a.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: *want.spec(), Action: want.action(id), Note: want.Note,
		Overlap: policies.Overlap, CatchupWindow: policies.CatchupWindow, PauseOnFailure: policies.PauseOnFailure,
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return nil
}

func (s Schedule) spec() *client.ScheduleSpec {
	return &client.ScheduleSpec{CronExpressions: []string{s.Cron}, TimeZoneName: s.TimeZone, Jitter: s.Jitter}
}

func (s Schedule) policies() *client.SchedulePolicies {
	return &client.SchedulePolicies{Overlap: overlaps[s.Overlap], CatchupWindow: s.CatchupWindow, PauseOnFailure: s.PauseOnFailure}
}

// action is what the schedule starts. The id of its workflows carries the digest
// of the declaration: the server normalises specs and payloads, so comparing
// what it returns with what was sent would find changes for ever.
func (s Schedule) action(id string) *client.ScheduleWorkflowAction {
	return &client.ScheduleWorkflowAction{
		ID: "schedule/" + id + "/" + s.digest(), Workflow: s.Workflow, TaskQueue: s.TaskQueue,
		Args: []any{s.Input}, WorkflowRunTimeout: s.RunTimeout,
	}
}

// holds reports whether nobody has changed in the cluster what can be compared
// with the declaration: the server returns the times of a schedule in another form.
func (s Schedule) holds(in client.Schedule) bool {
	action, ok := in.Action.(*client.ScheduleWorkflowAction)
	return ok && in.Policy != nil && in.Spec != nil && *in.Policy == *s.policies() &&
		in.Spec.Jitter == s.Jitter && action.Workflow == s.Workflow &&
		action.TaskQueue == s.TaskQueue && action.WorkflowRunTimeout == s.RunTimeout
}

// current is the id of the workflows that a schedule of the cluster starts.
func current(d *client.ScheduleDescription) string {
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); ok {
		return action.ID
	}
	return ""
}

func (s Schedule) digest() string {
	// Marshalling plain values cannot fail; map keys come out sorted.
	raw, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("marshal a schedule declaration: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func (s Schedule) summary() string {
	return fmt.Sprintf("%s on %s at %q, overlap %s, catch-up %s, pause on failure %t", s.Workflow, s.TaskQueue, s.Cron, s.Overlap, s.CatchupWindow, s.PauseOnFailure)
}
