package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"meai/activities/backup/copies"
)

// CopyObjectsInput names the buckets that are copied; empty for all that are configured.
type CopyObjectsInput struct {
	Sources []string `json:"sources,omitempty"`
	// Deep reads every object at both places.
	Deep bool `json:"deep,omitempty"`
}

// CopyObjectsDone counts by bucket.
type CopyObjectsDone struct {
	Copied   map[string]copies.Copied `json:"copied"`
	Problems []string                 `json:"problems,omitempty"`
}

// CopyObjects copies what is new in each bucket to the second location, compares the two,
// and lets copies go of what vanished long ago. A difference ends it as a failure, after
// every bucket had its turn.
func CopyObjects(ctx workflow.Context, in CopyObjectsInput) (CopyObjectsDone, error) {
	done := CopyObjectsDone{Copied: map[string]copies.Copied{}}
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (CopyObjectsDone, error) { return done, nil }); err != nil {
		return done, err
	}
	if len(in.Sources) == 0 {
		sources, err := listCopied.run(ctx, struct{}{})
		if err != nil {
			return done, err
		}
		in.Sources = sources
	}
	for _, source := range in.Sources {
		if err := copyOne(ctx, copies.Input{Source: source, Deep: in.Deep}, &done); err != nil {
			return done, err
		}
	}
	if len(done.Problems) > 0 {
		return done, unsound(done.Problems)
	}
	return done, nil
}

func copyOne(ctx workflow.Context, in copies.Input, done *CopyObjectsDone) error {
	copied, err := copyObjects.run(ctx, in)
	if err != nil {
		return err
	}
	done.Copied[in.Source] = copied
	report, err := reconcileCopies.run(ctx, in)
	if err != nil {
		return err
	}
	if !report.Sound() {
		done.Problems = append(done.Problems, fmt.Sprintf("%s and its copies differ: %d missing for too long, %d differing, %d extra, %d lost",
			in.Source, report.MissingOlderThan15Min.Count, report.Differing.Count+report.AlteredSource.Count+report.AlteredCopy.Count,
			report.Extra.Count, report.Lost.Count))
	}
	_, err = expireCopies.run(ctx, in)
	return err
}
