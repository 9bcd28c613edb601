package bridge

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"meai/internal/links"
)

const (
	// hostsAtOnce bounds how many servers are asked side by side; betweenPages lies
	// between two pages of one of them.
	hostsAtOnce  = 4
	betweenPages = time.Second
	// perLink bounds one link with its redirects. It is less than a heartbeat.
	perLink = 40 * time.Second
	// mostLocation of an address that somebody else chose is kept.
	mostLocation = 2000
)

// Review is the weekly review of the library as a worker runs it. Every exported
// method is an activity that can run twice without harm.
type Review struct {
	Library *Library
	Links   *Links
	// Checker is nil where links are not to be checked.
	Checker *links.Checker
	Log     *slog.Logger
	// pause is between two pages of one server; 0 means a second.
	pause time.Duration
}

// ReviewPlan is what a review has to do.
type ReviewPlan struct {
	// Overdue are ids of entries that somebody has to go through.
	Overdue []string `json:"overdue,omitempty"`
	// Links are ids of resources whose page is to be checked, those of one server together.
	Links []string `json:"links,omitempty"`
}

// CheckLinksInput asks for the links of some resources. At is when the review began.
type CheckLinksInput struct {
	Resources []string  `json:"resources"`
	At        time.Time `json:"at"`
}

// LinksChecked counts what was checked.
type LinksChecked struct {
	Checked int `json:"checked"`
}

// ReviewFound is what a review found: ids, those of links with a code.
type ReviewFound struct {
	Overdue     []string `json:"overdue,omitempty"`
	Moved       []string `json:"moved,omitempty"`
	Gone        []string `json:"gone,omitempty"`
	Unreachable []string `json:"unreachable,omitempty"`
	// Withheld are no longer offered.
	Withheld []string `json:"withheld,omitempty"`
}

// Index writes the library to the vector index if it is not there as it is now.
func (r *Review) Index(ctx context.Context, _ struct{}) error { return r.Library.ReplaceIndex(ctx) }

// Plan says what there is to review.
func (r *Review) Plan(context.Context, struct{}) (ReviewPlan, error) {
	all := r.Library.Resources()
	plan := ReviewPlan{Overdue: Overdue(all, time.Now())}
	if r.Checker == nil {
		return plan, nil
	}
	all = slices.DeleteFunc(all, func(e Resource) bool { return e.Source == "" })
	slices.SortStableFunc(all, func(a, b Resource) int { return cmp.Compare(hostOf(a), hostOf(b)) })
	for _, e := range all {
		plan.Links = append(plan.Links, e.ID)
	}
	return plan, nil
}

func hostOf(r Resource) string {
	page, err := url.Parse(r.Source)
	if err != nil {
		return ""
	}
	return page.Host
}

// CheckLinks checks the pages of some resources and keeps what it found. What this
// review has checked already is left alone.
func (r *Review) CheckLinks(ctx context.Context, in CheckLinksInput) (LinksChecked, error) {
	if r.Checker == nil {
		return LinksChecked{}, nil
	}
	known, err := r.Links.all(ctx)
	if err != nil {
		return LinksChecked{}, err
	}
	at := in.At.Truncate(time.Microsecond) // as PostgreSQL keeps it
	byHost := map[string][]Resource{}
	for _, id := range in.Resources {
		e, there := r.Library.Resource(id)
		row, before := known[id]
		if there && e.Source != "" && (!before || row.CheckedAt.Before(at)) {
			byHost[hostOf(e)] = append(byHost[hostOf(e)], e)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hostsAtOnce)
	done := LinksChecked{}
	for _, entries := range byHost {
		done.Checked += len(entries)
		group.Go(func() error { return r.checkHost(ctx, entries, at) })
	}
	return done, group.Wait()
}

// checkHost checks pages of one server, one after the other.
func (r *Review) checkHost(ctx context.Context, entries []Resource, at time.Time) error {
	for i, e := range entries {
		if i > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(cmp.Or(r.pause, betweenPages)):
			}
		}
		if err := r.checkOne(ctx, e, at); err != nil {
			return err
		}
	}
	return nil
}

func (r *Review) checkOne(ctx context.Context, e Resource, at time.Time) error {
	limited, cancel := context.WithTimeout(ctx, perLink)
	defer cancel()
	found := r.Checker.Check(limited, e.Source)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("check the links of the library: %w", err) // what it found says nothing then
	}
	if len(found.Location) > mostLocation {
		found.Location = ""
	}
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx)
	}
	return r.Links.record(ctx, e, found, at)
}

// Conclude tells operators what has to be done, by ids and codes, and forgets the
// links of what is no longer checked.
func (r *Review) Conclude(ctx context.Context, plan ReviewPlan) (ReviewFound, error) {
	if err := r.Links.keep(ctx, append([]string{}, plan.Links...)); err != nil {
		return ReviewFound{}, err
	}
	known, err := r.Links.all(ctx)
	if err != nil {
		return ReviewFound{}, err
	}
	found := ReviewFound{Overdue: plan.Overdue}
	for _, id := range plan.Links {
		row, there := known[id]
		if !there {
			continue // its check gave up; the next review tries again
		}
		state, entry := stateOf(row), fmt.Sprintf("%s %s x%d", id, row.Code, row.InARow)
		switch state.State {
		case links.OK:
		case links.Moved:
			found.Moved = append(found.Moved, entry)
		case links.Gone:
			found.Gone = append(found.Gone, entry)
		case links.Unreachable:
			found.Unreachable = append(found.Unreachable, entry)
		}
		if state.withheld() {
			found.Withheld = append(found.Withheld, id)
		}
	}
	r.tell(ctx, found)
	return found, nil
}

func (r *Review) tell(ctx context.Context, found ReviewFound) {
	for _, line := range []struct {
		level   slog.Level
		message string
		entries []string
	}{
		{slog.LevelWarn, "resources are due for review; see docs/runbooks/library.md", found.Overdue},
		{slog.LevelWarn, "pages of resources have moved", found.Moved},
		{slog.LevelWarn, "pages of resources are gone", found.Gone},
		{slog.LevelInfo, "pages of resources could not be reached", found.Unreachable},
		{slog.LevelError, "resources are no longer offered, for their pages stay gone", found.Withheld},
	} {
		if len(line.entries) > 0 {
			r.Log.Log(ctx, line.level, line.message, "entries", strings.Join(line.entries, ", "))
		}
	}
}
