package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"

	"meai/activities/backup/quarantine"
	"meai/api/client"
	"meai/internal/audit"
	"meai/internal/config"
	"meai/internal/enginetest"
	"meai/internal/keyring"
)

// cluster is an installation on engines of its own, whose PostgreSQL, Temporal's
// persistence included, goes back to an earlier moment. Keyring and ledger do not.
type cluster struct {
	site
	data   string
	cmd    *exec.Cmd
	ended  chan struct{}
	pagers *pagers
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	local, err := filepath.Abs("../../.local/bin/meai-local")
	require.NoError(t, err)
	require.FileExists(t, local, "build it with: make build")
	data, err := os.MkdirTemp("", "meai-quarantine-") // where PostgreSQL's account can reach it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(data, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	c := &cluster{data: data}
	c.up(t, local)
	t.Cleanup(func() { c.down(t) })
	kept := t.TempDir()
	p, env := pagersAt(t)
	c.pagers, c.site = p, site{config: filepath.Join(data, "meai.yaml"), env: append([]string{
		"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_API_LISTEN=" + freePort(t), "MEAI_PRIVACY_MAINTENANCE_URLS=", "MEAI_PRIVACY_SCAN_FOLDERS=",
		"MEAI_KEYRING_BUCKET=file://" + kept + "/keyring?create_dir=true", "MEAI_KEYRING_KEK=file://" + kept + "/kek.key",
		"MEAI_LEDGER_BUCKETS=file://" + kept + "/ledger?create_dir=true",
		"MEAI_ESCALATION_L1_WAIT=25s", "MEAI_ESCALATION_L1_REMINDERS=0", "MEAI_ESCALATION_L2_WAIT=1h", "MEAI_ESCALATION_L2_REMINDERS=0",
	}, env...)}
	// The helpers of the tests connect to the engines that this names.
	t.Setenv(enginetest.ConfigVariable, c.config)
	c.env = append(c.env, "MEAI_POSTGRES_READER_URL="+loaded(t, c.site).Postgres.ReaderURL)
	c.run(t, "migrate")
	c.run(t, "apply")
	return c
}

func (c *cluster) up(t *testing.T, local string) {
	t.Helper()
	ready := filepath.Join(c.data, "ready-"+uuid.NewString())
	c.cmd, c.ended = exec.Command(local, "up", "--data", c.data, "--free-ports", "--ready-file", ready), make(chan struct{})
	c.cmd.Dir = "../.."
	c.cmd.SysProcAttr = diesWithParent()
	require.NoError(t, c.cmd.Start())
	go func(cmd *exec.Cmd, ended chan struct{}) { defer close(ended); _ = cmd.Wait() }(c.cmd, c.ended)
	awaitEngines(t, ready, c.ended)
}

func (c *cluster) down(t *testing.T) {
	t.Helper()
	if c.cmd == nil {
		return
	}
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
	<-c.ended
	c.cmd = nil
}

// whileDown stops the engines, does something to their files, and starts them again.
func (c *cluster) whileDown(t *testing.T, commands ...[]string) {
	t.Helper()
	program := c.cmd.Path
	c.down(t)
	for _, command := range commands {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", command, out)
	}
	c.up(t, program)
}

func (c *cluster) takeBackup(t *testing.T) {
	t.Helper()
	c.whileDown(t, []string{"cp", "-a", filepath.Join(c.data, "postgres"), filepath.Join(c.data, "backup")})
}

func (c *cluster) restore(t *testing.T) {
	t.Helper()
	c.whileDown(t, []string{"mv", filepath.Join(c.data, "postgres"), filepath.Join(c.data, "lost")},
		[]string{"mv", filepath.Join(c.data, "backup"), filepath.Join(c.data, "postgres")})
}

// refused runs a command that should end by itself, and returns what it said.
func (c *cluster) refused(t *testing.T, args ...string) string {
	t.Helper()
	p := c.start(t, args...)
	select {
	case err := <-p.done:
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit) && exit.ExitCode() == 1, "meai %v: %v", args, err)
	case <-time.After(within):
		t.Fatalf("meai %v goes on", args)
	}
	p.cmd = nil
	return p.log.String()
}

// tombstones are the keyring's, with when each was written.
func (c *cluster) tombstones(t *testing.T) map[string]time.Time {
	t.Helper()
	dir := strings.TrimSuffix(strings.TrimPrefix(c.setting("MEAI_KEYRING_BUCKET"), "file://"), "?create_dir=true")
	files, err := filepath.Glob(filepath.Join(dir, "tombstones", "*"))
	require.NoError(t, err)
	found := map[string]time.Time{}
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		found[filepath.Base(file)] = info.ModTime()
	}
	return found
}

func (c *cluster) temporal(t *testing.T) (sdk.Client, string) {
	t.Helper()
	stack, err := config.Load(c.config, c.env)
	require.NoError(t, err)
	dialled, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(dialled.Close)
	return dialled, stack.Temporal.Namespace
}

// runs counts the runs of a workflow type that began after a time, by their status.
func runs(t *testing.T, temporal sdk.Client, namespace, prefix string, after time.Time) map[enumspb.WorkflowExecutionStatus]int {
	t.Helper()
	list, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: 1000,
		Query: fmt.Sprintf("WorkflowId STARTS_WITH %q AND StartTime > %q", prefix, after.UTC().Format(time.RFC3339Nano)),
	})
	require.NoError(t, err)
	found := map[enumspb.WorkflowExecutionStatus]int{}
	for _, w := range list.Executions {
		found[w.Status]++
	}
	return found
}

func (c *cluster) approvedRestore(t *testing.T, base string) uuid.UUID {
	t.Helper()
	asked := signedIn(t, base, "operator.oscar").asks(t, client.ApprovalActRestore, map[string]string{"backup": "b-1"})
	for _, name := range []string{"admin.ada", "privacy_officer.paul"} {
		decided := signedIn(t, base, name).decides(t, asked.Id, true)
		require.NotNil(t, decided.JSON200, "%s", decided.Body)
	}
	return asked.Id
}

const ticking = "test-ticking"

// tick makes a schedule that makes up for everything that it misses.
func tick(t *testing.T, temporal sdk.Client) {
	t.Helper()
	_, err := temporal.ScheduleClient().Create(t.Context(), sdk.ScheduleOptions{
		ID: ticking, Note: "ticks", CatchupWindow: time.Hour, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
		Spec:   sdk.ScheduleSpec{Intervals: []sdk.ScheduleIntervalSpec{{Every: 2 * time.Second}}},
		Action: &sdk.ScheduleWorkflowAction{ID: ticking, Workflow: "Upkeep", TaskQueue: "batch", Args: []any{map[string]any{}}},
	})
	require.NoError(t, err)
}

// before is what the world knows when the database goes back.
type before struct {
	// slept is what each of them said.
	slept map[*person]uuid.UUID
	// spent are approvals of destructions that have been used.
	spent    map[*person]uuid.UUID
	erased   []*person
	freezing *person
	help     uuid.UUID
	// pending was asked for, and not decided.
	pending    uuid.UUID
	tombstones map[string]time.Time
	// back is when it went back, and who does not go on.
	back  time.Time
	doras sdk.WorkflowRun
}

// lives goes through a night that has a backup in its middle and ends badly.
func (c *cluster) lives(t *testing.T, temporal sdk.Client) (b before, restoring uuid.UUID) {
	t.Helper()
	up, base := c.serve(t, "up")
	hurt, duty := newPerson(t, base), signedIn(t, base, "support.sue")
	bob, carl, dora, kept := newPerson(t, base), newPerson(t, base), newPerson(t, base), newPerson(t, base)
	b = before{slept: map[*person]uuid.UUID{}, spent: map[*person]uuid.UUID{}, erased: []*person{bob, carl}, freezing: dora}
	hurt.begin(t)
	for _, p := range []*person{bob, carl, dora, kept} {
		p.begin(t)
		b.slept[p] = p.tell(t, "I slept badly.").Id
	}
	for _, p := range []*person{bob, carl, dora} {
		b.spent[p] = agreedToDestroy(t, base, p.subject)
	}
	b.pending = signedIn(t, base, "operator.oscar").asks(t, client.ApprovalActElevate, map[string]string{"role": "auditor", "minutes": "30"}).Id
	tick(t, temporal)
	byHand := temporal.ScheduleClient().GetHandle(t.Context(), "weekly-library-review")
	require.NoError(t, byHand.Pause(t.Context(), sdk.SchedulePauseOptions{Note: "by hand"}))
	// Open at the restore point: two destructions, of which one goes on to its end, and a
	// call for help of which the first level has been told.
	_, bobs := c.destroys(t, temporal, bob.subject, b.spent[bob], 15*time.Second)
	_, b.doras = c.destroys(t, temporal, dora.subject, b.spent[dora], time.Hour)
	c.run(t, "audit", "checkpoint")
	hurt.tell(t, inDanger)
	b.help = raised(t, duty).Id
	require.EventuallyWithT(t, func(ct *assert.CollectT) { require.Equal(ct, []string{"/l1"}, c.pagers.told(b.help)) }, within, 50*time.Millisecond)
	require.NoError(t, up.stop(t))
	c.takeBackup(t)

	// All of this is lost to the database, and not to the world.
	up.launch(t)
	awaitReady(t, c.setting("MEAI_API_LISTEN"), within)
	require.NoError(t, bobs.Get(t.Context(), nil))
	_, carls := c.destroys(t, temporal, carl.subject, b.spent[carl], time.Second)
	require.NoError(t, carls.Get(t.Context(), nil))
	require.EventuallyWithT(t, func(ct *assert.CollectT) { require.Equal(ct, []string{"/l1", "/l2"}, c.pagers.told(b.help)) }, 2*within, 100*time.Millisecond)
	restoring = c.approvedRestore(t, base)
	c.run(t, "audit", "checkpoint")
	b.tombstones = c.tombstones(t)
	require.Len(t, b.tombstones, 2)
	up.kill()
	return b, restoring
}

func TestNothingHappensASecondTimeOnARestoredCluster(t *testing.T) {
	c := newCluster(t)
	temporal, namespace := c.temporal(t)
	b, restoring := c.lives(t, temporal)
	c.restore(t)
	b.back = time.Now()
	owner := enginetest.URLs{Owner: loaded(t, c.site).Postgres.OwnerURL}
	begun, err := quarantine.Begin(t.Context(), enginetest.Superuser(t, owner), quarantine.Facts{
		Reason: quarantine.Restored, Restore: "restore-1", Approval: restoring, LSN: "0/3000028", Time: b.back.Add(-time.Minute),
	})
	require.NoError(t, err)
	require.True(t, begun)

	t.Run("nothing starts", func(t *testing.T) {
		for _, args := range [][]string{{"up"}, {"api"}, {"worker"}, {"worker", "--queue", "operations"}, {"codec"}, {"apply"},
			{"revoke", "api_key", uuid.NewString()}, {"filter", "policies"}, {"audit", "checkpoint"}} {
			require.Regexp(t, "the database is in quarantine since 20.*restored, restore-1.*`meai quarantine release` ends that", c.refused(t, args...), "%v", args)
		}
		status, out := c.exits(t, "quarantine", "status")
		require.Equal(t, 3, status, out)
		require.Contains(t, out, "approval     "+restoring.String())
		require.Contains(t, c.run(t, "audit", "key"), "meai-audit", "what needs no database works")
		status, out = c.exits(t, "audit", "verify")
		require.Equal(t, 2, status, "nobody has said yet that these entries are lost")
		require.Contains(t, out, "they are missing at the end")
	})
	t.Run("a release that is stopped goes on", func(t *testing.T) {
		elsewhere := c.with("MEAI_LEDGER_BUCKETS=file://" + t.TempDir() + "/ledger?create_dir=true")
		status, out := elsewhere.exits(t, "quarantine", "release")
		require.Equal(t, 1, status, out)
		require.Contains(t, out, "the database belongs to another ledger")
		require.Contains(t, out, "schedules  paused "+ticking)
		require.Contains(t, out, "of Erasure that were open were ended")
		require.Contains(t, out, "1 of Escalation that were open were ended")
		status, _ = c.exits(t, "quarantine", "status")
		require.Equal(t, 3, status)

		out = c.run(t, "quarantine", "release")
		require.Contains(t, out, "schedules  0 paused")
		require.Contains(t, out, "erased     what came back of 2 people who are erased was deleted")
		require.Contains(t, out, "epoch      2 begun")
		require.Contains(t, out, "the database serves in write epoch 2")
		require.Contains(t, c.run(t, "quarantine", "release"), "the database serves in write epoch 2", "a repeat changes nothing")
		d, err := temporal.DescribeWorkflowExecution(t.Context(), b.doras.GetID(), "")
		require.NoError(t, err)
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, d.WorkflowExecutionInfo.Status)
	})
	c.nothingTwice(t, temporal, namespace, b)
	t.Run("the audit log says what was lost and is guarded again", func(t *testing.T) {
		c.run(t, "audit", "checkpoint")
		out := c.run(t, "audit", "verify")
		require.Regexp(t, `lost: epoch 2 goes on from entry \d+ of the log before; entries \d+ to \d+, which were signed`, out)
		require.True(t, strings.HasSuffix(out, "intact\n"), out)
		acts := c.acts(t)
		for _, act := range []audit.Act{audit.Restored, audit.EpochBegun, audit.ApprovalUsed, audit.KeyDestroyed} {
			require.Contains(t, acts, act)
		}
		require.Contains(t, c.run(t, "ledger", "verify"), "intact\n")
	})
}

// A failover may exchange the database under processes that go on.
func TestARunningProcessEndsWhenItsDatabaseIsInQuarantineOrInAnotherEpoch(t *testing.T) {
	s := newSite(t, "MEAI_LEDGER_REPLAY_INTERVAL=1s")
	up, base := s.serve(t, "up")
	p := newPerson(t, base)
	ends := func(t *testing.T, up *process, why string) {
		t.Helper()
		select {
		case err := <-up.done:
			require.Error(t, err)
		case <-time.After(within):
			t.Fatal("it goes on")
		}
		up.cmd = nil
		require.Contains(t, up.log.String(), why)
	}
	facts := quarantine.Facts{Reason: quarantine.FailedOver, Restore: "f1"}
	_, err := quarantine.Begin(t.Context(), s.setting("MEAI_POSTGRES_OWNER_URL"), facts)
	require.NoError(t, err)
	got, err := p.api.CreateSessionWithResponse(t.Context(), client.NewSession{})
	require.True(t, err != nil || got.StatusCode() == http.StatusServiceUnavailable, "nothing is accepted from then on")
	ends(t, up, "the database is in quarantine since 20")

	require.Contains(t, s.run(t, "quarantine", "release", "--approval", uuid.NewString(), "--resume-schedules"), "resumed    nightly-upkeep")
	up, _ = s.serve(t, "up")
	s.superuser(t, "update cluster_state set epoch = 3, continues = 3")
	ends(t, up, "write epoch 2 is over, the database is in epoch 3")

	// Another database begins an epoch: this one was left behind, and whoever works with it
	// learns of that from the ledger.
	up, _ = s.serve(t, "up")
	urls := enginetest.EmptyDatabase(t, true)
	other := s.with("MEAI_POSTGRES_URL="+urls.App, "MEAI_POSTGRES_OWNER_URL="+urls.Owner, "MEAI_POSTGRES_READER_URL="+urls.Reader)
	_, err = quarantine.Begin(t.Context(), urls.Owner, quarantine.Facts{Reason: quarantine.FailedOver, Restore: "f2", Approval: uuid.New()})
	require.NoError(t, err)
	other.run(t, "quarantine", "release")
	ends(t, up, "left_behind, left-3")
	status, out := s.exits(t, "quarantine", "release", "--approval", uuid.NewString())
	require.Equal(t, 1, status)
	require.Contains(t, out, "this one was left behind")
	s.superuser(t, "update cluster_state set state = 'serving', epoch = 2, continues = 2")
	s.superuser(t, "delete from ledger_applied where number = (select max(number) from ledger_applied)")
	back := s.start(t, "worker") // as when an old primary comes back
	ends(t, back, "left_behind, left-3")
	require.NotContains(t, back.log.String(), "workers started")
}

// nothingTwice starts the workers again and looks at everything that has an effect outside.
func (c *cluster) nothingTwice(t *testing.T, temporal sdk.Client, namespace string, b before) {
	t.Helper()
	require.NotEmpty(t, runs(t, temporal, namespace, ticking, b.back)[enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED], "the schedule made up for what it had missed")
	released := time.Now()
	_, base := c.serve(t, "up")
	t.Run("no schedule fires until it is let to, and none makes up", func(t *testing.T) {
		require.Empty(t, runs(t, temporal, namespace, ticking, released))
		require.Zero(t, runs(t, temporal, namespace, ticking, b.back)[enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED])
		out := c.run(t, "apply")
		require.Contains(t, out, "~ schedule "+ticking+": paused for restore-1 → running")
		require.NotContains(t, out, "weekly-library-review", "somebody had paused it by hand")
		resumed := time.Now()
		require.EventuallyWithT(t, func(ct *assert.CollectT) {
			require.NotEmpty(ct, runs(t, temporal, namespace, ticking, resumed)[enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED])
		}, within, 200*time.Millisecond)
		require.LessOrEqual(t, runs(t, temporal, namespace, ticking, released)[enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED],
			int(time.Since(resumed)/(2*time.Second))+2, "what was missed in between is not made up for")
		d, err := temporal.ScheduleClient().GetHandle(t.Context(), ticking).Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ticks", d.Schedule.State.Note)
	})
	t.Run("erased people stay erased, and nobody else is", func(t *testing.T) {
		for p, id := range b.slept {
			state := "active"
			switch {
			case slices.Contains(b.erased, p):
				state = "erased"
			case p == b.freezing:
				state = "freezing" // as her destruction had left her
			}
			require.Equal(t, 1, c.count(t, p.subject, "select count(*) from subjects where id = $1 and state = $2", p.subject, state))
			got, err := p.at(t, base).api.GetInteractionWithResponse(t.Context(), p.session, id)
			require.NoError(t, err)
			require.Equal(t, state != "erased", got.JSON200 != nil, "%s: %s", state, got.Body)
			require.Equal(t, state != "erased", c.count(t, p.subject, "select count(*) from interactions") > 0, "what the backup had of them")
		}
		require.Equal(t, b.tombstones, c.tombstones(t), "no key was destroyed once more, and none besides")
		var census keyring.Census
		require.NoError(t, json.Unmarshal([]byte(c.run(t, "keys", "status", "--json")), &census))
		require.Equal(t, 2, census.Replicas[0].Tombstones)
	})
	t.Run("an approval is used once", func(t *testing.T) {
		for p, approval := range b.spent {
			for other := range b.slept {
				if p == other {
					continue
				}
				status, out := c.exits(t, "privacy", "erase", other.subject.String(), "--approval", approval.String())
				require.Equal(t, 1, status, out)
				require.Contains(t, out, "the approval is for another act")
			}
		}
		late := signedIn(t, base, "admin.ada").decides(t, b.pending, true)
		require.NotNil(t, late.JSON200, "%s", late.Body)
		require.Equal(t, client.ApprovalStateApproved, late.JSON200.State, "what was asked for can still be decided")
	})
	t.Run("nobody is paged again, and the call goes on", func(t *testing.T) {
		require.NoError(t, temporal.ScheduleClient().GetHandle(t.Context(), "escalation-sweep").Trigger(t.Context(), sdk.ScheduleTriggerOptions{}))
		require.EventuallyWithT(t, func(ct *assert.CollectT) {
			require.Equal(ct, 2, toldIn(ct, temporal, b.help), "both levels are gone through again")
		}, 2*within, 200*time.Millisecond)
		require.Equal(t, []string{"/l1", "/l2"}, c.pagers.told(b.help))
	})
}

// toldIn counts the notifications that a case's newest run has completed.
func toldIn(t require.TestingT, temporal sdk.Client, id uuid.UUID) (told int) {
	events := temporal.GetWorkflowHistory(context.Background(), "escalation/"+id.String(), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	notifications := map[int64]bool{}
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		if s := e.GetActivityTaskScheduledEventAttributes(); s.GetActivityType().GetName() == "escalation.Notify" {
			notifications[e.EventId] = true
		}
		if done := e.GetActivityTaskCompletedEventAttributes(); notifications[done.GetScheduledEventId()] {
			told++
		}
	}
	return told
}

func loaded(t *testing.T, s site) config.Config {
	t.Helper()
	c, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	return c
}
