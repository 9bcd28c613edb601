package marks_test

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"meai/activities/backup/marks"
	"meai/internal/enginetest"
	"meai/internal/pgserver"
	"meai/internal/postgres"
)

// waiting is a workflow with some history behind it that waits for a word.
func waiting(ctx workflow.Context) error {
	for range 3 {
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	return nil
}

// temporalClient has a namespace of these tests, with a worker.
func temporalClient(t *testing.T) (c client.Client, queue string) {
	t.Helper()
	const namespace = "marks-test"
	address := enginetest.Config(t).Temporal.Address
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	defer namespaces.Close()
	err = namespaces.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if _, exists := err.(*serviceerror.NamespaceAlreadyExists); !exists {
		require.NoError(t, err)
	}
	c, err = client.NewLazyClient(client.Options{HostPort: address, Namespace: namespace, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	queue = "marks-" + uuid.NewString()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(waiting)
	require.Eventually(t, func() bool { return w.Start() == nil }, time.Minute, 200*time.Millisecond, "a new namespace takes a moment")
	t.Cleanup(w.Stop)
	return c, queue
}

// live runs a workflow to its end, and then once more from an event in its middle: the
// signal that it waits for comes along.
func live(t *testing.T) (resetRun string, fork int64) {
	t.Helper()
	c, queue := temporalClient(t)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue}, waiting)
	require.NoError(t, err)
	require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
	require.NoError(t, run.Get(t.Context(), nil))
	history := c.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	completed := 0
	for history.HasNext() && completed < 2 {
		event, err := history.Next()
		require.NoError(t, err)
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			fork, completed = event.GetEventId(), completed+1
		}
	}
	require.Greater(t, fork, int64(4))
	reset, err := c.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "marks-test", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
		WorkflowTaskFinishEventId: fork, RequestId: uuid.NewString(), Reason: "test",
	})
	require.NoError(t, err)
	require.NoError(t, c.GetWorkflow(t.Context(), run.GetID(), reset.GetRunId()).Get(t.Context(), nil))
	return reset.GetRunId(), fork
}

// copyOfStack is a restored copy of the cluster that the stack's engines use.
func copyOfStack(t *testing.T) *cluster {
	t.Helper()
	source, err := url.Parse(enginetest.Config(t).Backup.PostgresURL)
	require.NoError(t, err)
	password, _ := source.User.Password()
	source.User = url.User(source.User.Username())
	c := newEmpty(t)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(c.dir)) })
	require.NoError(t, c.account.MakeFolder(c.data()))
	cmd := c.binaries.Command(t.Context(), c.account, "pg_basebackup", "--dbname", source.String(), "--pgdata", c.data(),
		"--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	c.start(t, nil)
	return c
}

func TestHistoriesAreReadAsTheirServerWould(t *testing.T) {
	reset, fork := live(t)
	c := copyOfStack(t)
	require.NoError(t, postgres.Migrate(t.Context(), c.URL("meai_owner", "meai"), enginetest.Logger(t)))
	r := c.restored(false)
	found, problems, err := marks.Check(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, problems)
	read, err := strconv.Atoi(found["histories"])
	require.NoError(t, err)
	require.Positive(t, read)
	events, err := strconv.Atoi(found["events"])
	require.NoError(t, err)
	require.Greater(t, events, 15)
	t.Logf("found: %v", found)

	r.Histories = 1
	super := connect(t, c.URL(pgserver.Superuser, "temporal"))
	run(t, super, "create temporary table node as select * from history_node; create temporary table execution as select * from executions")
	// The run that was reset is the newest; the events before lie in the branch of the first.
	run(t, super, "create temporary table lies as select h.* from history_node h join executions e using (shard_id) where e.run_id = decode($1, 'hex') and h.tree_id in "+
		"(select run_id from executions f where f.workflow_id = e.workflow_id and f.run_id <> e.run_id)", strings.ReplaceAll(reset, "-", ""))
	own := "(select branch_id from lies group by branch_id order by min(node_id) desc limit 1)"
	first := "(select branch_id from lies where node_id = 1)"
	for what, damage := range map[string]struct{ statement, problem string }{
		"nothing":                                  {"select", ""},
		"a row that was left behind":               {"insert into history_node (shard_id, tree_id, branch_id, node_id, txn_id, data, data_encoding) select shard_id, tree_id, branch_id, node_id, txn_id + 1, '\\xff', data_encoding from lies where branch_id = " + own, ""},
		"a broken batch":                           {"update history_node set data = '\\xff' where branch_id = " + own, fmt.Sprintf("the events from %d on cannot be decoded", fork)},
		"a batch of something else":                {"update history_node set data = '\\x08' where branch_id = " + own, "cannot be decoded"},
		"an empty batch":                           {"update history_node set data = '' where branch_id = " + own, fmt.Sprintf("there are no events from %d on", fork)},
		"another batch's events":                   {"update history_node set data = (select data from lies where node_id = 1) where branch_id = " + own, fmt.Sprintf("event %d is missing or no event", fork)},
		"an unknown encoding":                      {"update history_node set data_encoding = 'Rot13' where branch_id = " + own, `encoded as "Rot13"`},
		"the end is missing":                       {"delete from history_node where branch_id = " + own + " and node_id = (select max(node_id) from lies where branch_id = " + own + ")", "it ends before event"},
		"all of its own is missing":                {"delete from history_node where branch_id = " + own, "it ends before event"},
		"the beginning, another run's, is missing": {"delete from history_node where branch_id = " + first + " and node_id = 1", "event 1 should come, not 3"},
		"a broken record":                          {"update executions set data = '\\xffff'", "its record: "},
		"an empty record":                          {"update executions set data = ''", "its record: it names no history"},
		"a record of an unknown encoding":          {"update executions set data_encoding = 'Json'", `its record is encoded as "Json"`},
	} {
		t.Run(what, func(t *testing.T) {
			run(t, super, damage.statement)
			found, problems, err := marks.Histories(t.Context(), r)
			require.NoError(t, err)
			if damage.problem == "" {
				require.Empty(t, problems)
				require.Equal(t, "1", found["histories"])
			} else {
				require.Len(t, problems, 1)
				require.Contains(t, problems[0], "workflow run "+reset+": its history is damaged: ")
				require.Contains(t, problems[0], damage.problem)
			}
			run(t, super, "delete from history_node; insert into history_node select * from node; delete from executions; insert into executions select * from execution")
		})
	}

	run(t, super, "delete from current_executions")
	_, problems, err = marks.Histories(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"Temporal: there is no workflow whose history could be read"}, problems)
}
