package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// knownAttributes are the span attributes that leave the process. Like
// [knownKeys] it is the second line of defence: the instrumentation of HTTP
// records what a caller asked for and which program it claims to be, which is
// the caller's to choose and so may be anybody's words.
var knownAttributes = map[attribute.Key]treatment{
	"http.request.method": plain, "http.route": plain, "http.response.status_code": plain,
	"http.request.body.size": plain, "http.response.body.size": plain, "url.scheme": plain,
	"server.address": plain, "server.port": plain, "network.protocol.name": plain, "network.protocol.version": plain,
	"network.peer.address": plain, "network.peer.port": plain, "network.transport": plain, "error.type": plain,

	// Statements hold parameters' places, not their values.
	"db.system.name": plain, "db.query.text": plain, "db.operation.name": plain, "db.operation.batch.size": plain,
	"db.namespace": plain, "db.collection.name": plain, "db.client.operation.name": plain, "db.response.status_code": plain,
	"pgx.rows_affected": plain, "pgx.sql_state": plain, "pgx.prepare_stmt.name": plain,

	"gen_ai.request.model": plain, "gen_ai.usage.input_tokens": plain, "gen_ai.usage.output_tokens": plain,

	"temporalWorkflowID": plain, "temporalRunID": plain, "temporalActivityID": plain, "temporalUpdateID": plain,

	"exception.type": plain, "exception.message": text, "exception.stacktrace": stack, "exception.escaped": plain,
}

// safeExporter exports spans without what is not known to be harmless.
type safeExporter struct{ sdktrace.SpanExporter }

func (e safeExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	safe := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		safe[i] = safeSpan{s}
	}
	return e.SpanExporter.ExportSpans(ctx, safe)
}

type safeSpan struct{ sdktrace.ReadOnlySpan }

func (s safeSpan) Name() string { return scrub(s.ReadOnlySpan.Name()) }

func (s safeSpan) Attributes() []attribute.KeyValue {
	return safeAttributes(s.ReadOnlySpan.Attributes())
}

func (s safeSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i, e := range events {
		events[i].Name, events[i].Attributes = scrub(e.Name), safeAttributes(e.Attributes)
	}
	return events
}

func (s safeSpan) Links() []sdktrace.Link {
	links := slices.Clone(s.ReadOnlySpan.Links())
	for i, l := range links {
		links[i].Attributes = safeAttributes(l.Attributes)
	}
	return links
}

func (s safeSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = scrub(status.Description)
	return status
}

func safeAttributes(all []attribute.KeyValue) []attribute.KeyValue {
	safe := make([]attribute.KeyValue, 0, len(all))
	for _, kv := range all {
		switch knownAttributes[kv.Key] {
		case plain:
			safe = append(safe, kv)
		case text:
			safe = append(safe, kv.Key.String(scrub(kv.Value.AsString())))
		case stack:
			safe = append(safe, kv.Key.String(frames(kv.Value.AsString())))
		}
	}
	return safe
}
