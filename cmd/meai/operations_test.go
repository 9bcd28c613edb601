package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"meai/api/client"
	"meai/internal/config"
	"meai/internal/failure"
)

func TestApplyIsIdempotentAndShowsWhatItChanged(t *testing.T) {
	s := newSite(t)
	fresh := s.with("MEAI_TEMPORAL_NAMESPACE=test-" + uuid.NewString()[:8])
	for range 2 {
		dry := fresh.run(t, "apply", "--dry-run")
		require.Contains(t, dry, "+ schedule nightly-consolidation: Consolidation on batch")
		require.Contains(t, dry, "+ schedule nightly-upkeep: Upkeep on batch")
		require.Contains(t, dry, "changes would be made", "a dry run changes nothing, so the second says the same")
	}
	require.Contains(t, fresh.run(t, "apply"), "+ search attribute MeaiSubject: Keyword")
	require.Equal(t, "The cluster matches the declaration; nothing to change.\n", fresh.run(t, "apply"))

	stack, err := config.Load(fresh.config, fresh.env)
	require.NoError(t, err)
	byHand, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace})
	require.NoError(t, err)
	defer byHand.Close()
	handle := byHand.ScheduleClient().GetHandle(t.Context(), "nightly-consolidation")
	require.NoError(t, handle.Update(t.Context(), sdk.ScheduleUpdateOptions{DoUpdate: func(in sdk.ScheduleUpdateInput) (*sdk.ScheduleUpdate, error) {
		in.Description.Schedule.Policy.PauseOnFailure = false
		return &sdk.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}}))
	require.Contains(t, fresh.run(t, "apply"), "~ schedule nightly-consolidation", "what was changed by hand is put right")
	require.Equal(t, "The cluster matches the declaration; nothing to change.\n", fresh.run(t, "apply"))

	declaration, err := os.ReadFile("../../temporal.yaml")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "temporal.yaml")
	changed := strings.NewReplacer("retention: 72h", "retention: 96h", `cron: "0 3 * * *"`, `cron: "0 4 * * *"`).Replace(string(declaration))
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	later := fresh.with("MEAI_TEMPORAL_DECLARATION=" + path)
	out := later.run(t, "apply")
	require.Contains(t, out, "retention: 72h0m0s → 96h0m0s")
	require.Contains(t, out, "~ schedule nightly-consolidation")
	require.Equal(t, "The cluster matches the declaration; nothing to change.\n", later.run(t, "apply"))
}

func TestSingleCapabilities(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	p.await(t, p.tell(t, "My grandmother taught me to bake bread every Sunday.").Id, within)

	analysis, err := p.api.AnalyzeEmotionWithResponse(t.Context(), client.AnalysisRequest{Text: "I am so grateful for my friends, thank you!"})
	require.NoError(t, err)
	require.Equal(t, "gratitude", analysis.JSON200.PrimaryEmotion)

	prompts, err := p.api.ComposeReflectionPromptsWithResponse(t.Context(), client.ReflectionRequest{Text: "My grandmother is ill and I am worried about her."})
	require.NoError(t, err)
	require.NotEmpty(t, prompts.JSON200.Prompts[0].FollowUps, "%s", prompts.Body)
	require.Empty(t, prompts.JSON200.Degraded)

	found, err := p.api.QueryMemoryWithResponse(t.Context(), client.MemoryQuery{Query: "baking with grandma"})
	require.NoError(t, err)
	require.NotEmpty(t, found.JSON200.Memories, "%s", found.Body)
	require.Contains(t, found.JSON200.Memories[0].Text, "bake bread")

	resources, err := p.api.SearchResourcesWithResponse(t.Context(), client.ResourceSearch{Topic: "panic before an exam"})
	require.NoError(t, err)
	require.NotEmpty(t, resources.JSON200.Hits, "%s", resources.Body)
	require.Equal(t, client.JudgementVerdictPass, resources.JSON200.Hits[0].Judgement.Verdict)
}

// span is what the console exporter prints of one.
type span struct {
	Name        string
	SpanContext struct{ TraceID string }
}

func TestOneTraceFromRequestToQuery(t *testing.T) {
	s := newSite(t)
	up, base := s.with("OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=200").serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	p.await(t, p.tell(t, worried).Id, within)
	require.NoError(t, up.stop(t), "a stop signal ends the process in order")

	names := map[string][]string{}
	for _, sp := range spans(t, up.log.String()) {
		names[sp.SpanContext.TraceID] = append(names[sp.SpanContext.TraceID], sp.Name)
	}
	for _, in := range names {
		all := strings.Join(in, "\n")
		if strings.Contains(all, "POST /v1/sessions/:session_id/interactions") {
			for _, want := range []string{"RunWorkflow:Interaction", "RunActivity:mirror.Analyze", "RunActivity:synthesis.Deliver", "RunActivity:memory.Remember", "INSERT", "COMMIT"} {
				require.Contains(t, all, want)
			}
			return
		}
	}
	t.Fatal("no trace begins with the request")
}

// spans picks the exporter's lines out of what a process printed.
func spans(t *testing.T, log string) []span {
	t.Helper()
	var all []span
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, `{"Name":`) {
			var one span
			require.NoError(t, json.Unmarshal([]byte(line), &one))
			all = append(all, one)
		}
	}
	return all
}

func TestNoWordsInLogsMetricsOrTraces(t *testing.T) {
	s := newSite(t)
	up, base := s.with("MEAI_TELEMETRY_LOG_LEVEL=debug", "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=200").serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	const canary = "Zyxomma"
	p.await(t, p.tell(t, "My friend "+canary+" hurt me and I am sad about it.").Id, within)
	status, _ := p.post(t, base+"/v1/mirror/emotional-analysis", `{"text":7,"`+canary+`":1}`, nil)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	metrics, err := http.Get(base + "/metrics")
	require.NoError(t, err)
	exposed, err := io.ReadAll(metrics.Body)
	require.NoError(t, err)
	require.NoError(t, metrics.Body.Close())
	require.Contains(t, string(exposed), "temporal_")
	require.NoError(t, up.stop(t))
	require.Contains(t, up.log.String(), "trace_id")
	for name, text := range map[string]string{"log and traces": up.log.String(), "metrics": string(exposed)} {
		require.NotContains(t, strings.ToLower(text), strings.ToLower(canary), name)
	}
}

func TestNightlyWorkflowsRunByHandWithPlainJSON(t *testing.T) {
	s := newSite(t)
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	p.await(t, p.tell(t, worried).Id, within)

	// A client without MeAi's codec, as the temporal CLI is.
	stack, err := config.Load(s.config, s.env)
	require.NoError(t, err)
	cli, err := sdk.Dial(sdk.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace})
	require.NoError(t, err)
	defer cli.Close()
	for name, input := range map[string]map[string]any{"Consolidation": {"page_size": 10}, "RepairIndex": {"subject": p.subject}, "Upkeep": {}, "FilterPolicy": {}} {
		run, err := cli.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: name + "-by-hand", TaskQueue: "batch"}, name, input)
		require.NoError(t, err)
		require.NoError(t, run.Get(t.Context(), nil), name)
	}

	// Starting a person's story that way would leave their words unsealed.
	ref := map[string]any{"subject": p.subject, "session": p.session, "interaction": uuid.New(), "workflow": "x"}
	for _, id := range []string{"person/" + p.subject.String() + "/analysis/by-hand", "by-hand"} {
		open, err := cli.ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{
			ID: id, TaskQueue: "synthesis", WorkflowExecutionTimeout: 30 * time.Second,
		}, "EmotionalAnalysis", map[string]any{"ref": ref, "text": "in the open"})
		require.NoError(t, err)
		err = open.Get(t.Context(), nil)
		require.True(t, failure.Is(err, failure.InvalidInput), "%s is refused: %v", id, err)
	}
}

func TestAnotherEmbeddingModelIsRefused(t *testing.T) {
	s := newSite(t)
	first, _ := s.serve(t, "up")
	reader := func() int {
		return s.count(t, uuid.New(), "select count(*) from settings where key in ('embedding.model', 'temporal.history_shards')")
	}
	require.Eventually(t, func() bool { return reader() == 2 }, within, 50*time.Millisecond, "both are recorded")
	require.NoError(t, first.stop(t))

	other := s.with("MEAI_EMBEDDING_PROVIDER=openai", "MEAI_EMBEDDING_URL=http://"+freePort(t)+"/v1", "MEAI_EMBEDDING_MODEL=another")
	refused := other.start(t, "worker", "--queue", "memory")
	select {
	case err := <-refused.done:
		require.Error(t, err)
	case <-time.After(within):
		t.Fatal("it goes on")
	}
	refused.cmd = nil
	require.Contains(t, refused.log.String(), "embedding.model is openai:another, but use-lite")
}
