package reflection

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Purpose is what a prompt is for.
type Purpose string

const (
	// IdentifyTriggers looks for what brings a feeling about.
	IdentifyTriggers Purpose = "identify_triggers"
	// Deepen looks closer at what is there.
	Deepen Purpose = "deepen"
	// Integrate looks for what may come of it.
	Integrate Purpose = "integrate"
	// Celebrate looks for what is good in it, or was managed in spite of it.
	Celebrate Purpose = "celebrate"
)

// Purposes are all there are.
var Purposes = []Purpose{IdentifyTriggers, Deepen, Integrate, Celebrate}

// Tone is how a prompt is put.
type Tone string

const (
	Gentle  Tone = "gentle"
	Direct  Tone = "direct"
	Curious Tone = "curious"
	Warm    Tone = "warm"
)

// Tones are all there are.
var Tones = []Tone{Gentle, Direct, Curious, Warm}

// Response is a sort of answer that a prompt expects.
type Response string

const (
	FreeText Response = "free_text"
	// FeelingWord: the name of a feeling.
	FeelingWord Response = "feeling_word"
	YesNo       Response = "yes_no"
	// Scale: a number between one and ten.
	Scale Response = "scale"
	// Memory: something that happened.
	Memory Response = "memory"
	// Choice: one of the things that the prompt names.
	Choice Response = "choice"
)

var responses = []Response{FreeText, FeelingWord, YesNo, Scale, Memory, Choice}

// Labels that stand for a feeling that nobody can name for certain.
const (
	Hard    = "hard"
	Good    = "good"
	Neutral = "neutral"
)

//go:embed grammar/*.yaml
var grammarFiles embed.FS

// side is whether a feeling hurts, does good, or neither.
type side string

const (
	dark  side = "dark"
	light side = "light"
	open  side = "open"
)

// questions by what they are for.
type questions map[Purpose][]question

// grammar is what the files in the folder of that name say together.
type grammar struct {
	Openings struct {
		Thing, Clause, Feeling map[Tone][]string
	}
	Preludes map[Tone][]string
	Echoes   struct {
		Named, Unnamed []string
	}
	General struct {
		Any, Dark, Light, Open questions
	}
	Things    questions
	FollowUps map[Purpose][]string `yaml:"follow_ups"`
	Emotions  map[string]emotion
	Needs     map[string]struct {
		Lacking, Met questions
	}
}

// emotion is how to ask about one feeling.
type emotion struct {
	Side    side
	Noun    string
	Notices []string
	Asks    questions
}

// question is a line with the sort of answer that it expects.
type question struct {
	text    string
	expects Response
}

// UnmarshalYAML reads "What was it? | memory".
func (q *question) UnmarshalYAML(node *yaml.Node) error {
	text, expects, found := strings.Cut(node.Value, " | ")
	q.text, q.expects = text, FreeText
	if found {
		q.expects = Response(expects)
	}
	if !slices.Contains(responses, q.expects) {
		return fmt.Errorf("line %d: %q is no sort of answer", node.Line, expects)
	}
	return nil
}

// reviewed is the grammar, read once. Its files are part of the binary and a test
// reads them, so an error here is one of whoever built it.
var reviewed = sync.OnceValue(func() *grammar {
	g, err := readGrammar()
	if err != nil {
		panic(fmt.Sprintf("read the grammar of reflections: %v", err))
	}
	return g
})

func readGrammar() (*grammar, error) {
	g := &grammar{}
	files, err := grammarFiles.ReadDir("grammar")
	if err != nil {
		return nil, err
	}
	emotions := make(map[string]emotion)
	for _, file := range files {
		text, err := grammarFiles.ReadFile("grammar/" + file.Name())
		if err != nil {
			return nil, err
		}
		g.Emotions = nil
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		decoder.KnownFields(true)
		if err := decoder.Decode(g); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		maps.Copy(emotions, g.Emotions)
	}
	g.Emotions = emotions
	return g, g.validate()
}

// validate makes sure that no request finds an empty list.
func (g *grammar) validate() error {
	var problems []error
	missing := func(n int, what ...any) {
		if n == 0 {
			problems = append(problems, errors.New("nothing for "+fmt.Sprint(what...)))
		}
	}
	for _, p := range Purposes {
		missing(len(g.General.Any[p]), "any ", p)
		missing(len(g.General.Dark[p]), "dark ", p)
		missing(len(g.General.Light[p]), "light ", p)
		missing(len(g.General.Open[p]), "open ", p)
		missing(len(g.Things[p]), "things ", p)
		missing(len(g.FollowUps[p]), "follow-ups ", p)
		for name, e := range g.Emotions {
			missing(len(e.Asks[p]), name, " ", p)
			missing(len(e.Notices)*len(e.Noun)*len(e.Side), name)
		}
		for name, n := range g.Needs {
			missing(len(n.Lacking[p])*len(n.Met[p]), name, " ", p)
		}
	}
	for _, t := range Tones {
		missing(len(g.Openings.Thing[t])*len(g.Openings.Clause[t])*len(g.Openings.Feeling[t])*len(g.Preludes[t]), t)
	}
	missing(len(g.Echoes.Named)*len(g.Echoes.Unnamed), "echoes")
	for _, label := range []string{Hard, Good, Neutral} {
		missing(len(g.Emotions[label].Notices), label)
	}
	return errors.Join(problems...)
}

// emotion returns how to ask about a label; one that is not known is asked about
// as what is neither good nor bad.
func (g *grammar) emotion(label string) emotion {
	if e, known := g.Emotions[label]; known {
		return e
	}
	return g.Emotions[Neutral]
}

// general are the questions that fit a side.
func (g *grammar) general(s side, p Purpose) []question {
	by := map[side]questions{dark: g.General.Dark, light: g.General.Light, open: g.General.Open}
	return slices.Concat(g.General.Any[p], by[s][p])
}

// Emotions are the labels that the grammar knows, sorted.
func Emotions() []string { return slices.Sorted(maps.Keys(reviewed().Emotions)) }

// Needs are the names of the needs that the grammar knows, sorted.
func Needs() []string { return slices.Sorted(maps.Keys(reviewed().Needs)) }
