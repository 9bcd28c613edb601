package failover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// missing looks in a region's database for what clients were told of.
func (c *Controller) missing(ctx context.Context, region string) (m Missing, err error) {
	if c.Acknowledgements == "" {
		return m, nil
	}
	file, err := os.Open(c.Acknowledgements)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("open the ledger of acknowledgements: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	m.Known = true
	const page = 1000
	err = ReadAcknowledgements(file, page, func(lines []Acknowledged) error {
		there, err := c.Databases[region].Present(ctx, lines)
		if err == nil {
			m.add(lines, there)
		}
		return err
	})
	return m, err
}

// History is a failover as its journal has it.
type History struct {
	ID   uuid.UUID `json:"id"`
	Plan Plan      `json:"plan"`
	// Steps are those that were done, in order; Next is the one that is under way or comes
	// next, empty when it has ended.
	Steps []Done `json:"steps"`
	Next  string `json:"next,omitempty"`
	// Result is nil while it has not ended.
	Result *Result `json:"result,omitempty"`
	// Approval is what the gate was overridden with.
	Approval uuid.UUID `json:"approval,omitzero"`
	// Timeline is the history that the new primary began; 0 until that is known.
	Timeline int `json:"timeline,omitempty"`
	// Note is the signed report; empty until there is one.
	Note string `json:"note,omitempty"`
}

// History reads all failovers, by the time of their plans.
func (c *Controller) History(ctx context.Context) ([]History, error) {
	ids, err := c.Register.Failovers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list failovers: %w", err)
	}
	var all []History
	for _, name := range ids {
		id, err := uuid.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("the journal holds %q, which is no failover", name)
		}
		h, err := c.Look(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	slices.SortStableFunc(all, func(a, b History) int { return a.Plan.At.Compare(b.Plan.At) })
	return all, nil
}

// Look reads one failover.
func (c *Controller) Look(ctx context.Context, id uuid.UUID) (History, error) {
	entries, err := c.Register.Entries(ctx, id.String())
	if err != nil {
		return History{}, fmt.Errorf("read the journal of failover %s: %w", id, err)
	}
	h, err := historyOf(id, entries)
	if err != nil {
		return History{}, fmt.Errorf("read the journal of failover %s: %w", id, err)
	}
	return h, nil
}

func historyOf(id uuid.UUID, entries map[string]json.RawMessage) (h History, err error) {
	h.ID = id
	if h.Plan, _, err = entry[Plan](entries, planEntry); err != nil {
		return h, err
	}
	for _, s := range steps() {
		done, ok, err := entry[Done](entries, doneEntry(s.name))
		if err != nil {
			return h, err
		}
		if !ok {
			h.Next = s.name
			break
		}
		h.Steps = append(h.Steps, done)
		switch s.name {
		case "approve":
			h.Approval = done.Approval
		case "verify":
			if h.Timeline, err = strconv.Atoi(done.Found["timeline"]); err != nil {
				return h, fmt.Errorf("read the timeline: %w", err)
			}
		}
	}
	result, ended, err := entry[Result](entries, resultEntry)
	if err != nil {
		return h, err
	}
	if ended {
		h.Result, h.Next = &result, ""
	}
	signed, _, err := entry[signedReport](entries, reportEntry)
	h.Note = signed.Note
	return h, err
}

// signedReport is the journal's entry of a report.
type signedReport struct {
	Note string `json:"note"`
}

// Report is the text that is signed: one line of JSON.
type Report struct {
	Plan     Plan     `json:"plan"`
	Steps    []Done   `json:"steps"`
	Approval string   `json:"approval,omitempty"`
	Measured Measured `json:"measured"`
}

// Preview says what a failover would do now and what speaks against it, and changes nothing.
func (c *Controller) Preview(ctx context.Context, in Input) (Plan, Look, Judgement, error) {
	run := &Run{c: c, id: in.ID, entries: map[string]json.RawMessage{}, asked: in}
	snapshot, err := c.Register.Read(ctx)
	if err != nil {
		return Plan{}, Look{}, Judgement{}, fmt.Errorf("read which region serves: %w", err)
	}
	desired := snapshot.Desired.Value
	run.plan = Plan{ID: in.ID, From: desired.Region, To: in.To, Planned: in.Planned, Epoch: desired.Epoch, At: c.now()}
	if run.plan.To == "" {
		if run.plan.To, err = c.other(desired.Region); err != nil {
			return run.plan, Look{}, Judgement{}, err
		}
	}
	detected := Done{Step: "detect"}
	if err := run.detect(ctx, &detected); err != nil {
		return run.plan, Look{}, Judgement{}, err
	}
	text, err := json.Marshal(detected)
	if err != nil {
		return run.plan, Look{}, Judgement{}, fmt.Errorf("write what was detected: %w", err)
	}
	run.entries[doneEntry("detect")] = text
	look, _, err := run.look(ctx)
	return run.plan, look, Judge(look), err
}

// report signs what was done and what it cost, and ends the failover.
func (run *Run) report(ctx context.Context, done *Done) error {
	h, err := historyOf(run.id, run.entries)
	if err != nil {
		return err
	}
	r := Report{Plan: h.Plan, Steps: h.Steps}
	if h.Approval != uuid.Nil {
		r.Approval = h.Approval.String()
	}
	for _, d := range h.Steps {
		if d.Measured != nil {
			r.Measured = *d.Measured
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	var signed []byte
	err = run.inside(ctx, func(place Place) error {
		signed, err = place.Sign(ctx, string(text)+"\n")
		return err
	})
	if err != nil {
		return fmt.Errorf("sign the report: %w", err)
	}
	var stored signedReport
	if err := run.record(ctx, reportEntry, signedReport{string(signed)}, &stored); err != nil {
		return err
	}
	var result Result
	if err := run.record(ctx, resultEntry, Result{State: Completed, At: run.c.now()}, &result); err != nil {
		return err
	}
	return run.disclaim(ctx)
}
