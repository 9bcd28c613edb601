package workers

import (
	"github.com/google/uuid"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"meai/internal/codec"
	"meai/internal/failure"
)

// personsOnly refuses to run a person's story under an id that would have it
// sealed with the system's key, or started with plain words by hand.
type personsOnly struct {
	interceptor.WorkerInterceptorBase
}

func (*personsOnly) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &personsOnlyInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type personsOnlyInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (p *personsOnlyInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	person, err := codec.PersonOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	if err != nil {
		return nil, err
	}
	if person == uuid.Nil {
		return nil, failure.New(failure.InvalidInput, "a workflow that carries a person's words starts through meai only", nil)
	}
	return p.Next.ExecuteWorkflow(ctx, in)
}

// nobodysOnly refuses to run an operational workflow under an id that would have
// it sealed with a person's key: an erasure would seal itself with the key that
// it destroys.
type nobodysOnly struct {
	interceptor.WorkerInterceptorBase
}

func (*nobodysOnly) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &nobodysOnlyInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type nobodysOnlyInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (n *nobodysOnlyInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	person, err := codec.PersonOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	if err != nil {
		return nil, err
	}
	if person != uuid.Nil {
		return nil, failure.New(failure.InvalidInput, "an operational workflow takes no id of a person's", nil)
	}
	return n.Next.ExecuteWorkflow(ctx, in)
}
