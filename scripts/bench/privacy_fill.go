package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	temporalclient "go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"meai/api/client"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// nobodysQueue is a task queue that no worker serves: what runs there stays open.
const nobodysQueue = "bench-nobody"

// fillResidents gives the one who is erased as much of everything as was asked for, and
// the one beside one life, some interactions and an export.
func (b *privacyBench) fillResidents(ctx context.Context, one, beside *resident) error {
	for _, r := range []*resident{one, beside} {
		if err := b.newPerson(ctx, r.id); err != nil {
			return err
		}
	}
	lives := (b.o.Memories + b.Memories - 1) / b.Memories
	if err := b.live(ctx, one, lives); err != nil {
		return err
	}
	if err := b.live(ctx, beside, 1); err != nil {
		return err
	}
	if err := b.tellAll(ctx, one, b.o.Told); err != nil {
		return err
	}
	if err := b.tellAll(ctx, beside, min(20, b.o.Told)); err != nil {
		return err
	}
	if err := b.copyInteractions(ctx, one.id, b.o.Interactions-b.o.Told); err != nil {
		return fmt.Errorf("copy interactions: %w", err)
	}
	for n := range exported {
		if err := b.export(ctx, one, n); err != nil {
			return err
		}
	}
	if err := b.export(ctx, beside, 0); err != nil {
		return err
	}
	return b.leaveRunning(ctx, one.id)
}

// live copies lives to somebody.
func (b *privacyBench) live(ctx context.Context, r *resident, lives int) error {
	progress := newProgress("messages filled in", lives*b.Memories)
	defer progress.end()
	for r.lives < lives {
		if err := b.give(ctx, b.owner, &r.person, r.lives); err != nil {
			return err
		}
		r.lives++
		progress.add(b.Memories)
	}
	return nil
}

// tellAll has a person write messages over HTTP, a few at a time.
func (b *privacyBench) tellAll(ctx context.Context, r *resident, n int) error {
	const atOnce = 4
	progress := newProgress("messages told", n)
	defer progress.end()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			_, err := r.write(ctx, messages[i%len(messages)])
			progress.add(1)
			return err
		})
	}
	return group.Wait()
}

// copyInteractions gives somebody more interactions: rows as the product wrote them, sealed
// anew for their own place. Their workflows are gone, as after the time that Temporal keeps
// them.
func (b *privacyBench) copyInteractions(ctx context.Context, subject uuid.UUID, n int) error {
	keys, err := b.keys.Keys(ctx, subject)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, b.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('app.subject', $1, true)", subject.String()); err != nil {
			return err
		}
		told, err := rowsOf(ctx, tx, "select * from interactions where subject_id = $1 and state = 'answered' order by id", subject)
		if err == nil && len(told) == 0 {
			err = errors.New("no interaction was answered")
		}
		if err != nil {
			return err
		}
		steps, err := rowsOf(ctx, tx, "select * from interaction_steps where subject_id = $1", subject)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i := range n {
			source := told[i%len(told)]
			old, id := uuid.UUID(source["id"].([16]byte)), uuid.UUID{}
			id = copiedID(old)
			row, err := resealed(keys, "interactions", source, id)
			if err != nil {
				return err
			}
			row["id"], row["workflow_id"] = id, fmt.Sprintf("person/%s/interaction/%s", subject, id)
			insert(batch, "interactions", row)
			for _, step := range steps {
				if step["interaction_id"] == [16]byte(old) {
					step := maps.Clone(step)
					step["interaction_id"] = id
					insert(batch, "interaction_steps", step)
				}
			}
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

func rowsOf(ctx context.Context, tx pgx.Tx, query string, subject uuid.UUID) ([]map[string]any, error) {
	rows, err := tx.Query(ctx, query, subject)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToMap)
}

// copiedID is another id of the same moment, by which rows are partitioned.
func copiedID(old uuid.UUID) uuid.UUID {
	_, _ = rand.Read(old[9:]) // it never fails
	return old
}

// resealed is a row whose sealed columns are sealed for the place of another row.
func resealed(keys *keyring.Keys, table string, source map[string]any, id uuid.UUID) (map[string]any, error) {
	row := maps.Clone(source)
	for _, c := range postgres.SealedColumns {
		sealed, _ := row[c.Column].([]byte)
		if c.Table != table || sealed == nil {
			continue
		}
		plain, err := keys.Open(sealed, keyring.Location{Table: table, Column: c.As, Row: uuid.UUID(source["id"].([16]byte))})
		if err != nil {
			return nil, err
		}
		if row[c.Column], err = keys.Seal(plain, keyring.Location{Table: table, Column: c.As, Row: id}); err != nil {
			return nil, err
		}
	}
	return row, nil
}

func insert(batch *pgx.Batch, table string, row map[string]any) {
	columns := slices.Sorted(maps.Keys(row))
	values, places := make([]any, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		values[i], places[i] = row[c], fmt.Sprintf("$%d", i+1)
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	batch.Queue("insert into "+pgx.Identifier{table}.Sanitize()+" ("+strings.Join(columns, ", ")+") values ("+strings.Join(places, ", ")+")", values...)
}

// export has a person ask for an export, and waits until it is there.
func (b *privacyBench) export(ctx context.Context, r *resident, n int) error {
	const pause = 200 * time.Millisecond
	if err := b.signInAgain(ctx, r); err != nil {
		return err
	}
	begun := time.Now()
	asked, err := r.api.RequestExportWithResponse(ctx, &client.RequestExportParams{IdempotencyKey: fmt.Sprint("bench-", n)},
		client.NewExport{Passphrase: "seven quiet lanterns over brown water"})
	if err != nil {
		return err
	}
	if asked.JSON202 == nil {
		return fmt.Errorf("no export: %s %s", asked.Status(), asked.Body)
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.Patience)
	defer cancel()
	for {
		got, err := r.api.GetExportWithResponse(ctx, asked.JSON202.Id)
		switch {
		case err != nil:
			return fmt.Errorf("wait for an export: %w", err)
		case got.JSON200 == nil:
			return fmt.Errorf("wait for an export: %s", got.Status())
		case got.JSON200.State == client.ExportStateReady:
			b.found.exports = append(b.found.exports, time.Since(begun))
			return nil
		case got.JSON200.State != client.ExportStateQueued && got.JSON200.State != client.ExportStateWriting:
			return fmt.Errorf("an export is %s: %s", got.JSON200.State, got.JSON200.Failure)
		}
		time.Sleep(pause)
	}
}

// leaveRunning starts workflows of a person that stay open, so that they are running when
// the person is erased, whatever the load.
func (b *privacyBench) leaveRunning(ctx context.Context, subject uuid.UUID) error {
	for range running {
		_, err := b.temporal.ExecuteWorkflow(ctx, temporalclient.StartWorkflowOptions{
			ID: fmt.Sprintf("person/%s/interaction/%s", subject, uuid.Must(uuid.NewV7())), TaskQueue: nobodysQueue,
		}, "Interaction")
		if err != nil {
			return fmt.Errorf("start a workflow: %w", err)
		}
	}
	return nil
}
