package main_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/failover"
	"meai/cmd/meai/internal/drill"
)

// handsOver begins a handover by hand, kills who runs it right behind the commit point,
// kills the control worker that goes on with it as well, and starts that again: nobody has
// to tell it anything.
func (p *plant) handsOver(t *testing.T) {
	t.Helper()
	control := p.control(t)
	began := time.Now()
	id := uuid.New()
	runner := control.start(t, "failover", "run", "--planned", "--id", id.String())
	require.Eventually(t, func() bool { return strings.Contains(runner.log.String(), "\nfence ") }, time.Minute, time.Millisecond, "%s", runner.log)
	runner.kill()
	require.NotEqual(t, failover.Completed, control.state(t, id))

	worker := control.start(t, "region", "worker")
	require.Eventually(t, func() bool { return strings.Contains(worker.log.String(), "a step of a failover is done") }, time.Minute, time.Millisecond, "it does not go on")
	worker.kill()
	worker.launch(t)
	require.Eventually(t, func() bool { return control.state(t, id) == failover.Completed }, componentRTO, 500*time.Millisecond, "it does not come to its end")
	t.Logf("handed over %.1f s after it was begun, by three processes of which two were killed\n%s", time.Since(began).Seconds(), runner.log)
	require.Equal(t, 2, strings.Count(worker.log.String(), "a failover is adopted"))
}

// control is the lab's control site.
func (p *plant) control(t *testing.T) site {
	t.Helper()
	lab, err := drill.OpenLab(t.Context(), filepath.Join(p.data, "lab.json"))
	require.NoError(t, err)
	folder := lab.Sites[drill.Control].Folder
	return site{config: lab.Sites[drill.Control].Config, env: []string{
		"MEAI_FAILOVER_TEMPORAL=" + lab.ControlTemporal[drill.Control], "MEAI_FAILOVER_NAMESPACE=" + lab.ControlNamespace,
		"MEAI_FAILOVER_CONFIGURATIONS=a=" + filepath.Join(folder, "region-a.yaml") + ",b=" + filepath.Join(folder, "region-b.yaml"),
	}}
}

// state is how a failover ended; empty while it has not.
func (s site) state(t *testing.T, id uuid.UUID) string {
	t.Helper()
	out, err := s.command("failover", "status", id.String(), "--json").Output()
	require.NoError(t, err)
	var all []failover.History
	require.NoError(t, json.Unmarshal(out, &all))
	require.Len(t, all, 1)
	if all[0].Result == nil {
		return ""
	}
	return all[0].Result.State
}
