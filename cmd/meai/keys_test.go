package main_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
	"meai/internal/audit"
	"meai/internal/config"
	"meai/internal/keyring"
)

// TestKeysAreReplacedWrappedAnewAndDestroyedWhilePeopleTalk goes through the life
// of an installation's keys, with three buckets and kill -9 in between.
func TestKeysAreReplacedWrappedAnewAndDestroyedWhilePeopleTalk(t *testing.T) {
	// A process that a subtest starts must outlive it.
	whole := t
	dir := t.TempDir()
	url := func(name string) string { return "file://" + dir + "/" + name + "?create_dir=true" }
	s := newSite(t, "MEAI_KEYRING_REGION=here", "MEAI_KEYRING_REPLICAS=here="+url("b")+" far="+url("c"))
	up, base := s.serve(t, "up")
	alice, bob := newPerson(t, base), newPerson(t, base)
	for _, p := range []*person{alice, bob} {
		p.begin(t)
		p.await(t, p.tell(t, "My grandmother taught me to bake bread every Sunday.").Id, within)
	}
	first := alice.tell(t, "I slept badly.").Id

	t.Run("replaced", func(t *testing.T) {
		s.run(t, "keys", "rekey", "--no-wait")
		up.kill()
		up.launch(t)
		out := s.run(t, "keys", "rekey")
		require.Contains(t, out, `"changed":3`, "two people and the system")
		require.Contains(t, out, `"incomplete":0,"failed":0`)
		requireReads(t, alice, first)
		alice.await(t, alice.tell(t, "And again.").Id, within)
	})
	t.Run("started by hand with plain JSON", func(t *testing.T) {
		s.byHand(t, "RetireKeys", "keys/retire", "{}")
		requireReads(t, alice, first)
	})
	t.Run("wrapped anew", func(t *testing.T) {
		old := s.setting("MEAI_KEYRING_KEK")
		next := s.with("MEAI_KEYRING_OTHER_KEKS=2=file://" + dir + "/kek2.key")
		require.Contains(t, next.run(t, "keys", "status"), "in use")
		require.NoError(t, up.stop(t))
		s = s.with("MEAI_KEYRING_KEK=file://"+dir+"/kek2.key", "MEAI_KEYRING_KEK_EPOCH=2", "MEAI_KEYRING_OTHER_KEKS=1="+old)
		up, base = s.serve(whole, "up")
		require.Contains(t, s.run(t, "keys", "status"), "needed until meai keys rewrap is done")
		s.run(t, "keys", "rewrap")
		require.Contains(t, s.run(t, "keys", "status"), "nothing needs it; destroy it on or after "+time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly))
		s = s.with("MEAI_KEYRING_OTHER_KEKS=")
		require.NoError(t, up.stop(t))
		up, base = s.serve(whole, "up")
		alice, bob = alice.at(t, base), bob.at(t, base)
		requireReads(t, alice, first)
	})
	t.Run("destroyed", func(t *testing.T) {
		petra := signedIn(t, base, "privacy_officer.petra")
		asked := petra.asks(t, client.ApprovalActEarlyDelete, map[string]string{"subject": alice.subject.String()})
		destroy := func(of *person, approval uuid.UUID) (string, error) {
			out, err := s.command("keys", "destroy", of.subject.String(), "--approval", approval.String()).CombinedOutput()
			return string(out), err
		}
		ada, paul := signedIn(t, base, "admin.ada"), signedIn(t, base, "privacy_officer.paul")
		require.NotNil(t, ada.decides(t, asked.Id, true).JSON200)
		out, err := destroy(alice, asked.Id)
		require.Error(t, err, "one other is not enough")
		require.Contains(t, out, "the approval is pending")
		require.NotNil(t, paul.decides(t, asked.Id, true).JSON200)
		out, err = destroy(bob, asked.Id)
		require.Error(t, err)
		require.Contains(t, out, "the approval is for another act")
		requireReads(t, alice, first)

		_, run := s.destroys(t, s.dial(t), alice.subject, asked.Id, time.Second)
		require.NoError(t, run.Get(t.Context(), nil))
		got, err := alice.api.GetInteractionWithResponse(t.Context(), alice.session, first)
		require.NoError(t, err)
		require.Nil(t, got.JSON200, "%s", got.Body)
		bob.await(t, bob.tell(t, "I am still here.").Id, within)

		var census keyring.Census
		require.NoError(t, json.Unmarshal([]byte(s.run(t, "keys", "status", "--json")), &census))
		require.Equal(t, 1, census.Subjects)
		for _, r := range census.Replicas {
			require.Equal(t, 1, r.Tombstones)
			require.Zero(t, r.Lacking+r.Stale+r.Damaged+r.Unburied, "%+v", r)
		}
		acts := s.acts(t)
		for _, act := range []audit.Act{audit.KeyRotated, audit.KeyRetired, audit.KeyRewrapped, audit.ApprovalUsed} {
			require.Contains(t, acts, act)
		}
		object, err := audit.ParseHMAC(strings.TrimSpace(s.run(t, "audit", "object", "subject", alice.subject.String())))
		require.NoError(t, err)
		log, _ := s.auditLog(t)
		about, err := log.Entries(t.Context(), 0, object, 20)
		require.NoError(t, err)
		about.Entries = slices.DeleteFunc(about.Entries, func(e audit.Entry) bool { return e.Act == audit.ConsentGiven })
		require.Len(t, about.Entries, 1)
		require.Equal(t, audit.KeyDestroyed, about.Entries[0].Act)
		require.Equal(t, asked.Id.String(), about.Entries[0].Approval)
		require.NotContains(t, up.log.String(), "KeyDestroyed", "no workflow met the destroyed key")
	})
}

// agreedToDestroy is the approval of two others to destroy a person's keys.
func agreedToDestroy(t *testing.T, base string, subject uuid.UUID) uuid.UUID {
	t.Helper()
	asked := signedIn(t, base, "operator.oscar").asks(t, client.ApprovalActEarlyDelete, map[string]string{"subject": subject.String()})
	for _, name := range []string{"admin.ada", "privacy_officer.paul"} {
		require.NotNil(t, signedIn(t, base, name).decides(t, asked.Id, true).JSON200)
	}
	return asked.Id
}

func requireReads(t *testing.T, p *person, id uuid.UUID) {
	t.Helper()
	require.Eventually(t, func() bool { // the API has just been started
		got, err := p.api.GetInteractionWithResponse(t.Context(), p.session, id)
		return err == nil && got.JSON200 != nil && got.JSON200.Input != nil && strings.Contains(got.JSON200.Input.Text, "slept badly")
	}, within, 100*time.Millisecond)
}

// dial connects to Temporal without the payload codec.
func (s site) dial(t *testing.T) sdk.Client {
	t.Helper()
	cfg, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	c, err := sdk.Dial(sdk.Options{HostPort: cfg.Temporal.Address, Namespace: cfg.Temporal.Namespace})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// byHand starts a workflow as the temporal CLI does, without the payload codec,
// and waits for its end.
func (s site) byHand(t *testing.T, workflow, id, input string) {
	t.Helper()
	run, err := s.dial(t).ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: id, TaskQueue: "privacy"}, workflow, json.RawMessage(input))
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
}
