package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
)

// hastened is the workflow of an erasure, ended and started anew by hand, as the temporal
// CLI does without the payload codec: it goes on where its row is, and lets what was under
// way have this long to end.
func hastened(t *testing.T, temporal sdk.Client, id uuid.UUID, settle time.Duration) sdk.WorkflowRun {
	t.Helper()
	name := "privacy/erasure/" + id.String()
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), name, "", "the test has no time"))
	run, err := temporal.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: name, TaskQueue: "privacy"}, "Erasure",
		json.RawMessage(fmt.Sprintf(`{"erasure":%q,"settle":%d}`, id, settle)))
	require.NoError(t, err)
	return run
}

// destroys begins the erasure of a person as staff do.
func (s site) destroys(t *testing.T, temporal sdk.Client, of, approval uuid.UUID, settle time.Duration) (uuid.UUID, sdk.WorkflowRun) {
	t.Helper()
	out := s.run(t, "keys", "destroy", of.String(), "--approval", approval.String(), "--no-wait")
	found := regexp.MustCompile(`(?m)^erasure (\S+)$`).FindStringSubmatch(out)
	require.Len(t, found, 2, out)
	id := uuid.MustParse(found[1])
	return id, hastened(t, temporal, id, settle)
}

// erases has the person erased by themselves, and waits for that.
func (p *person) erases(t *testing.T, temporal sdk.Client) client.Erasure {
	t.Helper()
	got, err := p.api.RequestErasureWithResponse(t.Context(), client.NewErasure{Confirm: client.NewErasureConfirmEraseEverything, SkipCoolingOff: true})
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	require.NoError(t, hastened(t, temporal, got.JSON202.Id, time.Second).Get(t.Context(), nil))
	return *got.JSON202
}

func TestAPersonIsErasedAndCanProveIt(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	temporal := s.dial(t)
	p, other := newPerson(t, base), newPerson(t, base)
	for _, somebody := range []*person{p, other} {
		somebody.begin(t)
		somebody.await(t, somebody.tell(t, "My grandmother taught me to bake bread every Sunday.").Id, within)
	}
	preview, err := p.api.PreviewErasureWithResponse(t.Context())
	require.NoError(t, err)
	require.NotNil(t, preview.JSON200, "%s", preview.Body)
	require.EqualValues(t, 1, preview.JSON200.Counts["postgres.interactions"])
	require.Positive(t, preview.JSON200.Counts["weaviate.memory"])
	require.Positive(t, preview.JSON200.Counts["temporal.histories"])
	require.NotEmpty(t, preview.JSON200.Stays)
	staff := s.run(t, "privacy", "erase", p.subject.String(), "--dry-run")
	require.Regexp(t, `(?m)^goes +postgres\.interactions +1$`, staff)
	require.Regexp(t, `(?m)^stays +application_logs +\d+ days$`, staff)

	asked, err := p.api.RequestErasureWithResponse(t.Context(), client.NewErasure{Confirm: client.NewErasureConfirmEraseEverything})
	require.NoError(t, err)
	require.NotNil(t, asked.JSON202, "%s", asked.Body)
	require.True(t, asked.JSON202.Revocable)
	id := asked.JSON202.Id
	t.Run("and takes it back before", func(t *testing.T) {
		for range 2 {
			back, err := p.api.CancelErasureWithResponse(t.Context(), id)
			require.NoError(t, err)
			require.NotNil(t, back.JSON200, "%s", back.Body)
			require.Equal(t, client.ErasureStateCancelled, back.JSON200.State)
		}
		require.NoError(t, temporal.GetWorkflow(t.Context(), "privacy/erasure/"+id.String(), "").Get(t.Context(), nil), "its workflow has ended")
		p.await(t, p.tell(t, "I am glad that I stay.").Id, within)
	})
	asked, err = p.api.RequestErasureWithResponse(t.Context(), client.NewErasure{Confirm: client.NewErasureConfirmEraseEverything, Law: client.NewErasureLawCcpa})
	require.NoError(t, err)
	require.NotEqual(t, id, asked.JSON202.Id)
	id = asked.JSON202.Id
	for name, status := range map[*person]int{other: http.StatusNotFound, p: http.StatusAccepted} {
		got, err := name.api.ConfirmErasureWithResponse(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, status, got.StatusCode(), "%s", got.Body)
	}
	require.NoError(t, hastened(t, temporal, id, time.Second).Get(t.Context(), nil))
	late, err := p.api.CancelErasureWithResponse(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, late.StatusCode(), "who signs in with the old account is somebody new: %s", late.Body)
	s.requireProven(t, base, id)
	other.tell(t, "I am still here.")
	for _, table := range []string{"interactions", "sessions", "memory_nodes", "idempotency_keys"} {
		require.Zero(t, s.count(t, p.subject, "select count(*) from "+table), table)
		require.Positive(t, s.count(t, other.subject, "select count(*) from "+table), table)
	}
	require.Contains(t, s.run(t, "privacy", "erasure", id.String(), "--watch"), `"state": "certified"`)
	s.byHand(t, "SweepErased", "sweep-by-hand", "{}")
}

// requireProven reads the certificates without any sign-in.
func (s site) requireProven(t *testing.T, base string, id uuid.UUID) {
	t.Helper()
	anybody, err := client.NewClientWithResponses(base)
	require.NoError(t, err)
	got, err := anybody.GetCertificatesWithResponse(t.Context(), id, nil)
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	require.Equal(t, "certified", got.JSON200.State)
	require.Len(t, got.JSON200.Certificates, 1)
	c := got.JSON200.Certificates[0]
	require.Equal(t, client.ErasureCertificateStageLive, c.Stage)
	require.EqualValues(t, 2, c.Details.Found["postgres.interactions"])
	text, err := anybody.GetCertificatesWithResponse(t.Context(), id, &client.GetCertificatesParams{Format: client.GetCertificatesParamsFormatText})
	require.NoError(t, err)
	require.Equal(t, c.Note, string(text.Body))
	unknown, err := anybody.GetCertificatesWithResponse(t.Context(), uuid.New(), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, unknown.StatusCode())

	file := filepath.Join(t.TempDir(), "certificate")
	require.NoError(t, os.WriteFile(file, text.Body, 0o600))
	require.Contains(t, s.run(t, "privacy", "certificate", "verify", file), id.String())
	key := strings.TrimSpace(s.run(t, "privacy", "certificate", "key"))
	require.Contains(t, s.run(t, "privacy", "certificate", "verify", file, "--key", key), `"stage": "live"`)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text.Body), "law ccpa", "law gdpr", 1)), 0o600))
	status, out := s.exits(t, "privacy", "certificate", "verify", file, "--key", key)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "no valid signature")
}
