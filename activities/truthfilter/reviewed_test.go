package truthfilter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror"
	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
)

// Text that is sent without a review has to stand one. Whether it is on topic is
// left out: it is written before anybody has said a word.
func TestReviewedTextsAreSafeAndHonest(t *testing.T) {
	f := truthfilter.New(nil, truthfilter.Standard)
	review := func(name, draft string, analysis *mirror.Analysis) {
		j := f.Review(t.Context(), truthfilter.ReviewInput{Words: "I need help", Draft: draft, Analysis: analysis})
		for _, l := range j.Layers {
			switch l.Layer {
			case truthfilter.Honesty, truthfilter.Safety:
				require.Equal(t, 1.0, l.Score, "%s: %+v\n%s", name, l, draft)
			case truthfilter.Resonance:
				require.GreaterOrEqual(t, l.Score, truthfilter.Standard.Least.Resonance, "%s: %+v\n%s", name, l, draft)
			}
		}
	}
	for _, kind := range []crisis.Kind{crisis.Suicide, crisis.SelfHarm, crisis.Abuse, crisis.DangerToOthers, crisis.MedicalEmergency} {
		for _, severity := range []crisis.Severity{crisis.Implicit, crisis.Explicit, crisis.Imminent} {
			for _, region := range []string{"", "US", "GB", "DE", "FR", "NO"} {
				a := synthesis.SafeAnswer(crisis.Assessment{Severity: severity, Kinds: []crisis.Kind{kind}}, region)
				review(string(kind)+" "+string(severity)+" "+region, a.Text, &mirror.Analysis{Primary: "despair", Intensity: 0.9})
			}
		}
	}
	review("fallback, nothing read", synthesis.FallbackAnswer(nil).Text, nil)
	for _, emotion := range []string{"grief", "anger", "anxiety", "exhaustion", "joy", "pride", "love", "calm", "confusion", "neutral"} {
		analysis := &mirror.Analysis{Primary: emotion, Intensity: 0.6}
		review("fallback "+emotion, synthesis.FallbackAnswer(analysis).Text, analysis)
	}
}
