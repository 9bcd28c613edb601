package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/internal/links"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

const (
	// goneFor checks in a row make a resource that is no longer offered. The checks
	// are weekly, so a site that is being rebuilt takes nothing away.
	goneFor = 3
	// linksHold is how long what was read of the links is used.
	linksHold = time.Minute
	// linksWait bounds how long a search waits for it.
	linksWait = 300 * time.Millisecond
)

// LinkState is where a resource's page was at the last check.
type LinkState struct {
	State links.State
	// Code says why, such as 404 or timeout.
	Code string
	// Since is the first of the checks in a row, InARow how many they are, that found
	// this state; Checked is the last.
	Since, Checked time.Time
	InARow         int
}

// withheld reports whether the page is gone for good, as far as anybody can say.
func (s LinkState) withheld() bool { return s.State == links.Gone && s.InARow >= goneFor }

// Links keeps what the checks of the library's links found.
type Links struct {
	db *postgres.DB

	mu   sync.Mutex
	rows map[string]queries.ResourceLink
	read time.Time
}

// NewLinks returns the links of a database.
func NewLinks(db *postgres.DB) *Links { return &Links{db: db} }

// State is what is known of a resource's link; nil when its page was not checked yet.
func (l *Links) State(ctx context.Context, r Resource) (*LinkState, error) {
	var row queries.ResourceLink
	err := l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.ResourceLink(ctx, r.ID)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.Url != r.Source {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the link of resource %s: %w", r.ID, err)
	}
	return new(stateOf(row)), nil
}

func stateOf(row queries.ResourceLink) LinkState {
	return LinkState{State: links.State(row.State), Code: row.Code, Since: row.Since, Checked: row.CheckedAt, InARow: int(row.InARow)}
}

// all are the links by their resource's id.
func (l *Links) all(ctx context.Context) (map[string]queries.ResourceLink, error) {
	var rows []queries.ResourceLink
	err := l.db.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.ResourceLinks(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the links of the library: %w", err)
	}
	all := make(map[string]queries.ResourceLink, len(rows))
	for _, row := range rows {
		all[row.Resource] = row
	}
	return all, nil
}

// withheld reports which resources are not offered, as of a minute ago at most. While
// the database is away it is what was known before.
func (l *Links) withheld(ctx context.Context) func(Resource) bool {
	if l == nil {
		return func(Resource) bool { return false }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.read) > linksHold {
		l.read = time.Now() // who fails does not try again for each search
		ctx, cancel := context.WithTimeout(ctx, linksWait)
		defer cancel()
		if rows, err := l.all(ctx); err == nil {
			l.rows = rows
		}
	}
	rows := l.rows
	return func(r Resource) bool {
		row, there := rows[r.ID]
		return there && row.Url == r.Source && stateOf(row).withheld()
	}
}

// record keeps one check; the same check again changes nothing.
func (l *Links) record(ctx context.Context, r Resource, found links.Result, at time.Time) error {
	err := l.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		return q.RecordResourceLink(ctx, queries.RecordResourceLinkParams{
			Resource: r.ID, Url: r.Source, State: string(found.State), Code: found.Code, Location: found.Location, CheckedAt: at,
		})
	})
	if err != nil {
		return fmt.Errorf("keep the link of resource %s: %w", r.ID, err)
	}
	return nil
}

// keep forgets the links of all other resources.
func (l *Links) keep(ctx context.Context, ids []string) error {
	err := l.db.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error { return q.KeepResourceLinks(ctx, ids) })
	if err != nil {
		return fmt.Errorf("forget the links of what left the library: %w", err)
	}
	return nil
}
