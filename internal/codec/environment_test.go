package codec_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"google.golang.org/protobuf/proto"

	"meai/internal/codec"
	"meai/internal/enginetest"
)

// evidence is everything that the SDK was given to send.
type evidence struct {
	mu       sync.Mutex
	messages []string
	payloads int
	unsealed []string
}

func (e *evidence) add(m proto.Message, payloads ...*commonpb.Payload) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, fmt.Sprint(m))
	for _, p := range payloads {
		e.payloads++
		if string(p.GetMetadata()[converter.MetadataEncoding]) != codec.Encoding {
			e.unsealed = append(e.unsealed, p.String())
		}
	}
}

// watched notes what a data converter hands to the SDK.
type watched struct {
	converter.DataConverter
	seen *evidence
}

func (w watched) ToPayload(v any) (*commonpb.Payload, error) {
	p, err := w.DataConverter.ToPayload(v)
	w.seen.add(p, p)
	return p, err
}

func (w watched) ToPayloads(v ...any) (*commonpb.Payloads, error) {
	ps, err := w.DataConverter.ToPayloads(v...)
	w.seen.add(ps, ps.GetPayloads()...)
	return ps, err
}

func (w watched) WithSerializationContext(sc converter.SerializationContext) converter.DataConverter {
	return watched{converter.WithDataConverterSerializationContext(w.DataConverter, sc), w.seen}
}

func (w watched) WithWorkflowContext(ctx converter.WorkflowContext) converter.DataConverter {
	return watched{w.DataConverter.(converter.ContextAware).WithWorkflowContext(ctx), w.seen}
}

func (w watched) WithContext(ctx context.Context) converter.DataConverter {
	return watched{w.DataConverter.(converter.ContextAware).WithContext(ctx), w.seen}
}

// watchedFailures notes what a failure converter hands to the SDK.
type watchedFailures struct {
	converter.FailureConverter
	seen *evidence
}

func (w watchedFailures) ErrorToFailure(err error) *failurepb.Failure {
	f := w.FailureConverter.ErrorToFailure(err)
	if f != nil {
		w.seen.add(f)
	}
	return f
}

func (w watchedFailures) WithSerializationContext(sc converter.SerializationContext) converter.FailureConverter {
	return watchedFailures{converter.WithFailureConverterSerializationContext(w.FailureConverter, sc), w.seen}
}

func TestTheStoryInTheTestEnvironmentShowsNoWords(t *testing.T) {
	r := newRing(t)
	seen := &evidence{}
	dc := watched{codec.DataConverter(r.Keyring), seen}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(enginetest.Logger(t))
	env := suite.NewTestWorkflowEnvironment()
	env.SetDataConverter(dc)
	env.SetFailureConverter(watchedFailures{codec.FailureConverter(dc), seen})
	id := personID(r.newSubject(t))
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id, TaskQueue: "mirror"})
	env.RegisterWorkflow(childStory)
	env.RegisterWorkflow(failingStory)
	for _, a := range []any{listen, stumble, panics, refuse} {
		env.RegisterActivity(a)
	}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow("tell", say("signal")) }, 0)

	env.ExecuteWorkflow(story, say("start arguments"), id+"/child")
	require.NoError(t, env.GetWorkflowError())
	var out note
	require.NoError(t, env.GetWorkflowResult(&out))
	require.Equal(t, say("result"), out)

	require.Greater(t, seen.payloads, 20)
	require.Empty(t, seen.unsealed)
	for _, m := range seen.messages {
		require.False(t, strings.Contains(m, canary), m)
	}
}
