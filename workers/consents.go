package workers

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"meai/activities/memory"
	"meai/activities/privacy/consent"
	"meai/internal/codec"
)

// need is what a step of a person's story uses their data for.
type need struct {
	// purpose is what it cannot do without; "" for what needs no consent.
	purpose consent.Purpose
	// also are purposes of parts of it, which it leaves out where they are not permitted.
	also []consent.Purpose
	// of is the purpose where that depends on the input; nil where it does not.
	of func(in any) consent.Purpose
}

// needs has every activity that people's stories run. What is not here does not run for a
// person: whoever adds a step says what it is for.
var needs = map[string]need{
	"mirror.Analyze":     {purpose: consent.Conversation, also: []consent.Purpose{consent.LanguageModel}},
	"mirror.Reflect":     {purpose: consent.Conversation},
	"bridge.Search":      {purpose: consent.Conversation, also: []consent.Purpose{consent.Discovery, consent.LanguageModel}},
	"synthesis.Compose":  {purpose: consent.Conversation, also: []consent.Purpose{consent.LanguageModel}},
	"truthfilter.Review": {purpose: consent.Conversation, also: []consent.Purpose{consent.LanguageModel}},
	"truthfilter.Assess": {purpose: consent.Conversation, also: []consent.Purpose{consent.LanguageModel}},

	"memory.Recall":       {purpose: consent.Memory, also: []consent.Purpose{consent.Vault, consent.LanguageModel}},
	"memory.Remember":     {purpose: consent.Memory, also: []consent.Purpose{consent.LanguageModel}, of: rememberedAs},
	"memory.IndexVectors": {purpose: consent.Memory, also: []consent.Purpose{consent.LanguageModel}},
	"memory.ImportPage":   {purpose: consent.Memory, also: []consent.Purpose{consent.LanguageModel}},
	"memory.Consolidate":  {purpose: consent.Memory},
	"memory.Repair":       {purpose: consent.Memory},

	// What was accepted is stored, with the answer or with word that there is none.
	"synthesis.Deliver": {},
	// A life may depend on it.
	"escalation.Start": {},
	// What the person asks to be given is given. What they bring is remembered.
	"export.Write": {}, "export.Fail": {}, "export.Expire": {}, "export.Await": {}, "export.Conclude": {}, "export.Drop": {},
	"export.Fill": {purpose: consent.Memory, also: []consent.Purpose{consent.LanguageModel}},
	// What the person asks to have deleted is deleted, and what cannot be kept is put aside.
	"memory.Forget": {}, "memory.ForgetCopies": {}, "memory.ProveForgotten": {}, "memory.GiveUp": {},
}

// rememberedAs: what goes into the vault needs consent to the vault, and to nothing else.
func rememberedAs(in any) consent.Purpose {
	if r, ok := in.(memory.RememberInput); ok && r.Vault {
		return consent.Vault
	}
	return consent.Memory
}

// Permitter says what people's data may be used for now; [consent.Store] is the real one.
type Permitter interface {
	Permitted(ctx context.Context, subject uuid.UUID, purposes ...consent.Purpose) (consent.Permitted, error)
}

// consents asks, before each step of a person's story, whether the person still agrees to
// it. A step that they do not agree to fails for good, and one about which nobody knows is
// tried again. The step's context tells it what else it may do.
type consents struct {
	interceptor.WorkerInterceptorBase
	permitter Permitter
}

func (c *consents) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &consentsInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, c.permitter}
}

type consentsInbound struct {
	interceptor.ActivityInboundInterceptorBase
	permitter Permitter
}

func (c *consentsInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	return c.meet(ctx, info.WorkflowExecution.ID, info.ActivityType.Name, in)
}

// meet lets a step of a workflow run, or refuses it.
func (c *consentsInbound) meet(ctx context.Context, workflow, step string, in *interceptor.ExecuteActivityInput) (any, error) {
	person, err := codec.PersonOf(workflow)
	if err != nil {
		return nil, err
	}
	if person == uuid.Nil {
		return c.Next.ExecuteActivity(ctx, in)
	}
	n, known := needs[step]
	if !known { // a newer worker may know it
		return nil, fmt.Errorf("nobody has said what %s uses a person's data for", step)
	}
	if n.of != nil && len(in.Args) > 0 {
		n.purpose = n.of(in.Args[0])
	}
	if n.purpose == "" {
		return c.Next.ExecuteActivity(ctx, in)
	}
	permitted, err := c.permitter.Permitted(ctx, person, append([]consent.Purpose{n.purpose}, n.also...)...)
	if err != nil {
		return nil, err
	}
	if err := permitted.Check(n.purpose); err != nil {
		return nil, err
	}
	return c.Next.ExecuteActivity(consent.WithPermitted(ctx, permitted), in)
}
