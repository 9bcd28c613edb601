package marks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const usualHistories = 100

// execution is a run of a workflow, as Temporal's server keeps it. Its id may name a
// person's subject; the run's names nobody.
type execution struct {
	Shard    int32
	Run      uuid.UUID
	Next     int64 // the id that its next event gets
	Data     []byte
	Encoding string
}

// histories reads the newest workflows' histories as Temporal's server would: every event
// from the first to the one that the run's own record knows as its last.
func histories(ctx context.Context, r Restored, found map[string]string) (problems []string, err error) {
	found["histories"], found["events"] = absent, absent
	tx, there, err := open(ctx, r, r.Temporal, "current_executions", "executions", "history_node")
	if err != nil || !there {
		return lacking(r, "Temporal", err)
	}
	defer func() { err = errors.Join(err, tx.Conn().Close(ctx)) }()
	if r.Histories == 0 {
		r.Histories = usualHistories
	}
	rows, err := tx.Query(ctx, `select e.shard_id, e.run_id, e.next_event_id, e.data, e.data_encoding
		from current_executions c join executions e using (shard_id, namespace_id, workflow_id, run_id)
		order by c.start_time desc nulls last limit $1`, r.Histories)
	if err != nil {
		return nil, fmt.Errorf("list the newest workflows: %w", err)
	}
	executions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[execution])
	if err != nil {
		return nil, fmt.Errorf("list the newest workflows: %w", err)
	}
	read, events := 0, int64(0)
	for _, e := range executions {
		err := e.read(ctx, tx)
		switch {
		case errors.Is(err, errHistory):
			problems = append(problems, fmt.Sprintf("workflow run %s: %v", e.Run, err))
		case err != nil:
			return problems, fmt.Errorf("read the history of run %s: %w", e.Run, err)
		default:
			read, events = read+1, events+e.Next-1
		}
	}
	found["histories"], found["events"] = strconv.Itoa(read), strconv.FormatInt(events, 10)
	if len(executions) == 0 && !r.MayLack {
		problems = append(problems, "Temporal: there is no workflow whose history could be read")
	}
	return bounded(problems), nil
}

// errHistory: a history is damaged.
var errHistory = errors.New("its history is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errHistory, fmt.Sprintf(format, args...))
}

// read goes through all events; errHistory says what is wrong with them.
func (e execution) read(ctx context.Context, tx pgx.Tx) error {
	if e.Encoding != proto3 {
		return damaged("its record is encoded as %q", e.Encoding)
	}
	branch, err := currentBranch(e.Data)
	if err != nil {
		return damaged("its record: %v", err)
	}
	reader := historyReader{next: 1}
	for _, part := range branch.parts {
		rows, err := tx.Query(ctx, `select node_id, -txn_id, data, data_encoding from history_node
			where shard_id = $1 and tree_id = $2 and branch_id = $3 and node_id >= $4 and node_id < $5
			order by node_id, txn_id`, e.Shard, branch.tree[:], part.branch[:], part.begin, min(part.end, e.Next))
		if err != nil {
			return err
		}
		if err := reader.all(rows); err != nil {
			return err
		}
	}
	if reader.next != e.Next {
		return damaged("it ends before event %d instead of %d", reader.next, e.Next)
	}
	return nil
}

// proto3 is how Temporal names the encoding of what it stores.
const proto3 = "Proto3"

// historyReader reads nodes, each a batch of events, in the order of their ids.
type historyReader struct {
	next        int64 // the event that has to come
	transaction int64 // the highest seen
}

func (h *historyReader) all(rows pgx.Rows) error {
	var node, transaction int64
	var data []byte
	var encoding string
	_, err := pgx.ForEachRow(rows, []any{&node, &transaction, &data, &encoding}, func() error {
		// A lower transaction is what was left behind when a write was made a second time;
		// the server passes over it too.
		if transaction < h.transaction {
			return nil
		}
		h.transaction = transaction
		return h.batch(node, data, encoding)
	})
	return err
}

func (h *historyReader) batch(node int64, data []byte, encoding string) error {
	if node != h.next {
		return damaged("event %d should come, not %d", h.next, node)
	}
	var batch historypb.History
	if encoding != proto3 {
		return damaged("the events from %d on are encoded as %q", node, encoding)
	}
	if err := proto.Unmarshal(data, &batch); err != nil {
		return damaged("the events from %d on cannot be decoded", node) // what cannot be might be quoted
	}
	if len(batch.GetEvents()) == 0 {
		return damaged("there are no events from %d on", node)
	}
	for _, event := range batch.GetEvents() {
		if event.GetEventId() != h.next || event.GetEventType() == enumspb.EVENT_TYPE_UNSPECIFIED {
			return damaged("event %d is missing or no event", h.next)
		}
		h.next++
	}
	return nil
}

// branch is where a history lies: in parts, the first of them those of the runs that this
// one was reset from.
type branch struct {
	tree  uuid.UUID
	parts []part
}

type part struct {
	branch     uuid.UUID
	begin, end int64 // of events, end exclusive
}

// The fields of Temporal's own records (temporal.server.api persistence and history, v1)
// that lead from a run to its history. Its server's packages are no dependency for them.
const (
	executionHistories protowire.Number = 54 // WorkflowExecutionInfo.version_histories
	historiesCurrent   protowire.Number = 1  // VersionHistories
	historiesAll       protowire.Number = 2
	historyBranch      protowire.Number = 1 // VersionHistory.branch_token
	branchTree         protowire.Number = 1 // HistoryBranch
	branchID           protowire.Number = 2
	branchAncestors    protowire.Number = 3
	rangeBranch        protowire.Number = 1 // HistoryBranchRange
	rangeBegin         protowire.Number = 2
	rangeEnd           protowire.Number = 3
)

func currentBranch(execution []byte) (branch, error) {
	record, err := fieldsOf(execution)
	if err != nil {
		return branch{}, err
	}
	versions, err := fieldsOf(record.last(executionHistories))
	if err != nil {
		return branch{}, err
	}
	all, current := versions.bytes[historiesAll], versions.numbers[historiesCurrent]
	if current < 0 || current >= int64(len(all)) {
		return branch{}, errors.New("it names no history")
	}
	history, err := fieldsOf(all[current])
	if err != nil {
		return branch{}, err
	}
	token, err := fieldsOf(history.last(historyBranch))
	if err != nil {
		return branch{}, err
	}
	return parseBranch(token)
}

func parseBranch(token fields) (b branch, err error) {
	if b.tree, err = uuid.ParseBytes(token.last(branchTree)); err != nil {
		return branch{}, errors.New("it names no tree of histories")
	}
	begin := int64(1)
	for _, ancestor := range token.bytes[branchAncestors] {
		f, err := fieldsOf(ancestor)
		if err != nil {
			return branch{}, err
		}
		id, err := uuid.ParseBytes(f.last(rangeBranch))
		if err != nil {
			return branch{}, errors.New("it names no branch that it began with")
		}
		b.parts = append(b.parts, part{id, f.numbers[rangeBegin], f.numbers[rangeEnd]})
		begin = f.numbers[rangeEnd]
	}
	own, err := uuid.ParseBytes(token.last(branchID))
	if err != nil {
		return branch{}, errors.New("it names no branch")
	}
	b.parts = append(b.parts, part{own, begin, math.MaxInt64})
	return b, nil
}

// fields are those of one protocol buffer message, by number.
type fields struct {
	bytes   map[protowire.Number][][]byte
	numbers map[protowire.Number]int64
}

func (f fields) last(n protowire.Number) []byte {
	if all := f.bytes[n]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func fieldsOf(message []byte) (fields, error) {
	f := fields{map[protowire.Number][][]byte{}, map[protowire.Number]int64{}}
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fields{}, protowire.ParseError(n)
		}
		message = message[n:]
		switch kind {
		case protowire.BytesType:
			var value []byte
			value, n = protowire.ConsumeBytes(message)
			f.bytes[number] = append(f.bytes[number], value)
		case protowire.VarintType:
			var value uint64
			value, n = protowire.ConsumeVarint(message)
			f.numbers[number] = int64(value)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return fields{}, protowire.ParseError(n)
		}
		message = message[n:]
	}
	return f, nil
}
