package api

import "time"

// Quicken lets event streams of a server keep another time, so that tests need
// not wait for minutes.
func (s *Server) Quicken(poll, heartbeat, lifetime time.Duration) {
	s.pace = pace{poll: poll, heartbeat: heartbeat, lifetime: lifetime, write: time.Second}
}

// HurryBodies shortens the time that a body may take to arrive.
func (s *Server) HurryBodies(within time.Duration) { s.contract.bodyTimeout = within }

// PreferredWait is preferredWait.
var PreferredWait = preferredWait

// MaxBody is maxBody.
const MaxBody = maxBody

// Codes lists every problem code.
func Codes() []string {
	var all []string
	for c := range explanations {
		all = append(all, string(c))
	}
	return all
}
