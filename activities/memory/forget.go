package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"

	"meai/activities/privacy/requests"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// ForgettingRef names a confirmed forgetting.
type ForgettingRef struct {
	Subject    uuid.UUID `json:"subject"`
	Forgetting uuid.UUID `json:"forgetting"`
}

// Receipt says what became of the memories, with what a search of every store found of them
// afterwards. It holds counts and times, no content.
type Receipt struct {
	// Deleted are the rows that went, by store and kind.
	Deleted map[string]int `json:"deleted"`
	// Left is what a search found afterwards, by store; all zero, or it is no receipt.
	Left       map[string]int `json:"left"`
	VerifiedAt time.Time      `json:"verified_at"`
	// Stays is what the system cannot delete, since it lies where nothing can be; nil for nothing.
	Stays *Stays `json:"stays,omitempty"`
	// Signed is a signed note (golang.org/x/mod/sumdb/note) of the above by this system.
	Signed string `json:"signed,omitempty"`
}

// Stays are archives that a bucket keeps: under the person's key, until a time.
type Stays struct {
	Archives int       `json:"archives"`
	Until    time.Time `json:"until"`
}

// Archives are copies of people's rows; what is forgotten is not to stay in them.
type Archives interface {
	// Renew makes a copy of what there is now, where there are any, and removes those from
	// before. Where a bucket keeps them, that is no failure.
	Renew(ctx context.Context, subject uuid.UUID, beat func()) error
	// Before counts the copies that may hold what there was at a time, and says until when
	// the last of them is kept.
	Before(ctx context.Context, subject uuid.UUID, at time.Time) (n int, until time.Time, err error)
}

// Forget deletes the memories of a confirmed forgetting in one transaction, with the words of
// the interactions and writes that they came with. The ledger has it before. What a retry finds deleted stays so. It
// fails with [failure.Held] when a hold was placed after the person had confirmed: they may
// confirm again once that is over.
func (a *Activities) Forget(ctx context.Context, in ForgettingRef) (struct{}, error) {
	keys, err := a.keys.Keys(ctx, in.Subject)
	if err != nil {
		return struct{}{}, fmt.Errorf("forget %s: %w", in.Forgetting, err)
	}
	if err := commitForgetting(ctx, a.ledger, a.keys, a.db.Read, in.Subject, in.Forgetting); err != nil {
		return struct{}{}, fmt.Errorf("forget %s: %w", in.Forgetting, err)
	}
	err = a.db.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, in.Subject); err != nil {
			return fmt.Errorf("wait for other writes: %w", err)
		}
		row, err := q.Forgetting(ctx, in.Subject, in.Forgetting)
		if err != nil || ForgettingState(row.State) != Confirmed {
			return unlessFound(err, "confirmed forgetting")
		}
		return forgetRows(ctx, q, keys, row, requests.NewHolds(a.keys), a.now().UTC())
	})
	if err != nil {
		return struct{}{}, fmt.Errorf("forget %s: %w", in.Forgetting, err)
	}
	return struct{}{}, nil
}

func forgetRows(ctx context.Context, q *queries.Queries, keys *keyring.Keys, row queries.MemoryForgetting, holds *requests.Holds, now time.Time) error {
	subject := keys.Subject()
	// What came of the same turns since the preview goes as well.
	all, err := closureOf(ctx, q, subject, row.Nodes)
	if err != nil {
		return err
	}
	row.Nodes, row.Sources = distinctIDs(row.Nodes, all.nodes), distinctIDs(row.Sources, all.sources)
	if err := holds.Permit(ctx, q, subject, slices.Concat(row.Nodes, row.Sources)...); err != nil {
		return err
	}
	sessions, err := sessionsOf(ctx, q, subject, row.Nodes)
	if err != nil {
		return err
	}
	patterns, err := dissolvePatterns(ctx, q, keys, row.Nodes)
	if err != nil {
		return err
	}
	facts, err := q.ForgottenFacts(ctx, subject, row.Nodes)
	if err != nil {
		return fmt.Errorf("find the facts that rest on it: %w", err)
	}
	if err := reopenFacts(ctx, q, keys, slices.Concat(facts, row.Nodes), now); err != nil {
		return err
	}
	if _, err := q.DeleteEdges(ctx, subject, facts); err != nil {
		return fmt.Errorf("delete %d facts: %w", len(facts), err)
	}
	if _, err := q.DeleteNodes(ctx, subject, row.Nodes); err != nil {
		return fmt.Errorf("delete %d memories: %w", len(row.Nodes), err)
	}
	lonely, err := q.DeleteLonelyEntities(ctx, subject)
	if err != nil {
		return fmt.Errorf("delete entities that nothing is about: %w", err)
	}
	err = q.WidenForgetting(ctx, queries.WidenForgettingParams{
		SubjectID: subject, ID: row.ID, Nodes: distinctIDs(row.Nodes, patterns, lonely), Sources: row.Sources,
	})
	if err != nil {
		return fmt.Errorf("note what went with it: %w", err)
	}
	if err := closeChains(ctx, q, subject, row.ID, sessions); err != nil {
		return err
	}
	if _, err := q.ForgetWrites(ctx, now, subject, row.Sources); err != nil {
		return fmt.Errorf("forget %d writes: %w", len(row.Sources), err)
	}
	if _, err := q.ForgetMoods(ctx, subject, row.Sources); err != nil {
		return fmt.Errorf("forget the moods of sessions: %w", err)
	}
	return forgetInteractions(ctx, q, keys, row.Sources)
}

func sessionsOf(ctx context.Context, q *queries.Queries, subject uuid.UUID, nodes []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := q.MemoriesByID(ctx, subject, nodes)
	if err != nil {
		return nil, fmt.Errorf("read what goes: %w", err)
	}
	var sessions []uuid.UUID
	for _, row := range rows {
		if Kind(row.Kind) == Turn && !slices.Contains(sessions, *row.SessionID) {
			sessions = append(sessions, *row.SessionID)
		}
	}
	return sessions, nil
}

// closeChains lets the turns before and after a gap follow each other, and has the index
// learn that their neighbours have changed.
func closeChains(ctx context.Context, q *queries.Queries, subject, forgetting uuid.UUID, sessions []uuid.UUID) error {
	turns, err := q.TurnsOfSessions(ctx, subject, sessions)
	if err != nil {
		return fmt.Errorf("read the sessions: %w", err)
	}
	ids, edges := make([]uuid.UUID, len(turns)), []edge{}
	for i, t := range turns {
		ids[i] = t.ID
		if i > 0 && turns[i-1].SessionID == t.SessionID {
			edges = append(edges, edge{ID: identify(forgetting.String(), "follows", i), From: t.ID, To: ids[i-1], Relation: follows, Valid: t.SaidAt})
		}
	}
	rows, err := json.Marshal(edges)
	if err != nil {
		return fmt.Errorf("encode edges: %w", err)
	}
	if _, err := q.InsertMemoryEdges(ctx, subject, rows); err != nil { // those that are there stay
		return fmt.Errorf("close the chain of turns: %w", err)
	}
	return q.MarkForIndexing(ctx, subject, ids)
}

// forgottenAnswer stands where an answer was, as synthesis reads it.
const forgottenAnswer = `{"source":"forgotten","text":""}`

// forgetInteractions seals nothing in the place of words and answers.
func forgetInteractions(ctx context.Context, q *queries.Queries, keys *keyring.Keys, interactions []uuid.UUID) error {
	for _, id := range interactions {
		row := queries.ForgetInteractionParams{SubjectID: keys.Subject(), ID: id}
		var errs [3]error
		at := func(column string) keyring.Location {
			return keyring.Location{Table: "interactions", Column: column, Row: id}
		}
		row.Words, errs[0] = keys.Seal(nil, at("words"))
		row.Context, errs[1] = keys.Seal([]byte("{}"), at("context"))
		row.Answer, errs[2] = keys.Seal([]byte(forgottenAnswer), at("answer"))
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		if _, err := q.ForgetInteraction(ctx, row); err != nil {
			return fmt.Errorf("forget the words of interaction %s: %w", id, err)
		}
	}
	return nil
}

// distinctIDs are the ids of several lists, sorted; never nil, which the database would take
// for null.
func distinctIDs(lists ...[]uuid.UUID) []uuid.UUID {
	all := append([]uuid.UUID{}, slices.Concat(lists...)...)
	slices.SortFunc(all, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(all)
}

// ForgetCopies deletes what other stores hold of a forgetting: vectors, the histories of
// the person's ended workflows, which carried the words, and archives from before. What stood beside it is indexed anew.
func (a *Activities) ForgetCopies(ctx context.Context, in ForgettingRef) (struct{}, error) {
	row, workflows, err := a.forgetting(ctx, in)
	if err != nil {
		return struct{}{}, fmt.Errorf("forget copies of %s: %w", in.Forgetting, err)
	}
	if err := a.index.Delete(ctx, in.Subject, row.Nodes...); err != nil {
		return struct{}{}, fmt.Errorf("forget copies of %s: %w", in.Forgetting, err)
	}
	if _, err := a.completeIndex(ctx, in.Subject); err != nil {
		return struct{}{}, fmt.Errorf("forget copies of %s: index what stood beside it: %w", in.Forgetting, err)
	}
	if err := a.histories.forget(ctx, in.Subject, workflows, func() { a.heartbeat(ctx) }); err != nil {
		return struct{}{}, fmt.Errorf("forget copies of %s: %w", in.Forgetting, err)
	}
	if a.archives != nil {
		if err := a.archives.Renew(ctx, in.Subject, func() { a.heartbeat(ctx) }); err != nil {
			return struct{}{}, fmt.Errorf("forget copies of %s: %w", in.Forgetting, err)
		}
	}
	return struct{}{}, nil
}

// forgetting is the row of one, and the workflows of what it takes.
func (a *Activities) forgetting(ctx context.Context, in ForgettingRef) (row queries.MemoryForgetting, workflows []string, err error) {
	err = a.db.Read(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		if row, err = q.Forgetting(ctx, in.Subject, in.Forgetting); err != nil {
			return unlessFound(err, "forgetting")
		}
		since := row.PreviewedAt
		if row.ConfirmedAt != nil {
			since = *row.ConfirmedAt
		}
		if row.Nodes, err = q.StillGone(ctx, row.Nodes, in.Subject, since); err != nil {
			return err
		}
		workflows, err = q.WorkflowsOfInteractions(ctx, in.Subject, row.Sources)
		return err
	})
	for _, source := range row.Sources {
		workflows = append(workflows, WorkflowOf(in.Subject, source))
	}
	return row, workflows, err
}

// receiptPurpose and receiptName make the key that receipts are signed with.
const (
	receiptPurpose keyring.Purpose = "receipt-signature"
	receiptName    string          = "meai-receipts"
)

// ProveForgotten looks for the memories in every store and writes the receipt. It fails, to be
// tried again, while anything is left.
func (a *Activities) ProveForgotten(ctx context.Context, in ForgettingRef) (Receipt, error) {
	row, workflows, err := a.forgetting(ctx, in)
	if err != nil {
		return Receipt{}, fmt.Errorf("prove %s: %w", in.Forgetting, err)
	}
	f, err := forgettingOf(row)
	if err != nil || f.Receipt != nil {
		return valueOf(f.Receipt), err
	}
	r := Receipt{Deleted: f.Counts, Left: map[string]int{}, VerifiedAt: a.now().UTC().Truncate(time.Second)}
	if err := a.lookEverywhere(ctx, row, workflows, r.Left); err != nil {
		return Receipt{}, fmt.Errorf("prove %s: %w", in.Forgetting, err)
	}
	for store, left := range r.Left {
		if left > 0 {
			return Receipt{}, fmt.Errorf("prove %s: %d left in %s", in.Forgetting, left, store)
		}
	}
	if a.archives != nil {
		n, until, err := a.archives.Before(ctx, in.Subject, f.ConfirmedAt)
		if err != nil {
			return Receipt{}, fmt.Errorf("prove %s: %w", in.Forgetting, err)
		}
		if n > 0 {
			r.Stays = &Stays{Archives: n, Until: until}
		}
	}
	if err := a.sign(ctx, in, &r); err != nil {
		return Receipt{}, fmt.Errorf("prove %s: %w", in.Forgetting, err)
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		return Receipt{}, fmt.Errorf("encode the receipt: %w", err)
	}
	err = a.db.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		return q.ConcludeForgetting(ctx, queries.ConcludeForgettingParams{SubjectID: in.Subject, ID: in.Forgetting, At: &r.VerifiedAt, Receipt: encoded})
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("prove %s: %w", in.Forgetting, err)
	}
	return r, nil
}

// lookEverywhere counts what each store still holds.
func (a *Activities) lookEverywhere(ctx context.Context, row queries.MemoryForgetting, workflows []string, left map[string]int) error {
	err := a.db.Read(ctx, row.SubjectID, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.LeftOver(ctx, row.SubjectID, row.Nodes, row.Sources)
		left["postgres_memories"], left["postgres_terms"], left["postgres_edges"] = int(rows.Nodes), int(rows.Terms), int(rows.Edges)
		left["postgres_evidence"], left["postgres_writes"] = int(rows.Evidence), int(rows.Writes)
		return err
	})
	if err != nil {
		return fmt.Errorf("look for it in PostgreSQL: %w", err)
	}
	held, err := a.index.Holds(ctx, row.SubjectID, row.Nodes...)
	if err != nil {
		return err
	}
	left["weaviate_objects"] = len(held)
	left["temporal_histories"], err = a.histories.count(ctx, workflows)
	return err
}

func (a *Activities) sign(ctx context.Context, in ForgettingRef, r *Receipt) error {
	key, err := signing.Derive(ctx, a.keys, receiptName, receiptPurpose)
	if err != nil {
		return err
	}
	text, err := json.Marshal(struct {
		Forgetting uuid.UUID `json:"forgetting"`
		Receipt
	}{in.Forgetting, *r})
	if err != nil {
		return fmt.Errorf("encode the receipt: %w", err)
	}
	signed, err := key.Sign(string(text) + "\n")
	r.Signed = string(signed)
	return err
}

// Histories are the records of a person's workflows in Temporal.
type Histories struct {
	Temporal  client.Client
	Namespace string
}

const (
	workflowPage  = 200
	forgottenNote = "the person had it forgotten"
)

// forget ends the given workflows and deletes their histories, and those of all of the
// person's workflows that have ended: a recall's history holds what it found.
func (h *Histories) forget(ctx context.Context, subject uuid.UUID, workflows []string, alive func()) error {
	if h == nil {
		return nil
	}
	for _, id := range workflows {
		if err := h.Temporal.TerminateWorkflow(ctx, id, "", forgottenNote); err != nil && !absent(err) {
			return fmt.Errorf("end workflow %s: %w", id, err)
		}
		if err := h.delete(ctx, id, ""); err != nil {
			return err
		}
		alive()
	}
	for token := []byte(nil); ; {
		page, err := h.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: h.Namespace, PageSize: workflowPage, NextPageToken: token,
			Query: fmt.Sprintf("WorkflowId STARTS_WITH %q AND ExecutionStatus != 'Running'", "person/"+subject.String()+"/"),
		})
		if err != nil {
			return fmt.Errorf("list the person's workflows: %w", err)
		}
		for _, w := range page.GetExecutions() {
			if strings.Contains(w.GetExecution().GetWorkflowId(), "/forgetting/") {
				continue // the trace of forgetting itself, which holds ids alone
			}
			if err := h.delete(ctx, w.GetExecution().GetWorkflowId(), w.GetExecution().GetRunId()); err != nil {
				return err
			}
			alive()
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

func (h *Histories) delete(ctx context.Context, workflow, run string) error {
	_, err := h.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: h.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflow, RunId: run},
	})
	if err != nil && !absent(err) {
		return fmt.Errorf("delete the history of %s: %w", workflow, err)
	}
	return nil
}

// count is how many of the workflows Temporal still knows.
func (h *Histories) count(ctx context.Context, workflows []string) (int, error) {
	if h == nil {
		return 0, nil
	}
	known := 0
	for _, id := range workflows {
		_, err := h.Temporal.DescribeWorkflowExecution(ctx, id, "")
		if absent(err) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("look for workflow %s: %w", id, err)
		}
		known++
	}
	return known, nil
}

func absent(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
