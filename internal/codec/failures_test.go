package codec_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"meai/internal/codec"
	"meai/internal/failure"
)

// failuresAt is the failure converter as the SDK uses it for an activity.
func failuresAt(dc converter.DataConverter, workflowID string) converter.FailureConverter {
	return converter.WithFailureConverterSerializationContext(codec.FailureConverter(dc),
		converter.ActivitySerializationContext{WorkflowID: workflowID})
}

func chain(f *failurepb.Failure) (all []*failurepb.Failure) {
	for ; f != nil; f = f.GetCause() {
		all = append(all, f)
	}
	return all
}

func TestFailuresAreSealedForTheirPerson(t *testing.T) {
	r := newRing(t)
	alice := r.newSubject(t)
	fc := failuresAt(codec.DataConverter(r.Keyring), personID(alice))
	err := temporal.NewApplicationErrorWithOptions(say("message").Text, "Stumble", temporal.ApplicationErrorOptions{
		Details: []any{say("details")},
		Cause:   fmt.Errorf("%s: %w", say("cause").Text, errors.New(say("inner cause").Text)),
	})
	f := fc.ErrorToFailure(err)
	require.Len(t, chain(f), 3)
	require.NotContains(t, f.String(), canary)
	for _, link := range chain(f) {
		require.Equal(t, alice.String(), string(link.GetEncodedAttributes().GetMetadata()[codec.MetadataKey]))
	}
	details := f.GetApplicationFailureInfo().GetDetails().GetPayloads()
	require.Equal(t, alice.String(), string(details[0].GetMetadata()[codec.MetadataKey]))

	var back *temporal.ApplicationError
	require.ErrorAs(t, fc.FailureToError(f), &back)
	var found note
	require.NoError(t, back.Details(&found))
	require.Equal(t, say("details"), found)
	require.Contains(t, back.Error(), say("message").Text)
	require.ErrorContains(t, errors.Unwrap(errors.Unwrap(back)), say("inner cause").Text)
}

func TestATypedFailureComesToTheTopOfItsWrapping(t *testing.T) {
	typed := failure.New(failure.SubjectInactive, "subject is frozen", nil)
	wrappings := map[string]error{
		"plain":          typed,
		"wrapped":        fmt.Errorf("deliver: %w", typed),
		"wrapped twice":  fmt.Errorf("activity: %w", fmt.Errorf("deliver: %w", typed)),
		"joined":         errors.Join(errors.New("roll back"), typed),
		"joined, inside": fmt.Errorf("deliver: %w", errors.Join(errors.New("roll back"), typed)),
	}
	r := newRing(t)
	fc := failuresAt(codec.DataConverter(r.Keyring), personID(r.newSubject(t)))
	for name, err := range wrappings {
		t.Run("in the open, "+name, func(t *testing.T) {
			f := codec.PlainFailures().ErrorToFailure(err)
			require.Equal(t, failure.SubjectInactive, f.GetApplicationFailureInfo().GetType())
			require.True(t, f.GetApplicationFailureInfo().GetNonRetryable())
			require.Contains(t, f.GetMessage(), "subject is frozen")
		})
		t.Run(name, func(t *testing.T) {
			f := fc.ErrorToFailure(err)
			require.Equal(t, failure.SubjectInactive, f.GetApplicationFailureInfo().GetType())
			require.True(t, f.GetApplicationFailureInfo().GetNonRetryable())
			require.ErrorContains(t, fc.FailureToError(f), "subject is frozen")
		})
	}
	t.Run("an untyped error stays retryable", func(t *testing.T) {
		f := fc.ErrorToFailure(fmt.Errorf("deliver: %w", errors.New("connection lost")))
		require.False(t, f.GetApplicationFailureInfo().GetNonRetryable())
	})
	t.Run("nothing stays nothing", func(t *testing.T) {
		require.Nil(t, fc.ErrorToFailure(nil))
		require.NoError(t, fc.FailureToError(nil))
	})
}

func TestAFailureThatCannotBeSealedLosesItsTextNotItsType(t *testing.T) {
	ctx := context.Background()
	r := newRing(t)
	alice := r.newSubject(t)
	require.NoError(t, r.Destroy(ctx, alice))
	fc := failuresAt(codec.DataConverter(r.Keyring), personID(alice))

	f := fc.ErrorToFailure(fmt.Errorf("%s: %w", canary, failure.New(failure.KeyDestroyed, canary, errors.New(canary))))
	require.NotContains(t, f.String(), canary)
	require.Contains(t, f.GetMessage(), "withheld")
	require.Equal(t, failure.KeyDestroyed, f.GetApplicationFailureInfo().GetType())
	require.True(t, f.GetApplicationFailureInfo().GetNonRetryable())

	f = fc.ErrorToFailure(errors.New(canary))
	require.NotContains(t, f.String(), canary)
	require.False(t, f.GetApplicationFailureInfo().GetNonRetryable())
}
