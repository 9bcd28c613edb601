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
	Regions []string `json:"regions,omitempty" yaml:"regions"`
	// Line and Emergency are a help line's, and stay in the library.
	Line      *Line       `json:"-" yaml:"line"`
	Emergency []Emergency `json:"-" yaml:"emergency"`
}

// SearchInput asks for resources. Ref.Interaction may be zero outside an interaction.
type SearchInput struct {
	Ref        interaction.Ref `json:"ref"`
	Topic      string          `json:"topic"`
	Emotion    string          `json:"emotion,omitempty"`
	Needs      []string        `json:"needs,omitempty"`
	Kinds      []Kind          `json:"kinds,omitempty"`
	MaxMinutes int             `json:"max_minutes,omitempty"`
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
