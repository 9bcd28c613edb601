package main

import "strings"

// room is a folder of the module and what the packages in and below it may import.
// A package may always import its own room. The innermost room decides.
type room struct {
	path     string
	may      []string
	testsMay []string // besides may, for _test.go files
}

// house is the one place that says which imports are allowed. What no room names, as
// cmd, scripts and deploy, nobody imports.
var house = []room{
	{path: "cmd", may: []string{"api", "workers", "workflows", "activities", "internal"}},
	{path: "scripts", may: []string{"api/client", "workers", "workflows", "activities", "internal"}},

	// The API starts and updates workflows; of the activities it reads types and read models.
	{path: "api", may: []string{"workflows", "activities", "internal"}},
	{path: "api/client"},
	{path: "workers", may: []string{"workflows", "activities", "internal"}},

	// No I/O in workflows: activities by name and type, and the names of failures.
	{path: "workflows", may: []string{"activities", "internal/failure"}, testsMay: []string{"internal"}},

	{path: "activities", may: []string{"internal"}},
	// Leaves: every capability names them, so they name none.
	{path: "activities/interaction", may: []string{"internal"}},
	{path: "activities/privacy/consent", may: []string{"internal"}},
	{path: "activities/mirror/crisis", may: []string{"internal"}, testsMay: []string{"activities/mirror/statements"}},
	{path: "activities/mirror/reflection", may: []string{"internal"}, testsMay: []string{"activities/mirror/crisis"}},

	// The engine room holds no domain knowledge.
	{path: "internal"},

	{path: "deploy"},
	// Rules, routes and dashboards are held against the programs that read them.
	{path: "deploy/monitoring", testsMay: []string{"internal/promserver", "internal/telemetry", "activities/privacy/erasure"}},
	// Lines are sorted by what the log has.
	{path: "deploy/logging", testsMay: []string{"internal/telemetry"}},
}

// testSupport is imported by tests only, so that it never gets into the binary.
var testSupport = []string{"activities/privacy/consent/consenttest", "internal/enginetest", "internal/embedding/embeddingtest", "internal/identity/identitytest", "internal/mtls/mtlstest", "internal/mcp/mcptest", "internal/promserver/promtest"}

// allows reports whether a package of r may import target, a path inside the module.
func (r room) allows(target string, inTest bool) bool {
	if within(target, r.path) || anyWithin(target, r.may) {
		return true
	}
	return inTest && anyWithin(target, r.testsMay)
}

// roomOf finds the innermost room of a package; false when no room claims it.
func roomOf(rooms []room, pkg string) (room, bool) {
	var best room
	found := false
	for _, r := range rooms {
		if within(pkg, r.path) && len(r.path) >= len(best.path) {
			best, found = r, true
		}
	}
	return best, found
}

func anyWithin(pkg string, folders []string) bool {
	for _, f := range folders {
		if within(pkg, f) {
			return true
		}
	}
	return false
}

func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}
