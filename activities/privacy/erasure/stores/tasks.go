package stores

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/postgres"
)

// Tasks are what Temporal's own tables hold of people's workflows beside their histories:
// timers and tasks, which name the workflow that they are of. The server deletes a history
// at once and leaves its timers to their time, which may be a week ahead: they are deleted
// here, once nothing is left of the workflow itself. So are histories that no workflow has:
// a start that comes to nothing leaves its first events, which the server looks for twice a
// day. It reads those tables from beginning to end.
type Tasks struct {
	// URL is Temporal's own database, as the role that owns it.
	URL string
	// TLS returns how to connect to a host, when it is set.
	TLS func(host string) *tls.Config
	// Patience is how long Delete waits for the server to be done with its own tasks; zero
	// for two minutes.
	Patience time.Duration
}

// taskTables hold tasks by what becomes of them: the server works through immediate ones
// within a minute and drops them; the others wait for a time, or for a worker.
var (
	immediateTasks = []string{"transfer_tasks", "visibility_tasks", "replication_tasks", "history_immediate_tasks"}
	waitingTasks   = []string{"timer_tasks", "history_scheduled_tasks", "tasks", "tasks_v2"}
	// histories name the workflow that each history is of.
	histories = []string{"history_tree"}
	// workflowTables have a column with the name of the workflow.
	workflowTables = []string{"executions", "current_executions", "buffered_events"}
)

// longestPause is how long is waited at most before the tables are read once more.
const longestPause = 8 * time.Second

// Name implements [Store].
func (*Tasks) Name() string { return "temporal.tasks" }

// Count implements [Store].
func (t *Tasks) Count(ctx context.Context, subject uuid.UUID) (n int64, err error) {
	err = t.connected(ctx, func(conn *pgx.Conn) error {
		n, err = count(ctx, conn, subject, immediateTasks, waitingTasks, histories)
		return err
	})
	return n, err
}

// Sample implements [Store]. Tasks hold nothing but names and numbers.
func (*Tasks) Sample(context.Context, uuid.UUID, int) ([][]byte, error) { return nil, nil }

// Delete implements [Store].
func (t *Tasks) Delete(ctx context.Context, subject uuid.UUID, beat func(done int64)) (done int64, err error) {
	patience := t.Patience
	if patience == 0 {
		patience = 2 * time.Minute
	}
	err = t.connected(ctx, func(conn *pgx.Conn) error {
		for end, pause := time.Now().Add(patience), time.Second; ; pause = min(2*pause, longestPause) {
			left, err := t.round(ctx, conn, subject, &done)
			if err != nil || left == 0 || time.Now().After(end) {
				return err
			}
			beat(done)
			if err := sleep(ctx, pause); err != nil {
				return err
			}
		}
	})
	return done, err
}

// round deletes what waits, unless the workflows are still there, and counts what is left.
func (t *Tasks) round(ctx context.Context, conn *pgx.Conn, subject uuid.UUID, done *int64) (left int64, err error) {
	for _, table := range workflowTables {
		var there bool
		err := conn.QueryRow(ctx, fmt.Sprintf("select exists (select from %s where starts_with(workflow_id, $1))", table), workflowsOf(subject)).Scan(&there)
		if err != nil {
			return 0, fmt.Errorf("look for workflows in %s: %w", table, err)
		}
		if there {
			return 1, nil
		}
	}
	for _, table := range waitingTasks {
		tag, err := conn.Exec(ctx, fmt.Sprintf("delete from %s where position($1::bytea in data) > 0", table), []byte(workflowsOf(subject)))
		if err != nil {
			return 0, fmt.Errorf("delete tasks from %s: %w", table, err)
		}
		*done += tag.RowsAffected()
	}
	tag, err := conn.Exec(ctx, forgetHistories, []byte(workflowsOf(subject)))
	if err != nil {
		return 0, fmt.Errorf("delete histories of no workflow: %w", err)
	}
	*done += tag.RowsAffected()
	return count(ctx, conn, subject, immediateTasks, waitingTasks, histories)
}

// forgetHistories deletes the histories of a person's workflows with their events.
const forgetHistories = `
	with gone as (delete from history_tree where position($1::bytea in data) > 0 returning shard_id, tree_id, branch_id)
	delete from history_node n using gone g where n.shard_id = g.shard_id and n.tree_id = g.tree_id and n.branch_id = g.branch_id`

func count(ctx context.Context, conn *pgx.Conn, subject uuid.UUID, groups ...[]string) (n int64, err error) {
	var sums []string
	for _, group := range groups {
		for _, table := range group {
			sums = append(sums, fmt.Sprintf("(select count(*) from %s where position($1::bytea in data) > 0)", table))
		}
	}
	if err := conn.QueryRow(ctx, "select "+strings.Join(sums, " + "), []byte(workflowsOf(subject))).Scan(&n); err != nil {
		return 0, fmt.Errorf("count tasks: %w", err)
	}
	return n, nil
}

func (t *Tasks) connected(ctx context.Context, do func(*pgx.Conn) error) (err error) {
	cfg, err := pgx.ParseConfig(t.URL)
	if err != nil {
		return fmt.Errorf("parse the URL of Temporal's database: %w", err) // pgx blanks the password
	}
	postgres.SecureConfig(&cfg.Config, t.TLS)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to Temporal's database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return do(conn)
}
