package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A Change is one difference between the declaration and the cluster.
type Change struct {
	// What it is about, such as "search attribute MeaiSubject".
	What string
	// From is empty for something new.
	From, To string
}

// String shows the change in a line.
func (c Change) String() string {
	if c.From == "" {
		return fmt.Sprintf("+ %s: %s", c.What, c.To)
	}
	return fmt.Sprintf("~ %s: %s → %s", c.What, c.From, c.To)
}

// Applier reconciles one namespace of a cluster to a declaration.
type Applier struct {
	Client    client.Client
	Namespace string
	Declared  Declaration
	// DryRun finds the changes and makes none.
	DryRun bool
	// Report is called with each change as it is found.
	Report func(Change)
}

// Apply makes the cluster match the declaration and returns what changed;
// nothing when it matched already. It creates and updates, it never removes:
// what the declaration does not name is left alone.
func (a Applier) Apply(ctx context.Context) ([]Change, error) {
	var changes []Change
	note := func(c Change) {
		changes = append(changes, c)
		if a.Report != nil {
			a.Report(c)
		}
	}
	created, err := a.applyNamespace(ctx, note)
	if err != nil {
		return changes, fmt.Errorf("namespace %s: %w", a.Namespace, err)
	}
	if created && a.DryRun {
		// Nothing below can be compared with a namespace that does not exist yet.
		a.allNew(note)
		return changes, nil
	}
	if err := a.applySearchAttributes(ctx, note); err != nil {
		return changes, fmt.Errorf("search attributes: %w", err)
	}
	if err := a.applySchedules(ctx, note); err != nil {
		return changes, fmt.Errorf("schedules: %w", err)
	}
	return changes, a.resumeSchedules(ctx, note)
}

// resumeSchedules lets those run that a quarantine has paused.
func (a Applier) resumeSchedules(ctx context.Context, note func(Change)) error {
	return eachSchedule(ctx, a.Client, func(id string, handle client.ScheduleHandle, d *client.ScheduleDescription) error {
		who, before, paused := pausedFor(d)
		if !paused {
			return nil
		}
		note(Change{What: "schedule " + id, From: "paused for " + who, To: "running"})
		if a.DryRun {
			return nil
		}
		return resume(ctx, handle, before)
	})
}

func (a Applier) applyNamespace(ctx context.Context, note func(Change)) (created bool, err error) {
	service := a.Client.WorkflowService()
	want := a.Declared.Namespace
	got, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: a.Namespace})
	var absent *serviceerror.NamespaceNotFound
	if errors.As(err, &absent) {
		note(Change{What: "namespace " + a.Namespace, To: "retention " + want.Retention.String()})
		if a.DryRun {
			return true, nil
		}
		_, err := service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: a.Namespace, Description: want.Description,
			WorkflowExecutionRetentionPeriod: durationpb.New(want.Retention),
		})
		if err != nil {
			return true, fmt.Errorf("register: %w", err)
		}
		return true, a.awaitNamespace(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("describe: %w", err)
	}
	return false, a.updateNamespace(ctx, got, note)
}

func (a Applier) updateNamespace(ctx context.Context, got *workflowservice.DescribeNamespaceResponse, note func(Change)) error {
	want := a.Declared.Namespace
	retention, description := got.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), got.GetNamespaceInfo().GetDescription()
	if retention == want.Retention && description == want.Description {
		return nil
	}
	if retention != want.Retention {
		note(Change{What: "namespace " + a.Namespace + " retention", From: retention.String(), To: want.Retention.String()})
	}
	if description != want.Description {
		note(Change{What: "namespace " + a.Namespace + " description", From: fmt.Sprintf("%q", description), To: fmt.Sprintf("%q", want.Description)})
	}
	if a.DryRun {
		return nil
	}
	_, err := a.Client.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace:  a.Namespace,
		UpdateInfo: &namespacepb.UpdateNamespaceInfo{Description: want.Description},
		Config:     &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(want.Retention)},
	})
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

// awaitNamespace waits until every service of the cluster knows the namespace:
// their caches learn of a new one only some seconds later.
func (a Applier) awaitNamespace(ctx context.Context) error {
	return poll(ctx, func() error {
		_, err := a.Client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 1})
		if err != nil {
			return err
		}
		_, err = a.Client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: a.Namespace})
		if err != nil {
			return err
		}
		_, err = a.Client.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: a.Namespace, PageSize: 1})
		return err
	})
}

func (a Applier) applySearchAttributes(ctx context.Context, note func(Change)) error {
	operator := a.Client.OperatorService()
	got, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: a.Namespace})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range slices.Sorted(maps.Keys(a.Declared.SearchAttributes)) {
		want := attributeTypes[a.Declared.SearchAttributes[name]]
		have, exists := got.GetCustomAttributes()[name]
		switch {
		case !exists:
			missing[name] = want
			note(Change{What: "search attribute " + name, To: a.Declared.SearchAttributes[name]})
		case have != want:
			return fmt.Errorf("%s is a %s in the cluster and a %s in the declaration: a type cannot be changed, use a new name", name, have, want)
		}
	}
	if len(missing) == 0 || a.DryRun {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: a.Namespace, SearchAttributes: missing})
	if err != nil {
		return fmt.Errorf("add: %w", err)
	}
	return poll(ctx, func() error { return a.attributesUsable(ctx, missing) })
}

// attributesUsable asks for workflows by each attribute. The server lists a new
// attribute at once, but refuses it in starts and queries until its cache of
// namespaces has caught up.
func (a Applier) attributesUsable(ctx context.Context, names map[string]enumspb.IndexedValueType) error {
	for name := range names {
		_, err := a.Client.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: a.Namespace, PageSize: 1, Query: name + " IS NULL",
		})
		if err != nil {
			return fmt.Errorf("%s cannot be used yet: %w", name, err)
		}
	}
	return nil
}

func (a Applier) allNew(note func(Change)) {
	for _, name := range slices.Sorted(maps.Keys(a.Declared.SearchAttributes)) {
		note(Change{What: "search attribute " + name, To: a.Declared.SearchAttributes[name]})
	}
	for _, id := range slices.Sorted(maps.Keys(a.Declared.Schedules)) {
		note(Change{What: "schedule " + id, To: a.Declared.Schedules[id].summary()})
	}
}

// poll tries until ok or the context ends, and then says what was wrong last.
func poll(ctx context.Context, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting: %w", err)
		case <-tick.C:
		}
	}
}
