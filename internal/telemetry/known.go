package telemetry

import (
	"maps"
	"slices"
)

// treatment is what happens to a string under a key.
type treatment int

const (
	// withheld is the treatment of keys that nobody has listed.
	withheld treatment = iota
	// plain: ids, codes, names of parts, addresses of our own machines. Whoever
	// lists a key here has looked at every place that logs it.
	plain
	// text: an error's text, which is scrubbed.
	text
	// stack: a stack trace, of which only frames are kept.
	stack
)

// knownKeys says what the strings under each key may hold. TestEveryLoggedKeyIsKnown
// finds the ones that are missing.
var knownKeys = map[string]treatment{
	"error": text, "value": text,
	"stack": stack,

	// Every line; where lines go that are kept apart (deploy/logging).
	"stream":  plain,
	"service": plain, "part": plain, "trace_id": plain, "span_id": plain,
	// Requests; the route is as registered, never as asked for.
	"method": plain, "route": plain, "request_id": plain, "code": plain, "address": plain,
	// Interactions and memory.
	"subject": plain, "interaction": plain, "step": plain, "reason": plain,
	// Operations.
	"dependency": plain, "queues": plain, "property": plain, "migration": plain, "until": plain, "file": plain,
	"issuer": plain, "login": plain, "tls": plain, "engine": plain, "entries": plain, "store": plain, "entry": plain, "id": plain, "ends": plain, "act": plain, "use": plain,
	"detected": plain, "flag": plain,
	// Servers that are asked for resources; tools are named by the configuration alone.
	"server": plain, "tool": plain, "pin": plain,

	// The Temporal SDK's own.
	"Error": text, "PanicError": text, "Result": text, "Cause": text,
	"StackTrace": stack, "PanicStack": stack,
	"ActivityID": plain, "ActivityRunID": plain, "ActivityType": plain, "BuildID": plain, "ChildWorkflowID": plain,
	"EventType": plain, "LocalActivityType": plain, "Namespace": plain, "QueryType": plain, "RunID": plain,
	"SideEffectID": plain, "TaskQueue": plain, "TimerID": plain, "UpdateID": plain, "UpdateName": plain,
	"WorkerID": plain, "WorkerType": plain, "WorkflowID": plain, "WorkflowType": plain,
}

// LogKeys lists the keys under which strings get into the log, sorted; numbers and times
// pass under any key.
func LogKeys() []string { return slices.Sorted(maps.Keys(knownKeys)) }

// SpanAttributes lists the attributes that leave the process with a span, sorted.
func SpanAttributes() []string {
	var names []string
	for key := range knownAttributes {
		names = append(names, string(key))
	}
	slices.Sort(names)
	return names
}
