package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/failover"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

type failoverHealthCommand struct {
	JSON bool `help:"Print JSON."`
	Deep bool `help:"Look at objects, keyring and index as well, which reads their inventories."`
}

func (failoverHealthCommand) Help() string {
	return `Commits a heartbeat on the primary and finds the newest one on the standby. Exit status: 0, or 1 when something could not be
asked. The control worker does the same all the time, as metrics meai.replication.*.`
}

func (f failoverHealthCommand) Run(ctx context.Context, c *cli) (err error) {
	p, controller, err := openControl(ctx, c, "meai-failover")
	if err != nil {
		return err
	}
	defer p.close(&err)
	health := &failover.Health{Controller: controller}
	if f.Deep {
		health.Others = p.copiesOf(controller)
		if err := health.LookAtOthers(ctx); err != nil {
			return err
		}
	}
	r, err := health.Measure(ctx)
	if err != nil {
		return err
	}
	if f.JSON {
		return indented(r)
	}
	fmt.Printf("region %s serves in epoch %d, replication %s\n", r.Serving, r.Epoch, r.Mode)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if err := line(w, "store\tlag\tbytes\tlooked at\tmissing\t"); err != nil {
		return err
	}
	for _, s := range r.Stores {
		lag := fmt.Sprintf("%.1f s", s.Lag)
		if s.Lag < 0 {
			lag = "unknown (" + s.Reason + ")"
		}
		if err := line(w, "%s\t%s\t%d\t%d\t%d\t", s.Store, lag, s.Bytes, s.Looked, s.Missing); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.RPO < 0 {
		_, err = fmt.Printf("what would be lost now is not known, because of %s\n", r.Worst)
	} else {
		_, err = fmt.Printf("at most %.1f s would be lost now\n", r.RPO)
	}
	return err
}

// copiesOf look at the stores beside PostgreSQL, with the configuration of the region
// that each question is for.
func (p *parts) copiesOf(c *failover.Controller) map[string]failover.Glance {
	inside := func(region func(serving, other string) string, look func(context.Context, *regionPlace, failover.Server) (failover.Copied, error)) failover.Glance {
		return func(ctx context.Context, serving, other string) (copied failover.Copied, err error) {
			place, err := c.Open(ctx, region(serving, other))
			if err != nil {
				return copied, err
			}
			defer func() {
				if closed := place.Close(); err == nil {
					err = closed
				}
			}()
			return look(ctx, place.(*regionPlace), c.Databases[serving])
		}
	}
	first := func(serving, _ string) string { return serving }
	second := func(_, other string) string { return other }
	return map[string]failover.Glance{
		failover.StoreObjects: inside(first, copiedObjects),
		failover.StoreKeyring: inside(first, copiedKeys),
		failover.StoreIndex:   inside(second, copiedIndex),
	}
}

// copiedObjects compares the inventories of all buckets that are copied to the second place.
func copiedObjects(ctx context.Context, r *regionPlace, _ failover.Server) (failover.Copied, error) {
	copied := failover.Copied{}
	all, err := r.p.copies(ctx)
	if err != nil {
		return copied, err
	}
	if all == nil {
		copied.Lag, copied.Reason = failover.Unknown, "not_copied"
		return copied, nil
	}
	for source := range strings.FieldsSeq(r.p.config.Backup.Copy) {
		name, _, _ := strings.Cut(source, "=")
		copier, ok := all.Copier(name)
		if !ok {
			continue
		}
		report, err := copier.Reconcile(ctx, false, nil)
		if err != nil {
			return copied, err
		}
		copied.Looked += int64(report.Objects)
		copied.Missing += int64(report.Missing.Count + report.Differing.Count + report.Lost.Count)
		for _, missing := range report.Missing.First {
			info, err := copier.Source.Stat(ctx, missing)
			if err == nil {
				copied.Lag = max(copied.Lag, time.Since(info.Written).Seconds())
			}
		}
		if report.Differing.Count+report.Lost.Count > 0 {
			copied.Lag, copied.Reason = failover.Unknown, "differing"
			return copied, nil
		}
	}
	return copied, nil
}

// copiedKeys compares the generations that the replicas of the keyring hold. A replica that
// is behind loses nothing as long as a quorum has what is used; how old what it lacks is,
// nobody has written down.
func copiedKeys(ctx context.Context, r *regionPlace, _ failover.Server) (failover.Copied, error) {
	census, err := r.p.keys.Census(ctx, nil)
	if err != nil {
		return failover.Copied{}, err
	}
	return keysCopied(census), nil
}

func keysCopied(census keyring.Census) failover.Copied {
	copied := failover.Copied{Looked: int64(census.Subjects)}
	outside := false
	for _, replica := range census.Replicas {
		if !replica.Outside {
			continue
		}
		outside = true
		copied.Missing += int64(replica.Lacking + replica.Damaged + replica.Unburied)
		if replica.Error != "" {
			copied.Lag, copied.Reason = failover.Unknown, "unreachable"
		}
	}
	switch {
	case !outside:
		copied.Lag, copied.Reason = failover.Unknown, "not_copied"
	case copied.Missing > 0 && copied.Reason == "":
		copied.Lag, copied.Reason = failover.Unknown, "behind"
	}
	return copied
}

// sampled is how many memories are looked for in the other region's index.
const sampled = 200

// copiedIndex looks for the newest memories of the serving region's database in the other
// region's index. It is made anew from the database after a failover: what it lacks is time.
func copiedIndex(ctx context.Context, r *regionPlace, serving failover.Server) (failover.Copied, error) {
	copied := failover.Copied{Derived: true, Lag: failover.Unknown}
	index, err := r.p.vectors(ctx)
	if err != nil {
		return copied, err
	}
	if err := index.Ping(ctx); err != nil {
		copied.Reason = "unreachable"
		return copied, nil
	}
	memories, recorded, err := newestMemories(ctx, serving)
	if err != nil {
		return copied, err
	}
	copied.Lag = 0
	for subject, ids := range memories {
		held, err := index.Holds(ctx, subject, ids...)
		if err != nil {
			return copied, err
		}
		there := map[uuid.UUID]bool{}
		for _, id := range held {
			there[id] = true
		}
		copied.Looked += int64(len(ids))
		for _, id := range ids {
			if !there[id] {
				copied.Missing++
				copied.Lag = max(copied.Lag, time.Since(recorded[id]).Seconds())
			}
		}
	}
	return copied, nil
}

func newestMemories(ctx context.Context, server failover.Server) (map[uuid.UUID][]uuid.UUID, map[uuid.UUID]time.Time, error) {
	database, ok := server.(failover.Database)
	if !ok {
		return nil, nil, failure.New(failure.InvalidInput, "the region's database cannot be asked", nil)
	}
	conn, err := postgres.Connect(ctx, database.URL, database.TLS)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it was only read from
	rows, err := conn.Query(ctx, `
		select subject_id, id, recorded_at from memory_nodes
		where kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null and indexed_at is not null
		order by id desc limit $1`, sampled)
	if err != nil {
		return nil, nil, fmt.Errorf("read the newest memories: %w", err)
	}
	of, recorded := map[uuid.UUID][]uuid.UUID{}, map[uuid.UUID]time.Time{}
	var subject, id uuid.UUID
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&subject, &id, &at}, func() error {
		of[subject] = append(of[subject], id)
		recorded[id] = at
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the newest memories: %w", err)
	}
	return of, recorded, nil
}
