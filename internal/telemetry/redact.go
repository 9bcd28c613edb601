package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// redacted is the second line of defence: the first is not to log what people
// say, and this holds when somebody forgets. It lets through what cannot hold
// words (numbers, times, ids, enumerations) and strings under the keys of
// [knownKeys]; it scrubs messages and errors, and withholds the rest. A new key
// is withheld until somebody has thought about it.
type redacted struct{ slog.Handler }

// Handle passes a record on as it is when there is nothing to take out, which
// costs no allocation; else it makes a new one.
func (h redacted) Handle(ctx context.Context, r slog.Record) error {
	message := scrub(r.Message)
	clean := message == r.Message
	r.Attrs(func(a slog.Attr) bool {
		clean = clean && harmless(a)
		return clean
	})
	if clean {
		return h.Handler.Handle(ctx, r)
	}
	safe := slog.NewRecord(r.Time, r.Level, message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		safe.AddAttrs(redact(a))
		return true
	})
	return h.Handler.Handle(ctx, safe)
}

func (h redacted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacted{h.Handler.WithAttrs(redactAll(attrs))}
}

func (h redacted) WithGroup(name string) slog.Handler { return redacted{h.Handler.WithGroup(name)} }

func redactAll(attrs []slog.Attr) []slog.Attr {
	safe := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		safe[i] = redact(a)
	}
	return safe
}

// harmless reports, without allocating, that an attribute passes as it is. For
// what takes a closer look it says no.
func harmless(a slog.Attr) bool {
	switch a.Value.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindDuration, slog.KindTime:
		return true
	case slog.KindString:
		return knownKeys[a.Key] == plain && len(a.Value.String()) <= mostPlain
	default:
		return false
	}
}

func redact(a slog.Attr) slog.Attr {
	if harmless(a) {
		return a
	}
	value := a.Value.Resolve() // what a LogValuer makes of itself is looked at too
	switch value.Kind() {
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(redactAll(value.Group())...)}
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: redactAny(a.Key, value.Any())}
	case slog.KindString:
		return slog.String(a.Key, redactString(a.Key, value.String()))
	default:
		return slog.Attr{Key: a.Key, Value: value}
	}
}

func redactAny(key string, value any) slog.Value {
	switch value := value.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(scrub(value.Error()))
	case uuid.UUID:
		return slog.StringValue(value.String())
	case *uuid.UUID, time.Month, time.Weekday:
		return slog.AnyValue(value)
	}
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.String:
		return slog.StringValue(redactString(key, v.String()))
	case v.CanInt(), v.CanUint(), v.CanFloat(), v.Kind() == reflect.Bool:
		// An enumeration's name, if it has one, is one of those in the code.
		return slog.AnyValue(value)
	default:
		return slog.StringValue(fmt.Sprintf("[withheld: %T]", value))
	}
}

// mostPlain bounds a string that passes as it is: ids, names and codes are short.
const mostPlain = 512

func redactString(key, s string) string {
	switch knownKeys[key] {
	case plain:
		return s[:min(len(s), mostPlain)]
	case text:
		return scrub(s)
	case stack:
		return frames(s)
	}
	if s == "" || uuid.Validate(s) == nil {
		return s
	}
	return "[withheld: " + strconv.Itoa(len(s)) + " bytes]"
}

// frames keeps of a stack trace what names code: a panic's value stands above it,
// and could be anything.
func frames(trace string) string {
	var kept strings.Builder
	lines := strings.SplitAfter(trace, "\n")
	for i, line := range lines {
		if i+1 < len(lines) && isFunction(line) && isPlace(lines[i+1]) {
			kept.WriteString(line)
			kept.WriteString(lines[i+1])
		} else if isGoroutine(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// isGoroutine recognises "goroutine 7 [running]:".
func isGoroutine(line string) bool {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	number, _, _ := strings.Cut(rest, " ")
	_, err := strconv.Atoi(number)
	return ok && err == nil && len(line) < 80 && strings.HasSuffix(line, ":\n")
}

// isFunction recognises "pkg.(*T).Method(0x1, 0x2)" and "created by pkg.F in goroutine 1".
func isFunction(line string) bool {
	line = strings.TrimRight(line, "\n")
	return strings.Contains(line, ".") && strings.HasSuffix(line, ")") || strings.HasPrefix(line, "created by ")
}

// isPlace recognises "\t/path/file.go:12 +0x34".
func isPlace(line string) bool {
	at, ok := strings.CutPrefix(line, "\t")
	path, _, _ := strings.Cut(at, " ")
	return ok && (strings.Contains(path, ".go:") || strings.Contains(path, ".s:"))
}
