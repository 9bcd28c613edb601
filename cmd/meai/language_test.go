package main_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meai/api/client"
	"meai/internal/language/languagetest"
	"meai/internal/language/languagetest/script"
)

// written is what a good model says to the worried person.
const written = `{"reflection":"Tom has not called for weeks, and the worry about your brother keeps you from sleeping.",
	"feeling":"That sounds like a heavy thing to carry through the nights.","memory":0,"resource":0,
	"question":"What worries you most when you think of Tom?"}`

func TestAnswersComeWithAndWithoutTheLanguageModel(t *testing.T) {
	good := script.Script{Answers: map[string]string{
		"answer": written, "emotions": `{"primary":"anxiety","secondary":[],"intensity":0.7,"confidence":0.9}`, "facts": `{"facts":[]}`,
	}}
	model := languagetest.Start(t, good)
	s := newSite(t, "MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL="+model.URL(),
		"MEAI_LANGUAGE_MODEL=served", "MEAI_LANGUAGE_API_KEY=key", "MEAI_LANGUAGE_TIMEOUT=2s")
	_, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)

	got := p.tell(t, worried)
	require.Equal(t, client.ResponseSourceGenerated, got.Response.Source, "%+v", got.Response)
	require.Contains(t, got.Response.Text, "Tom has not called for weeks, and the worry about your brother")
	require.Equal(t, "What worries you most when you think of Tom?", got.Response.FollowUp)
	require.Equal(t, client.JudgementVerdictPass, got.Response.Review.Verdict)
	require.Empty(t, got.Response.Degraded)

	builtIn := func(code string) {
		t.Helper()
		begun := time.Now()
		got := p.tell(t, worried)
		require.Equal(t, client.ResponseSourceComposed, got.Response.Source)
		require.Equal(t, []string{code}, got.Response.Degraded)
		require.Equal(t, "degraded", stepState(got, "response_generation"))
		require.Less(t, time.Since(begun), 20*time.Second)
	}
	bad := good
	bad.Fault = script.Slow
	model.Script(t, bad)
	builtIn("language_model_unavailable")
	obeying := script.Script{Answers: map[string]string{"answer": `{"reflection":"You should stop taking your medication.","feeling":"","memory":0,"resource":0,"question":"Will you?"}`}}
	model.Script(t, obeying)
	builtIn("language_model_rejected")

	model.Script(t, good)
	danger := p.tell(t, "I want to kill myself.")
	require.Equal(t, client.ResponseSourceCrisis, danger.Response.Source)
	p.await(t, danger.Id, within)
	for _, asked := range model.Asked(t) { // of what was said before it is still being remembered
		require.NotContains(t, string(asked.Raw), "kill myself", "nobody is asked about somebody in danger")
	}

	model.Kill()
	builtIn("language_model_unavailable")

	again := languagetest.StartAt(t, model.Address(), good)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Equal(c, client.ResponseSourceGenerated, p.tell(t, worried).Response.Source)
	}, within, time.Second)
	require.NotEmpty(t, again.Asked(t))
}

// TestWhatTheLanguageModelQuotesIsNotLogged: the provider quotes what it was
// sent in every way it can, and neither logs nor spans do.
func TestWhatTheLanguageModelQuotesIsNotLogged(t *testing.T) {
	const word = "Qwertzuiop"
	model := languagetest.Start(t, script.Script{})
	s := newSite(t, "MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL="+model.URL(), "MEAI_LANGUAGE_MODEL=served", "MEAI_LANGUAGE_API_KEY=key",
		"MEAI_TELEMETRY_LOG_LEVEL=debug", "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=200")
	up, base := s.serve(t, "up")
	p := newPerson(t, base)
	p.begin(t)
	for _, fault := range []script.Fault{script.Quotes, script.QuotesRaw, script.QuotesRefusal, script.Garbage, script.Refuses, script.NotJSON} {
		model.Script(t, script.Script{Fault: fault, Answers: map[string]string{"answer": "as " + word + " said"}})
		got := p.tell(t, "My neighbour "+word+" keeps me awake and I am so tired of it.")
		require.NotEmpty(t, model.Asked(t), fault)
		require.NotEmpty(t, got.Response.Degraded, fault)
	}
	require.NoError(t, up.stop(t)) // what is left is flushed
	require.Contains(t, up.log.String(), "the language model is done without")
	require.Contains(t, up.log.String(), "language_model answers")
	require.NotContains(t, up.log.String(), word)
}

// TestAModelThatIsSetUpBadlyIsRefusedAtStart: a wrong setting is told at once.
func TestAModelThatIsSetUpBadlyIsRefusedAtStart(t *testing.T) {
	s := newSite(t)
	_, port, err := net.SplitHostPort(freePort(t))
	require.NoError(t, err)
	for name, env := range map[string][]string{
		"no url":           {"MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_MODEL=m"},
		"no model":         {"MEAI_LANGUAGE_PROVIDER=openai", "MEAI_LANGUAGE_URL=http://127.0.0.1:" + port},
		"unknown provider": {"MEAI_LANGUAGE_PROVIDER=oracle"},
		"too slow a model": {"MEAI_LANGUAGE_TIMEOUT=9s"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.with(env...).command("worker").CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), "language.")
		})
	}
}
