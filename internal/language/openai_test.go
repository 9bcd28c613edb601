package language_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meai/internal/language"
	"meai/internal/language/languagetest"
	"meai/internal/language/languagetest/script"
)

const secret = "my-secret-worry"

// prompt asks for a mood and how strong it is.
func prompt(t testing.TB) *language.Prompt {
	t.Helper()
	p, err := language.NewPrompt("mood", "Say how the person feels.", parsed(t, moodSchema))
	require.NoError(t, err)
	return p
}

const moodSchema = `{"type":"object","additionalProperties":false,"required":["mood","strength"],
	"properties":{"mood":{"type":"string","maxLength":20},"strength":{"type":"integer","minimum":0,"maximum":3}}}`

func parsed(t testing.TB, schema string) *jsonschema.Schema {
	t.Helper()
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal([]byte(schema), &s))
	return &s
}

func request(t testing.TB) language.Request {
	return language.Request{Prompt: prompt(t), Data: map[string]string{"words": secret}}
}

func answering(content string) script.Script {
	return script.Script{Answers: map[string]string{"mood": content}}
}

const good = `{"mood":"sad","strength":2}`

// TestEveryModelKeepsTheContract runs one suite against every implementation.
func TestEveryModelKeepsTheContract(t *testing.T) {
	server := languagetest.Start(t, answering(good))
	down := languagetest.Start(t, answering(good))
	down.Kill()
	for name, m := range map[string]language.Model{
		"none": language.None{}, "openai": server.Model(t), "openai, down": down.Model(t),
	} {
		t.Run(name, func(t *testing.T) { conform(t, m) })
	}
}

func conform(t *testing.T, m language.Model) {
	known := []error{language.ErrNotConfigured, language.ErrUnavailable, language.ErrTimeout, language.ErrOverloaded, language.ErrRefused, language.ErrInvalidOutput, language.ErrBudget}
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			response, err := m.Complete(t.Context(), request(t))
			if err == nil {
				requireMood(t, response)
				return
			}
			requireOneOf(t, err, known)
		})
	}
	calls.Wait()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Complete(ended, request(t))
	requireOneOf(t, err, known)
}

func requireMood(t *testing.T, response language.Response) {
	t.Helper()
	var mood struct {
		Mood     string
		Strength int
	}
	require.NoError(t, json.Unmarshal(response.Answer, &mood))
	require.NotEmpty(t, mood.Mood)
}

func requireOneOf(t *testing.T, err error, known []error) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	for _, k := range known {
		if errors.Is(err, k) {
			return
		}
	}
	t.Errorf("%v is none of the package's errors", err)
}

func TestAQuestionIsAskedStrictly(t *testing.T) {
	server := languagetest.Start(t, answering(good))
	response, err := server.Model(t).Complete(t.Context(), request(t))
	require.NoError(t, err)
	require.JSONEq(t, good, string(response.Answer))
	require.Equal(t, language.Usage{Input: 100, Output: 50}, response.Usage)

	asked := server.Asked(t)
	require.Len(t, asked, 1)
	require.Equal(t, "served", asked[0].Model)
	require.Equal(t, "json_schema", asked[0].Format.Type)
	require.Equal(t, "mood", asked[0].Format.Schema.Name)
	require.True(t, asked[0].Format.Schema.Strict)
	require.JSONEq(t, moodSchema, string(asked[0].Format.Schema.Schema))
	require.Equal(t, 600, asked[0].MaxTokens)
	require.Len(t, asked[0].Messages, 2)
	require.Equal(t, "system", asked[0].Messages[0].Role)
	require.Equal(t, "Say how the person feels.", asked[0].Messages[0].Content)
	require.Equal(t, "user", asked[0].Messages[1].Role)
	require.JSONEq(t, `{"words":"`+secret+`"}`, asked[0].Messages[1].Content)
}

func TestEveryFaultIsNamedAndNothingIsQuoted(t *testing.T) {
	server := languagetest.Start(t, script.Script{})
	for fault, want := range map[script.Fault]error{
		script.Slow: language.ErrTimeout, script.Cut: language.ErrUnavailable, script.Quotes: language.ErrUnavailable,
		script.QuotesRaw: language.ErrUnavailable, script.QuotesRefusal: language.ErrRefused, script.TooMany: language.ErrOverloaded,
		script.Broken: language.ErrUnavailable, script.Elsewhere: language.ErrUnavailable, script.Garbage: language.ErrUnavailable,
		script.Endless: language.ErrUnavailable, script.CutOff: language.ErrBudget, script.Refuses: language.ErrRefused,
		script.Overspends: language.ErrBudget, script.NotJSON: language.ErrInvalidOutput,
	} {
		t.Run(string(fault), func(t *testing.T) {
			server.Script(t, script.Script{Fault: fault, Answers: map[string]string{"mood": good}})
			m := server.Model(t, func(o *language.OpenAIOptions) { o.Timeout = 2 * time.Second })
			begun := time.Now()
			response, err := m.Complete(t.Context(), request(t))
			require.ErrorIs(t, err, want)
			require.NotContains(t, err.Error(), secret)
			require.Empty(t, response.Answer)
			require.Less(t, time.Since(begun), 4*time.Second)
			require.Len(t, server.Asked(t), 1, "retries belong to the caller")
		})
	}
}

func TestWordsAreNotSentWhereARedirectPoints(t *testing.T) {
	elsewhere := languagetest.Start(t, answering(good))
	server := languagetest.Start(t, script.Script{Fault: script.Elsewhere, Answers: map[string]string{"mood": elsewhere.URL() + "/chat/completions"}})
	_, err := server.Model(t).Complete(t.Context(), request(t))
	require.ErrorIs(t, err, language.ErrUnavailable)
	require.Empty(t, elsewhere.Asked(t))
}

func TestAnAnswerThatIsNotAsTheSchemaSaysIsRefused(t *testing.T) {
	server := languagetest.Start(t, script.Script{})
	m := server.Model(t)
	for name, content := range map[string]string{
		"empty": ``, "null": `null`, "text": `"sad"`, "list": `[` + good + `]`, "missing": `{"mood":"sad"}`,
		"unknown field": `{"mood":"sad","strength":2,"note":"` + secret + `"}`, "wrong type": `{"mood":7,"strength":2}`,
		"fraction": `{"mood":"sad","strength":1.5}`, "too much": `{"mood":"sad","strength":4}`,
		"too long":    `{"mood":"` + strings.Repeat("a", 21) + `","strength":2}`,
		"more behind": good + good, "cut": good[:10], "prose around": "Here you are: " + good,
	} {
		t.Run(name, func(t *testing.T) {
			server.Script(t, answering(content))
			_, err := m.Complete(t.Context(), request(t))
			require.ErrorIs(t, err, language.ErrInvalidOutput)
			require.NotContains(t, err.Error(), secret)
		})
	}
	server.Script(t, answering(`{"mood":"furious at the whole world","mood":"sad","strength":2}`))
	response, err := m.Complete(t.Context(), request(t))
	require.NoError(t, err)
	require.JSONEq(t, good, string(response.Answer), "what was checked is what is used")
}

func TestTheBreakerOpensAndCloses(t *testing.T) {
	server := languagetest.Start(t, script.Script{Fault: script.Broken})
	const delay = 400 * time.Millisecond
	m := server.Model(t, func(o *language.OpenAIOptions) { o.BreakerFailures, o.BreakerDelay = 3, delay })
	for range 3 {
		_, err := m.Complete(t.Context(), request(t))
		require.ErrorContains(t, err, "500")
	}
	server.Script(t, answering(good))
	_, err := m.Complete(t.Context(), request(t))
	require.ErrorIs(t, err, language.ErrUnavailable)
	require.ErrorContains(t, err, "a moment ago")
	require.Empty(t, server.Asked(t), "a provider that failed is left alone")
	require.Eventually(t, func() bool {
		_, err = m.Complete(t.Context(), request(t))
		return err == nil
	}, 5*time.Second, 50*time.Millisecond, "%v", err)
}

func TestNobodyOpensTheBreakerByWhatTheyWrite(t *testing.T) {
	server := languagetest.Start(t, script.Script{})
	m := server.Model(t, func(o *language.OpenAIOptions) { o.BreakerFailures, o.BreakerDelay = 2, time.Hour })
	for _, fault := range []script.Fault{script.NotJSON, script.Refuses, script.QuotesRefusal, script.CutOff, script.Overspends} {
		server.Script(t, script.Script{Fault: fault, Answers: map[string]string{"mood": good}})
		for range 3 {
			_, err := m.Complete(t.Context(), request(t))
			require.Error(t, err)
		}
	}
	server.Script(t, answering(good))
	_, err := m.Complete(t.Context(), request(t))
	require.NoError(t, err)
}

func TestTheBulkheadRefusesBeyondItsSize(t *testing.T) {
	server := languagetest.Start(t, script.Script{Fault: script.Slow})
	m := server.Model(t, func(o *language.OpenAIOptions) { o.Concurrency, o.Timeout = 2, 3*time.Second })
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			if _, err := m.Complete(t.Context(), request(t)); !errors.Is(err, language.ErrTimeout) {
				t.Errorf("not a timeout: %v", err)
			}
		})
	}
	require.Eventually(t, func() bool { return len(server.Asked(t)) == 2 }, 2*time.Second, 10*time.Millisecond)
	begun := time.Now()
	_, err := m.Complete(t.Context(), request(t))
	require.ErrorIs(t, err, language.ErrOverloaded)
	require.Less(t, time.Since(begun), time.Second, "it does not wait")
	require.Len(t, server.Asked(t), 2)
	waiting.Wait()
	server.Script(t, answering(good))
	_, err = m.Complete(t.Context(), request(t))
	require.NoError(t, err, "places are given back")
}

func TestTimeIsKept(t *testing.T) {
	server := languagetest.Start(t, script.Script{Fault: script.Slow})
	m := server.Model(t)
	took := func(ctx context.Context, budget time.Duration) time.Duration {
		r := request(t)
		r.Budget.Time = budget
		begun := time.Now()
		_, err := m.Complete(ctx, r)
		require.ErrorIs(t, err, language.ErrTimeout)
		return time.Since(begun)
	}
	require.Less(t, took(t.Context(), 300*time.Millisecond), 3*time.Second, "the call's own budget")

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	took(ctx, time.Hour)
	require.NoError(t, ctx.Err(), "the caller has time left to do without")

	short, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	asked := len(server.Asked(t))
	took(short, 0)
	require.NoError(t, short.Err())
	require.Len(t, server.Asked(t), asked, "nothing is sent when no time is left")
}

func TestTokensAreKept(t *testing.T) {
	server := languagetest.Start(t, answering(good))
	m := server.Model(t, func(o *language.OpenAIOptions) { o.MaxInput, o.MaxOutput = 500, 200 })
	r := request(t)
	r.Budget.Output = 60
	_, err := m.Complete(t.Context(), r)
	require.NoError(t, err)
	r.Budget.Output = 5000
	_, err = m.Complete(t.Context(), r)
	require.NoError(t, err)
	asked := server.Asked(t)
	require.Equal(t, 60, asked[0].MaxTokens)
	require.Equal(t, 200, asked[1].MaxTokens, "a call may not have more than the options allow")

	r.Budget.Output = 40 // the answer takes 50
	_, err = m.Complete(t.Context(), r)
	require.ErrorIs(t, err, language.ErrBudget)

	r.Data = map[string]string{"words": strings.Repeat("word ", 400)}
	_, err = m.Complete(t.Context(), r)
	require.ErrorIs(t, err, language.ErrBudget)
	require.Len(t, server.Asked(t), 3, "a question that is too long is not sent")
}

func TestTokensCostAndOutcomesAreMeasured(t *testing.T) {
	server := languagetest.Start(t, answering(good))
	reader := metric.NewManualReader()
	m := server.Model(t, func(o *language.OpenAIOptions) {
		o.Use, o.InputPrice, o.OutputPrice, o.Meters = "answers", 3, 15, metric.NewMeterProvider(metric.WithReader(reader))
	})
	_, err := m.Complete(t.Context(), request(t))
	require.NoError(t, err)
	server.Script(t, answering(`{}`))
	_, err = m.Complete(t.Context(), request(t))
	require.ErrorIs(t, err, language.ErrInvalidOutput)

	var got metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &got))
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
	sums := map[string]float64{}
	for _, metric := range got.ScopeMetrics[0].Metrics {
		switch data := metric.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				direction, _ := p.Attributes.Value("direction")
				sums[metric.Name+" "+direction.AsString()] += float64(p.Value)
			}
		case metricdata.Sum[float64]:
			for _, p := range data.DataPoints {
				sums[metric.Name] += p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				outcome, _ := p.Attributes.Value("outcome")
				sums[metric.Name+" "+outcome.AsString()] += float64(p.Count)
			}
		}
	}
	cost := sums["meai.language_model.cost"]
	delete(sums, "meai.language_model.cost")
	require.InDelta(t, 2*(100*3+50*15)/1e6, cost, 1e-12, "what is of no use is paid for, too")
	require.Equal(t, map[string]float64{
		"meai.language_model.tokens input": 200, "meai.language_model.tokens output": 100,
		"meai.language_model.duration answered": 1, "meai.language_model.duration invalid_output": 1,
	}, sums)
}
