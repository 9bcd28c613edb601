package main_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
)

// ages sets back by eight years when a person's memories were said and recorded.
func (s site) ages(t *testing.T, p *person) {
	t.Helper()
	s.asPerson(t, p, "update memory_nodes set said_at = said_at - interval '8 years', recorded_at = recorded_at - interval '8 years'")
}

// asPerson runs a statement on a person's rows, as the owner of the tables.
func (s site) asPerson(t *testing.T, p *person, statement string, args ...any) {
	t.Helper()
	owner, err := pgx.Connect(t.Context(), s.setting("MEAI_POSTGRES_OWNER_URL"))
	require.NoError(t, err)
	defer func() { require.NoError(t, owner.Close(t.Context())) }()
	_, err = owner.Exec(t.Context(), "select set_config('app.subject', $1, false)", p.subject.String())
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
}

// remembers is how many memories a person has.
func (p *person) remembers(t *testing.T) int {
	t.Helper()
	return len(p.graph(t, nil).Memories)
}

// TestRetentionForgetsWhatIsOldAndReports goes the whole way: command, workflow, engines, report.
func TestRetentionForgetsWhatIsOldAndReports(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	alice, bob, held := newPerson(t, base), newPerson(t, base), newPerson(t, base)
	for _, p := range []*person{alice, bob, held} {
		p.begin(t)
		p.turnOf(t, p.stores(t, "My grandmother taught me to bake bread every Sunday."))
	}
	s.ages(t, alice)
	s.ages(t, held)
	hold := placesHold(t, base, held.subject)
	others := bob.remembers(t)
	require.Positive(t, alice.remembers(t))

	page := filepath.Join(t.TempDir(), "retention.html")
	out := s.run(t, "privacy", "retention", "simulate", "--days", "3", "--html", page)
	require.Contains(t, out, "memories become old enough from")
	require.Contains(t, out, "a legal hold says so")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "<svg")

	before := alice.remembers(t)
	out = s.run(t, "privacy", "retention", "run", "--dry-run")
	require.Contains(t, out, "would go")
	require.Equal(t, before, alice.remembers(t))

	out = s.run(t, "privacy", "retention", "run")
	require.Regexp(t, `memories +memories +2557 +1 +1 legal_hold`, out)
	require.Zero(t, alice.remembers(t), "with whom and what it was about")
	require.Equal(t, others, bob.remembers(t))
	require.Positive(t, held.remembers(t))
	require.Regexp(t, `memories +memories +2557 +1 +1 legal_hold`, s.run(t, "privacy", "retention", "report"), "the same is read again")

	otto := signedIn(t, base, "auditor.otto")
	reports, err := otto.api.ListRetentionReportsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.NotNil(t, reports.JSON200, "%s", reports.Body)
	require.Len(t, reports.JSON200.Reports, 2, "the dry run and the run")
	require.Equal(t, client.RetentionReportStateCompleted, reports.JSON200.Reports[0].State)
	require.Equal(t, http.StatusOK, reports.StatusCode())

	t.Run("by hand with plain JSON", func(t *testing.T) {
		run, err := s.dial(t).ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "privacy/retention/" + uuid.NewString(), TaskQueue: "batch"}, "Retention", map[string]any{})
		require.NoError(t, err)
		require.NoError(t, run.Get(t.Context(), nil))
	})
	t.Run("when the hold is released", func(t *testing.T) {
		approval := agreed(t, base, client.ApprovalActReleaseHold, map[string]string{"hold": hold.Id.String()})
		released, err := signedIn(t, base, "privacy_officer.pia").api.ReleaseLegalHoldWithResponse(t.Context(), hold.Id, client.HoldRelease{Approval: approval})
		require.NoError(t, err)
		require.NotNil(t, released.JSON200, "%s", released.Body)
		require.Regexp(t, `memories +memories +2557 +1 `, s.run(t, "privacy", "retention", "run"))
		require.Zero(t, held.remembers(t))
	})
}

// TestVerifyEncryptionEndsWithTwoWhenAnythingLiesInTheOpen looks at a running installation.
func TestVerifyEncryptionEndsWithTwoWhenAnythingLiesInTheOpen(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	alice := newPerson(t, base)
	alice.begin(t)
	alice.await(t, alice.tell(t, "My sister Maya moved to Oslo.").Id, within)
	out := s.run(t, "privacy", "verify-encryption")
	require.Regexp(t, `: sound\n[1-9]\d* values of \d+ people opened`, out)

	s.asPerson(t, alice, "update interaction_steps set reason = $1", "my sister Maya moved to Oslo")
	found, err := s.command("privacy", "verify-encryption").CombinedOutput()
	var ended *exec.ExitError
	require.True(t, errors.As(err, &ended), "%s", found)
	require.Equal(t, 2, ended.ExitCode(), "%s", found)
	require.Regexp(t, `interaction_steps\.reason +not_of_its_class +[1-9]`, string(found))
	require.NotContains(t, string(found), "Oslo")
	last, err := s.command("privacy", "verify-encryption", "--last").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(last), "interaction_steps.reason")
}
