package api

import (
	"iter"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest that a request waits for its answer.
const maxWait = 60 * time.Second

// preferredWait is the wait that a Prefer header (RFC 7240) asks for, at most
// [maxWait]; zero when it asks for none. What cannot be understood is ignored, as
// the RFC wants it.
func preferredWait(header *string) time.Duration {
	if header == nil {
		return 0
	}
	for preference := range splitUnquoted(*header, ',') {
		// Parameters of a preference follow a semicolon; wait has none.
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return 0
		}
		return min(time.Duration(seconds)*time.Second, maxWait) // the first one counts
	}
	return 0
}

// splitUnquoted yields the parts of s between separators that stand outside quotes.
func splitUnquoted(s string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin, quoted := 0, false
		for i := range len(s) {
			switch {
			case s[i] == '"':
				quoted = !quoted
			case s[i] == separator && !quoted:
				if !yield(s[begin:i]) {
					return
				}
				begin = i + 1
			}
		}
		yield(s[begin:])
	}
}
