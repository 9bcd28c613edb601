package main

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/approval"
	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/interaction"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/mirror/reflection"
	"meai/activities/privacy/erasure"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/activities/upkeep"
	"meai/workflows"
)

// scenario is one way through a workflow.
type scenario struct {
	name, queue     string
	workflow, input any
	// id is the workflow's where it matters; else it is made up.
	id string
	// update is one that a client sends and waits for, so that the history holds it.
	update    string
	updateArg any
	// different replaces activities of the usual cast.
	different map[string]any
}

func (s scenario) activities() map[string]any {
	cast := maps.Clone(usual)
	maps.Copy(cast, usualBackups)
	maps.Copy(cast, s.different)
	return cast
}

const lonely = "I feel so alone since my sister moved away."

func interactionScenario(name, words string, different map[string]any) scenario {
	ref := interaction.Ref{Subject: uuid.UUID{1}, Session: uuid.UUID{2}, Interaction: uuid.UUID{3}, Workflow: "recorded"}
	return scenario{
		name: name, queue: workflows.QueueSynthesis, workflow: workflows.Interaction, different: different,
		input: workflows.InteractionInput{Ref: ref, Words: words, AcceptedAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
	}
}

// apart gives an interaction an id of its own, because it starts another workflow that is named by it.
func apart(s scenario) scenario {
	in := s.input.(workflows.InteractionInput)
	in.Ref.Subject, in.Ref.Interaction = uuid.New(), uuid.New()
	s.input = in
	return s
}

func toRemember() memory.RememberInput {
	return memory.RememberInput{
		Ref:  interaction.Ref{Subject: uuid.UUID{1}, Session: uuid.UUID{2}, Interaction: uuid.UUID{3}, Workflow: "recorded"},
		Text: lonely, SaidAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Origin: memory.Stored,
	}
}

var scenarios = []scenario{
	interactionScenario("interaction", lonely, nil),
	waited(interactionScenario("interaction-waited-for", lonely, nil)),
	interactionScenario("interaction-with-resources", "Is there anything I can try before a talk?", map[string]any{
		"mirror.Analyze": func(context.Context, mirror.AnalyzeInput) (mirror.Analysis, error) {
			return mirror.Analysis{Kind: mirror.ResourceRequest, Primary: "anxiety", Intensity: 0.6}, nil
		},
	}),
	interactionScenario("interaction-revised", lonely, map[string]any{
		"truthfilter.Review": func() any {
			reviews := 0
			return func(context.Context, truthfilter.ReviewInput) (truthfilter.Judgement, error) {
				if reviews++; reviews == 1 {
					return truthfilter.Judgement{Verdict: truthfilter.Revise}, nil
				}
				return truthfilter.Judgement{Verdict: truthfilter.Pass}, nil
			}
		}(),
	}),
	interactionScenario("interaction-crisis", "I want to kill myself.", nil),
	interactionScenario("interaction-degraded", lonely, map[string]any{
		"memory.Recall": func(context.Context, memory.RecallInput) (memory.Recollection, error) {
			return memory.Recollection{}, errors.New("the memory is down")
		},
		"truthfilter.Review": func(context.Context, truthfilter.ReviewInput) (truthfilter.Judgement, error) {
			return truthfilter.Judgement{}, errors.New("the filter is down")
		},
	}),
	{
		name: "reflection-prompts", queue: workflows.QueueSynthesis, workflow: workflows.ReflectionPrompts,
		input: mirror.ReflectInput{Ref: interaction.Ref{Subject: uuid.UUID{1}}, Text: lonely, Purpose: reflection.Deepen, Tone: reflection.Gentle, Count: 1},
	},
	{
		name: "text-assessment", queue: workflows.QueueSynthesis, workflow: workflows.TextAssessment,
		input: truthfilter.AssessInput{Ref: interaction.Ref{Subject: uuid.UUID{1}}, Text: "It sounds like a long day.", About: lonely},
	},
	{name: "filter-policy", queue: workflows.QueueBatch, workflow: workflows.FilterPolicy, input: workflows.FilterPolicyInput{}},
	{
		name: "filter-policy-nothing", queue: workflows.QueueBatch, workflow: workflows.FilterPolicy, input: workflows.FilterPolicyInput{},
		different: map[string]any{
			"feedback.ProposePolicy": func(context.Context, struct{}) (feedback.Proposal, error) { return feedback.Proposal{Base: "1"}, nil },
		},
	},
	apart(interactionScenario("interaction-remembered-apart", lonely, nil)),
	{name: "memorise", queue: workflows.QueueMemory, workflow: workflows.Memorise, input: toRemember()},
	{name: "import", queue: workflows.QueueMemory, workflow: workflows.Import, input: memory.ImportInput{Subject: uuid.UUID{1}, Import: uuid.UUID{11}}},
	{name: "forgetting", queue: workflows.QueueMemory, workflow: workflows.Forgetting, input: memory.ForgettingRef{Subject: uuid.UUID{1}, Forgetting: uuid.UUID{12}}},
	{name: "consolidation", queue: workflows.QueueBatch, workflow: workflows.Consolidation, input: workflows.ConsolidationInput{PageSize: 2}},
	{name: "consolidate-subject", queue: workflows.QueueBatch, workflow: workflows.ConsolidateSubject, input: workflows.ConsolidateSubjectInput{Subject: uuid.UUID{6}}},
	{name: "repair-index", queue: workflows.QueueBatch, workflow: workflows.RepairIndex, input: workflows.RepairIndexInput{PageSize: 2}},
	{name: "library-review", queue: workflows.QueueBatch, workflow: workflows.LibraryReview, input: workflows.LibraryReviewInput{}},
	{name: "upkeep", queue: workflows.QueueBatch, workflow: workflows.Upkeep, input: workflows.UpkeepInput{}},
	{name: "keys-rekey", queue: workflows.QueuePrivacy, workflow: workflows.Rekey, input: workflows.KeysInput{}},
	{name: "keys-rewrap", queue: workflows.QueuePrivacy, workflow: workflows.Rewrap, input: workflows.KeysInput{PageSize: 2}},
	{name: "keys-retire", queue: workflows.QueuePrivacy, workflow: workflows.RetireKeys, input: workflows.KeysInput{Subject: uuid.UUID{1}}},
	{
		name: "erasure", queue: workflows.QueuePrivacy, workflow: workflows.Erasure, id: erasure.WorkflowID(uuid.UUID{14}),
		input: workflows.ErasureInput{Erasure: uuid.UUID{14}, Settle: time.Second},
	},
	{
		name: "approval-given", queue: workflows.QueueOperations, workflow: workflows.Approval, input: approval.Ref{ID: uuid.UUID{9}},
		id: "approval/" + uuid.UUID{9}.String(), update: workflows.DecideUpdate, updateArg: approval.Decision{Approval: uuid.UUID{9}, Approver: uuid.UUID{10}, Approves: true},
	},
	interactionScenario("interaction-escalated", "I want to kill myself.", map[string]any{
		"synthesis.Deliver": func(context.Context, synthesis.DeliverInput) (synthesis.Delivered, error) {
			return synthesis.Delivered{Escalation: uuid.UUID{12}}, nil
		},
	}),
	{
		name: "escalation-unanswered", queue: workflows.QueueOperations, workflow: workflows.Escalation, input: escalation.Ref{ID: uuid.UUID{12}},
		id: "escalation/" + uuid.UUID{12}.String(),
	},
	{
		name: "escalation-answered", queue: workflows.QueueOperations, workflow: workflows.Escalation, input: escalation.Ref{ID: uuid.UUID{13}},
		id: "escalation/" + uuid.UUID{13}.String(), update: workflows.AnsweredCallUpdate, different: map[string]any{
			"escalation.Load": func() any {
				reads := 0
				return func(ctx context.Context, in escalation.Ref) (escalation.Plan, error) {
					reads++
					return ladder(reads == 1)(ctx, in)
				}
			}(),
		},
	},
	{name: "escalation-sweep", queue: workflows.QueueOperations, workflow: workflows.EscalationSweep, input: struct{}{}},
	{
		name: "approval-expired", queue: workflows.QueueOperations, workflow: workflows.Approval, input: approval.Ref{ID: uuid.UUID{11}},
		id: "approval/" + uuid.UUID{11}.String(), different: map[string]any{
			"approval.Load": func(context.Context, approval.Ref) (approval.Request, error) { return approval.Request{}, nil },
			"approval.Conclude": func(context.Context, approval.Ref) (approval.Outcome, error) {
				return approval.Outcome{State: approval.Expired}, nil
			},
		},
	},
}

// ladder is two levels whose people are told every two seconds.
func ladder(open bool) func(context.Context, escalation.Ref) (escalation.Plan, error) {
	return func(context.Context, escalation.Ref) (escalation.Plan, error) {
		return escalation.Plan{Open: open, Rounds: []escalation.Round{
			{Level: 1, Targets: 2, Wait: 2 * time.Second}, {Level: 2, Targets: 1, Wait: 2 * time.Second},
		}}, nil
	}
}

func waited(s scenario) scenario { s.update = workflows.AnsweredUpdate; return s }

// usual is the cast of a day on which everything works.
var usual = map[string]any{
	"mirror.Analyze": func(context.Context, mirror.AnalyzeInput) (mirror.Analysis, error) {
		return mirror.Analysis{Kind: mirror.Expression, Primary: "loneliness", Intensity: 0.6, Valence: -0.5}, nil
	},
	"mirror.Reflect": func(context.Context, mirror.ReflectInput) (mirror.Reflection, error) {
		return mirror.Reflection{Language: "en", Prompts: []reflection.Prompt{{Text: "How is that for you, today?"}}}, nil
	},
	"memory.Recall": func(context.Context, memory.RecallInput) (memory.Recollection, error) {
		return memory.Recollection{Memories: []memory.Memory{{ID: uuid.UUID{4}, Kind: memory.Turn, Text: "My sister is moving to Lisbon."}}}, nil
	},
	"bridge.Search": func(context.Context, bridge.SearchInput) (bridge.SearchResult, error) {
		return bridge.SearchResult{Hits: []bridge.Hit{{Resource: bridge.Resource{ID: "box-breathing", Title: "Box breathing"}}}}, nil
	},
	"synthesis.Compose": func(_ context.Context, in synthesis.ComposeInput) (synthesis.Answer, error) {
		return synthesis.Answer{Source: synthesis.Composed, Text: "You said: " + in.Words}, nil
	},
	"truthfilter.Review": func(context.Context, truthfilter.ReviewInput) (truthfilter.Judgement, error) {
		return truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9}, nil
	},
	"truthfilter.Assess": func(context.Context, truthfilter.AssessInput) (truthfilter.Judgement, error) {
		return truthfilter.Judgement{Verdict: truthfilter.Pass, Score: 0.9}, nil
	},
	"feedback.ProposePolicy": func(context.Context, struct{}) (feedback.Proposal, error) {
		return feedback.Proposal{Base: "1", Moves: []truthfilter.Adjustment{{Layer: truthfilter.Honesty, By: 0.02}}}, nil
	},
	"feedback.EvaluatePolicy": func(context.Context, feedback.Proposal) (feedback.Evaluation, error) {
		return feedback.Evaluation{}, nil
	},
	"feedback.AdoptPolicy": func(context.Context, feedback.AdoptInput) (feedback.Outcome, error) {
		return feedback.Outcome{Version: "1.1", State: feedback.Adopted}, nil
	},
	"synthesis.Deliver": func(context.Context, synthesis.DeliverInput) (synthesis.Delivered, error) {
		return synthesis.Delivered{}, nil
	},
	"memory.Remember": func(context.Context, memory.RememberInput) (memory.Remembered, error) {
		return memory.Remembered{Nodes: []uuid.UUID{{5}}}, nil
	},
	"memory.GiveUp": func(context.Context, memory.GiveUpInput) (struct{}, error) { return struct{}{}, nil },
	"memory.ImportPage": func() any {
		pages := 0
		return func(context.Context, memory.ImportInput) (memory.ImportedPage, error) {
			pages++
			return memory.ImportedPage{Remembered: 1, More: pages == 1}, nil
		}
	}(),
	"memory.Forget":         func(context.Context, memory.ForgettingRef) (struct{}, error) { return struct{}{}, nil },
	"memory.ForgetCopies":   func(context.Context, memory.ForgettingRef) (struct{}, error) { return struct{}{}, nil },
	"memory.ProveForgotten": func(context.Context, memory.ForgettingRef) (memory.Receipt, error) { return memory.Receipt{}, nil },
	"memory.IndexVectors": func(_ context.Context, in memory.IndexInput) (memory.Indexed, error) {
		return memory.Indexed{Vectors: len(in.Nodes)}, nil
	},
	"memory.ListSubjects": func(_ context.Context, in memory.ListSubjectsInput) (memory.SubjectPage, error) {
		if in.After != uuid.Nil {
			return memory.SubjectPage{Subjects: []uuid.UUID{{8}}}, nil
		}
		return memory.SubjectPage{Subjects: []uuid.UUID{{6}, {7}}}, nil
	},
	"memory.Repair": func(_ context.Context, in memory.RepairInput) (memory.Repaired, error) {
		if in.After == uuid.Nil {
			return memory.Repaired{Compared: 6400, Missing: 1, Next: uuid.UUID{9}}, nil
		}
		return memory.Repaired{Compared: 3, Stray: 1}, nil
	},
	"memory.SweepTenants": func(context.Context, struct{}) (memory.SweptTenants, error) {
		return memory.SweptTenants{Removed: 1}, nil
	},
	"memory.Consolidate": func(context.Context, memory.ConsolidateInput) (memory.Consolidated, error) {
		return memory.Consolidated{Vectors: 1}, nil
	},
	"approval.Use": func(context.Context, approval.UseInput) (approval.Request, error) { return approval.Request{}, nil },
	"approval.Load": func(context.Context, approval.Ref) (approval.Request, error) {
		return approval.Request{ExpiresAt: time.Now().Add(time.Hour)}, nil
	},
	"approval.Record": func(context.Context, approval.Decision) (approval.Tally, error) {
		return approval.Tally{Decided: true}, nil
	},
	"approval.Conclude": func(context.Context, approval.Ref) (approval.Outcome, error) {
		return approval.Outcome{State: approval.Approved}, nil
	},
	"escalation.Start":  func(context.Context, escalation.Ref) error { return nil },
	"escalation.Load":   ladder(true),
	"escalation.Notify": func(context.Context, escalation.NotifyInput) error { return nil },
	"escalation.Leave":  func(context.Context, escalation.Ref) error { return nil },
	"escalation.Sweep":  func(context.Context, struct{}) (escalation.Swept, error) { return escalation.Swept{Open: 1}, nil },
	"upkeep.ExtendPartitions": func(context.Context, struct{}) (upkeep.Partitioned, error) {
		return upkeep.Partitioned{Created: 8}, nil
	},
	"library.Index": func(context.Context, struct{}) error { return nil },
	"library.Plan": func(context.Context, struct{}) (bridge.ReviewPlan, error) {
		return bridge.ReviewPlan{Overdue: []string{"box-breathing"}, Links: strings.Fields(strings.Repeat("feeling-good ", 25))}, nil
	},
	"library.CheckLinks": func(_ context.Context, in bridge.CheckLinksInput) (bridge.LinksChecked, error) {
		return bridge.LinksChecked{Checked: len(in.Resources)}, nil
	},
	"library.Conclude": func(_ context.Context, in bridge.ReviewPlan) (bridge.ReviewFound, error) {
		return bridge.ReviewFound{Overdue: in.Overdue, Gone: []string{"feeling-good 404 x1"}}, nil
	},
	"keys.ListKeys": func(_ context.Context, in keys.PageInput) (keys.Page, error) {
		if in.At.Part == 0 {
			return keys.Page{Subjects: []uuid.UUID{{}, {1}}, Next: keys.Cursor{Part: 1}}, nil
		}
		return keys.Page{Next: keys.Cursor{Ended: true}}, nil
	},
	"keys.Publish": func(_ context.Context, in keys.SubjectsInput) (keys.Waiting, error) {
		return keys.Waiting{Subjects: in.Subjects, Counts: keys.Counts{Seen: len(in.Subjects)}}, nil
	},
	"keys.Promote":   countKeys(keys.Counts{Changed: 2}),
	"keys.Reseal":    countKeys(keys.Counts{Rows: 9}),
	"keys.Rewrap":    countKeys(keys.Counts{Seen: 2, Changed: 2}),
	"keys.Retire":    countKeys(keys.Counts{Seen: 1, Retired: 1}),
	"keys.EndEpochs": func(context.Context, struct{}) (keys.Census, error) { return keys.Census{Epoch: "2"}, nil },
	"keys.RecordRun": func(context.Context, keys.RunInput) error { return nil },
	"erasure.Look":   atStep(erasure.Requested),
	"erasure.Freeze": atStep(erasure.Freezing),
	"erasure.Count": func(context.Context, erasure.Ref) (erasure.Inventory, error) {
		return erasure.Inventory{Standing: erasure.Standing{State: erasure.Counting}, Stores: erasedStores, Found: 3}, nil
	},
	"erasure.EndWorkflows": func(context.Context, erasure.Ref) (erasure.Ended, error) {
		return erasure.Ended{Standing: erasure.Standing{State: erasure.Ending}}, nil
	},
	"erasure.PassPoint": atStep(erasure.Destroying),
	"erasure.Bury":      atStep(erasure.Destroying),
	"erasure.Clear":     func(context.Context, erasure.Ref) error { return nil },
	"erasure.Plan": func(context.Context, erasure.Ref) (erasure.Inventory, error) {
		return erasure.Inventory{Standing: erasure.Standing{State: erasure.Deleting}, Stores: erasedStores, Found: 3}, nil
	},
	"erasure.DeleteStores": func(context.Context, erasure.StoresInput) (erasure.Deleted, error) {
		return erasure.Deleted{Standing: erasure.Standing{State: erasure.Deleting}, Deleted: 1}, nil
	},
	"erasure.Remove": func(context.Context, erasure.Ref) (erasure.Left, error) {
		return erasure.Left{Standing: erasure.Standing{State: erasure.Cleaning}}, nil
	},
	"erasure.CleanUp": atStep(erasure.Cleaning),
	"erasure.Scan": func() any {
		scans := 0
		return func(context.Context, erasure.Ref) (erasure.Left, error) {
			if scans++; scans == 1 {
				return erasure.Left{Standing: erasure.Standing{State: erasure.Cleaning}, Files: map[string]int64{"pg_wal": 1}}, nil
			}
			return erasure.Left{Standing: erasure.Standing{State: erasure.Scanning}}, nil
		}
	}(),
	"erasure.Certify": atStep(erasure.Certified),
}

var erasedStores = []erasure.StoreName{{Name: "postgres.sessions"}, {Name: "temporal.histories", Early: true}, {Name: "weaviate.memory", Large: true}}

func atStep(state erasure.State) func(context.Context, erasure.Ref) (erasure.Standing, error) {
	return func(context.Context, erasure.Ref) (erasure.Standing, error) {
		return erasure.Standing{State: state}, nil
	}
}

func countKeys(counts keys.Counts) func(context.Context, keys.SubjectsInput) (keys.Counts, error) {
	return func(context.Context, keys.SubjectsInput) (keys.Counts, error) { return counts, nil }
}
