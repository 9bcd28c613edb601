package workers

import (
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// Workflows lists the names of all workflows that some queue runs, in order.
func Workflows() []string {
	names := map[string]bool{}
	for _, s := range served {
		for _, w := range s.workflows {
			names[nameOf(w)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nameOf is the name that a workflow function is registered under.
func nameOf(function any) string {
	name := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}
