package workflows

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"meai/activities/keys"
	"meai/activities/memory"
)

const (
	// AskedSignal asks a running consolidation of one person for another round: what it
	// has read may be older than what it is asked for.
	AskedSignal = "asked"
	// roundsPerRun bounds the history of one run.
	roundsPerRun = 100
)

// ConsolidateSubjectInput names the person whose memories to consolidate now.
type ConsolidateSubjectInput struct {
	Subject uuid.UUID `json:"subject"`
}

// ConsolidateSubject consolidates the memories of one person, once more for what it is
// asked meanwhile, and counts what it did. Input and result hold opaque ids and counts.
func ConsolidateSubject(ctx workflow.Context, in ConsolidateSubjectInput) (memory.Consolidated, error) {
	asked := workflow.GetSignalChannel(ctx, AskedSignal)
	var done memory.Consolidated
	for range roundsPerRun {
		for asked.ReceiveAsync(nil) { // this round answers all that were asked before it
		}
		did, err := consolidate.run(ctx, memory.ConsolidateInput{Subject: in.Subject})
		if err != nil {
			return done, err
		}
		done.Add(did)
		if asked.Len() == 0 {
			return done, nil
		}
	}
	return done, workflow.NewContinueAsNewError(ctx, ConsolidateSubject, in)
}

// ConsolidationID is the id of a person's consolidation. It has no "person/" in front:
// nothing in it is a person's words, and it is sealed under the system's key as the
// nightly run is. So it is not deleted with the person either, and does not name them.
func ConsolidationID(subject uuid.UUID) string { return "consolidation/" + keys.Digest(subject) }

// Consolidate has a person's memories consolidated soon, and not only by night: as
// after something was forgotten. It returns once that is durable. What was written
// before the call is taken into account; calls that come while it runs share a round.
func (s *Starter) Consolidate(ctx context.Context, subject uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.checkActive(ctx, subject); err != nil {
		return fmt.Errorf("start the consolidation: %w", err)
	}
	id := ConsolidationID(subject)
	_, err := s.Client.SignalWithStartWorkflow(ctx, id, AskedSignal, nil, client.StartWorkflowOptions{
		ID: id, TaskQueue: QueueBatch,
	}, ConsolidateSubject, ConsolidateSubjectInput{Subject: subject})
	if err != nil {
		return fmt.Errorf("start the consolidation: %w", err)
	}
	return nil
}
