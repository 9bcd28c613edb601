// Package flags switches parts of MeAi off while everything runs, so that one that makes trouble can be
// done without and the rest goes on.
//
// The flags are rows in PostgreSQL, whose changes are in the audit log. Every process looks at
// them every few seconds and asks through OpenFeature. A flag is read where something happens that is
// not repeated, in an activity or by the API as it starts a workflow, and never in a workflow: its
// replay would read another value.
//
// What keeps people safe has no flag: crisis rules, Mirror's reading of danger, TruthFilter's review,
// escalations, consent, erasure.
package flags

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// Flag names a part of MeAi that can be switched off. All are on until somebody does so.
type Flag string

// The flags. Each is asked where it says.
const (
	// AnswersByModel: a language model writes what is personal in an answer. Asked by the activity
	// that composes.
	AnswersByModel Flag = "language_model.answers"
	// EmotionsByModel: a language model gives a second opinion where Mirror is not sure. Asked by the
	// activity that analyses.
	EmotionsByModel Flag = "language_model.emotions"
	// FactsByModel: a language model finds facts that the built-in reading leaves. Asked by the activity
	// that remembers.
	FactsByModel Flag = "language_model.facts"
	// Discovery: servers outside are asked for resources. Asked by the activity that searches.
	Discovery Flag = "discovery"
	// ResourceSearch: answers offer resources. Asked by the API and carried in the workflow's input.
	ResourceSearch Flag = "resource_search"
	// MemoryRecall: answers rest on what was told before. Asked by the API and carried in the workflow's input.
	MemoryRecall Flag = "memory_recall"
	// MemoryPatterns: the nights look for what recurs. Asked by the activity that consolidates.
	MemoryPatterns Flag = "memory_patterns"
)

// Declared is a flag with what it switches, in a sentence.
type Declared struct {
	Flag  Flag
	Means string
}

// All are the flags there are.
var All = []Declared{
	{AnswersByModel, "The language model writes what is personal in answers; without it they are built in."},
	{EmotionsByModel, "The language model gives Mirror a second opinion."},
	{FactsByModel, "The language model finds facts in what people tell."},
	{Discovery, "Servers outside are asked for resources; without them searches have the library alone."},
	{ResourceSearch, "Answers offer resources."},
	{MemoryRecall, "Answers rest on what was told before."},
	{MemoryPatterns, "The nights look for echoes and storylines; those that there are stay."},
}

// Known reports whether there is such a flag.
func Known(f Flag) bool {
	return slices.ContainsFunc(All, func(d Declared) bool { return d.Flag == f })
}

// Change is one time that somebody has switched a flag.
type Change struct {
	Flag Flag
	On   bool
	// Reason is a code, and By who did it.
	Reason, By string
	At         time.Time
}

// Store keeps flags in PostgreSQL.
type Store struct {
	DB    *postgres.DB
	Audit *audit.Log
}

// Current is the newest change of each flag that was ever switched, in the order of their names.
func (s *Store) Current(ctx context.Context) (all []Change, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.FeatureFlags(ctx)
		all = changes(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the feature flags: %w", err)
	}
	return all, nil
}

// History lists the newest 1,000 changes of a flag, or of all for "", the newest first.
func (s *Store) History(ctx context.Context, f Flag) (all []Change, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.FeatureFlagChanges(ctx, string(f))
		all = changes(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the changes of feature flags: %w", err)
	}
	return all, nil
}

func changes(rows []queries.FeatureFlag) []Change {
	all := make([]Change, len(rows))
	for i, r := range rows {
		all[i] = Change{Flag: Flag(r.Name), On: r.Enabled, Reason: r.Reason, By: r.ChangedBy, At: r.ChangedAt.UTC()}
	}
	return all
}

// Set switches a flag, with its entry in the audit log in the same transaction. It reports whether that
// changed anything. An unknown flag fails with [failure.InvalidInput].
func (s *Store) Set(ctx context.Context, by string, f Flag, on bool, reason string) (changed bool, err error) {
	if !Known(f) {
		return false, failure.New(failure.InvalidInput, fmt.Sprintf("there is no flag %q: meai flags list names them", f), nil)
	}
	object, err := s.Audit.Object(ctx, audit.Setting, "flag."+string(f))
	if err != nil {
		return false, err
	}
	state := "off:"
	if on {
		state = "on:"
	}
	err = s.DB.Alone(ctx, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.SetFeatureFlag(ctx, queries.SetFeatureFlagParams{Name: string(f), Enabled: on, Reason: reason, ChangedBy: by})
		if changed = rows > 0; err != nil || !changed {
			return err
		}
		_, err = audit.Append(ctx, q, audit.Entry{
			Actor: by, Role: "operator", Act: audit.SettingChanged, Kind: audit.Setting, Object: object,
			Outcome: audit.Succeeded, Reason: state + reason, Request: "flag." + string(f),
		})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("switch the feature flag %s: %w", f, err)
	}
	return changed, nil
}
