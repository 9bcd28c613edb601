package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"meai/internal/config"
)

// shape is what the bare chain copies from MeAi: the bytes that each part of an
// interaction carries through Temporal, sealed as they are.
type shape struct {
	Start, SideEffect int
	Activities        map[string]step
}

// step is one activity: the mean size of its input and its result, in bytes.
type step struct{ Input, Result int }

const (
	// sampled bounds how many interactions are measured, leastSampled from below.
	sampled, leastSampled = 40, 8
	// sampleWithin is how long the last of them may take to finish.
	sampleWithin = 30 * time.Second
)

// shape measures what the product's interactions carry.
func (p *product) shape(ctx context.Context, cfg config.Config) (shape, error) {
	temporal, err := client.NewLazyClient(client.Options{HostPort: cfg.Temporal.Address, Namespace: p.in.namespace, Logger: quiet{}})
	if err != nil {
		return shape{}, fmt.Errorf("connect to the histories: %w", err)
	}
	defer temporal.Close()
	return measureShape(ctx, temporal)
}

// measureShape reads the histories of interactions that are done.
func measureShape(ctx context.Context, temporal client.Client) (shape, error) {
	runs, err := finished(ctx, temporal)
	if err != nil {
		return shape{}, err
	}
	sizes := tally{}
	for _, run := range runs {
		events := temporal.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		scheduled := map[int64]string{}
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return shape{}, fmt.Errorf("read a history: %w", err)
			}
			sizes.note(event, scheduled)
		}
	}
	s := shape{Start: sizes.mean("start"), SideEffect: sizes.mean("side effect"), Activities: map[string]step{}}
	for what := range sizes {
		if name, ok := strings.CutSuffix(what, " input"); ok {
			s.Activities[name] = step{Input: sizes.mean(what), Result: sizes.mean(name + " result")}
		}
	}
	return s, nil
}

// finished waits until enough interactions are done and lists some of them; the
// visibility store learns of each with a delay.
func finished(ctx context.Context, temporal client.Client) ([]*commonpb.WorkflowExecution, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleWithin)
	defer cancel()
	for {
		list, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = 'Interaction' and ExecutionStatus = 'Completed'", PageSize: sampled,
		})
		if err != nil {
			return nil, fmt.Errorf("list finished interactions: %w", err)
		}
		if len(list.Executions) >= leastSampled {
			runs := make([]*commonpb.WorkflowExecution, len(list.Executions))
			for i, e := range list.Executions {
				runs[i] = e.Execution
			}
			return runs, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("too few interactions finish to measure their payloads")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tally collects sizes in bytes by what they are the sizes of.
type tally map[string][]int

func (t tally) note(event *historypb.HistoryEvent, scheduled map[int64]string) {
	add := func(what string, p *commonpb.Payloads) { t[what] = append(t[what], proto.Size(p)) }
	switch event.EventType {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		add("start", event.GetWorkflowExecutionStartedEventAttributes().GetInput())
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		for name, p := range event.GetMarkerRecordedEventAttributes().GetDetails() {
			if name == "data" {
				add("side effect", p)
			}
		}
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		a := event.GetActivityTaskScheduledEventAttributes()
		scheduled[event.EventId] = a.GetActivityType().GetName()
		add(a.GetActivityType().GetName()+" input", a.GetInput())
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		a := event.GetActivityTaskCompletedEventAttributes()
		add(scheduled[a.GetScheduledEventId()]+" result", a.GetResult())
	}
}

func (t tally) mean(what string) int {
	if len(t[what]) == 0 {
		return 0
	}
	sum := 0
	for _, n := range t[what] {
		sum += n
	}
	return sum / len(t[what])
}

// print shows what the bare chain carries.
func (s shape) print() {
	fmt.Printf("Payloads measured on MeAi's own interactions and carried by both: start %d bytes, side effect %d\n", s.Start, s.SideEffect)
	for _, b := range bareChainSteps {
		fmt.Printf("  %-22s %6d bytes in, %6d out\n", b.activity, s.Activities[b.activity].Input, s.Activities[b.activity].Result)
	}
	var more []string
	for name := range s.Activities {
		if !slices.ContainsFunc(bareChainSteps, func(b bareStep) bool { return b.activity == name }) {
			more = append(more, name)
		}
	}
	if len(more) > 0 {
		slices.Sort(more)
		fmt.Printf("  Some interactions also ran %s, which the bare chain does not.\n", strings.Join(more, ", "))
	}
	fmt.Println()
}
