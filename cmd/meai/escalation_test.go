package main_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
	"meai/internal/config"
)

const inDanger = "I want to kill myself."

// pagers are the webhooks of people on call.
type pagers struct {
	mu   sync.Mutex
	got  map[string][]string // paths, by key
	text strings.Builder
}

// newPagers returns the pagers and a site whose levels are told there. The first
// level's other address is down, and stays so.
func newPagers(t *testing.T, more ...string) (*pagers, site) {
	t.Helper()
	p, env := pagersAt(t)
	return p, newSite(t, append(env, more...)...)
}

// pagersAt are pagers, and the settings that have them told.
func pagersAt(t *testing.T) (*pagers, []string) {
	t.Helper()
	p := &pagers{got: map[string][]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message map[string]string
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got[message["key"]] = append(p.got[message["key"]], r.URL.Path)
		for _, part := range message {
			p.text.WriteString(part + "\n")
		}
	}))
	t.Cleanup(server.Close)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, down.Close())
	at := func(address, path string) string { return "generic://" + address + path + "?disabletls=yes" }
	up := server.Listener.Addr().String()
	return p, []string{
		"MEAI_ESCALATION_L1_NOTIFY=" + at(down.Addr().String(), "/down") + " " + at(up, "/l1"),
		"MEAI_ESCALATION_L2_NOTIFY=" + at(up, "/l2"), "MEAI_ESCALATION_L3_NOTIFY=" + at(up, "/l3"),
	}
}

func (p *pagers) told(id uuid.UUID) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.got[id.String()]...)
}

// raised is the newest case.
func raised(t *testing.T, duty *person) client.Escalation {
	t.Helper()
	list, err := duty.api.ListEscalationsWithResponse(t.Context(), &client.ListEscalationsParams{})
	require.NoError(t, err)
	require.NotNil(t, list.JSON200, "%s", list.Body)
	require.NotEmpty(t, list.JSON200.Escalations)
	return list.JSON200.Escalations[0]
}

func (p *person) escalation(t *testing.T, id uuid.UUID) client.Escalation {
	t.Helper()
	got, err := p.api.GetEscalationWithResponse(t.Context(), id)
	require.NoError(t, err)
	require.NotNil(t, got.JSON200, "%s", got.Body)
	return *got.JSON200
}

func dial(t *testing.T, s site) sdk.Client {
	t.Helper()
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	c, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestPeopleOnCallAreToldLevelByLevelThroughAKill(t *testing.T) {
	p, s := newPagers(t, "MEAI_ESCALATION_L1_WAIT=4s", "MEAI_ESCALATION_L2_WAIT=2s", "MEAI_ESCALATION_L3_WAIT=2s",
		"MEAI_ESCALATION_REPEAT=1s", "MEAI_ESCALATION_GIVE_UP=3s")
	up, base := s.serve(t, "up")
	person, duty := newPerson(t, base), signedIn(t, base, "support.sue")
	person.begin(t)
	key := uuid.NewString()
	for range 3 { // a client that repeats itself
		got, err := person.say(t.Context(), key, inDanger, "wait=30")
		require.NoError(t, err)
		require.Less(t, got.StatusCode(), 300, "%s", got.Body)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		list, err := duty.api.ListEscalationsWithResponse(t.Context(), &client.ListEscalationsParams{})
		require.NoError(c, err)
		require.NotNil(c, list.JSON200)
		require.Len(c, list.JSON200.Escalations, 1, "one message, one case")
	}, within, 100*time.Millisecond)
	id := raised(t, duty).Id
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Contains(c, p.told(id), "/l1") }, within, 50*time.Millisecond)
	up.kill()
	up.launch(t)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		told := p.told(id)
		require.Contains(c, told, "/l2")
		require.Contains(c, told, "/l3")
		got, err := duty.api.GetEscalationWithResponse(t.Context(), id)
		require.NoError(c, err)
		require.NotNil(c, got.JSON200)
		require.Equal(c, client.EscalationStateUnanswered, got.JSON200.State)
	}, 3*within, 200*time.Millisecond)
	told := p.told(id)
	require.NotContains(t, told, "/down")
	count := func(path string) (n int) {
		for _, at := range told {
			if at == path {
				n++
			}
		}
		return n
	}
	require.LessOrEqual(t, count("/l1"), 3, "two rounds, and one more for the kill: %v", told)
	require.GreaterOrEqual(t, count("/l3"), 2, "the last level is told again: %v", told)
	require.Contains(t, up.log.String(), "nobody has acknowledged an escalation")
	for _, secret := range []string{inDanger, "kill", person.subject.String(), person.session.String()} {
		require.NotContains(t, p.text.String(), secret)
	}
	require.Contains(t, p.text.String(), "/v1/escalations/"+id.String())

	late := duty.escalation(t, id)
	require.Equal(t, person.subject, late.Subject)
	closed, err := duty.api.CloseEscalationWithResponse(t.Context(), id, client.NewOutcome{Outcome: client.EscalationOutcomeHandled})
	require.NoError(t, err)
	require.NotNil(t, closed.JSON200, "%s", closed.Body)
	require.Zero(t, closed.JSON200.Subject, "whom it was about is forgotten")
}

func TestAnAcknowledgementStopsTheTellingAtOnce(t *testing.T) {
	p, s := newPagers(t, "MEAI_ESCALATION_L1_WAIT=1h", "MEAI_ESCALATION_L1_REMINDERS=0")
	_, base := s.serve(t, "up")
	person, first, second := newPerson(t, base), signedIn(t, base, "support.sue"), signedIn(t, base, "operator.otto")
	person.begin(t)
	person.tell(t, inDanger)
	id := raised(t, first).Id
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Equal(c, []string{"/l1"}, p.told(id)) }, within, 50*time.Millisecond)

	for range 2 {
		taken, err := first.api.AcknowledgeEscalationWithResponse(t.Context(), id)
		require.NoError(t, err)
		require.NotNil(t, taken.JSON200, "%s", taken.Body)
		require.Equal(t, client.EscalationStateAcknowledged, taken.JSON200.State)
	}
	refused, err := second.api.AcknowledgeEscalationWithResponse(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, refused.StatusCode(), "another one takes care of it")
	// Its hour is not over, and the workflow has ended all the same.
	temporal := dial(t, s)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		d, err := temporal.DescribeWorkflowExecution(t.Context(), "escalation/"+id.String(), "")
		require.NoError(c, err)
		require.Equal(c, "Completed", d.WorkflowExecutionInfo.Status.String())
	}, within, 100*time.Millisecond)
	require.Equal(t, []string{"/l1"}, p.told(id))
	require.Equal(t, first.escalation(t, id).Interaction, second.escalation(t, id).Interaction)
	for range 2 {
		closed, err := second.api.CloseEscalationWithResponse(t.Context(), id, client.NewOutcome{Outcome: client.EscalationOutcomeFalseAlarm})
		require.NoError(t, err)
		require.NotNil(t, closed.JSON200, "%s", closed.Body)
	}
}

// The sweep makes up for an interaction, or a story, that was ended by force.
func TestAnEscalationThatWasEndedByHandBeginsAnew(t *testing.T) {
	p, s := newPagers(t, "MEAI_ESCALATION_L1_WAIT=1h", "MEAI_ESCALATION_L1_REMINDERS=0")
	_, base := s.serve(t, "up")
	person, duty := newPerson(t, base), signedIn(t, base, "support.sue")
	person.begin(t)
	person.tell(t, inDanger)
	id := raised(t, duty).Id
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Len(c, p.told(id), 1) }, within, 50*time.Millisecond)
	temporal := dial(t, s)
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), "escalation/"+id.String(), "", "to silence it"))
	require.NoError(t, temporal.ScheduleClient().GetHandle(t.Context(), "escalation-sweep").Trigger(t.Context(), sdk.ScheduleTriggerOptions{}))
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Len(c, p.told(id), 2) }, within, 100*time.Millisecond)
}

func TestAWrongAddressEndsTheStartWithoutBeingQuoted(t *testing.T) {
	s := newSite(t, "MEAI_ESCALATION_L2_NOTIFY=slack://s3cret-t0ken")
	cmd := s.command("up")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "escalation.l2.notify: notification URL 1: it is no valid slack URL")
	require.NotContains(t, string(out), "s3cret")
}
