package logging

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/internal/telemetry"
)

// kept is when an index goes. It holds a day, and its age counts from its beginning. Nothing that names a person may be
// older than a certificate of erasure says, which is 30 days; what concerns security is kept for a year at least.
var kept = map[string]string{"application": "30d", "security": "366d"}

type section map[string]any

func (s section) text(key string) string {
	value, _ := s[key].(string)
	return value
}

type pipeline struct {
	Service  section
	Pipeline struct{ Inputs, Filters, Outputs []section }
}

func collector(t *testing.T) pipeline {
	t.Helper()
	text, err := os.ReadFile("fluent-bit.yaml")
	require.NoError(t, err)
	var p pipeline
	require.NoError(t, yaml.Unmarshal(text, &p))
	require.NotEmpty(t, p.Pipeline.Inputs)
	require.NotEmpty(t, p.Pipeline.Outputs)
	return p
}

// rules are those that sort lines: a key, a pattern of its value, and the tag that comes of it.
func rules(t *testing.T, p pipeline) map[string][3]string {
	t.Helper()
	found := map[string][3]string{}
	for _, f := range p.Pipeline.Filters {
		var parts []string
		switch f.text("name") {
		case "rewrite_tag":
			parts = strings.Fields(strings.TrimPrefix(f.text("rule"), "$"))
			require.Len(t, parts, 4)
			require.Equal(t, "false", parts[3], "a line goes to one place only")
		case "grep":
			parts = append(strings.Fields(f.text("regex")), "")
			require.Len(t, parts, 3)
		default:
			continue
		}
		found[parts[0]] = [3]string{parts[1], parts[2], f.text("match")}
	}
	return found
}

func TestLinesAreSortedByWhatTheLogHas(t *testing.T) {
	found := rules(t, collector(t))
	require.Len(t, found, 2)
	for key, rule := range found {
		require.Contains(t, telemetry.LogKeys(), key, "the log writes it as it is")
		_, err := regexp.Compile(rule[0])
		require.NoError(t, err)
		require.Equal(t, "kube.*", rule[2])
	}
	security := regexp.MustCompile(found["stream"][0])
	require.True(t, security.MatchString("security"))
	require.False(t, security.MatchString(""))
	require.Regexp(t, found["service"][0], "meai-api")
	// Both write the word that is sorted by.
	for file, said := range map[string]string{
		"../../api/middleware.go":    `slog.String("stream", "security")`,
		"../waf/nginx.conf.template": `"" security;`,
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), said, file)
	}
}

func TestEveryLineHasItsPlace(t *testing.T) {
	p := collector(t)
	tags := []string{p.Pipeline.Inputs[0].text("tag"), rules(t, p)["stream"][1]}
	require.Len(t, p.Pipeline.Inputs, 1)
	require.Len(t, p.Pipeline.Outputs, len(tags))
	users := map[string]bool{}
	for i, o := range p.Pipeline.Outputs {
		require.Equal(t, "opensearch", o.text("name"))
		require.Equal(t, tags[i], o.text("match"))
		require.Contains(t, kept, strings.TrimPrefix(o.text("logstash_prefix"), "meai-"))
		require.Equal(t, true, on(o["tls"]))
		require.Equal(t, true, on(o["tls.verify"]))
		require.Equal(t, "no_limits", o.text("retry_limit"))
		for _, key := range []string{"host", "http_user", "http_passwd"} {
			require.Regexp(t, `^\$\{OPENSEARCH_[A-Z_]+\}$`, o.text(key), "secrets come with the environment")
		}
		users[o.text("http_user")] = true
	}
	require.Len(t, users, len(tags), "who may write one log may not write the other")
	require.NotEmpty(t, p.Service.text("storage.path"))
	require.Equal(t, "filesystem", p.Pipeline.Inputs[0].text("storage.type"), "what cannot be brought away waits on disk")
}

// on reads YAML's words for true, which this parser leaves as they are.
func on(value any) bool { return value == true || value == "on" }

type policy struct {
	Policy struct {
		DefaultState string `json:"default_state"`
		States       []struct {
			Name        string
			Actions     []map[string]any
			Transitions []struct {
				StateName  string `json:"state_name"`
				Conditions map[string]string
			}
		}
		Template []struct {
			Patterns []string `json:"index_patterns"`
		} `json:"ism_template"`
	}
}

func TestLinesAreKeptAsLongAsTheRequirementsAsk(t *testing.T) {
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.Len(t, files, len(kept))
	asked, err := os.ReadFile("../../docs/requirements.yaml")
	require.NoError(t, err)
	require.Contains(t, string(asked), "Application logs: 30 days")
	require.Contains(t, string(asked), "Security logs: 1 year")
	for name := range kept {
		text, err := os.ReadFile(name + ".json")
		require.NoError(t, err)
		var p policy
		require.NoError(t, json.Unmarshal(text, &p))
		matched, err := path.Match(p.Policy.Template[0].Patterns[0], "meai-"+name+"-2026.11.27")
		require.NoError(t, err)
		require.True(t, matched)
		states := map[string]int{}
		for i, s := range p.Policy.States {
			states[s.Name] = i
		}
		here := p.Policy.States[states[p.Policy.DefaultState]]
		age := ""
		for range p.Policy.States {
			if len(here.Transitions) == 0 {
				break
			}
			next := here.Transitions[0]
			require.Contains(t, states, next.StateName)
			age = next.Conditions["min_index_age"]
			here = p.Policy.States[states[next.StateName]]
		}
		require.Equal(t, kept[name], age)
		require.Len(t, here.Actions, 1)
		require.Contains(t, here.Actions[0], "delete")
	}
}
