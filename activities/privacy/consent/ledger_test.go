package consent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/consent"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/postgres/queries"
)

func TestWhatWasTakenBackStaysSoInARestoredDatabase(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	r.says(t, anna, consent.Vault, consent.Given)
	r.says(t, anna, consent.LanguageModel, consent.Given)

	// Somebody restores a database from then. It knows nobody by an alias.
	restored := registryOn(t, r.Keys, r.dir)
	require.NoError(t, restored.DB.EnsureSubject(t.Context(), anna))
	for _, purpose := range []consent.Purpose{consent.Memory, consent.Vault, consent.LanguageModel} {
		restored.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		restored.says(t, anna, purpose, consent.Given)
	}
	restored.Now = nil

	taken := r.says(t, anna, consent.Memory, consent.Withdrawn)
	_, err := r.SetDoNotShare(t.Context(), anna, true)
	require.NoError(t, err)
	since, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	require.NoError(t, restored.Permit(t.Context(), anna, consent.Memory))

	applied, err := restored.committer.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, applied)
	for _, at := range []*registry{r, restored} {
		o, err := at.Overview(t.Context(), anna)
		require.NoError(t, err)
		require.Equal(t, since, o.Restricted)
		require.True(t, o.Sharing.On)
		for _, st := range o.Purposes {
			if st.Definition.Purpose == consent.Memory {
				require.Equal(t, taken, *st.Last)
			}
		}
		require.True(t, failure.Is(at.Permit(t.Context(), anna, consent.Vault), failure.ProcessingRestricted))
	}
	require.NoError(t, r.Lift(t.Context(), anna))
	_, err = restored.committer.Replay(t.Context())
	require.NoError(t, err)
	restored.requireMissing(t, anna, consent.Memory, consent.LanguageModel)
	require.NoError(t, restored.Permit(t.Context(), anna, consent.Vault))
	acts, _ := restored.acts(t, anna)
	require.Equal(t, []audit.Act{audit.ConsentWithdrawn, audit.ConsentWithdrawn, audit.RestrictionPlaced, audit.RestrictionLifted}, acts[3:])
}

func TestAWithdrawalThatComesLateTakesNothingBackThatWasGivenSince(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	r.says(t, anna, consent.Memory, consent.Withdrawn)
	late := r.entries(t)[0]
	r.says(t, anna, consent.Memory, consent.Given)
	apply := func() error {
		return r.DB.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error { return r.ApplyWithdrawn(ctx, q, late) })
	}
	require.NoError(t, apply(), "the database has it already")
	require.NoError(t, r.Permit(t.Context(), anna, consent.Memory))
	acts, _ := r.acts(t, anna)
	require.Len(t, acts, 3)

	late.Fields = map[string]string{"alias": late.Fields["alias"]}
	require.True(t, failure.Is(apply(), failure.InvalidInput))
}

func TestWhoRefusesWhatTheyHadAgreedToTakesItBackForGood(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	require.Equal(t, consent.Refused, r.says(t, anna, consent.Vault, consent.Refused).Decision)
	require.Empty(t, r.entries(t))
	r.says(t, anna, consent.Memory, consent.Given)
	restored := registryOn(t, r.Keys, r.dir)
	require.NoError(t, restored.DB.EnsureSubject(t.Context(), anna))
	restored.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	restored.says(t, anna, consent.Memory, consent.Given)

	first := r.says(t, anna, consent.Memory, consent.Refused)
	require.Equal(t, consent.Withdrawn, first.Decision)
	require.Equal(t, first.ID, r.says(t, anna, consent.Memory, consent.Refused).ID, "it is said once")
	require.Len(t, r.entries(t), 1)
	r.requireMissing(t, anna, consent.Memory)
	restored.Now = nil
	require.NoError(t, restored.Permit(t.Context(), anna, consent.Memory))
	_, err := restored.committer.Replay(t.Context())
	require.NoError(t, err)
	restored.requireMissing(t, anna, consent.Memory)

	r.says(t, anna, consent.Memory, consent.Asked)
	require.Equal(t, consent.Refused, r.says(t, anna, consent.Memory, consent.Refused).Decision)
}

// freezing is a ledger beside which an erasure freezes the person.
type freezing struct {
	audit.Committer
	freeze func(context.Context) error
}

func (f freezing) Commit(ctx context.Context, act ledger.Act) (ledger.Entry, error) {
	if err := f.freeze(ctx); err != nil {
		return ledger.Entry{}, err
	}
	return f.Committer.Commit(ctx, act)
}

// An erasure that is held or taken back after it has frozen the person lets them go on.
func TestAnErasureThatDoesNotGoOnUndoesNoWithdrawal(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	thaw := func() {
		require.NoError(t, r.DB.WriteShared(t.Context(), func(ctx context.Context, q *queries.Queries) error {
			_, err := q.ThawSubject(ctx, anna)
			return err
		}))
	}
	r.Ledger = freezing{r.committer, func(ctx context.Context) error { return r.DB.Freeze(ctx, anna) }}
	require.NotEmpty(t, r.says(t, anna, consent.Memory, consent.Withdrawn).Receipt)
	thaw()
	r.requireMissing(t, anna, consent.Memory)
	_, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	thaw()
	require.True(t, failure.Is(r.Permit(t.Context(), anna, consent.Memory), failure.ProcessingRestricted))
}

func TestOfWhoIsErasedOrUnknownNothingIsApplied(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	r.says(t, anna, consent.Memory, consent.Given)
	r.says(t, anna, consent.Memory, consent.Withdrawn)
	_, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	stranger := registryOn(t, r.Keys, r.dir)
	applied, err := stranger.committer.Replay(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, applied)
	acts, _ := stranger.acts(t, anna)
	require.Empty(t, acts)
}

func TestRestrictionStopsEverythingUntilItIsLifted(t *testing.T) {
	r := newRegistry(t)
	anna, ben := uuid.New(), uuid.New()
	for _, d := range consent.Purposes() {
		if !d.OptOut {
			r.says(t, anna, d.Purpose, consent.Given)
		}
	}
	r.says(t, ben, consent.Conversation, consent.Given)
	require.NoError(t, r.Lift(t.Context(), anna), "there is none to lift")
	since, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	again, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	require.Equal(t, since, again)
	for _, d := range consent.Purposes() {
		err := r.Permit(t.Context(), anna, d.Purpose)
		require.True(t, failure.Is(err, failure.ProcessingRestricted), "%s: %v", d.Purpose, err)
	}
	require.NoError(t, r.Permit(t.Context(), ben, consent.Conversation))
	r.says(t, anna, consent.Archive, consent.Withdrawn)
	history, err := r.History(t.Context(), anna)
	require.NoError(t, err)
	require.Len(t, history, 8, "what is stored can be read and decided on")

	require.NoError(t, r.Lift(t.Context(), anna))
	require.NoError(t, r.Permit(t.Context(), anna, consent.Memory))
	r.requireMissing(t, anna, consent.Archive)
	require.Len(t, r.entries(t), 3, "what changes nothing is not committed")
	since, err = r.Restriction(t.Context(), uuid.New())
	require.NoError(t, err)
	require.True(t, since.IsZero())
}

func TestWhoHasNothingSoldOrSharedSharesNothing(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	for _, d := range consent.Purposes() {
		if !d.OptOut {
			r.says(t, anna, d.Purpose, consent.Given)
		}
	}
	shares := func() (all []consent.Purpose) {
		for _, d := range consent.Purposes() {
			if !d.OptOut && r.Permit(t.Context(), anna, d.Purpose) != nil {
				all = append(all, d.Purpose)
			}
		}
		return all
	}
	require.Empty(t, shares())
	flag, err := r.DoNotShare(t.Context(), anna)
	require.NoError(t, err)
	require.Equal(t, consent.Flag{}, flag)

	flag, err = r.SetDoNotShare(t.Context(), anna, true)
	require.NoError(t, err)
	require.True(t, flag.On)
	require.Equal(t, []consent.Purpose{consent.LanguageModel, consent.Discovery}, shares())
	p, err := r.Permitted(t.Context(), anna, consent.Conversation, consent.LanguageModel)
	require.NoError(t, err)
	require.NoError(t, p.Check(consent.Conversation))
	require.False(t, p.Allows(consent.LanguageModel))

	flag, err = r.SetDoNotShare(t.Context(), anna, false)
	require.NoError(t, err)
	require.False(t, flag.On)
	require.Empty(t, shares())
}

// entries are what the ledger holds.
func (r *registry) entries(t testing.TB) (all []ledger.Entry) {
	t.Helper()
	_, err := r.ledger.Replay(t.Context(), 1, func(_ context.Context, e ledger.Entry) error {
		all = append(all, e)
		return nil
	})
	require.NoError(t, err)
	return all
}

// TestWhatIsMetAtOnceIsRegistered: also what was broken off before it could be, by the person
// who asks once more.
func TestWhatIsMetAtOnceIsRegistered(t *testing.T) {
	r := newRegistry(t)
	anna := uuid.New()
	told := map[consent.Right][]time.Time{}
	away := errors.New("the register is away")
	failing := away
	r.Register = func(_ context.Context, subject uuid.UUID, right consent.Right, at time.Time) error {
		require.Equal(t, anna, subject)
		told[right] = append(told[right], at)
		return failing
	}
	_, err := r.Restrict(t.Context(), anna)
	require.ErrorIs(t, err, away)
	_, err = r.SetDoNotShare(t.Context(), anna, true)
	require.ErrorIs(t, err, away)
	failing = nil
	since, err := r.Restrict(t.Context(), anna)
	require.NoError(t, err)
	flag, err := r.SetDoNotShare(t.Context(), anna, true)
	require.NoError(t, err)
	require.Equal(t, map[consent.Right][]time.Time{consent.ToRestrict: {since, since}, consent.ToOptOut: {flag.Last.At, flag.Last.At}}, told, "as one request each")
	require.NoError(t, r.Lift(t.Context(), anna))
	_, err = r.SetDoNotShare(t.Context(), anna, false)
	require.NoError(t, err)
	r.says(t, anna, consent.Memory, consent.Given)
	r.says(t, anna, consent.Memory, consent.Withdrawn)
	require.Len(t, told[consent.ToRestrict], 2)
	require.Len(t, told[consent.ToOptOut], 2)
}
