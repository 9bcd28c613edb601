package main_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/identity/identitytest"
)

// vaults puts something into the vault and returns the item's id.
func (p *person) vaults(t *testing.T, text string) uuid.UUID {
	t.Helper()
	got, err := p.api.StoreVaultItemWithResponse(t.Context(), &client.StoreVaultItemParams{IdempotencyKey: uuid.NewString()}, client.NewVaultItem{Text: text, Consent: true})
	require.NoError(t, err)
	require.NotNil(t, got.JSON202, "%s", got.Body)
	require.Equal(t, client.MemoryWriteStateStored, got.JSON202.State)
	items, err := p.api.ListVaultItemsWithResponse(t.Context(), &client.ListVaultItemsParams{Consent: true})
	require.NoError(t, err)
	require.NotEmpty(t, items.JSON200.Items)
	return items.JSON200.Items[0].Id
}

const secret = "I never told anybody that I stole the blue lantern."

func TestTheVaultOpensWithConsentAndAFreshProofOnly(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	s := newSite(t, "MEAI_IDENTITY_DEVELOPMENT=false", "MEAI_IDENTITY_ISSUER="+issuer.URL)
	_, base := s.serve(t, "up")
	p := withToken(t, base, issuer.Token(t, issuer.Claims("owner", identitytest.MultiFactor())))
	p.agree(t)
	p.begin(t)
	item := p.vaults(t, secret)
	p.stores(t, "The blue lantern market was full today.")

	t.Run("it is not found, listed or shown elsewhere", func(t *testing.T) {
		require.NotContains(t, p.recall(t, "Who stole the blue lantern?"), secret)
		for _, m := range p.graph(t, nil).Memories {
			require.NotEqual(t, item, m.Id)
			require.NotContains(t, m.Text, "stole")
		}
		got, err := p.api.GetMemoryWithResponse(t.Context(), item)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, got.StatusCode())
		writes, err := p.api.ListMemoryWritesWithResponse(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, writes.JSON200.Writes, 1, "the other one alone")
		preview, err := p.api.PreviewForgettingWithResponse(t.Context(), client.ForgettingSelection{Theme: "stole lantern"})
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, preview.StatusCode())
	})
	t.Run("a proof by one factor, or no consent, opens nothing", func(t *testing.T) {
		weak := withToken(t, base, issuer.Token(t, issuer.Claims("owner", map[string]any{"amr": []string{"pwd"}})))
		got, err := weak.api.ReadVaultItemWithResponse(t.Context(), item, &client.ReadVaultItemParams{Consent: true})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, got.StatusCode())
		got, err = p.api.ReadVaultItemWithResponse(t.Context(), item, &client.ReadVaultItemParams{})
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, got.StatusCode())
	})
	read, err := p.api.ReadVaultItemWithResponse(t.Context(), item, &client.ReadVaultItemParams{Consent: true})
	require.NoError(t, err)
	require.Equal(t, secret, read.JSON200.Text)

	t.Run("it is recalled in the session that it is open for", func(t *testing.T) {
		opening, err := p.api.OpenVaultWithResponse(t.Context(), client.NewVaultOpening{SessionId: p.session, Consent: true})
		require.NoError(t, err)
		require.NotNil(t, opening.JSON201, "%s", opening.Body)
		require.Contains(t, p.recallIn(t, p.session, "Who stole the blue lantern?"), secret)
		made, err := p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Scopes: []client.Scope{"memory", "account:read"}, Days: 1})
		require.NoError(t, err)
		keyed := withToken(t, base, made.JSON201.Key)
		require.NotContains(t, keyed.recallIn(t, p.session, "Who stole the blue lantern?"), secret, "no key gets in")
		answer, ok := asks(t, assistant(t, base, p.token), "query_memory", map[string]any{"query": "Who stole the blue lantern?", "session_id": p.session.String()})
		require.False(t, ok, "no assistant gets in: %s", answer)
		require.NotContains(t, p.recallIn(t, uuid.New(), "Who stole the blue lantern?"), secret)
		require.NotContains(t, p.recall(t, "Who stole the blue lantern?"), secret)
		closed, err := p.api.CloseVaultWithResponse(t.Context(), opening.JSON201.Id)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, closed.StatusCode())
		require.NotContains(t, p.recallIn(t, p.session, "Who stole the blue lantern?"), secret)
	})
	t.Run("its owner sees every access", func(t *testing.T) {
		list, err := p.api.ListVaultAccessesWithResponse(t.Context(), nil)
		require.NoError(t, err)
		var acts []client.VaultAccessAct
		for _, a := range list.JSON200.Accesses {
			acts = append(acts, a.Act)
		}
		require.Equal(t, []client.VaultAccessAct{"closed", "recalled", "opened", "read", "listed", "stored"}, acts)
	})
	gone, err := p.api.DeleteVaultItemWithResponse(t.Context(), item, &client.DeleteVaultItemParams{Consent: true})
	require.NoError(t, err)
	require.NotNil(t, gone.JSON202, "%s", gone.Body)
	read, err = p.api.ReadVaultItemWithResponse(t.Context(), item, &client.ReadVaultItemParams{Consent: true})
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, read.StatusCode())
}
