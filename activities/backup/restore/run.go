package restore

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"meai/activities/backup/repository"
	"meai/internal/pgserver"
)

// Restorer restores from one repository.
type Restorer struct {
	Repository *repository.Repository
	// Second is the second location, where marks are as well; nil for none.
	Second *repository.Repository
	// Despite has a plan made although descriptions of other backups or marks in the bucket
	// are damaged: for when everything else is lost.
	Despite bool
	// Keys open what is restored: the prover's, or two custodians'.
	Keys    *repository.Keys
	Account pgserver.Account
	// Database is the product's; "meai" when empty. Temporal is that of Temporal's
	// persistence; empty when it is not in the cluster.
	Database, Temporal string
	// Weaviate is the server's binary, for the index; empty for none.
	Weaviate string
	Logger   *slog.Logger
}

// Run is one restore in one folder:
//
//	<into>/data           the PostgreSQL cluster
//	<into>/wal            write-ahead log to replay
//	<into>/weaviate       the index's data
//	<into>/journal.jsonl  the plan and the steps that are done
type Run struct {
	r       *Restorer
	into    string
	journal *journal
	server  *pgserver.Server // while steps need it
}

// Progress is told how much of a step is done, in bytes or whatever it counts in; total
// is 0 when it is not known.
type Progress func(done, total int64)

// Begin starts a restore in an empty folder, or goes on with the one of the same plan.
func (r *Restorer) Begin(plan Plan, into string) (*Run, error) {
	into, err := filepath.Abs(into)
	if err != nil {
		return nil, fmt.Errorf("find the folder to restore into: %w", err)
	}
	// Not private: PostgreSQL's account has to get through it. What is in it is.
	if err := os.MkdirAll(into, 0o711); err != nil {
		return nil, fmt.Errorf("make the folder to restore into: %w", err)
	}
	j, err := openJournal(into, plan)
	if err != nil {
		return nil, err
	}
	return &Run{r: r, into: into, journal: j}, nil
}

// step is a piece of a restore. Each can be done again after it was broken off.
type step struct {
	name string
	do   func(*Run, context.Context, Progress) (Done, error)
	// proof: it belongs to proving a backup alone.
	proof bool
}

// steps in their order. What is checked comes before what is restored. A restore reads
// every part once, and no part opens that was altered: that all are sound before the first
// is unpacked is for proofs to say, which have the time.
var steps = []step{
	{name: "space", do: (*Run).space},
	{name: "present", do: (*Run).present},
	{name: "objects", do: (*Run).objects, proof: true},
	{name: "fetch", do: (*Run).fetch},
	{name: "extract", do: (*Run).extract},
	{name: "verify", do: (*Run).verify},
	{name: "recover", do: (*Run).recover},
	{name: "check", do: (*Run).check},
	{name: "index", do: (*Run).index},
	{name: "quarantine", do: (*Run).quarantine},
}

// Verifying are the steps after which a backup counts as verified, Proving those after
// which it is proven. What is thrown away afterwards is not quarantined.
var (
	Verifying = []string{"space", "objects", "fetch", "extract", "verify"}
	Proving   = []string{"recover", "check", "index"}
)

// Steps are the names of a restore's steps in order.
func Steps() []string {
	var names []string
	for _, s := range steps {
		if !s.proof {
			names = append(names, s.name)
		}
	}
	return names
}

// Do does one step, unless it was done before. Problems that it found are in Done.
func (run *Run) Do(ctx context.Context, name string, progress Progress) (Done, error) {
	if done, ok := run.journal.done[name]; ok {
		return done, nil
	}
	for _, s := range steps {
		if s.name != name {
			continue
		}
		if progress == nil {
			progress = func(int64, int64) {}
		}
		begun := time.Now()
		done, err := s.do(run, ctx, progress)
		if err != nil {
			return Done{}, fmt.Errorf("%s: %w", name, err)
		}
		done.Step, done.EndedAt, done.Seconds = name, time.Now().UTC(), time.Since(begun).Seconds()
		return done, run.journal.record(done)
	}
	return Done{}, fmt.Errorf("there is no step %q", name)
}

// Plan is what the run does.
func (run *Run) Plan() Plan { return run.journal.plan }

// Done are the steps that were done, in order.
func (run *Run) Done() []Done {
	var all []Done
	for _, s := range steps {
		if done, ok := run.journal.done[s.name]; ok {
			all = append(all, done)
		}
	}
	return all
}

// Seconds that the steps took which bring the data back: the time until it can be used
// again, without those that only look.
func (run *Run) Seconds() (sum float64) {
	for _, step := range []string{"space", "present", "fetch", "extract", "recover", "index"} {
		sum += run.journal.done[step].Seconds
	}
	return sum
}

// Lost is how much time of commits lies between the newest that the bucket knew of and
// the newest that came back, as found by heartbeats.
func (run *Run) Lost() string {
	if lost, ok := run.journal.done["check"].Found["lost"]; ok {
		return lost
	}
	return "unknown"
}

// Close stops the server that the checks use, if it still runs.
func (run *Run) Close() error {
	if run.server == nil {
		return nil
	}
	server := run.server
	run.server = nil
	return server.Stop()
}
