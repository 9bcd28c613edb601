package codec

import (
	"errors"
	"fmt"

	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

// FailureConverter returns a failure converter that seals messages, stack traces
// and details with dc, and passes on to it where they come from, which the SDK's
// own does not do.
//
// It also mends what wrapping breaks: the SDK looks at the outermost error only,
// so a typed failure inside fmt.Errorf("...: %w") would be retried for ever
// under the type "wrapError". Here the type and the retry flag come to the top.
func FailureConverter(dc converter.DataConverter) converter.FailureConverter {
	return failureConverter{
		sealing: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
			DataConverter:          dc,
			EncodeCommonAttributes: true,
		}),
		dc: dc,
	}
}

// PlainFailures is the SDK's own failure converter, which seals nothing, with what wrapping
// breaks mended: for who has no keys and no person's words.
func PlainFailures() converter.FailureConverter {
	return plain{temporal.GetDefaultFailureConverter()}
}

type plain struct{ converter.FailureConverter }

// ErrorToFailure keeps the type of a failure that is wrapped.
func (p plain) ErrorToFailure(err error) *failurepb.Failure {
	return p.FailureConverter.ErrorToFailure(promote(err))
}

type failureConverter struct {
	sealing converter.FailureConverter
	dc      converter.DataConverter
}

var _ converter.FailureConverterWithSerializationContext = failureConverter{}

// WithSerializationContext passes the context on to the data converter.
func (c failureConverter) WithSerializationContext(sc converter.SerializationContext) converter.FailureConverter {
	return FailureConverter(converter.WithDataConverterSerializationContext(c.dc, sc))
}

// FailureToError opens a failure. Text that cannot be opened stays hidden; the
// type is plain and survives.
//
// It works on a copy. The SDK's converter writes the opened text into the
// message it is given, and for a local activity that is the very marker which
// is sent to the server afterwards, in the clear.
func (c failureConverter) FailureToError(f *failurepb.Failure) error {
	return c.sealing.FailureToError(proto.CloneOf(f))
}

// ErrorToFailure seals an error. When the keys are out of reach it withholds the
// text and keeps the type: an activity whose failure could not be reported
// would only be noticed by its timeout.
func (c failureConverter) ErrorToFailure(err error) (f *failurepb.Failure) {
	if err == nil {
		return nil
	}
	err = promote(err)
	defer func() {
		// The SDK's converter panics when it cannot encode.
		if p := recover(); p != nil {
			f = withheld(err)
		}
	}()
	return c.sealing.ErrorToFailure(err)
}

// promote puts a typed failure that is wrapped by plain errors on top of them.
func promote(err error) error {
	if temporalError(err) {
		return err
	}
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || remote(err) {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), app.Type(), temporal.ApplicationErrorOptions{
		NonRetryable:   app.NonRetryable(),
		Cause:          app,
		NextRetryDelay: app.NextRetryDelay(),
		Category:       app.Category(),
	})
}

// temporalError reports whether the SDK's converter knows the outermost error.
func temporalError(err error) bool {
	switch err.(type) {
	case *temporal.ApplicationError, *temporal.CanceledError, *temporal.PanicError, *temporal.TimeoutError,
		*temporal.TerminatedError, *temporal.ServerError, *temporal.ActivityError,
		*temporal.ChildWorkflowExecutionError, *temporal.NexusOperationError:
		return true
	default:
		return false
	}
}

// remote reports whether err wraps what another activity or workflow reported.
// That is its caller's to judge and keeps its own place in the chain.
func remote(err error) bool {
	var activity *temporal.ActivityError
	var child *temporal.ChildWorkflowExecutionError
	return errors.As(err, &activity) || errors.As(err, &child)
}

// withheld reports a failure without any of its text.
func withheld(err error) *failurepb.Failure {
	const message = "failure text withheld: the keys to seal it are out of reach"
	failureType, nonRetryable := fmt.Sprintf("%T", err), false
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		failureType, nonRetryable = app.Type(), app.NonRetryable()
	}
	return temporal.GetDefaultFailureConverter().ErrorToFailure(temporal.NewApplicationErrorWithOptions(
		message, failureType, temporal.ApplicationErrorOptions{NonRetryable: nonRetryable}))
}
