package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/truthfilter"
	"meai/internal/lexicon"
	"meai/internal/mcp"
	"meai/internal/mcp/mcptest"
	"meai/internal/mcp/mcptest/script"
)

func TestMain(m *testing.M) {
	code := shared.Main(m)
	mcptest.Clean()
	os.Exit(code)
}

const searchSchema = `{"type":"object","required":["query"],"properties":{"query":{"type":"string"},"topics":{"type":"array","items":{"type":"string"}},
	"emotion":{"type":"string"},"needs":{"type":"array","items":{"type":"string"}},"kinds":{"type":"array","items":{"type":"string"}},
	"max_minutes":{"type":"integer"},"limit":{"type":"integer"}}}`

// finding is a server that finds these results.
func finding(t testing.TB, results ...foreign) script.Script {
	t.Helper()
	body, err := json.Marshal(map[string]any{"results": results})
	require.NoError(t, err)
	// As results are on the wire, in lower case.
	for _, field := range []string{"Title", "Summary", "URL", "Kind", "Minutes"} {
		body = bytes.ReplaceAll(body, []byte(`"`+field+`"`), []byte(`"`+strings.ToLower(field)+`"`))
	}
	return script.Script{Tools: []script.Tool{{Name: "search", Schema: json.RawMessage(searchSchema)}}, Structured: body}
}

// outside is Bridge with a server of each kind of transport, of which the second finds
// what the first does.
type outside struct {
	*Activities
	servers []*mcptest.Server
	kill    func()
	log     *bytes.Buffer
}

func lookingOutside(t testing.TB, l *Library, s script.Script) outside {
	t.Helper()
	first, second := mcptest.New(t, s), mcptest.New(t, s)
	url, kill := second.Listen(t, "127.0.0.1:0")
	tools := []mcp.Tool{{Name: "search"}}
	file := DiscoveryFile{Budget: 2 * time.Second, Servers: []DiscoveryServer{
		{Server: mcp.Server{Name: "first", Command: first.Command(), Tools: tools, Timeout: 2 * time.Second}},
		{Server: mcp.Server{Name: "second", URL: url, Tools: tools, Timeout: 2 * time.Second}},
	}}
	require.NoError(t, file.validate())
	log := &bytes.Buffer{}
	d, err := NewDiscovery(file.withDefaults(), l.Resources(), DiscoveryOptions{Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	require.NoError(t, d.Connect(t.Context()))
	return outside{&Activities{Library: l, Filter: strict(), Discovery: d}, []*mcptest.Server{first, second}, kill, log}
}

func (o outside) search(t testing.TB, in SearchInput) SearchResult {
	t.Helper()
	found, err := o.Search(t.Context(), in)
	require.NoError(t, err)
	return found
}

// calls are the arguments of all calls so far, as they were on the wire.
func (o outside) calls(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, s := range o.servers {
		for _, e := range s.Record(t, "tools/call") {
			all = append(all, string(e.Params))
		}
	}
	return all
}

func fromOutside(r SearchResult) []Hit {
	return slices.DeleteFunc(slices.Clone(r.Hits), func(h Hit) bool { return h.Provenance == nil })
}

func TestWhatIsFoundOutsideIsJudgedAndSaysWhereItComesFrom(t *testing.T) {
	for name, l := range map[string]*Library{"by meaning": library(t), "by words": words(t)} {
		t.Run(name, func(t *testing.T) {
			o := lookingOutside(t, l, finding(t, sleeping(),
				sleeping(func(r *foreign) {
					r.URL += "/miracle"
					r.Summary = "Guaranteed to cure insomnia for everyone. Stop taking your sleeping pills tonight."
				}),
				sleeping(func(r *foreign) { r.URL = "javascript:alert(1)" }),
			))
			asked := SearchInput{Topic: "I cannot sleep at night", Emotion: "exhaustion", Limit: 20}
			inside := o.search(t, asked)
			require.Empty(t, fromOutside(inside))
			require.Empty(t, o.calls(t), "nobody is asked unless that is wanted")

			asked.External = true
			began := time.Now().UTC()
			found := o.search(t, asked)
			require.Equal(t, inside.Degraded, found.Degraded)
			hits := fromOutside(found)
			require.Len(t, hits, 1, "two servers found it")
			require.Equal(t, truthfilter.Pass, hits[0].Judgement.Verdict)
			p := hits[0].Provenance
			require.Equal(t, Provenance{Server: "first", Tool: "search", URL: "https://sleep.example.org/easily", FetchedAt: p.FetchedAt}, *p)
			require.WithinRange(t, p.FetchedAt, began, time.Now())
			require.Equal(t, inside.Rejected+1+2, found.Rejected, "one is unsound, and one leads nowhere at two servers")
			curated := slices.DeleteFunc(slices.Clone(found.Hits), func(h Hit) bool { return h.Provenance != nil })
			require.Equal(t, ids(inside)[:mostHits-1], ids(SearchResult{Hits: curated}), "what was found outside takes the place of the last one")
			require.NotContains(t, o.log.String(), "alert")

			raw, err := json.Marshal(found)
			require.NoError(t, err)
			var back SearchResult
			require.NoError(t, json.Unmarshal(raw, &back))
			require.Equal(t, ids(found), ids(back))
			require.Equal(t, hits, fromOutside(back))
		})
	}
}

// TestNoWordOfThePersonLeaves: what is sent consists of the library's words alone,
// whatever was written into any field.
func TestNoWordOfThePersonLeaves(t *testing.T) {
	o := lookingOutside(t, words(t), finding(t, sleeping()))
	known := map[string]bool{}
	for _, r := range o.Library.Resources() {
		if r.Kind != HelpLine {
			for _, w := range slices.Concat(r.Topics, r.Needs, r.Emotions) {
				for _, word := range lexicon.Words(w) {
					known[word] = true
				}
			}
		}
	}
	const topic = "My husband Quentin left me on Tuesday for Marguerite from 12 Rosewood Lane, quentin@example.org, 0151 555 0199; " +
		"I can't sleep, I cry in the office about the breakup and keep drinking gin. Password: hunter2. Sleeping is grief."
	for _, in := range []SearchInput{
		{Topic: topic},
		{Topic: topic, Emotion: "grief", Needs: []string{"connection", "certainty"}, Kinds: []Kind{Reading, HelpLine}, MaxMinutes: 15},
		{Topic: topic, Emotion: "missing Quentin", Needs: []string{"Marguerite gone", "connection"}, Kinds: []Kind{Reading, "Rosewood"}, MaxMinutes: 99999},
		{Topic: "Quentin, Quentin!", Emotion: "anxiety"},
		{Topic: "Quentin Marguerite Rosewood", Needs: []string{"connection"}},
	} {
		in.External = true
		o.search(t, in)
	}
	calls := o.calls(t)
	require.Len(t, calls, 10)
	for _, call := range calls {
		var sent struct {
			Arguments map[string]any `json:"arguments"`
		}
		require.NoError(t, json.Unmarshal([]byte(call), &sent))
		require.Subset(t, []string{"query", "topics", "emotion", "needs", "kinds", "max_minutes", "limit"}, slices.Collect(maps.Keys(sent.Arguments)))
		for name, value := range sent.Arguments {
			if name == "limit" || name == "max_minutes" {
				require.LessOrEqual(t, value, 240.0)
				continue
			}
			for _, word := range lexicon.Words(fmt.Sprint(value)) {
				require.True(t, known[word] || name == "kinds" && slices.Contains(discoverable, Kind(word)), "%s is no word of the library's", word)
			}
		}
	}
	require.Contains(t, calls[1], `"query":"breakup, crying, drinking, grief, office, sleep"`, "and it says what it can")
	for _, s := range o.servers {
		record := strings.ToLower(string(s.Raw(t)))
		for _, word := range lexicon.Words(topic) {
			if !known[word] && len(word) > 3 {
				require.NotContains(t, record, word)
			}
		}
	}
}

// TestNobodyOutsideIsAskedAboutDanger: nor about what the library has no word for.
func TestNobodyOutsideIsAskedAboutDanger(t *testing.T) {
	o := lookingOutside(t, words(t), finding(t, sleeping(), sleeping(func(r *foreign) { r.Kind = "help_line" })))
	for _, in := range []SearchInput{
		{Topic: "I want to kill myself because I cannot sleep", Emotion: "despair"},
		{Topic: "My boyfriend hits me and I cannot sleep"},
		{Topic: "someone to call, I took too many pills to sleep"},
		{Topic: "sleep", Kinds: []Kind{HelpLine}},
		{Topic: "Quentin's zither"},
		{Topic: ""},
	} {
		in.External = true
		found := o.search(t, in)
		require.Empty(t, fromOutside(found), in.Topic)
		require.NotContains(t, found.Degraded, discoveryUnavailable)
	}
	require.Empty(t, o.calls(t))

	found := o.search(t, SearchInput{Topic: "sleep", External: true, Kinds: []Kind{Exercise, HelpLine}, Limit: 20})
	require.NotEmpty(t, o.calls(t))
	require.Empty(t, fromOutside(found), "a reading is not what was asked for, and nobody from outside is a help line")
}

func TestForWhoDoesNotAgreeThereIsNobodyOutside(t *testing.T) {
	o := lookingOutside(t, words(t), finding(t, sleeping()))
	agrees := false
	o.Discovery.permitted = func(context.Context) bool { return agrees }
	found := o.search(t, SearchInput{Topic: "sleep", External: true, Limit: 20})
	require.Empty(t, o.calls(t))
	require.Contains(t, found.Degraded, discoveryUnavailable, "as without servers")
	require.NotEmpty(t, found.Hits)
	agrees = true
	o.search(t, SearchInput{Topic: "sleep", External: true, Limit: 20})
	require.NotEmpty(t, o.calls(t))
}

// TestASearchDoesNotFailForOthers: whatever they do, the library's hits are there, and
// in time.
func TestASearchDoesNotFailForOthers(t *testing.T) {
	asked := SearchInput{Topic: "I cannot sleep at night", Emotion: "exhaustion", External: true}
	for _, fault := range []script.Fault{script.Slow, script.Dies, script.Quotes, script.Protocol, script.Garbage, script.Endless} {
		t.Run(string(fault), func(t *testing.T) {
			o := lookingOutside(t, words(t), finding(t, sleeping()))
			o.Discovery.budget = 500 * time.Millisecond
			inside := o.Library.Search(t.Context(), asked, o.Filter)
			broken := finding(t, sleeping())
			broken.Fault = fault
			o.servers[0].Script(t, broken)
			began := time.Now()
			found := o.search(t, asked)
			require.Less(t, time.Since(began), 3*time.Second)
			require.Equal(t, []string{"embedding_unavailable", discoveryUnavailable}, found.Degraded)
			require.Subset(t, ids(found), ids(inside)[:2])
			require.Len(t, fromOutside(o.search(t, SearchInput{Topic: asked.Topic, Emotion: asked.Emotion, External: true, Limit: 20})), 1, "the other one still helps")
		})
	}
	o := lookingOutside(t, words(t), finding(t, sleeping()))
	o.kill()
	require.Contains(t, o.search(t, asked).Degraded, discoveryUnavailable)
	o.Discovery.Close()
	for _, pid := range o.servers[0].Processes(t) {
		require.False(t, mcptest.Running(pid))
	}
	require.NotEmpty(t, o.search(t, asked).Hits, "and closed, too")

	o.Discovery = nil
	require.Contains(t, o.search(t, asked).Degraded, discoveryUnavailable, "none is configured")
}

func TestSearchesAtOnceDoNotMixUp(t *testing.T) {
	o := lookingOutside(t, words(t), finding(t, sleeping()))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			found, err := o.Search(t.Context(), SearchInput{Topic: "sleep", External: true, Limit: 20})
			if err != nil || len(fromOutside(found)) != 1 {
				t.Errorf("%v %v", found.Degraded, err)
			}
		})
	}
	group.Wait()
}

func TestHitsFromOutsideDoNotDisplaceTheLibrarysEquals(t *testing.T) {
	hit := func(id string, relevance float64) Hit { return Hit{Resource: Resource{ID: id}, Relevance: relevance} }
	curated := []Hit{hit("a", 0.8), hit("b", 0.5), hit("c", 0.6)} // whatever order the library chose
	outside := []Hit{hit("x", 0.8), hit("y", 0.55), hit("z", 0.1)}
	require.Equal(t, []string{"a", "x", "y", "b", "c"}, ids(SearchResult{Hits: merge(curated, outside, 5)}))
	require.Equal(t, []string{"a"}, ids(SearchResult{Hits: merge(curated, outside, 1)}))
	require.Equal(t, []string{"x", "y", "z"}, ids(SearchResult{Hits: merge(nil, outside, 5)}))
	require.Equal(t, []string{"a", "b", "c"}, ids(SearchResult{Hits: merge(curated, nil, 5)}))
}
