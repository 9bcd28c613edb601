package requests

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func date(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	require.NoError(t, err)
	return at
}

func TestTimeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		law                              Law
		kind                             Kind
		received, due, extended, confirm string
	}{
		"one month, and two more":               {GDPR, Erasure, "2026-03-10 09:30", "2026-04-10 09:30", "2026-06-10 09:30", ""},
		"a month without that day":              {GDPR, Access, "2026-01-31 23:59", "2026-02-28 23:59", "2026-04-30 23:59", ""},
		"a leap year":                           {GDPR, Access, "2028-01-30 08:00", "2028-02-29 08:00", "2028-04-30 08:00", ""},
		"over the end of the year":              {GDPR, Rectification, "2026-11-30 08:00", "2026-12-30 08:00", "2027-02-28 08:00", ""},
		"45 days, and 45 more; received Friday": {CCPA, Erasure, "2026-11-27 12:00", "2027-01-11 12:00", "2027-02-25 12:00", "2026-12-11 12:00"},
		"received on a Saturday":                {CCPA, Access, "2026-11-28 12:00", "2027-01-12 12:00", "2027-02-26 12:00", "2026-12-11 12:00"},
		"received on a Monday":                  {CCPA, Access, "2026-11-30 12:00", "2027-01-14 12:00", "2027-02-28 12:00", "2026-12-14 12:00"},
		"to stop selling: 15 business days":     {CCPA, OptOut, "2026-11-27 12:00", "2026-12-18 12:00", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, known := limitsOf(c.law, c.kind)
			require.True(t, known)
			received := date(t, c.received)
			require.Equal(t, date(t, c.due), l.due(received))
			for what, limit := range map[string]func(time.Time) time.Time{c.extended: l.extended, c.confirm: l.confirm} {
				if what != "" {
					require.Equal(t, date(t, what), limit(received))
				}
			}
			require.Equal(t, c.extended == "", l.extended == nil)
			require.Equal(t, c.confirm == "", l.confirm == nil)
		})
	}
	_, known := limitsOf("lgpd", Access)
	require.False(t, known)
}

func TestThePromiseCountsFromWhenWorkMayBegin(t *testing.T) {
	received := date(t, "2026-11-27 12:00")
	require.Equal(t, received.Add(72*time.Hour), promised(received, time.Time{}))
	require.Equal(t, received.Add(240*time.Hour), promised(received, received.Add(168*time.Hour)))
}

func TestALevelIsComeToOneAfterTheOther(t *testing.T) {
	r := Request{State: Open, Law: GDPR, DueAt: date(t, "2026-12-31 12:00")}
	for at, level := range map[string]int{
		"2026-12-24 11:59": 0, "2026-12-24 12:00": 1, "2026-12-29 11:59": 1, "2026-12-29 12:00": 2, "2026-12-31 11:59": 2, "2026-12-31 12:00": 3, "2027-06-01 00:00": 3,
	} {
		list := r.warnings(date(t, at))
		if level == 0 {
			require.Empty(t, list, at)
			continue
		}
		require.Equal(t, []Warning{{Limit: ByLaw, EndsAt: r.DueAt, Level: level}}, list, at)
	}
	for at, standing := range map[string]Standing{"2026-12-01 00:00": Opened, "2026-12-24 12:00": DueSoon, "2026-12-31 12:00": Overdue} {
		require.Equal(t, standing, r.StandingAt(date(t, at)), at)
	}
	r.PromisedAt = date(t, "2026-12-03 12:00")
	require.Equal(t, DueSoon, r.StandingAt(date(t, "2026-12-02 12:00")))
	require.Equal(t, Overdue, r.StandingAt(r.PromisedAt), "MeAi's own promise counts as well")
	require.Equal(t, 3, r.warnings(r.PromisedAt)[0].Level)
	r.State = Completed
	require.Empty(t, r.warnings(r.DueAt))
	require.Equal(t, Any, r.StandingAt(r.DueAt))
}

func TestADigestNamesAListInAnyOrder(t *testing.T) {
	one, two := [16]byte{1}, [16]byte{2}
	require.Equal(t, DigestOf([]uuid.UUID{one, two}), DigestOf([]uuid.UUID{two, one, two}))
	require.NotEqual(t, DigestOf([]uuid.UUID{one}), DigestOf([]uuid.UUID{one, two}))
	// printf '01000000-0000-0000-0000-000000000000\n' | sha256sum
	require.Equal(t, "da7babd7f25d34d930896df1565123bad77ba656213a5dae108f7c52070c2ec9", DigestOf([]uuid.UUID{one}))
}
