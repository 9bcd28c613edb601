package flags_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/flags"
	"meai/internal/language"
)

// soon is the time within which every process has a change.
const soon = 30 * time.Second

type scene struct {
	store *flags.Store
	urls  enginetest.URLs
}

func newScene(t *testing.T) scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	return scene{&flags.Store{DB: db, Audit: audit.New(audit.Options{DB: db, Keys: enginetest.Keyring(t), Logger: enginetest.Logger(t)})}, urls}
}

func (s scene) open(t *testing.T) *flags.Switches {
	t.Helper()
	switches, stop, err := flags.Open(t.Context(), s.store, enginetest.Logger(t))
	require.NoError(t, err)
	t.Cleanup(stop)
	return switches
}

func (s scene) set(t *testing.T, f flags.Flag, on bool) {
	t.Helper()
	changed, err := s.store.Set(t.Context(), "meai-flags", f, on, "incident_42")
	require.NoError(t, err)
	require.True(t, changed)
}

// TestAFlagIsSwitchedWhileProcessesRun: two of them, which learn of it within seconds, both ways.
func TestAFlagIsSwitchedWhileProcessesRun(t *testing.T) {
	s := newScene(t)
	processes := []*flags.Switches{s.open(t), s.open(t)}
	reads := func(f flags.Flag, want bool) {
		t.Helper()
		for _, p := range processes {
			require.Eventually(t, func() bool { return p.On(t.Context(), f) == want }, soon, 50*time.Millisecond)
		}
	}
	for _, d := range flags.All {
		reads(d.Flag, true)
	}
	s.set(t, flags.Discovery, false)
	reads(flags.Discovery, false)
	reads(flags.ResourceSearch, true)
	s.set(t, flags.Discovery, true)
	reads(flags.Discovery, true)

	s.set(t, flags.MemoryRecall, false)
	require.False(t, s.open(t).On(t.Context(), flags.MemoryRecall), "who starts later knows at once")
	var none *flags.Switches
	require.True(t, none.On(t.Context(), flags.MemoryRecall))
}

// TestEachChangeIsAudited in its own transaction, and what changes nothing is none.
func TestEachChangeIsAudited(t *testing.T) {
	s := newScene(t)
	s.set(t, flags.AnswersByModel, false)
	changed, err := s.store.Set(t.Context(), "meai-flags", flags.AnswersByModel, false, "again")
	require.NoError(t, err)
	require.False(t, changed)
	s.set(t, flags.AnswersByModel, true)
	changed, err = s.store.Set(t.Context(), "meai-flags", flags.FactsByModel, true, "never_off")
	require.NoError(t, err)
	require.False(t, changed)

	object, err := s.store.Audit.Object(t.Context(), audit.Setting, "flag.language_model.answers")
	require.NoError(t, err)
	page, err := s.store.Audit.Entries(t.Context(), 0, object, 10)
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	require.Equal(t, audit.SettingChanged, page.Entries[0].Act)
	require.Equal(t, "off:incident_42", page.Entries[0].Reason)
	require.Equal(t, "on:incident_42", page.Entries[1].Reason)

	history, err := s.store.History(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.True(t, history[0].On)
	require.False(t, history[1].On)
	require.Equal(t, "meai-flags", history[1].By)
	none, err := s.store.History(t.Context(), flags.Discovery)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestWhatCannotBeSwitchedIsRefused(t *testing.T) {
	s := newScene(t)
	for _, name := range []flags.Flag{"truthfilter", "escalation", "crisis", "", "Discovery"} {
		_, err := s.store.Set(t.Context(), "meai-flags", name, false, "why")
		require.True(t, failure.Is(err, failure.InvalidInput), name)
	}
	_, err := s.store.Set(t.Context(), "meai-flags", flags.Discovery, false, "Because Anna said so")
	require.Error(t, err)
	current, err := s.store.Current(t.Context())
	require.NoError(t, err)
	require.Empty(t, current)
	page, err := s.store.Audit.Entries(t.Context(), 0, audit.HMAC{}, 10)
	require.NoError(t, err)
	require.Empty(t, page.Entries, "what was refused leaves no entry")
}

// TestTheHistoryCannotBeRewritten, neither by the application nor by the reader.
func TestTheHistoryCannotBeRewritten(t *testing.T) {
	s := newScene(t)
	s.set(t, flags.Discovery, false)
	for role, url := range map[string]string{"application": s.urls.App, "reader": s.urls.Reader, "owner": s.urls.Owner} {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		for _, statement := range []string{
			"update feature_flags set enabled = true", "delete from feature_flags", "truncate feature_flags",
			"insert into feature_flags (name, enabled, reason, changed_by, changed_at) values ('discovery', true, 'x', 'x', '2000-01-01')",
		} {
			_, err := conn.Exec(t.Context(), statement)
			if role == "owner" && statement[:6] == "insert" {
				continue // the owner made the table
			}
			require.Error(t, err, "%s: %s", role, statement)
		}
		require.NoError(t, conn.Close(context.Background()))
	}
}

// TestWhileTheDatabaseIsAwayEverythingStaysAsItWas.
func TestWhileTheDatabaseIsAwayEverythingStaysAsItWas(t *testing.T) {
	s := newScene(t)
	s.set(t, flags.Discovery, false)
	p := flags.NewProvider(s.store, enginetest.Logger(t))
	is := func(f flags.Flag) bool {
		return p.BooleanEvaluation(t.Context(), string(f), true, nil).Value
	}
	require.True(t, is(flags.Discovery), "it has not looked yet")
	require.NoError(t, p.Look(t.Context()))
	require.False(t, is(flags.Discovery))
	s.store.DB.Close()
	require.Error(t, p.Look(t.Context()))
	require.False(t, is(flags.Discovery))
	require.True(t, is(flags.MemoryRecall))
	unknown := p.BooleanEvaluation(t.Context(), "unheard_of", true, nil)
	require.Error(t, unknown.Error())
	require.Equal(t, openfeature.ErrorReason, unknown.Reason)

	// Who starts while it is away has everything on, and starts.
	switches, stop, err := flags.Open(t.Context(), s.store, enginetest.Logger(t))
	require.NoError(t, err)
	defer stop()
	require.True(t, switches.On(t.Context(), flags.Discovery))
}

var errAsked = errors.New("asked")

type asked struct{}

func (asked) Complete(context.Context, language.Request) (language.Response, error) {
	return language.Response{}, errAsked
}

func TestAModelThatIsSwitchedOffIsNone(t *testing.T) {
	s := newScene(t)
	model := s.open(t).Model(flags.EmotionsByModel, asked{})
	_, err := model.Complete(t.Context(), language.Request{})
	require.ErrorIs(t, err, errAsked)
	s.set(t, flags.EmotionsByModel, false)
	require.Eventually(t, func() bool {
		_, err := model.Complete(t.Context(), language.Request{})
		return errors.Is(err, language.ErrNotConfigured)
	}, soon, 50*time.Millisecond)
}
