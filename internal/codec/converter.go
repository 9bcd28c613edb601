package codec

import (
	"context"

	"go.temporal.io/sdk/converter"

	"meai/internal/keyring"
)

// DataConverter returns the data converter for Temporal clients and workers.
func DataConverter(k *keyring.Keyring) converter.DataConverter {
	return codec{keys: k}.converter()
}

// dataConverter is the SDK's JSON converter behind the codec. The SDK tells it
// where it is used, and each With method returns a converter for that place.
type dataConverter struct {
	converter.DataConverter
	codec codec
}

var (
	_ converter.DataConverterWithSerializationContext = dataConverter{}
	_ converter.ContextAware                          = dataConverter{}
)

func (c codec) converter() converter.DataConverter {
	return dataConverter{
		DataConverter: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c),
		codec:         c,
	}
}

// WithSerializationContext learns the workflow whose payloads are converted.
func (d dataConverter) WithSerializationContext(sc converter.SerializationContext) converter.DataConverter {
	switch sc := sc.(type) {
	case converter.WorkflowSerializationContext:
		d.codec.workflow = sc.WorkflowID
	case converter.ActivitySerializationContext:
		d.codec.workflow = sc.WorkflowID
	default:
		// A Nexus operation belongs to no person.
		d.codec.workflow = ""
	}
	return d.codec.converter()
}

// WithWorkflowContext learns that workflow code is running.
func (d dataConverter) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter {
	d.codec.workflowTask, d.codec.ctx = true, nil
	return d.codec.converter()
}

// WithContext learns how long a client or an activity is willing to wait.
func (d dataConverter) WithContext(ctx context.Context) converter.DataConverter {
	d.codec.workflowTask, d.codec.ctx = false, ctx
	return d.codec.converter()
}
