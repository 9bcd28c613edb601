package api

import "time"

// Quicken lets event streams of a server keep another time, so that tests need
// not wait for minutes.
func (s *Server) Quicken(poll, heartbeat, lifetime time.Duration) {
	s.pace = pace{poll: poll, rest: poll, heartbeat: heartbeat, lifetime: lifetime, write: time.Second}
}

// HurryBodies shortens the time that a body may take to arrive.
func (s *Server) HurryBodies(within time.Duration) { s.contract.bodyTimeout = within }

// PreferredWait is preferredWait.
var PreferredWait = preferredWait

// Rest lets event streams slow down to that.
func (s *Server) Rest(rest time.Duration) { s.pace.rest = rest }

// CheckJSON is checkJSON.
var CheckJSON = checkJSON

// What a body may be.
const (
	MaxBody   = maxBody
	MaxDepth  = maxDepth
	MaxTokens = maxTokens
)

// Codes lists every problem code.
func Codes() []string {
	var all []string
	for c := range explanations {
		all = append(all, string(c))
	}
	return all
}

// Reasons are what a problem says is wrong.
func Reasons(err error) []string {
	var reasons []string
	for _, fault := range classify(err).errors {
		reasons = append(reasons, fault.Reason)
	}
	return reasons
}
