package wal

import (
	"context"
	"errors"
	"fmt"

	"meai/activities/backup/repository"
)

// Class says in which way an archive is not complete.
type Class string

// The classes of problems.
const (
	Missing   Class = "missing"   // not there, though what follows it is; the server may still have it
	Delayed   Class = "delayed"   // not there yet: nothing that follows it is
	Lost      Class = "lost"      // not there, and the server does not have it any more
	Truncated Class = "truncated" // only its beginning is there, though the log went on
	Damaged   Class = "damaged"   // the object was altered or cut off
	Forked    Class = "forked"    // it is not known which of several histories it belongs to
)

// Problem is something that keeps a restore from the log.
type Problem struct {
	Class Class `json:"class"`
	// First and Last are the names of the files it is about.
	First string `json:"first"`
	Last  string `json:"last"`
	Text  string `json:"text"`
}

// Error names the files, the class and what is wrong.
func (p Problem) Error() string {
	if p.First == p.Last {
		return fmt.Sprintf("%s: %s: %s", p.First, p.Class, p.Text)
	}
	return fmt.Sprintf("%s to %s: %s: %s", p.First, p.Last, p.Class, p.Text)
}

// ErrIncomplete: the archive does not hold what a restore would need. The errors that it
// is joined with are [Problem]s.
var ErrIncomplete = errors.New("the archived write-ahead log is not complete")

// Report is what was found out about the archived log between two positions.
type Report struct {
	Source Source   `json:"source"`
	From   Position `json:"from"`
	To     Position `json:"to"`
	// Reach is how far the log goes on from From without a gap; it may lie after To.
	Reach    Position  `json:"reach"`
	Segments int       `json:"segments"` // that are archived between From and To
	Problems []Problem `json:"problems,omitempty"`
}

// Err is [ErrIncomplete] with every problem, nil when there is none.
func (r Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	errs := []error{ErrIncomplete}
	for _, p := range r.Problems {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// CheckOptions say how closely to look.
type CheckOptions struct {
	// Deep reads every object and compares it with its checksum.
	Deep bool
	// Kept is from where the server still has the log, 0 when that is not known: what is
	// missing before it is lost.
	Kept LSN
	// Progress, unless nil, is told how many of the objects were read.
	Progress func(done, of int)
}

// Check finds out whether the archive holds the log from one position, where a base
// backup began, to another, without a gap, and along the timelines that lead there. The
// zero position to means the newest that is archived. It needs no keys.
//
// The error is that of the report when there is any problem, so that none is passed over;
// anything else says that the bucket could not be looked at.
func Check(ctx context.Context, r *repository.Repository, s Source, from, to Position, o CheckOptions) (Report, error) {
	report, _, stages, err := survey(ctx, r, s, from, to, o.Kept)
	if err != nil {
		return Report{}, err
	}
	if o.Deep {
		damaged, err := readAll(ctx, r, s, stages, o.Progress)
		if err != nil {
			return Report{}, err
		}
		report.Problems = append(report.Problems, damaged...)
	}
	return report, report.Err()
}

// survey looks at names.
func survey(ctx context.Context, r *repository.Repository, s Source, from, to Position, kept LSN) (Report, archive, []stage, error) {
	if err := s.check(); err != nil {
		return Report{}, archive{}, nil, err
	}
	if from.Timeline == 0 || to != (Position{}) && (to.Timeline == 0 || to.Timeline == from.Timeline && to.LSN < from.LSN) {
		return Report{}, archive{}, nil, fmt.Errorf("there is no log from %s to %s", from, to)
	}
	a, err := s.listed(ctx, r, s.folder())
	if err != nil {
		return Report{}, archive{}, nil, err
	}
	if to == (Position{}) {
		to = later(from, a.newest())
	}
	report := Report{Source: s, From: from, To: to, Reach: from}
	path, problem := a.path(from, to)
	if problem != nil {
		report.Problems = []Problem{*problem}
		return report, a, nil, nil
	}
	stages := a.stages(path)
	report.Problems = append(a.examine(stages, to, kept), a.unhistoried(from, to)...)
	report.Reach = a.reached(stages, from)
	for _, stage := range stages {
		if stage.objects != nil {
			report.Segments++
		}
	}
	return report, a, stages, nil
}

// unhistoried finds out whether the history is missing of the one timeline that a path
// keeps to. No segment tells of that, but recovery refuses a target timeline without one.
func (a archive) unhistoried(from, to Position) []Problem {
	if to.Timeline != from.Timeline || to.Timeline == 1 || len(a.of(to.Timeline).histories) > 0 {
		return nil
	}
	name := historyName(to.Timeline)
	return []Problem{{Class: Missing, First: name, Last: name, Text: "missing, and recovery asks for it"}}
}

// readAll compares the objects of a path with their checksums.
func readAll(ctx context.Context, r *repository.Repository, source Source, stages []stage, progress func(done, of int)) (damaged []Problem, err error) {
	for i, s := range stages {
		for _, o := range s.objects {
			_, _, err := r.Sum(ctx, o.name)
			switch {
			case errors.Is(err, repository.ErrAltered):
				damaged = append(damaged, Problem{Class: Damaged, First: o.name, Last: o.name, Text: "its checksum is another"})
			case errors.Is(err, repository.ErrMissing):
				replaced, err := source.replaced(ctx, r, o)
				if err != nil {
					return nil, err
				}
				if replaced {
					continue // the archive goes on meanwhile
				}
				damaged = append(damaged, Problem{Class: Missing, First: o.name, Last: o.name, Text: "it was removed just now"})
			case err != nil:
				return nil, err
			}
		}
		if progress != nil {
			progress(i+1, len(stages))
		}
	}
	return damaged, nil
}
