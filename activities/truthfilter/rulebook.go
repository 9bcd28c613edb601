package truthfilter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed rules/*.yaml
var ruleFiles embed.FS

// rulebook holds the rules of the safety and the honesty layer. The files are part
// of the binary, so that a fault in them shows in every test.
var rulebook = mustLoadRules(ruleFiles)

type rules struct{ safety, honesty []rule }

const (
	honestyFile = "honesty.yaml"
	wordsFile   = "words.yaml"
)

func mustLoadRules(files fs.FS) rules {
	loaded, err := loadRules(files)
	if err != nil {
		panic(err)
	}
	return loaded
}

func loadRules(files fs.FS) (rules, error) {
	var book rules
	words, err := loadWords(files)
	if err != nil {
		return book, err
	}
	names, err := fs.Glob(files, "rules/*.yaml")
	if err != nil {
		return book, err
	}
	for _, name := range names {
		if path.Base(name) == wordsFile {
			continue
		}
		loaded, err := loadRuleFile(files, name, words)
		if err != nil {
			return book, fmt.Errorf("truthfilter: %s: %w", name, err)
		}
		if path.Base(name) == honestyFile {
			book.honesty = append(book.honesty, loaded...)
		} else {
			book.safety = append(book.safety, loaded...)
		}
	}
	return book, nil
}

// loadWords reads the word lists that patterns refer to in braces.
func loadWords(files fs.FS) (*strings.Replacer, error) {
	raw, err := fs.ReadFile(files, "rules/"+wordsFile)
	if err != nil {
		return nil, err
	}
	var lists map[string][]string
	if err := yaml.Unmarshal(raw, &lists); err != nil {
		return nil, fmt.Errorf("truthfilter: %s: %w", wordsFile, err)
	}
	var pairs []string
	for name, list := range lists {
		pairs = append(pairs, "{"+name+"}", strings.Join(list, "|"))
	}
	return strings.NewReplacer(pairs...), nil
}

// writtenRule is a rule as a file writes it.
type writtenRule struct {
	Code    string   `yaml:"code"`
	Weight  float64  `yaml:"weight"`
	Excused []string `yaml:"excused"`
	// Anywhere says that phrases need not begin at the start of a word.
	Anywhere bool     `yaml:"anywhere"`
	Phrases  []string `yaml:"phrases"`
}

func loadRuleFile(files fs.FS, name string, words *strings.Replacer) ([]rule, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var written []writtenRule
	if err := yaml.Unmarshal(raw, &written); err != nil {
		return nil, err
	}
	compiled := make([]rule, len(written))
	for i, w := range written {
		if compiled[i], err = w.compile(words); err != nil {
			return nil, fmt.Errorf("rule %d (%s): %w", i+1, w.Code, err)
		}
	}
	return compiled, nil
}

var excuses = map[string]excuse{"denied": denied, "inverted": inverted, "reported": reported, "echoed": echoed}

func (w writtenRule) compile(words *strings.Replacer) (rule, error) {
	if w.Code == "" || w.Weight <= 0 || w.Weight > 1 || len(w.Phrases) == 0 {
		return rule{}, errors.New("a code, a weight in (0, 1] and phrases are needed")
	}
	r := rule{code: w.Code, weight: w.Weight}
	for _, name := range w.Excused {
		e, known := excuses[name]
		if !known {
			return rule{}, fmt.Errorf("unknown excuse %q", name)
		}
		r.excused |= e
	}
	for _, pattern := range w.Phrases {
		p, err := newPhrase(words.Replace(pattern), w.Anywhere)
		if err != nil {
			return rule{}, err
		}
		r.phrases = append(r.phrases, p)
	}
	return r, nil
}

func newPhrase(pattern string, anywhere bool) (phrase, error) {
	if !anywhere {
		pattern = `\b(?:` + pattern + `)`
	}
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return phrase{}, err
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return phrase{}, err
	}
	return phrase{expr: expr, hints: required(parsed.Simplify())}, nil
}

// shortHint is the length below which a hint would occur in nearly every text.
const shortHint = 3

// required returns parts of which at least one occurs in every match of re, nil
// when none can be told.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if hints := required(sub); shortest(hints) > shortest(best) {
				best = hints
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			hints := required(sub)
			if shortest(hints) < shortHint {
				return nil
			}
			all = append(all, hints...)
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest hint, 0 when there is none.
func shortest(hints []string) int {
	if len(hints) == 0 {
		return 0
	}
	return len(slices.MinFunc(hints, func(a, b string) int { return len(a) - len(b) }))
}
