package truthfilter

import (
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRulebookIsWhole(t *testing.T) {
	weakest := 1 - Standard.Least.Safety
	for _, r := range rulebook.safety {
		require.Greater(t, r.weight, weakest, "%s alone has to fall below the safety threshold", r.code)
	}
	for _, r := range slices.Concat(rulebook.safety, rulebook.honesty) {
		for _, p := range r.phrases {
			require.NotContains(t, p.expr.String(), "{c", "%s names a list that does not exist", r.code)
			require.False(t, p.expr.MatchString(""), "%s matches everything", p.expr)
		}
	}
}

func TestFaultyRulesAreRefused(t *testing.T) {
	words := &fstest.MapFile{Data: []byte("drugs: [aspirin]")}
	for name, c := range map[string]struct{ file, fault string }{
		"no code":         {"- weight: 0.5\n  phrases: [x]", "a code"},
		"weight too high": {"- code: x\n  weight: 1.5\n  phrases: [x]", "weight"},
		"no phrases":      {"- code: x\n  weight: 0.5", "phrases"},
		"bad pattern":     {"- code: x\n  weight: 0.5\n  phrases: ['(']", "missing closing"},
		"unknown excuse":  {"- code: x\n  weight: 0.5\n  excused: [because]\n  phrases: [x]", "because"},
		"not yaml":        {"- code: [", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadRules(fstest.MapFS{"rules/words.yaml": words, "rules/harm.yaml": {Data: []byte(c.file)}})
			require.ErrorContains(t, err, c.fault)
			require.ErrorContains(t, err, "harm.yaml")
		})
	}
	_, err := loadRules(fstest.MapFS{})
	require.Error(t, err, "the word lists are needed")
}

// A hint that a match can do without would switch its rule off.
func TestRequiredParts(t *testing.T) {
	for pattern, want := range map[string][]string{
		`snap out of`:                {"snap out of"},
		`get(ting)? over (it|him)`:   {" over "},
		`(stop|quit) (crying|sobs)`:  {"stop", "quit"},
		`(a|an)? ?dog`:               {"dog"},
		`\w+ \d+`:                    {" "},
		`(him|it)`:                   nil,
		`(very )*tired`:              {"tired"},
		`(ab){2} c`:                  {"ab"},
		`you('re| are) (so )?selfis`: {"selfis"},
	} {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		require.NoError(t, err)
		require.ElementsMatch(t, want, required(parsed.Simplify()), pattern)
	}
	for _, draft := range badDrafts {
		text := plain(draft.draft)
		for _, r := range slices.Concat(rulebook.safety, rulebook.honesty) {
			for _, p := range r.phrases {
				if p.expr.MatchString(text) {
					require.True(t, p.possible(text), "%s is kept from %q", p.expr, text)
				}
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"You’re   FINE":           "you're fine",
		"d3pr3ss10n":              "depression",
		"10 mg at 7pm, call 988":  "10 mg at 7pm, call 988",
		"sooo tired":              "so tired",
		"a\u200bb\ufeffc":         "abc",
		"cafe\u0301":              "cafe",
		"“quoted” – and dashed":   "\"quoted\" - and dashed",
		"bad\xffbytes\x00here":    "bad bytes here",
		"k i l l  t i m e":        "kill time",
		"I a m here":              "i a m here",
		"":                        "",
		"ΑΡ gеt":                  "ap get",
		"line\none\ttwo":          "line one two",
		"snake_case_words_happen": "snake case words happen",
	} {
		require.Equal(t, want, plain(text))
	}
}

func FuzzReview(f *testing.F) {
	f.Add("I feel low.", "You feel low. What happened?")
	f.Add("", "")
	f.Add("\xff\xfe", "\u202eevil\u202c \x00 {{x}} 𝗀𝖾𝗍")
	f.Add(strings.Repeat("a ", 3000), strings.Repeat("you told me that ", 500))
	filter := New(nil, Standard)
	f.Fuzz(func(t *testing.T, words, draft string) {
		j := filter.Review(t.Context(), ReviewInput{Words: words, Draft: draft, Analysis: feels("grief", 0.9), Memories: told(words)})
		require.Contains(t, []Verdict{Pass, Revise, Reject}, j.Verdict)
		require.True(t, j.Score >= 0 && j.Score <= 1 && j.Confidence > 0 && j.Confidence <= 1, "%+v", j)
		for _, l := range j.Layers {
			require.True(t, l.Score >= 0 && l.Score <= 1, "%+v", l)
		}
		require.True(t, utf8.ValidString(plain(draft)))
		require.Equal(t, plain(draft), plain(draft))
	})
}

func BenchmarkReview(b *testing.B) {
	f := New(nil, Standard)
	in := ReviewInput{Words: flat, Draft: goodDrafts[0].draft + " " + goodDrafts[7].draft, Analysis: lonely, Memories: told(work, dog)}
	for b.Loop() {
		f.Review(b.Context(), in)
	}
}
