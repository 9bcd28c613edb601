package main_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
)

// TestAPartIsSwitchedOffAndOnWhileEverythingRuns: by command, without a restart, within seconds, with an entry in
// the audit log; answers go on meanwhile.
func TestAPartIsSwitchedOffAndOnWhileEverythingRuns(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	offered := func() bool {
		said := p.tell(t, "Is there anything I can try to calm down before a presentation?")
		require.Empty(t, said.Response.Degraded)
		require.Equal(t, client.JudgementVerdictPass, said.Response.Review.Verdict)
		for _, step := range said.Steps {
			if step.Step == "resource_search" {
				require.Equal(t, len(said.Response.Resources) > 0, step.State == "completed", step.State)
			}
		}
		return len(said.Response.Resources) > 0
	}
	require.True(t, offered())
	require.Regexp(t, `resource_search +on +`, s.run(t, "flags"))

	by := uuid.NewString()
	require.Equal(t, "resource_search is off\n", s.run(t, "flags", "set", "resource_search", "off", "--by", by, "--reason", "incident_42"))
	require.Eventually(t, func() bool { return !offered() }, within, 100*time.Millisecond)
	require.Regexp(t, `resource_search +off +\S+ +incident_42`, s.run(t, "flags", "list"))

	require.Equal(t, "resource_search is on\n", s.run(t, "flags", "set", "resource_search", "on", "--by", by, "--reason", "mended"))
	require.Eventually(t, offered, within, 100*time.Millisecond)
	require.Equal(t, "resource_search is on already\n", s.run(t, "flags", "set", "resource_search", "on", "--by", by, "--reason", "mended"))

	history := s.run(t, "flags", "history", "resource_search")
	require.Regexp(t, `(?s)resource_search +on +mended +\S{20,}.*resource_search +off +incident_42 +\S{20,}`, history)
	require.NotContains(t, history, by, "an alias stands for who it was")
	require.Equal(t, 2, s.count(t, p.subject, "select count(*) from audit_log where position('flag.resource_search'::bytea in leaf) > 0"))
}
