package retention_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup/people"
	"meai/activities/privacy/retention"
	"meai/internal/failure"
	"meai/internal/objects"
)

// on is the day so many days from today.
func on(days int) time.Time { return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, days) }

// noon is noon of the day so many days ago: what is counted from it becomes due at noon.
func noon(days int) time.Time { return on(-days).Add(12 * time.Hour) }

func (s *scene) simulate(t *testing.T, days int) retention.Simulation {
	t.Helper()
	sim, err := s.store.Simulate(t.Context(), days)
	require.NoError(t, err)
	return sim
}

func ruleOf(t *testing.T, sim retention.Simulation, rule string) map[time.Time]int64 {
	t.Helper()
	for _, f := range sim.Rules {
		if f.Rule == rule {
			days := map[time.Time]int64{}
			for _, d := range f.Days {
				days[d.Day] = d.Rows
			}
			return days
		}
	}
	require.Fail(t, "no such rule", rule)
	return nil
}

func conflictsOf(sim retention.Simulation, code retention.Code) (list []retention.Conflict) {
	for _, c := range sim.Conflicts {
		if c.Code == code {
			list = append(list, c)
		}
	}
	return list
}

func TestTheSimulationShowsWhatTheComingDaysDelete(t *testing.T) {
	s := newScene(t)
	alice, bob := s.newPerson(t), s.newPerson(t)
	alice.plant(t, noon(88)) // in two days
	bob.plant(t, noon(85))   // in five
	bob.plant(t, noon(85))   //
	alice.plant(t, ago(500)) // long since: with today's
	bob.plant(t, noon(40))   // later than is looked at
	bob.plant(t, noon(80))   // on the tenth day, the first that is not looked at
	before := s.fingerprint(t)
	sim := s.simulate(t, 10)
	require.Equal(t, before, s.fingerprint(t))
	require.Equal(t, on(0), sim.From)
	require.Equal(t, map[time.Time]int64{on(0): 1, on(2): 1, on(5): 2}, ruleOf(t, sim, "interaction_steps"))
	require.Equal(t, map[time.Time]int64{on(0): 1}, ruleOf(t, sim, "vault_accesses"))
	require.Empty(t, ruleOf(t, sim, "interactions"))
	require.Empty(t, sim.Conflicts)

	ids := alice.plant(t, ago(eightYears))
	alice.remember(t, ids, ago(eightYears))
	sim = s.simulate(t, 1)
	for _, rule := range []string{"memories", "interactions", "sessions", "memory_writes", "memory_imports"} {
		require.Equal(t, map[time.Time]int64{on(0): 1}, ruleOf(t, sim, rule), rule)
	}
	r := s.retain(t, retention.Run{ID: s.run.ID, At: time.Now()}, alice, bob)
	require.Equal(t, ruleOf(t, sim, "interaction_steps")[on(0)], deleted(r)["interaction_steps"], "and the run does what was shown")
	require.Equal(t, ruleOf(t, sim, "interactions")[on(0)], deleted(r)["interactions"])

	for _, days := range []int{0, -1, retention.MostDays + 1} {
		_, err := s.store.Simulate(t.Context(), days)
		require.True(t, failure.Is(err, failure.InvalidInput), days)
	}
}

func TestEveryConflictShowsBeforeItHappens(t *testing.T) {
	s := newScene(t)
	held, asking, restricted, erased, waiting, frozen := s.newPerson(t), s.newPerson(t), s.newPerson(t), s.newPerson(t), s.newPerson(t), s.newPerson(t)
	for _, p := range []*person{held, asking, restricted, erased, waiting, frozen} {
		p.plant(t, noon(87)) // due in three days
	}
	s.hold(t, held)
	s.request(t, asking, "access", ago(1))
	app := connect(t, s.urls.App)
	sql(t, app, "update subjects set restricted_at = now() where id = $1", restricted.subject)
	s.request(t, erased, "erasure", noon(2))  // cooling off ends in five days
	s.request(t, waiting, "erasure", noon(3)) // in four, but for the hold
	s.hold(t, waiting)
	require.NoError(t, s.DB.Freeze(t.Context(), frozen.subject))
	store, err := objects.OpenErasable(t.Context(), "file://"+t.TempDir()+"/archive?create_dir=true")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	s.store.Archives = &people.Archives{Store: store, DB: s.DB, Keyring: s.Keys}
	archive, err := s.store.Archives.Write(t.Context(), erased.subject, nil)
	require.NoError(t, err)
	sql(t, app, `insert into backups (id, kind, state, started_at, ended_at, bytes, objects, held, problems) values
		('20260101T000000Z-postgres-00000001', 'postgres', 'proven', now(), now(), 1, 1, false, 0), ('20260101T000000Z-postgres-00000002', 'postgres', 'proven', now(), now(), 1, 1, true, 0)`)
	free := s.newPerson(t)
	free.plant(t, noon(87))

	sim := s.simulate(t, 10)
	stays := map[retention.Reason]int64{}
	for _, c := range conflictsOf(sim, retention.Stays) {
		if c.Rule == "interaction_steps" {
			stays[c.Reason] = c.Count
			require.Equal(t, on(3), c.From)
		}
	}
	require.Equal(t, map[retention.Reason]int64{retention.LegalHold: 2, retention.OpenRequest: 2, retention.Restricted: 1, retention.BeingErased: 1}, stays)
	require.Equal(t, map[time.Time]int64{on(3): 1}, ruleOf(t, sim, "interaction_steps"))
	require.Equal(t, []retention.Conflict{{Code: retention.ErasureFirst, From: on(5), Count: 1}}, conflictsOf(sim, retention.ErasureFirst))
	require.Equal(t, []retention.Conflict{{Code: retention.ErasureHeld, From: on(4), Count: 1}}, conflictsOf(sim, retention.ErasureHeld))
	require.Equal(t, []retention.Conflict{{Code: retention.ArchiveOutlives, From: on(5), Until: archive.Begun.AddDate(7, 0, 0).UTC().Truncate(24 * time.Hour), Count: 1}},
		conflictsOf(sim, retention.ArchiveOutlives))
	outlive := conflictsOf(sim, retention.BackupsOutlive)
	require.NotEmpty(t, outlive)
	for _, c := range outlive {
		require.Equal(t, on(3), c.From)
		require.Equal(t, on(33), c.Until, "thirty days later")
	}
	require.Equal(t, []retention.Conflict{{Code: retention.BackupHeld, From: on(0), Count: 1}}, conflictsOf(sim, retention.BackupHeld))
	for _, c := range sim.Conflicts {
		require.True(t, strings.HasSuffix(c.String(), "."), "%s says what it is: %s", c.Code, c)
		require.NotContains(t, c.String(), "until somebody ends it from", c)
	}
}

func TestThePictureShowsEveryDayAndLoadsNothing(t *testing.T) {
	s := newScene(t)
	alice := s.newPerson(t)
	alice.plant(t, noon(88))
	alice.plant(t, noon(85))
	sim := s.simulate(t, 10)
	var page bytes.Buffer
	require.NoError(t, sim.WriteHTML(&page))
	_, categories, rows := sim.ByDay()
	want := 1 // the page's own title
	for _, day := range rows {
		want += len(day)
	}
	require.Equal(t, want, strings.Count(page.String(), "<title>"), "a bar for each category of each day")
	require.Positive(t, len(categories))
	for _, loaded := range []string{"<script", "<link", "<img", "src=", "url(", "NaN"} {
		require.NotContains(t, page.String(), loaded)
	}
	require.Contains(t, page.String(), on(2).Format(time.DateOnly))
}
