package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/truthfilter"
)

// mostTold are the person's own words that a text is held against.
const mostTold = 10

// TextAssessment judges a text outside an interaction. What the person has told is asked
// of the memory, and the text's language of Mirror; the judgement can do without both.
func TextAssessment(ctx workflow.Context, in truthfilter.AssessInput) (truthfilter.Assessed, error) {
	var out truthfilter.Assessed
	recalling := recall.start(ctx, memory.RecallInput{Ref: in.Ref, Query: in.Text, Kinds: []memory.Kind{memory.Turn}, Limit: mostTold})
	reading := analyze.start(ctx, mirror.AnalyzeInput{Ref: in.Ref, Text: in.Text})
	found, err := recalling.result(ctx)
	in.Memories, out.Degraded = found.Memories, found.Degraded
	if err != nil {
		workflow.GetLogger(ctx).Warn("a text is judged without what the person told", "error", err)
		out.Degraded = []string{"memory_unavailable"}
	}
	read, err := reading.result(ctx)
	if err != nil {
		workflow.GetLogger(ctx).Warn("a text is judged without knowing its language", "error", err)
		out.Degraded = append(out.Degraded, "mirror_unavailable")
	} else if out.Foreign = !read.Readable(); out.Foreign {
		return out, nil
	}
	out.Judgement, err = assess.run(ctx, in)
	return out, err
}
