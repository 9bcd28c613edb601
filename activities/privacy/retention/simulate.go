package retention

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup/people"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// MostDays is how far a simulation looks ahead at most.
const MostDays = 3660

// Due is how many rows of a rule become old enough on a day.
type Due struct {
	Day  time.Time `json:"day"` // midnight, UTC
	Rows int64     `json:"rows"`
}

// Forecast is what the coming days do by one rule.
type Forecast struct {
	Rule     string `json:"rule"`
	Category string `json:"category"`
	// Kept is how many days a row is kept.
	Kept int `json:"kept_days"`
	// Days are those on which anything goes, in order. Before they do, rows that are old
	// enough already go with today's.
	Days []Due `json:"days"`
}

// Code says what a conflict is.
type Code string

// The conflicts.
const (
	// Stays: rows become old enough and stay, for the Reason that the conflict names.
	Stays Code = "stays"
	// ErasureFirst: a person is to be erased before their data is old enough. Erasure wins.
	ErasureFirst Code = "erasure_before_its_age"
	// ErasureHeld: a person is to be erased and is under a legal hold. The hold wins, the
	// erasure waits.
	ErasureHeld Code = "erasure_held"
	// ArchiveOutlives: an archive of a person lies in a bucket that may keep it for longer
	// than the person's data is kept. It cannot be read without the person's keys.
	ArchiveOutlives Code = "archive_outlives_erasure"
	// BackupsOutlive: what goes lies in backups until they expire, sealed.
	BackupsOutlive Code = "backups_outlive"
	// BackupHeld: a backup is kept from expiring, with what lies in it.
	BackupHeld Code = "backup_held"
)

// Conflict is where two promises do not go together.
type Conflict struct {
	Code Code `json:"code"`
	// Rule and Category are set where it is about rows, Reason where they stay.
	Rule     string `json:"rule,omitempty"`
	Category string `json:"category,omitempty"`
	Reason   Reason `json:"reason,omitempty"`
	// From is the first day on which it shows; Until the day that ends it, zero where that
	// is not known.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
	// Count is of rows, people, archives or backups.
	Count int64 `json:"count"`
}

// Simulation is what the coming days delete, and every conflict, before it happens.
type Simulation struct {
	From      time.Time  `json:"from"` // today, midnight UTC
	Days      int        `json:"days"`
	Rules     []Forecast `json:"rules"`
	Conflicts []Conflict `json:"conflicts"`
}

// Simulate looks so many days ahead, today being the first. It takes for granted that nothing
// is added, and that a run takes place each day. Errors: [failure.InvalidInput].
func (s *Store) Simulate(ctx context.Context, days int) (Simulation, error) {
	if days < 1 || days > MostDays {
		return Simulation{}, failure.New(failure.InvalidInput, fmt.Sprintf("a simulation looks 1 to %d days ahead", MostDays), nil)
	}
	all, err := rules(ctx, s.DB, s.Map)
	if err != nil {
		return Simulation{}, err
	}
	sim := Simulation{From: today(), Days: days, Rules: []Forecast{}, Conflicts: []Conflict{}}
	for _, rule := range all {
		if err := s.forecast(ctx, rule, &sim); err != nil {
			return Simulation{}, fmt.Errorf("look ahead at rule %s: %w", rule.Name, err)
		}
	}
	for _, find := range []func(context.Context, *Simulation) error{s.erasures, s.backups} {
		if err := find(ctx, &sim); err != nil {
			return Simulation{}, fmt.Errorf("look for conflicts: %w", err)
		}
	}
	return sim, nil
}

func today() time.Time { return time.Now().UTC().Truncate(24 * time.Hour) }

// end is the first day that the simulation does not look at.
func (s Simulation) end() time.Time { return s.From.AddDate(0, 0, s.Days) }

// forecast adds what becomes of one rule.
func (s *Store) forecast(ctx context.Context, rule Rule, sim *Simulation) error {
	var rows []queries.RetentionForecastRow
	err := s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.RetentionForecast(ctx, rule.Name, int32(sim.Days))
		return err
	})
	if err != nil {
		return err
	}
	going := map[time.Time]int64{}
	staying := map[Reason]*Conflict{}
	for _, row := range rows {
		day := row.Day.Time
		if !day.Before(sim.end()) {
			continue // a time of today's is a part of the day after the last
		}
		if row.Reason == "" {
			going[day] += row.Due
			continue
		}
		c := staying[Reason(row.Reason)]
		if c == nil {
			c = &Conflict{Code: Stays, Rule: rule.Name, Category: rule.Category, Reason: Reason(row.Reason), From: day}
			staying[Reason(row.Reason)] = c
		}
		c.Count += row.Due
		if day.Before(c.From) {
			c.From = day
		}
	}
	f := Forecast{Rule: rule.Name, Category: rule.Category, Kept: rule.Days, Days: []Due{}}
	for day, n := range going {
		f.Days = append(f.Days, Due{Day: day, Rows: n})
	}
	slices.SortFunc(f.Days, func(a, b Due) int { return a.Day.Compare(b.Day) })
	sim.Rules = append(sim.Rules, f)
	for _, why := range slices.Sorted(maps.Keys(staying)) {
		sim.Conflicts = append(sim.Conflicts, *staying[why])
	}
	return nil
}

// erasures finds people who are to be erased: before their data is old enough, although they
// are held, and although an archive of theirs is kept for longer.
func (s *Store) erasures(ctx context.Context, sim *Simulation) error {
	var rows []queries.ErasuresToComeRow
	err := s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.ErasuresToCome(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("list the erasures to come: %w", err)
	}
	first, held, kept := Conflict{Code: ErasureFirst}, Conflict{Code: ErasureHeld}, Conflict{Code: ArchiveOutlives}
	for _, row := range rows {
		day := row.ReceivedAt.Add(s.CoolingOff).UTC().Truncate(24 * time.Hour)
		if day.Before(sim.From) {
			day = sim.From
		}
		if !day.Before(sim.end()) {
			continue
		}
		if row.Held {
			held.see(day, 1)
			continue
		}
		first.see(day, 1)
		if err := s.archived(ctx, *row.PersonID, day, &kept); err != nil {
			return err
		}
	}
	for _, c := range []Conflict{first, held, kept} {
		if c.Count > 0 {
			sim.Conflicts = append(sim.Conflicts, c)
		}
	}
	return nil
}

func (c *Conflict) see(day time.Time, n int64) {
	if c.Count == 0 || day.Before(c.From) {
		c.From = day
	}
	c.Count += n
}

// archived counts the archives of a person that may be there after their erasure.
func (s *Store) archived(ctx context.Context, subject uuid.UUID, erased time.Time, kept *Conflict) error {
	if s.Archives == nil {
		return nil
	}
	list, err := s.Archives.List(ctx, subject)
	if err != nil {
		return err
	}
	for _, k := range list {
		until := k.Begun.AddDate(people.Years, 0, 0)
		if until.After(erased) {
			kept.see(erased, 1)
			kept.Until = later(kept.Until, until.UTC().Truncate(24*time.Hour))
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// backups finds what lies in backups for longer than it is kept.
func (s *Store) backups(ctx context.Context, sim *Simulation) error {
	var rows []queries.BackupsThatLastRow
	err := s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.BackupsThatLast(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("list backups: %w", err)
	}
	held := Conflict{Code: BackupHeld}
	for _, row := range rows {
		if row.Held {
			held.see(sim.From, 1)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	outlive := map[string]*Conflict{}
	var order []string
	for _, f := range sim.Rules {
		for _, d := range f.Days {
			c := outlive[f.Category]
			if c == nil {
				c = &Conflict{Code: BackupsOutlive, Category: f.Category}
				outlive[f.Category], order = c, append(order, f.Category)
			}
			c.see(d.Day, d.Rows)
			c.Until = later(c.Until, d.Day.Add(s.BackupsFor))
		}
	}
	for _, category := range order {
		sim.Conflicts = append(sim.Conflicts, *outlive[category])
	}
	if held.Count > 0 {
		sim.Conflicts = append(sim.Conflicts, held)
	}
	return nil
}

// Total is how many rows go within the simulation.
func (s Simulation) Total() (n int64) {
	for _, f := range s.Rules {
		for _, d := range f.Days {
			n += d.Rows
		}
	}
	return n
}

// ByDay adds up what goes on each day by category, in the order of days; categories are in
// the order of the rules, those of which nothing goes left out.
func (s Simulation) ByDay() (days []time.Time, categories []string, rows map[time.Time]map[string]int64) {
	rows = map[time.Time]map[string]int64{}
	for _, f := range s.Rules {
		if len(f.Days) > 0 && !slices.Contains(categories, f.Category) {
			categories = append(categories, f.Category)
		}
		for _, d := range f.Days {
			if rows[d.Day] == nil {
				rows[d.Day] = map[string]int64{}
				days = append(days, d.Day)
			}
			rows[d.Day][f.Category] += d.Rows
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days, categories, rows
}
