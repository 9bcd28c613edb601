// Package bridge finds resources that may help: techniques, exercises,
// frameworks, readings and help lines from a curated library.
package bridge

import (
	"meai/activities/interaction"
	"meai/activities/truthfilter"
)

// Kind is what a resource is.
type Kind string

const (
	Technique Kind = "technique"
	Exercise  Kind = "exercise"
	Framework Kind = "framework"
	Reading   Kind = "reading"
	HelpLine  Kind = "help_line"
)

// Kinds are all there are.
var Kinds = []Kind{Technique, Exercise, Framework, Reading, HelpLine}

// Format is what one does with a resource, above all.
type Format string

const (
	Breathe Format = "breathe"
	// Call is to reach somebody who is there for it, by phone, text or chat.
	Call    Format = "call"
	Do      Format = "do"
	Imagine Format = "imagine"
	Listen  Format = "listen"
	Move    Format = "move"
	// Notice is to turn attention to the senses, the body or a feeling.
	Notice  Format = "notice"
	Plan    Format = "plan"
	Read    Format = "read"
	Reflect Format = "reflect"
	Talk    Format = "talk"
	Write   Format = "write"
)

// Formats are all there are.
var Formats = []Format{Breathe, Call, Do, Imagine, Listen, Move, Notice, Plan, Read, Reflect, Talk, Write}

// Complexity is how much a resource asks of who uses it.
type Complexity string

const (
	// Simple can be done at once, in distress too.
	Simple Complexity = "simple"
	// Moderate needs some quiet, paper or another person.
	Moderate Complexity = "moderate"
	// Demanding stirs a lot, or takes several steps that are not easy.
	Demanding Complexity = "demanding"
)

// Complexities are all there are, from least to most.
var Complexities = []Complexity{Simple, Moderate, Demanding}

// Resource is one entry of the library.
type Resource struct {
	ID       string   `json:"id" yaml:"id"`
	Kind     Kind     `json:"kind" yaml:"kind"`
	Title    string   `json:"title" yaml:"title"`
	Topics   []string `json:"topics" yaml:"topics"`
	Needs    []string `json:"needs" yaml:"needs"`
	Emotions []string `json:"emotions" yaml:"emotions"`
	Summary  string   `json:"summary" yaml:"summary"`
	Steps    []string `json:"steps,omitempty" yaml:"steps"`
	// Evidence says in a sentence what is known about it, and how well.
	Evidence string `json:"evidence" yaml:"evidence"`
	// Minutes it takes, 0 when that does not apply.
	Minutes int    `json:"minutes,omitempty" yaml:"minutes"`
	Caution string `json:"caution,omitempty" yaml:"caution"`
	// Regions are ISO 3166 codes where it applies; empty means everywhere.
	Regions    []string   `json:"regions,omitempty" yaml:"regions"`
	Format     Format     `json:"format,omitempty" yaml:"format"`
	Complexity Complexity `json:"complexity,omitempty" yaml:"complexity"`
	// Source is the https page where a reading is found, or a help line says how to
	// reach it; "" for what was written for the library.
	Source string `json:"source,omitempty" yaml:"source"`
	// Licence says under what the text of the entry may be used.
	Licence string `json:"licence,omitempty" yaml:"licence"`
	// Reviewed is the day when somebody last went through the entry, as 2006-01-02.
	Reviewed string `json:"reviewed,omitempty" yaml:"reviewed"`
	// Related are ids that an editor put before the ones that are found by themselves.
	Related []string `json:"-" yaml:"related"`
	// Line and Emergency are a help line's, and stay in the library.
	Line      *Line       `json:"-" yaml:"line"`
	Emergency []Emergency `json:"-" yaml:"emergency"`
}

// SearchInput asks for resources. Ref.Interaction may be zero outside an interaction.
// Emotion and Needs weigh; Kinds and what follows exclude.
type SearchInput struct {
	Ref     interaction.Ref `json:"ref"`
	Topic   string          `json:"topic"`
	Emotion string          `json:"emotion,omitempty"`
	Needs   []string        `json:"needs,omitempty"`
	Kinds   []Kind          `json:"kinds,omitempty"`
	// Formats and Complexities, when there are any, are the only ones to return.
	Formats      []Format     `json:"formats,omitempty"`
	Complexities []Complexity `json:"complexities,omitempty"`
	// Region is the country (ISO 3166-1 alpha-2) that a resource must apply in.
	Region     string `json:"region,omitempty"`
	MaxMinutes int    `json:"max_minutes,omitempty"`
	// Limit is the most hits to return; 0 means 3.
	Limit int `json:"limit,omitempty"`
	// External asks servers outside as well, where some are configured.
	External bool `json:"external,omitempty"`
}

// Hit is a resource with its scores.
type Hit struct {
	Resource Resource `json:"resource"`
	// Relevance to the topic and state, in [0, 1].
	Relevance float64               `json:"relevance"`
	Judgement truthfilter.Judgement `json:"judgement"`
	// Provenance says where a resource from outside comes from; nil for the library's.
	Provenance *Provenance `json:"provenance,omitempty"`
}

// SearchResult holds what passed TruthFilter, best first.
type SearchResult struct {
	Hits []Hit `json:"hits"`
	// Rejected counts candidates that TruthFilter kept back.
	Rejected int      `json:"rejected"`
	Degraded []string `json:"degraded,omitempty"`
}
