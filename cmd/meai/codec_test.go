package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"meai/api/client"
	"meai/internal/audit"
	"meai/internal/codec"
	"meai/internal/codecserver"
	"meai/internal/config"
	"meai/internal/identity/devlogin"
	"meai/internal/keyring"
)

// withoutCodec is a client as the Temporal UI and CLI have it.
func (s site) withoutCodec(t *testing.T, dc converter.DataConverter) sdk.Client {
	t.Helper()
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	c, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace, DataConverter: dc})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// sealedPayloads are those of a workflow's history.
func sealedPayloads(t *testing.T, c sdk.Client, workflow string) (sealed []*commonpb.Payload) {
	t.Helper()
	visit := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
		for _, p := range payloads {
			if string(p.GetMetadata()[converter.MetadataEncoding]) == codec.Encoding {
				sealed = append(sealed, p)
			}
		}
		return payloads, nil
	}
	events := c.GetWorkflowHistory(t.Context(), workflow, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		require.NoError(t, proxy.VisitPayloads(t.Context(), event, proxy.VisitPayloadsOptions{Visitor: visit, SkipSearchAttributes: true}))
	}
	require.NotEmpty(t, sealed, workflow)
	return sealed
}

// remote is the codec as the temporal CLI uses it with --codec-endpoint and --codec-auth.
func remote(address, token string) converter.PayloadCodec {
	return converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: "http://" + address,
		ModifyRequest: func(r *http.Request) error {
			r.Header.Set("X-Namespace", "meai")
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return nil
		},
	})
}

// shown is whether payloads were opened; markers are the same for all of them.
func shown(t *testing.T, payloads []*commonpb.Payload) (opened bool, marker string) {
	t.Helper()
	marker = string(payloads[0].GetMetadata()[codecserver.MarkerKey])
	for _, p := range payloads {
		require.Equal(t, marker, string(p.GetMetadata()[codecserver.MarkerKey]))
		require.NotEqual(t, codec.Encoding, string(p.GetMetadata()[converter.MetadataEncoding]))
	}
	return marker == "", marker
}

func words(payloads []*commonpb.Payload) string {
	var all strings.Builder
	for _, p := range payloads {
		all.Write(p.GetData())
	}
	return all.String()
}

func TestTheCodecServerShowsHistoriesByRole(t *testing.T) {
	address, ui := freePort(t), "http://127.0.0.1:8233"
	s := newSite(t, "MEAI_CODEC_LISTEN="+address, "MEAI_CODEC_CORS_ORIGINS="+ui)
	_, base := s.serve(t, "up")
	server := s.start(t, "codec")
	require.Eventually(t, func() bool {
		status, _ := get(t, http.DefaultClient, "http://"+address+"/healthz", "")
		return status == http.StatusOK
	},
		within, 50*time.Millisecond)

	p := newPerson(t, base)
	p.begin(t)
	p.await(t, p.tell(t, worried).Id, within)
	bare := s.withoutCodec(t, nil)
	personal := sealedPayloads(t, bare, s.workflowOf(t, bare, p.subject))
	run, err := bare.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "consolidation-by-hand", TaskQueue: "batch"}, "Consolidation", map[string]any{"page_size": 10})
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	operational := sealedPayloads(t, bare, "consolidation-by-hand")

	issuer := devlogin.Issuer(base)
	token := func(name string, multiFactor bool) string {
		token, err := devlogin.SignIn(t.Context(), issuer, name, multiFactor)
		require.NoError(t, err)
		return token
	}
	officer := token("privacy_officer.pia", true)
	out, err := remote(address, officer).Decode(personal)
	require.NoError(t, err)
	_, marker := shown(t, out)
	require.Equal(t, "sealed", marker, "not without the consent of two others")
	asked := withToken(t, base, officer).asks(t, client.ApprovalActDecrypt, map[string]string{"subject": p.subject.String(), "minutes": "30"})
	for _, name := range []string{"admin.ada", "privacy_officer.petra"} {
		require.Equal(t, http.StatusOK, signedIn(t, base, name).decides(t, asked.Id, true).StatusCode())
	}
	for name, c := range map[string]struct {
		token            string
		system, personal bool
	}{
		"the person themselves":                 {p.token, false, false},
		"another person":                        {token("somebody", true), false, false},
		"support":                               {token("support.sam", true), false, false},
		"operator":                              {token("operator.olga", true), true, false},
		"auditor":                               {token("auditor.anna", true), true, false},
		"admin":                                 {token("admin.ada", true), true, false},
		"privacy officer":                       {officer, false, true},
		"privacy officer, not the one approved": {token("privacy_officer.petra", true), false, false},
		"privacy officer with a single factor":  {token("privacy_officer.pia", false), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, part := range []struct {
				payloads []*commonpb.Payload
				may      bool
			}{{operational, c.system}, {personal, c.personal}} {
				out, err := remote(address, c.token).Decode(part.payloads)
				require.NoError(t, err)
				require.Len(t, out, len(part.payloads))
				opened, marker := shown(t, out)
				require.Equal(t, part.may, opened)
				if !opened {
					require.Equal(t, "sealed", marker)
				}
			}
		})
	}
	t.Run("the words are there for who may see them", func(t *testing.T) {
		out, err := remote(address, officer).Decode(personal)
		require.NoError(t, err)
		require.Contains(t, words(out), worried)
	})
	t.Run("nobody without a token, nor from another page", func(t *testing.T) {
		body, err := protojson.Marshal(&commonpb.Payloads{Payloads: personal})
		require.NoError(t, err)
		for origin, status := range map[string]int{ui: http.StatusUnauthorized, "http://evil.test": http.StatusForbidden} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/decode", bytes.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", origin)
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, status, response.StatusCode)
		}
	})
	t.Run("an operator starts an operational workflow through it, and reads the result", func(t *testing.T) {
		through := s.withoutCodec(t, converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), remote(address, token("operator.olga", false))))
		run, err := through.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "consolidation-encoded", TaskQueue: "batch"}, "Consolidation", map[string]any{"page_size": 10})
		require.NoError(t, err)
		var result map[string]any
		require.NoError(t, run.Get(t.Context(), &result))
	})
	t.Run("what it did is on record, without words", func(t *testing.T) {
		log, _ := s.auditLog(t)
		object, err := log.Object(t.Context(), audit.Subject, p.subject.String())
		require.NoError(t, err)
		page, err := log.Entries(t.Context(), 0, object, 100)
		require.NoError(t, err)
		seen := map[string]audit.Outcome{}
		for _, e := range page.Entries {
			if e.Act == audit.PayloadDecoded && seen[e.Role] != audit.Succeeded {
				seen[e.Role] = e.Outcome
			}
			if e.Act == audit.PayloadDecoded && e.Outcome == audit.Succeeded {
				require.Equal(t, asked.Id.String(), e.Approval)
			}
		}
		require.Equal(t, map[string]audit.Outcome{
			"person": audit.Denied, "support": audit.Denied, "operator": audit.Denied, "auditor": audit.Denied, "admin": audit.Denied,
			"privacy_officer": audit.Succeeded,
		}, seen)
		require.NotContains(t, server.log.String(), worried)
		require.NotContains(t, server.log.String(), p.subject.String())
	})
	t.Run("the person sees who was let, and who was not", func(t *testing.T) {
		most := 100
		got, err := p.api.ListPrivacyAccessesWithResponse(t.Context(), &client.ListPrivacyAccessesParams{Limit: &most})
		require.NoError(t, err)
		require.NotNil(t, got.JSON200, "%s", got.Body)
		seen := map[string]bool{}
		for _, a := range got.JSON200.Accesses {
			seen[fmt.Sprintf("%s %s %s, themself %t", a.Act, a.Role, a.Outcome, a.Yourself)] = a.Approved
		}
		for who, approved := range map[string]bool{
			"payload.decoded privacy_officer succeeded, themself false": true, "payload.decoded support denied, themself false": false,
			"payload.decoded person denied, themself true": false, "payload.decoded person denied, themself false": false,
			"approval.given approver succeeded, themself false": true,
		} {
			require.Contains(t, seen, who)
			require.Equal(t, approved, seen[who], who)
		}
	})
	t.Run("a destroyed key leaves tombstones", func(t *testing.T) {
		keys, err := keyring.Open(t.Context(), keyring.Options{Bucket: s.setting("MEAI_KEYRING_BUCKET"), KEK: s.setting("MEAI_KEYRING_KEK")})
		require.NoError(t, err)
		require.NoError(t, keys.Destroy(t.Context(), p.subject))
		require.NoError(t, keys.Close())
		begun := time.Now()
		require.Eventually(t, func() bool {
			out, err := remote(address, officer).Decode(personal)
			require.NoError(t, err)
			_, marker := shown(t, out[:1])
			return marker == "erased"
		}, 2*keyring.Lease, 100*time.Millisecond)
		t.Logf("erased in the codec server %.1f s after the key was destroyed", time.Since(begun).Seconds())
		out, err := remote(address, officer).Decode(personal)
		require.NoError(t, err)
		_, marker := shown(t, out)
		require.Equal(t, "erased", marker)
		require.NotContains(t, words(out), worried)
	})
}

// workflowOf finds a person's interaction, which the visibility store knows a moment later.
func (s site) workflowOf(t *testing.T, c sdk.Client, subject uuid.UUID) (id string) {
	t.Helper()
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: stack.Temporal.Namespace,
			Query:     `WorkflowType = "Interaction" and MeaiSubject = "` + subject.String() + `"`,
		})
		require.NoError(t, err)
		for _, e := range found.GetExecutions() {
			id = e.GetExecution().GetWorkflowId()
		}
		return id != ""
	}, within, 200*time.Millisecond)
	return id
}
