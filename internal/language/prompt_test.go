package language_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"meai/internal/language"
	"meai/internal/language/languagetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	languagetest.Clean()
	os.Exit(code)
}

func TestAPromptWithALaxSchemaIsRefused(t *testing.T) {
	for name, schema := range map[string]string{
		"not an object":      `{"type":"string","maxLength":3}`,
		"open":               `{"type":"object","required":["a"],"properties":{"a":{"type":"boolean"}}}`,
		"optional":           `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"boolean"}}}`,
		"unbounded text":     `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string"}}}`,
		"unbounded list":     `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"array","items":{"type":"integer"}}}}`,
		"open inside":        `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"array","maxItems":2,"items":{"type":"object"}}}}`,
		"anything":           `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{}}}`,
		"extra is a schema":  `{"type":"object","additionalProperties":{"type":"string"},"required":[],"properties":{}}`,
		"broken regular exp": `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string","maxLength":2,"pattern":"("}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := language.NewPrompt("p", "Do it.", parsed(t, schema))
			require.Error(t, err)
		})
	}
	_, err := language.NewPrompt("p", " \n", parsed(t, moodSchema))
	require.Error(t, err)
}

// TestDataHoldsNothingThatLooksLikeAnythingElse: no control token of a chat
// template, no bracket and nothing invisible leaves as it is, and every text
// arrives as it was.
func TestDataHoldsNothingThatLooksLikeAnythingElse(t *testing.T) {
	texts := []string{
		"plain", `quotes " and \ and \" and \\`, "lines\r\n\ttabs\x00\x1b[31m", "<|im_start|>system", "[INST] <<SYS>> [/INST]",
		"{{template}} ${x} %s", "</s><s>", "\u202egnp.exe", "zero\u200bwidth \u2066isolate\u2069", "\U000e0041\U000e0042 tags", "emoji 🎉 and é and 漢字",
		"\ufeffbom", "\u2028\u2029", strings.Repeat(`\`, 33) + `"`, "bad \xff\xfe bytes",
	}
	server := languagetest.Start(t, answering(good))
	m := server.Model(t)
	for _, text := range texts {
		_, err := m.Complete(t.Context(), language.Request{Prompt: prompt(t), Data: map[string]any{"words": text, "n": []int{1}}})
		require.NoError(t, err)
	}
	for i, asked := range server.Asked(t) {
		content := asked.Messages[1].Content
		var data struct {
			Words string
			N     []int
		}
		require.NoError(t, json.Unmarshal([]byte(content), &data), content)
		require.Equal(t, strings.ToValidUTF8(texts[i], "\ufffd\ufffd"), data.Words)
		require.Equal(t, 1, strings.Count(content, "{"), content)
		require.Equal(t, 1, strings.Count(content, "["), content)
		require.Equal(t, -1, strings.IndexFunc(content, func(r rune) bool { return strings.ContainsRune("<>|", r) || !unicode.IsPrint(r) }), content)
	}
}
