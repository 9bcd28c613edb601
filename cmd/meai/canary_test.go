package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/canary"
	"meai/internal/config"
	"meai/internal/embedding"
	"meai/internal/embedding/embeddingtest"
	"meai/internal/language/languagetest"
)

// TestNoWordsAtRest writes canaries through everything that takes text, runs every
// workflow, lets engines, workers and the model provider fail, and scans every
// byte that any store, log or dump holds. Then it plants words where they should
// not be: each must be found, or the scan proves nothing.
func TestNoWordsAtRest(t *testing.T) {
	w := newWatch(t)
	w.talk(t)
	w.beRefused(t)
	w.failAround(t)
	w.runEveryWorkflow(t)
	w.canaries.requireAllFields(t)
	w.readBack(t)
	w.stopAll(t)

	planted := newPlants(w.data)
	scanner, err := canary.New(append(w.canaries.words(), planted.words()...)...)
	require.NoError(t, err)
	w.requireClean(t, w.scan(t, scanner, "after the scenario"), nil)

	planted.plant(t, w)
	w.settle(t)
	found := w.scanDump(t, scanner)
	w.stopEngines(t)
	found = append(found, w.scanFolder(t, scanner, "stopped, with planted leaks")...)
	w.requireClean(t, found, planted.words())
	planted.requireAllFound(t, found)
}

// watch is an installation on engines of its own whose every byte is looked at.
type watch struct {
	site
	data     string
	config   config.Config
	canaries *canaries
	provider *quotingProvider
	model    *languagetest.Server

	base      string
	processes []*process
	archive   *process // brings write-ahead log to the bucket
	person    *person
	texts     map[uuid.UUID]string // what was said, by interaction
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{data: startEngines(t), canaries: &canaries{fields: map[string][]string{}}, texts: map[uuid.UUID]string{}}
	w.provider = newQuotingProvider(t)
	w.model = languagetest.Start(t, w.wording(""))
	w.site = site{config: filepath.Join(w.data, "meai.yaml"), env: []string{
		"MEAI_IDENTITY_DEVELOPMENT=true", "MEAI_BRIDGE_CHECK_LINKS=false", "MEAI_API_LISTEN=" + freePort(t), "MEAI_LIMITS_SYNTHESIS=100000", "MEAI_LIMITS_READING=100000",
		"MEAI_TELEMETRY_LOG_LEVEL=debug", "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=200",
		"MEAI_EMBEDDING_PROVIDER=openai", "MEAI_EMBEDDING_URL=" + w.provider.url + "/v1",
		"MEAI_EMBEDDING_MODEL=served", "MEAI_EMBEDDING_API_KEY=key",
		"MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL=" + w.model.URL(),
		"MEAI_LANGUAGE_MODEL=served", "MEAI_LANGUAGE_API_KEY=key",
		"MEAI_PRIVACY_EXPORTS=file://" + filepath.Join(w.data, "exports") + "?create_dir=true",
		// Files are cleared and searched where that is tested: they are the whole server's.
		"MEAI_PRIVACY_MAINTENANCE_URLS=", "MEAI_PRIVACY_SCAN_FOLDERS=",
	}}
	w.site = w.with(w.backupSettings(t)...)
	var err error
	w.config, err = config.Load(w.site.config, w.env)
	require.NoError(t, err)
	w.run(t, "migrate")
	w.run(t, "apply")
	w.archive = w.start(t, "backup", "archive")
	var p *process
	p, w.base = w.serve(t, "api")
	w.processes = append(w.processes, p, w.start(t, "worker"))
	// A name, as a provider's own id for somebody.
	w.person = signedIn(t, w.base, w.canaries.word(outsideContract))
	return w
}

// quotingProvider is a model provider that, when told to fail, quotes what it was
// sent, as some do.
type quotingProvider struct {
	url    string
	broken atomic.Bool
}

func newQuotingProvider(t *testing.T) *quotingProvider {
	t.Helper()
	model, err := embedding.NewBuiltin()
	require.NoError(t, err)
	good := embeddingtest.Provider(t, model)
	q := &quotingProvider{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !q.broken.Load() {
			good.ServeHTTP(rw, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(rw).Encode(map[string]any{"error": map[string]string{"message": "cannot embed " + string(body), "type": "invalid_request_error"}})
	}))
	t.Cleanup(server.Close)
	q.url = server.URL
	return q
}

// say posts a text with a canary in every other field and returns the interaction.
func (w *watch) sayWith(t *testing.T, text, wait string) uuid.UUID {
	t.Helper()
	const op = "CreateInteraction"
	prefer := wait + "; note=" + w.canaries.word(op+" Prefer")
	got, err := w.person.api.CreateInteractionWithResponse(t.Context(), w.person.session,
		&client.CreateInteractionParams{IdempotencyKey: w.canaries.word(op + " Idempotency-Key"), Prefer: &prefer},
		client.NewInteraction{
			Input:   client.InteractionInput{Text: text},
			Context: &client.InteractionContext{Place: "at " + w.canaries.word(op+" /context/place") + "'s", TimeOfDay: "evening"},
		})
	require.NoError(t, err)
	var answered *client.Interaction
	for _, a := range []*client.Interaction{got.JSON201, got.JSON202} {
		if a != nil {
			answered = a
		}
	}
	require.NotNil(t, answered, "%s", got.Body)
	w.texts[answered.Id] = text
	return answered.Id
}

// spoken makes a word for the text of a message.
func (w *watch) spoken() string { return w.canaries.word("CreateInteraction /input/text") }

func (w *watch) talk(t *testing.T) {
	t.Helper()
	p := w.person
	p.agree(t)
	preferred := "de, " + w.canaries.word("ListPurposes Accept-Language")
	purposes, err := p.api.ListPurposesWithResponse(t.Context(), &client.ListPurposesParams{AcceptLanguage: &preferred})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, purposes.StatusCode(), "%s", purposes.Body)
	session, err := p.api.CreateSessionWithResponse(t.Context(), client.NewSession{Device: w.canaries.word("CreateSession /device") + "'s phone"})
	require.NoError(t, err)
	require.NotNil(t, session.JSON201, "%s", session.Body)
	p.session = session.JSON201.Id
	w.useMemory(t)

	friend := w.spoken()
	for _, text := range []string{
		"My sister " + friend + " moved to " + w.spoken() + " last week and the flat feels so empty without her.",
		"I had a terrible fight with " + friend + " about " + w.spoken() + " and I am ashamed and furious.",
		"My friend " + w.canaries.accented("CreateInteraction /input/text") + " calls me every day, it makes me so happy!",
		"Is there anything I can try to calm down before I meet " + w.spoken() + "?",
		"I want to kill myself, and " + w.spoken() + " does not know it.",
		"ok, " + w.spoken(),
		"Do you remember where my sister " + friend + " went?",
		// Long enough for a column of its own: PostgreSQL packs it and moves it out of the row.
		strings.Repeat("And then "+friend+" said that "+w.spoken()+" was never there. ", 120),
	} {
		p.await(t, w.sayWith(t, text, "wait=30"), within)
	}
	w.askCapabilities(t)
	page, err := p.api.ListInteractionsWithResponse(t.Context(), p.session, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.StatusCode())
	stream := p.follow(t, w.base, page.JSON200.Interactions[0].Id)
	require.Equal(t, "answer", <-stream.last)
}

func (w *watch) askCapabilities(t *testing.T) {
	t.Helper()
	p, word := w.person, w.canaries.word
	analysis, err := p.api.AnalyzeEmotionWithResponse(t.Context(), client.AnalysisRequest{Text: "I miss " + word("AnalyzeEmotion /text") + " so much."})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, analysis.StatusCode(), "%s", analysis.Body)
	needs, err := p.api.DetectNeedsWithResponse(t.Context(), client.AnalysisRequest{Text: "I need " + word("DetectNeeds /text") + " so much."})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, needs.StatusCode(), "%s", needs.Body)
	danger, err := p.api.CheckCrisisWithResponse(t.Context(), client.AnalysisRequest{Text: "I fear " + word("CheckCrisis /text") + " so much."})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, danger.StatusCode(), "%s", danger.Body)
	prompts, err := p.api.ComposeReflectionPromptsWithResponse(t.Context(), client.ReflectionRequest{
		Text: "My friend " + word("ComposeReflectionPrompts /text") + " moved away and the flat feels so empty.", Count: 5,
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, prompts.StatusCode(), "%s", prompts.Body)
	require.Len(t, prompts.JSON200.Prompts, 5)
	memories, err := p.api.QueryMemoryWithResponse(t.Context(), client.MemoryQuery{
		Query:    "what did I say about " + word("QueryMemory /query") + "?",
		Emotions: []string{word("QueryMemory /emotions/*")}, Entities: []string{word("QueryMemory /entities/*")},
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, memories.StatusCode(), "%s", memories.Body)
	resources, err := p.api.SearchResourcesWithResponse(t.Context(), client.ResourceSearch{
		Topic:   "panic before I meet " + word("SearchResources /topic"),
		Emotion: word("SearchResources /emotion"), Needs: []string{word("SearchResources /needs/*")},
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resources.StatusCode(), "%s", resources.Body)
	resource, err := p.api.GetResourceWithResponse(t.Context(), word("GetResource resource_id"), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, resource.StatusCode(), "%s", resource.Body)
	judged, err := p.api.AssessTextWithResponse(t.Context(), client.AssessmentRequest{
		Text: "It sounds as if " + word("AssessText /text") + " is always on your mind.", About: "I miss " + word("AssessText /about") + ".",
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, judged.StatusCode(), "%s", judged.Body)
	spared, err := p.api.SetTriggersWithResponse(t.Context(), client.Triggers{Triggers: []string{"the " + word("SetTriggers /triggers/*")}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, spared.StatusCode(), "%s", spared.Body)
	unknown, err := p.api.GiveFeedbackWithResponse(t.Context(), client.NewFeedback{
		About: client.FeedbackThing{ResourceId: word("GiveFeedback /about/resource_id")}, Rating: client.FeedbackRatingHelpful,
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, unknown.StatusCode(), "only ids of the library are kept")
}

// useMemory has words stored, imported, corrected, locked away and forgotten.
func (w *watch) useMemory(t *testing.T) {
	t.Helper()
	p, word := w.person, w.canaries.word
	// First, because it deletes the histories of all that has ended.
	gone := word("StoreMemory /text")
	p.storesAt(t, word("StoreMemory Idempotency-Key"), client.NewMemory{Text: "I saw " + gone + " in the rain."})
	p.forgets(t, client.ForgettingSelection{Theme: gone})
	preferring := func(op string) string { return "wait=60; note=" + word(op+" Prefer") }
	stored := p.storesPreferring(t, word("StoreMemory Idempotency-Key"), preferring("StoreMemory"), client.NewMemory{
		Text: "I live in " + word("StoreMemory /text") + " and I told " + word("StoreMemory /text") + ".", Speaker: word("StoreMemory /speaker"),
	})
	prefer := preferring("CorrectMemory")
	corrected, err := p.api.CorrectMemoryWithResponse(t.Context(), p.turnOf(t, stored.Id),
		&client.CorrectMemoryParams{IdempotencyKey: word("CorrectMemory Idempotency-Key"), Prefer: &prefer}, client.MemoryCorrection{Text: "I live in " + word("CorrectMemory /text") + "."})
	require.NoError(t, err)
	require.NotNil(t, corrected.JSON202, "%s", corrected.Body)
	p.importsAs(t, word("ImportMemories Idempotency-Key"), `{"session":"`+word("ImportMemories ")+`","said_at":"2025-01-01T10:00:00Z","speaker":"`+
		word("ImportMemories ")+`","text":"I met `+word("ImportMemories ")+` again."}`)
	vaulted, err := p.api.StoreVaultItemWithResponse(t.Context(), &client.StoreVaultItemParams{IdempotencyKey: word("StoreVaultItem Idempotency-Key")},
		client.NewVaultItem{Text: "Nobody knows of " + word("StoreVaultItem /text") + ".", Consent: true})
	require.NoError(t, err)
	require.NotNil(t, vaulted.JSON202, "%s", vaulted.Body)
	for _, what := range []client.ForgettingSelection{{Entity: word("PreviewForgetting /entity")}, {Theme: word("PreviewForgetting /theme")}} {
		preview, err := p.api.PreviewForgettingWithResponse(t.Context(), what)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, preview.StatusCode(), "%s", preview.Body)
	}
}

// beRefused sends words to where none are taken: what is refused must leave no
// trace either.
func (w *watch) beRefused(t *testing.T) {
	t.Helper()
	word := func() string { return w.canaries.word(outsideContract) }
	interactions := w.base + "/v1/sessions/" + w.person.session.String() + "/interactions"
	for _, c := range []struct {
		url, body string
		headers   map[string]string
	}{
		{interactions, `{"input":{"text":7},"` + word() + `":1}`, nil},
		{interactions, `{"input":{"text":"` + word(), nil},
		{interactions, `{"input":{"text":"x"},"context":{"time_of_day":"` + word() + `"}}`, nil},
		{interactions, `{"input":{"text":"x"},"context":{"previous_interaction":"` + word() + `"}}`, nil},
		{interactions, `{"input":{"text":"` + word() + `\u0000"}}`, nil},
		{interactions, `{"input":{"text":"` + strings.Repeat(word()+" ", 700) + `"}}`, nil},
		{interactions, `{"input":{"text":"` + word() + `"}}`, map[string]string{"Idempotency-Key": "two words " + word()}},
		{interactions, `{"input":{"text":"` + word() + `"}}`, map[string]string{"Authorization": "Bearer " + word()}},
		{interactions, `{"input":{"text":"` + word() + `"}}`, map[string]string{"Content-Type": "text/" + word()}},
		{w.base + "/v1/sessions/" + word() + "/interactions", `{"input":{"text":"` + word() + `"}}`, nil},
		{w.base + "/v1/sessions/" + uuid.NewString() + "/interactions", `{"input":{"text":"` + word() + `"}}`, nil},
		{w.base + "/v1/" + word() + "?q=" + word(), `{}`, map[string]string{"User-Agent": word(), "X-Request-Id": word(), "Traceparent": word(), "Referer": word(), "Cookie": word()}},
		{w.base + "/v1/memory/query", `{"query":"` + word() + `","from":"` + word() + `"}`, nil},
	} {
		status, _ := w.person.post(t, c.url, c.body, c.headers)
		require.GreaterOrEqual(t, status, 400)
		require.Less(t, status, 500)
	}
	// The same key with other words is a conflict.
	key := w.canaries.word("CreateInteraction Idempotency-Key")
	for i, want := range []int{http.StatusAccepted, http.StatusConflict} {
		got, err := w.person.say(t.Context(), key, "It is "+w.spoken()+" again.", "")
		require.NoError(t, err)
		require.Equal(t, want, got.StatusCode(), "%d: %s", i, got.Body)
		if got.JSON202 != nil {
			w.person.await(t, got.JSON202.Id, within)
		}
	}
}

// failAround lets each neighbour fail while words are under way.
func (w *watch) failAround(t *testing.T) {
	t.Helper()
	w.provider.broken.Store(true)
	quoted := w.sayWith(t, "I quarrelled with "+w.spoken()+" and my head spins.", "wait=30")
	got, err := w.person.api.QueryMemoryWithResponse(t.Context(), client.MemoryQuery{Query: "The provider quotes " + w.canaries.word("QueryMemory /query") + "."})
	require.NoError(t, err)
	require.Contains(t, string(got.Body), "embedding_unavailable")
	w.provider.broken.Store(false)
	w.person.await(t, quoted, within)
	w.failModel(t)

	// A worker is killed in the middle of everything, and nobody is there for a while.
	worker := w.processes[1]
	interrupted := w.sayWith(t, "Only "+w.spoken()+" understands me.", "wait=0")
	w.keepLog(t, worker)
	worker.kill()
	asked := w.sayWith(t, "Nobody answers, not even "+w.spoken()+".", "wait=1")
	unanswered, err := w.person.api.AnalyzeEmotionWithResponse(t.Context(), client.AnalysisRequest{Text: "Is " + w.canaries.word("AnalyzeEmotion /text") + " there?"})
	require.NoError(t, err)
	require.GreaterOrEqual(t, unanswered.StatusCode(), 500, "a workflow that timed out")
	worker.log = &journal{}
	worker.launch(t)
	for _, id := range []uuid.UUID{interrupted, asked} {
		w.person.await(t, id, within)
	}
}

// readBack shows that the words are really stored: a scan of stores that hold
// nothing would find nothing.
func (w *watch) readBack(t *testing.T) {
	t.Helper()
	for id, text := range w.texts {
		got, err := w.person.api.GetInteractionWithResponse(t.Context(), w.person.session, id)
		require.NoError(t, err)
		require.Equal(t, text, got.JSON200.Input.Text)
	}
	metrics, err := http.Get(w.base + "/metrics")
	require.NoError(t, err)
	exposed, err := io.ReadAll(metrics.Body)
	require.NoError(t, errors.Join(err, metrics.Body.Close()))
	require.NoError(t, os.WriteFile(filepath.Join(w.data, "logs", "metrics.txt"), exposed, 0o600))
}

// keepLog puts what a process printed beside the engines' logs.
func (w *watch) keepLog(t *testing.T, p *process) {
	t.Helper()
	printed := p.log.String()
	require.Contains(t, printed, `"level"`, "it logs")
	require.Contains(t, printed, `"SpanContext"`, "it traces")
	path := filepath.Join(w.data, "logs", "meai-"+p.args[0]+"-"+uuid.NewString()+".log")
	require.NoError(t, os.WriteFile(path, []byte(printed), 0o600))
}

func (w *watch) stopAll(t *testing.T) {
	t.Helper()
	for _, p := range w.processes {
		require.NoError(t, p.stop(t))
		w.keepLog(t, p)
	}
	require.NoError(t, w.archive.stop(t))
	require.NoError(t, os.WriteFile(filepath.Join(w.data, "logs", "meai-archive.log"), []byte(w.archive.log.String()), 0o600))
}

// superuser connects as who may do everything.
func (w *watch) superuser(t *testing.T, database string) (*pgx.Conn, string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.data, "state.json"))
	require.NoError(t, err)
	var state struct {
		Ports     struct{ Postgres int }
		Passwords struct{ Superuser string }
	}
	require.NoError(t, json.Unmarshal(raw, &state))
	url := fmt.Sprintf("postgres://postgres:%s@%s/%s", state.Passwords.Superuser, net.JoinHostPort("127.0.0.1", fmt.Sprint(state.Ports.Postgres)), database)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone by then
	return conn, url
}

// settle has PostgreSQL write what it holds in memory.
func (w *watch) settle(t *testing.T) {
	t.Helper()
	conn, _ := w.superuser(t, "postgres")
	for _, statement := range []string{"checkpoint", "select pg_switch_wal()", "checkpoint"} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

// scan looks at the running stores: on the disk and through pg_dump.
func (w *watch) scan(t *testing.T, s *canary.Scanner, when string) []canary.Finding {
	t.Helper()
	w.settle(t)
	return append(w.scanDump(t, s), w.scanFolder(t, s, when)...)
}

func (w *watch) scanFolder(t *testing.T, s *canary.Scanner, when string) []canary.Finding {
	t.Helper()
	report, err := s.Folder(w.data)
	require.NoError(t, err)
	t.Logf("%s: folder: %s", when, report)
	require.Greater(t, report.Files, 1000, "all engines' files are there")
	return report.Findings
}

// scanDump reads every database through the store, which unpacks what it had
// packed; binary columns are scanned as the bytes they are as well.
func (w *watch) scanDump(t *testing.T, s *canary.Scanner) []canary.Finding {
	t.Helper()
	conn, url := w.superuser(t, "postgres")
	var programs string
	require.NoError(t, conn.QueryRow(t.Context(), "select setting from pg_config where name = 'BINDIR'").Scan(&programs))
	dump := exec.CommandContext(t.Context(), filepath.Join(programs, "pg_dumpall"), "--dbname", url)
	dump.Env = append(os.Environ(), "PGPASSWORD="+conn.Config().Password) // for the pg_dump of each database
	var problems bytes.Buffer
	dump.Stderr = &problems
	text, err := dump.Output()
	require.NoError(t, err, "%s", &problems)
	for _, table := range []string{"COPY public.interactions", "COPY public.history_node", "COPY public.executions_visibility", "COPY public.memory_nodes"} {
		require.Contains(t, string(text), table)
	}
	var found []canary.Finding
	for name, form := range map[string][]byte{"dump": text, "dump, binary columns": binaries(text)} {
		report, err := s.Bytes(name, bytes.NewReader(form), int64(len(form)))
		require.NoError(t, err)
		t.Logf("%s: %s", name, report)
		found = append(found, report.Findings...)
	}
	return found
}

// requireClean fails for every finding but those of the allowed words.
func (w *watch) requireClean(t *testing.T, found []canary.Finding, allowed []string) {
	t.Helper()
	for _, f := range found {
		if !slices.Contains(allowed, f.Text) {
			t.Errorf("written to %q: %s", w.canaries.origin(f.Text), f)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// stopEngines stops the engines in order, so that they write what they hold.
func (w *watch) stopEngines(t *testing.T) {
	t.Helper()
	down := exec.Command(filepath.Join("..", "..", ".local", "bin", "meai-local"), "down", "--data", w.data)
	out, err := down.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
