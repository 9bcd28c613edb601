package escalation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/escalation"
	"meai/activities/mirror/crisis"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/notify"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// place is somewhere people on call are told.
type place struct {
	got   []notify.Message
	fails error
}

func (p *place) Service() string { return "place" }

func (p *place) Notify(_ context.Context, m notify.Message) error {
	p.got = append(p.got, m)
	return p.fails
}

// scene is a database and a keyring with cases on them, and two levels to be told.
type scene struct {
	*escalation.Activities
	db      *postgres.DB
	urls    enginetest.URLs
	records *audit.Log
	keys    *keyring.Keyring
	acts    *ledger.Ledger
	ledger  string // its folder
	first   *place
	begun   []uuid.UUID
	log     bytes.Buffer
}

func newScene(t *testing.T) *scene {
	t.Helper()
	db, urls := enginetest.Database(t)
	dir := t.TempDir()
	keys, err := keyring.Open(t.Context(), keyring.Options{
		Bucket: "file://" + dir + "/keyring?create_dir=true", KEK: "file://" + dir + "/kek.key", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	s := &scene{db: db, urls: urls, first: &place{}, records: audit.New(audit.Options{DB: db, Keys: keys})}
	s.acts, err = ledger.Open(t.Context(), ledger.Options{Buckets: []string{"file://" + dir + "/ledger?create_dir=true"}, Key: ledger.KeyOf(keys)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.acts.Close()) })
	s.keys, s.ledger = keys, dir+"/ledger"
	s.Activities = &escalation.Activities{
		Store: escalation.NewStore(db, keys), Ledger: s.committer(db), Link: "https://meai.example/v1/escalations/", Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Ladder: escalation.Ladder{Repeat: time.Minute, GiveUp: time.Hour, Levels: []escalation.Level{{Targets: []notify.Notifier{s.first}, Wait: time.Minute, Reminders: 1}}},
		Begin:  func(_ context.Context, id uuid.UUID) error { s.begun = append(s.begun, id); return nil },
	}
	return s
}

// committer applies what the ledger knows of notifications.
func (s *scene) committer(db *postgres.DB) *ledger.Committer {
	return ledger.NewCommitter(s.acts, db, map[ledger.Kind]ledger.Applier{ledger.EscalationTold: escalation.ApplyTold})
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

var about = escalation.About{Severity: crisis.Explicit, Kinds: []crisis.Kind{crisis.Suicide, crisis.SelfHarm}}

// raise raises the case of an interaction.
func (s *scene) raise(t *testing.T, person escalation.Person) uuid.UUID {
	t.Helper()
	raised, err := s.Store.Prepare(t.Context(), person, about)
	require.NoError(t, err)
	require.NoError(t, s.db.WriteShared(t.Context(), raised.Write))
	return raised.ID
}

func somebody() escalation.Person {
	return escalation.Person{Subject: uuid.New(), Interaction: uuid.New()}
}

func duty() escalation.Who { return escalation.Who{ID: uuid.New(), Role: "support"} }

// trail is what the audit log says of cases, in order; what it says of people beside that is
// tested where they see it.
func (s *scene) trail(t *testing.T) []string {
	t.Helper()
	page, err := s.records.Entries(t.Context(), 0, audit.HMAC{}, 100)
	require.NoError(t, err)
	var acts []string
	for _, e := range page.Entries {
		if e.Kind == audit.Subject {
			continue
		}
		act := string(e.Act)
		if e.Outcome != audit.Succeeded {
			act += " " + string(e.Outcome)
		}
		acts = append(acts, act)
	}
	return acts
}

func TestAnInteractionHasOneCase(t *testing.T) {
	s := newScene(t)
	person := somebody()
	id := s.raise(t, person)
	require.Equal(t, id, s.raise(t, person), "delivered twice, raised once")
	require.NotEqual(t, id, s.raise(t, somebody()))
	require.Equal(t, []string{"escalation.raised", "escalation.raised"}, s.trail(t))

	who := duty()
	c, err := s.Store.Case(t.Context(), who, id)
	require.NoError(t, err)
	require.Equal(t, about, c.About)
	require.Equal(t, &person, c.Person)
	require.Equal(t, escalation.Open, c.State)
	list, err := s.Store.Cases(t.Context(), who, escalation.Open, uuid.Nil, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Nil(t, list[0].Person, "a list names nobody")
	rest, err := s.Store.Cases(t.Context(), who, "", list[0].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Equal(t, id, rest[0].ID, "the older one is on the next page")
	require.Equal(t, []string{"escalation.read", "escalation.read", "escalation.read"}, s.trail(t)[2:], "each look is recorded")
}

func TestTheRowsNameNobodyAndNothing(t *testing.T) {
	s := newScene(t)
	person := somebody()
	s.raise(t, person)
	var row string
	require.NoError(t, connect(t, s.urls.App).QueryRow(t.Context(), "select escalation_cases::text from escalation_cases").Scan(&row))
	for _, word := range []string{person.Subject.String(), person.Interaction.String(), "suicide", "explicit"} {
		require.NotContains(t, row, word)
	}
	reader := connect(t, s.urls.Reader)
	require.Error(t, reader.QueryRow(t.Context(), "select about_sealed::text from escalation_cases").Scan(&row))
	require.NoError(t, reader.QueryRow(t.Context(), "select state from escalation_cases").Scan(&row))
}

func TestOneTakesCareOfACaseAndAnybodyOnDutyClosesIt(t *testing.T) {
	s := newScene(t)
	id := s.raise(t, somebody())
	first, second := duty(), duty()
	for range 2 {
		c, err := s.Store.Acknowledge(t.Context(), first, id)
		require.NoError(t, err)
		require.Equal(t, escalation.Acknowledged, c.State)
		require.Equal(t, first.ID, *c.AcknowledgedBy)
	}
	_, err := s.Store.Acknowledge(t.Context(), second, id)
	require.True(t, failure.Is(err, failure.Decided), err)
	for range 2 {
		c, err := s.Store.Close(t.Context(), second, id, escalation.Handled)
		require.NoError(t, err)
		require.Equal(t, []any{escalation.Closed, escalation.Handled, second.ID}, []any{c.State, c.Outcome, *c.ClosedBy})
		require.Nil(t, c.Person, "whom it was about is forgotten")
	}
	_, err = s.Store.Close(t.Context(), first, id, escalation.FalseAlarm)
	require.True(t, failure.Is(err, failure.Decided), err)
	_, err = s.Store.Acknowledge(t.Context(), first, id)
	require.True(t, failure.Is(err, failure.Decided), err)
	_, err = s.Store.Acknowledge(t.Context(), first, uuid.New())
	require.True(t, failure.Is(err, failure.NotFound), err)
	require.Equal(t, []string{"escalation.raised", "escalation.acknowledged", "escalation.handled"}, s.trail(t))
	_, err = connect(t, s.urls.App).Exec(t.Context(), "update escalation_cases set state = 'open', outcome = null, closed_by = null, closed_at = null, person_sealed = 'x'")
	require.Error(t, err, "the database holds to it as well")
}

// A worker that is killed between telling and recording does both once more.
func TestARepeatedNotificationHasTheSameKeyAndIsRecordedOnce(t *testing.T) {
	s := newScene(t)
	person := somebody()
	id := s.raise(t, person)
	in := escalation.NotifyInput{ID: id, Level: 1}
	killed, kill := context.WithCancel(t.Context())
	s.Ladder.Levels[0].Targets[0] = killer{s.first, kill}
	require.NoError(t, s.Notify(killed, in), "what was sent is recorded without the caller's time")
	s.Ladder.Levels[0].Targets[0] = s.first
	require.NoError(t, s.Notify(t.Context(), in))
	require.Len(t, s.first.got, 2)
	require.Equal(t, s.first.got[0], s.first.got[1])
	m := s.first.got[0]
	require.Equal(t, id.String(), m.Key)
	require.Equal(t, "https://meai.example/v1/escalations/"+id.String(), m.Link)
	require.Contains(t, m.Text, "severity explicit, self harm, suicide")
	require.True(t, m.Urgent)
	for _, secret := range []string{person.Subject.String(), person.Interaction.String()} {
		require.NotContains(t, m.Text+m.Title, secret)
	}
	require.Equal(t, []string{"escalation.raised", "escalation.notified"}, s.trail(t))

	require.NoError(t, s.Notify(t.Context(), escalation.NotifyInput{ID: id, Level: 1, Round: 1}))
	require.Contains(t, s.first.got[2].Title, "reminder 1")
	require.Equal(t, id.String(), s.first.got[2].Key)
}

type killer struct {
	*place
	kill context.CancelFunc
}

func (k killer) Notify(ctx context.Context, m notify.Message) error {
	defer k.kill()
	return k.place.Notify(ctx, m)
}

func TestWhatCannotBeToldIsRecordedOnceAndTriedAgain(t *testing.T) {
	s := newScene(t)
	id := s.raise(t, somebody())
	in := escalation.NotifyInput{ID: id, Level: 1}
	s.first.fails = errors.New("down")
	for range 3 {
		require.ErrorIs(t, s.Notify(t.Context(), in), s.first.fails)
	}
	s.first.fails = nil
	require.NoError(t, s.Notify(t.Context(), in))
	require.Equal(t, []string{"escalation.raised", "escalation.notified failed", "escalation.notified"}, s.trail(t))
	c, err := s.Store.Case(t.Context(), duty(), id)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{c.Level, c.Notifications})

	err = s.Notify(t.Context(), escalation.NotifyInput{ID: id, Level: 3})
	require.True(t, failure.Is(err, failure.NotFound), "the configuration was changed: %v", err)
}

func TestNobodyIsToldOfWhatIsAnswered(t *testing.T) {
	s := newScene(t)
	id := s.raise(t, somebody())
	_, err := s.Store.Acknowledge(t.Context(), duty(), id)
	require.NoError(t, err)
	require.NoError(t, s.Notify(t.Context(), escalation.NotifyInput{ID: id, Level: 1}))
	require.Empty(t, s.first.got)
	plan, err := s.Load(t.Context(), escalation.Ref{ID: id})
	require.NoError(t, err)
	require.False(t, plan.Open)
	require.NoError(t, s.Start(t.Context(), escalation.Ref{ID: id}))
	require.Empty(t, s.begun)
	require.NoError(t, s.Leave(t.Context(), escalation.Ref{ID: id}))
	require.NotContains(t, s.trail(t), "escalation.unanswered")
}

func TestTheSweepFindsWhatAnInteractionLeftBehind(t *testing.T) {
	s := newScene(t)
	left, taken := s.raise(t, somebody()), s.raise(t, somebody())
	_, err := s.Store.Acknowledge(t.Context(), duty(), taken)
	require.NoError(t, err)
	swept, err := s.Sweep(t.Context(), struct{}{})
	require.NoError(t, err)
	require.Equal(t, 1, swept.Open)
	require.Equal(t, []uuid.UUID{left}, s.begun)
}

func TestWhatNobodyAnswersIsLoudAndCanStillBeHandled(t *testing.T) {
	s := newScene(t)
	s.Ladder.Levels = nil
	person := somebody()
	id := s.raise(t, person)
	require.NoError(t, s.Start(t.Context(), escalation.Ref{ID: id}))
	require.Contains(t, s.log.String(), "there is nobody to be told")
	for range 2 {
		require.NoError(t, s.Leave(t.Context(), escalation.Ref{ID: id}))
	}
	require.Contains(t, s.log.String(), "level=ERROR")
	c, err := s.Store.Acknowledge(t.Context(), duty(), id)
	require.NoError(t, err)
	require.Equal(t, &person, c.Person)
	_, err = s.Store.Close(t.Context(), duty(), id, escalation.Unreachable)
	require.NoError(t, err)
	require.Equal(t, []string{"escalation.raised", "escalation.unanswered", "escalation.acknowledged", "escalation.handled"}, s.trail(t))
}

// An erasure locks the person out, and does not end the help.
func TestACaseOutlivesTheErasureOfItsPerson(t *testing.T) {
	s := newScene(t)
	person := somebody()
	require.NoError(t, s.db.EnsureSubject(t.Context(), person.Subject))
	id := s.raise(t, person)
	require.NoError(t, s.db.Freeze(t.Context(), person.Subject))
	require.NoError(t, s.db.MarkErased(t.Context(), person.Subject, func(context.Context, *queries.Queries) error { return nil }))
	require.NoError(t, s.Notify(t.Context(), escalation.NotifyInput{ID: id, Level: 1}))
	require.Len(t, s.first.got, 1)
	_, err := s.Store.Close(t.Context(), duty(), id, escalation.Handled)
	require.NoError(t, err)
}
