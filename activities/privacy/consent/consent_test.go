package consent_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// registry is a database, a ledger and a keyring with consents on them.
type registry struct {
	*consent.Store
	committer *ledger.Committer
	ledger    *ledger.Ledger
	urls      enginetest.URLs
	dir       string
}

func newRegistry(t testing.TB) *registry {
	t.Helper()
	dir, keys := t.TempDir(), enginetest.Keyring(t)
	return registryOn(t, keys, dir)
}

// registryOn is a new database beside the ledger and keyring of another.
func registryOn(t testing.TB, keys *keyring.Keyring, dir string) *registry {
	t.Helper()
	db, urls := enginetest.Database(t)
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: []string{"file://" + dir + "/ledger?create_dir=true"}, Key: ledger.KeyOf(keys), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	s := &consent.Store{DB: db, Keys: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys})}
	r := &registry{Store: s, ledger: l, urls: urls, dir: dir, committer: ledger.NewCommitter(l, db, map[ledger.Kind]ledger.Applier{
		ledger.ConsentWithdrawn: s.ApplyWithdrawn, ledger.RestrictionPlaced: s.ApplyRestricted, ledger.RestrictionLifted: s.ApplyLifted,
	})}
	s.Ledger = r.committer
	return r
}

func (r *registry) says(t testing.TB, subject uuid.UUID, purpose consent.Purpose, d consent.Decision) consent.Record {
	t.Helper()
	defined, _ := consent.Defined(purpose)
	a := consent.Answer{Subject: subject, Purpose: purpose, Decision: d, Version: defined.Current().Number, Language: "de"}
	if d == consent.Withdrawn {
		a.Version, a.Language = 0, ""
	}
	record, err := r.Decide(t.Context(), a)
	require.NoError(t, err)
	return record
}

func (r *registry) requireMissing(t testing.TB, subject uuid.UUID, purposes ...consent.Purpose) {
	t.Helper()
	for _, purpose := range purposes {
		err := r.Permit(t.Context(), subject, purpose)
		require.True(t, failure.Is(err, failure.ConsentMissing), "%s: %v", purpose, err)
	}
}

// acts are those of the audit log about a person, and who acted.
func (r *registry) acts(t testing.TB, subject uuid.UUID) (acts []audit.Act, actors []string) {
	t.Helper()
	object, err := r.Audit.Object(t.Context(), audit.Subject, subject.String())
	require.NoError(t, err)
	page, err := r.Audit.Entries(t.Context(), 0, object, 100)
	require.NoError(t, err)
	for _, e := range page.Entries {
		acts, actors = append(acts, e.Act), append(actors, e.Actor)
	}
	return acts, actors
}

func TestNothingIsPermittedUntilThePersonAgreesAndNothingOnceTheyDoNot(t *testing.T) {
	r := newRegistry(t)
	anna, ben := uuid.New(), uuid.New()
	r.requireMissing(t, anna, consent.Conversation, consent.Memory, "everything", consent.Sharing)

	r.says(t, anna, consent.Conversation, consent.Asked)
	r.requireMissing(t, anna, consent.Conversation)
	r.says(t, anna, consent.Conversation, consent.Refused)
	r.requireMissing(t, anna, consent.Conversation)
	r.says(t, anna, consent.Conversation, consent.Given)
	require.NoError(t, r.Permit(t.Context(), anna, consent.Conversation))
	r.requireMissing(t, anna, consent.Memory, consent.Vault)
	r.requireMissing(t, ben, consent.Conversation)
	r.says(t, anna, consent.Conversation, consent.Asked)
	require.NoError(t, r.Permit(t.Context(), anna, consent.Conversation), "to be asked decides nothing")

	r.says(t, anna, consent.Conversation, consent.Withdrawn)
	r.requireMissing(t, anna, consent.Conversation)
	r.says(t, anna, consent.Conversation, consent.Given)
	require.NoError(t, r.Permit(t.Context(), anna, consent.Conversation))

	history, err := r.History(t.Context(), anna)
	require.NoError(t, err)
	var said []consent.Decision
	for _, record := range history {
		said = append(said, record.Decision)
	}
	require.Equal(t, []consent.Decision{
		consent.Given, consent.Withdrawn, consent.Asked, consent.Given, consent.Refused, consent.Asked,
	}, said, "nothing is lost")
	acts, actors := r.acts(t, anna)
	require.Equal(t, []audit.Act{audit.ConsentRefused, audit.ConsentGiven, audit.ConsentWithdrawn, audit.ConsentGiven}, acts)
	for _, actor := range actors {
		require.NotContains(t, actor, anna.String(), "what is kept for good does not hold the person's id")
	}
}

func TestAReceiptShowsWhatWasDecidedAndNamesNobody(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	named, err := alias.Of(t.Context(), r.Keys, anna)
	require.NoError(t, err)
	key, err := r.Key(t.Context())
	require.NoError(t, err)
	require.Empty(t, r.says(t, anna, consent.Memory, consent.Asked).Receipt)
	for _, d := range []consent.Decision{consent.Given, consent.Withdrawn, consent.Asked, consent.Refused} {
		if d == consent.Asked { // who is asked again can refuse
			r.says(t, anna, consent.Memory, d)
			continue
		}
		record := r.says(t, anna, consent.Memory, d)
		text, err := key.Open([]byte(record.Receipt))
		require.NoError(t, err)
		for _, part := range []string{
			"purpose memory\n", "decision " + string(d) + "\n", "text 1 de\n", "person " + named.String() + "\n", "receipt " + record.ID.String() + "\n",
			"at " + record.At.Format("2006-01-02T15:04:05.000000Z") + "\n",
		} {
			require.Contains(t, text, part)
		}
		require.Equal(t, d == consent.Given, strings.Contains(text, "until "))
		require.NotContains(t, text, anna.String())
	}
	history, err := r.History(t.Context(), anna)
	require.NoError(t, err)
	require.Equal(t, consent.Refused, history[0].Decision)
	require.Equal(t, consent.Withdrawn, history[2].Decision)
	_, err = key.Open([]byte(history[2].Receipt))
	require.NoError(t, err, "the ledger's applier made the same receipt")
}

func TestAnAnswerOnceMoreIsTheSameAnswer(t *testing.T) {
	r := newRegistry(t)
	anna, now := uuid.New(), time.Now()
	r.Now = func() time.Time { return now }
	for _, d := range []consent.Decision{consent.Refused, consent.Given, consent.Withdrawn} {
		first := r.says(t, anna, consent.Vault, d)
		require.Equal(t, first, r.says(t, anna, consent.Vault, d), d)
	}
	first := r.says(t, anna, consent.Vault, consent.Given)
	now = now.Add(2 * time.Hour)
	renewed := r.says(t, anna, consent.Vault, consent.Given)
	require.True(t, renewed.Expires.After(first.Expires), "it is given anew")
	now = now.Add(-time.Hour)
	require.True(t, r.says(t, anna, consent.Vault, consent.Withdrawn).At.After(renewed.At), "a clock that is behind does not undo what was said")
	r.requireMissing(t, anna, consent.Vault)
}

func TestAConsentEndsByItself(t *testing.T) {
	r := newRegistry(t)
	anna, now := uuid.New(), time.Now()
	r.Now = func() time.Time { return now }
	r.says(t, anna, consent.LanguageModel, consent.Given)
	for _, c := range []struct {
		months    int
		permitted bool
		state     consent.State
	}{{11, true, consent.State(consent.Given)}, {13, false, consent.Expired}} {
		then := now.AddDate(0, c.months, 0)
		r.Now = func() time.Time { return then }
		require.Equal(t, c.permitted, r.Permit(t.Context(), anna, consent.LanguageModel) == nil, "after %d months", c.months)
		o, err := r.Overview(t.Context(), anna)
		require.NoError(t, err)
		for _, st := range o.Purposes {
			if st.Definition.Purpose == consent.LanguageModel {
				require.Equal(t, c.state, st.State)
				require.Equal(t, !c.permitted, st.AskAgain)
			} else {
				require.Equal(t, consent.Unasked, st.State)
			}
		}
	}
}

func TestANewerTextIsAskedForAgainAndOneThatSaysMoreCountsAlone(t *testing.T) {
	now := time.Now()
	given := &consent.Record{Decision: consent.Given, Version: 1, Expires: now.Add(time.Hour)}
	d := consent.Definition{Accepts: 1, Months: 1, Versions: []consent.Version{{Number: 1}, {Number: 2}}}
	st := d.Standing(given, now)
	require.Equal(t, consent.State(consent.Given), st.State)
	require.True(t, st.AskAgain)
	d.Accepts = 2
	st = d.Standing(given, now)
	require.Equal(t, consent.Expired, st.State)
	require.True(t, st.AskAgain)
	given.Version = 2
	require.False(t, d.Standing(given, now).AskAgain)

	r := newRegistry(t)
	for _, a := range []consent.Answer{
		{Purpose: consent.Memory, Decision: consent.Given, Version: 99, Language: "en"},
		{Purpose: consent.Memory, Decision: consent.Given, Version: 1, Language: "fr"},
		{Purpose: consent.Memory, Decision: consent.Given},
		{Purpose: "everything", Decision: consent.Given, Version: 1, Language: "en"},
	} {
		a.Subject = uuid.New()
		_, err := r.Decide(t.Context(), a)
		require.True(t, failure.Is(err, failure.InvalidInput), "%v: %v", a, err)
	}
}

func TestBrokenPurposesAreRefused(t *testing.T) {
	whole := "- purpose: a\n  operation: store\n  category: c\n  months: 1\n  accepts: 1\n  texts: [{version: 1, en: {title: a, text: b, without: c}, de: {title: a, text: b, without: c}}]\n"
	_, err := consent.Parse([]byte(whole))
	require.NoError(t, err)
	for _, change := range [][2]string{
		{"store", "sell"}, {"months: 1", "months: 0"}, {"accepts: 1", "accepts: 2"}, {"version: 1", "version: 2"},
		{"de: {title: a, text: b, without: c}", "de: {title: a}"}, {"category: c", "categorie: c"}, {"  months: 1\n", "  months: 1\n  opt_out: true\n"},
	} {
		_, err := consent.Parse([]byte(strings.Replace(whole, change[0], change[1], 1)))
		require.Error(t, err, "%s for %s", change[1], change[0])
	}
}

func TestDecisionsCannotBeChangedByTheApplication(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	conn, err := pgx.Connect(t.Context(), r.urls.App)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	for _, statement := range []string{
		"update consent_decisions set decision = 'refused', expires_at = null", "delete from consent_decisions", "truncate consent_decisions", "select * from consents_of_all",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "permission denied", statement)
	}
	var seen int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from consent_decisions").Scan(&seen))
	require.Zero(t, seen, "nobody's are seen by who names nobody")
}

func TestWhoIsBeingErasedDecidesNothing(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	require.NoError(t, r.DB.Freeze(t.Context(), anna))
	for _, d := range []consent.Decision{consent.Refused, consent.Withdrawn} {
		_, err := r.Decide(t.Context(), consent.Answer{Subject: anna, Purpose: consent.Memory, Decision: d, Version: 1, Language: "en"})
		require.True(t, failure.Is(err, failure.SubjectInactive), err)
	}
	_, err := r.Restrict(t.Context(), anna)
	require.True(t, failure.Is(err, failure.SubjectInactive), err)
}

func TestNothingIsPermittedByADatabaseThatDoesNotAnswer(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: r.urls.App})
	require.NoError(t, err)
	s := &consent.Store{DB: db}
	require.NoError(t, s.Permit(t.Context(), anna, consent.Memory))
	db.Close()
	err = s.Permit(t.Context(), anna, consent.Memory)
	require.Error(t, err)
	for _, final := range failure.Permanent {
		require.False(t, failure.Is(err, final), "it is to be tried again")
	}
}

func TestPeopleAreCountedAndNotNamed(t *testing.T) {
	r := newRegistry(t)
	for range 3 {
		r.says(t, uuid.New(), consent.Memory, consent.Given)
	}
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	r.says(t, anna, consent.Memory, consent.Withdrawn)
	r.says(t, anna, consent.Vault, consent.Refused)
	_, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	reader, err := postgres.Open(t.Context(), postgres.Options{URL: r.urls.Reader})
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	counts, restricted, err := (&consent.Store{DB: reader}).Counts(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, restricted)
	require.Equal(t, []consent.Count{
		{Purpose: consent.Memory, State: "given", People: 3}, {Purpose: consent.Memory, State: "withdrawn", People: 1},
		{Purpose: consent.Vault, State: "refused", People: 1},
	}, counts)
}

// TestWhatPermitCosts prints how long the look at a consent takes beside a bare round trip.
func TestWhatPermitCosts(t *testing.T) {
	r := newRegistry(t)
	var people []uuid.UUID
	for range 5 {
		subject := uuid.New()
		for _, purpose := range []consent.Purpose{consent.Conversation, consent.LanguageModel, consent.Memory} {
			r.says(t, subject, purpose, consent.Given)
		}
		people = append(people, subject)
	}
	ways := []struct {
		name string
		ask  func(subject uuid.UUID) error
	}{
		{"a round trip", func(uuid.UUID) error { return r.DB.Ping(t.Context()) }},
		{"permit", func(subject uuid.UUID) error { return r.Permit(t.Context(), subject, consent.Conversation) }},
		{"with another purpose", func(subject uuid.UUID) error {
			p, err := r.Permitted(t.Context(), subject, consent.Conversation, consent.LanguageModel)
			if err == nil {
				err = p.Check(consent.Conversation)
			}
			return err
		}},
		{"as a transaction", func(subject uuid.UUID) error {
			return r.DB.Read(t.Context(), subject, func(ctx context.Context, q *queries.Queries) error {
				_, err := q.Permission(ctx, subject, []string{"conversation", "sharing"})
				return err
			})
		}},
	}
	took := make([][]time.Duration, len(ways))
	for n := range 2000 { // in turns, so that whatever else the machine does befalls all alike
		for i, way := range ways {
			begun := time.Now()
			require.NoError(t, way.ask(people[n%len(people)]))
			took[i] = append(took[i], time.Since(begun))
		}
	}
	for i, way := range ways {
		slices.Sort(took[i])
		t.Logf("%s: %v at best, %v in the middle", way.name, took[i][0], took[i][len(took[i])/2])
	}
	require.Less(t, took[1][0], took[3][0], "one round trip instead of three")
}
