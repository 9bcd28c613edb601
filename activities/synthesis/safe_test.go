package synthesis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
)

// assessments are all kinds at all severities, some of them together.
func assessments() []crisis.Assessment {
	all := []crisis.Assessment{{Severity: crisis.Explicit}, {}}
	for _, severity := range []crisis.Severity{crisis.Implicit, crisis.Explicit, crisis.Imminent} {
		for _, kinds := range [][]crisis.Kind{
			{crisis.Suicide}, {crisis.SelfHarm}, {crisis.Abuse}, {crisis.DangerToOthers}, {crisis.MedicalEmergency},
			{crisis.Abuse, crisis.Suicide}, {crisis.SelfHarm, crisis.MedicalEmergency}, {"unheard_of"},
		} {
			all = append(all, crisis.Assessment{Severity: severity, Kinds: kinds})
		}
	}
	return all
}

func TestSafeAnswerPointsToHelpInSeveralRegions(t *testing.T) {
	for _, danger := range assessments() {
		answer := synthesis.SafeAnswer(danger, "")
		t.Logf("\n%s %v\n%s", danger.Severity, danger.Kinds, answer.Text)
		requireSound(t, answer)
		require.Equal(t, synthesis.CrisisAnswer, answer.Source)
		require.Equal(t, &danger, answer.Crisis)
		for _, number := range []string{"112", "911", "999", "000", "findahelpline.com"} {
			require.Contains(t, answer.Text, number)
		}
		if len(danger.Kinds) < 2 {
			require.Less(t, len(strings.Fields(answer.Text)), 180, "short enough for somebody in danger")
		}
		require.Equal(t, answer, synthesis.SafeAnswer(danger, ""))
	}
}

func TestSafeAnswerFitsTheDanger(t *testing.T) {
	text := func(severity crisis.Severity, kinds ...crisis.Kind) string {
		return synthesis.SafeAnswer(crisis.Assessment{Severity: severity, Kinds: kinds}, "").Text
	}
	for _, kind := range []crisis.Kind{crisis.Suicide, crisis.SelfHarm, crisis.DangerToOthers} {
		for _, number := range []string{"988", "116 123", "13 11 14"} {
			require.Contains(t, text(crisis.Explicit, kind), number)
		}
	}
	require.Contains(t, text(crisis.Explicit, crisis.Abuse), "1-800-799-7233")
	require.Contains(t, text(crisis.Explicit, crisis.Abuse), "not your fault")
	require.Contains(t, text(crisis.Explicit, crisis.Abuse, crisis.Suicide), "1-800-799-7233", "both dangers get their lines")
	require.Contains(t, text(crisis.Explicit, crisis.Abuse, crisis.Suicide), "988")
	require.Contains(t, text(crisis.Explicit, crisis.MedicalEmergency), "don't wait")
	require.Contains(t, text(crisis.Imminent, crisis.Suicide), "Please call your emergency number now, before anything else")
	require.Contains(t, text(crisis.Implicit, crisis.Suicide), "I may be reading this wrongly")
	require.NotContains(t, text(crisis.Explicit, crisis.Suicide), "reading this wrongly")
	require.Equal(t, text(crisis.Explicit), text(crisis.Explicit, crisis.Suicide), "an unnamed danger is met as the gravest")
}

func TestSafeAnswerSpeaksOfWhereThePersonIs(t *testing.T) {
	for region, own := range map[string]struct{ emergency, talk string }{
		"US": {": 911.", "988"}, "CA": {": 911.", "988"}, "GB": {": 999 or 112.", "116 123"}, "AU": {": 000.", "13 11 14"},
		"NZ": {": 111.", "1737"}, "DE": {": 112.", "0800 111 0 111"}, "FR": {": 112.", "3114"},
	} {
		for _, danger := range assessments() {
			answer := synthesis.SafeAnswer(danger, region)
			requireSound(t, answer)
			require.Empty(t, truthfilter.Screen(answer.Text), "%v", danger)
			require.Contains(t, answer.Text, own.emergency)
			if len(danger.Kinds) < 2 {
				require.Less(t, len(strings.Fields(answer.Text)), 160, "short enough for somebody in danger")
			}
			if !slices.Contains(danger.Kinds, crisis.Abuse) {
				require.Contains(t, answer.Text, own.talk)
				require.Equal(t, region == "AU", strings.Contains(answer.Text, "13 11 14"), "no other country's: %s", answer.Text)
			}
		}
	}
	abused := crisis.Assessment{Severity: crisis.Explicit, Kinds: []crisis.Kind{crisis.Abuse}}
	require.Contains(t, synthesis.SafeAnswer(abused, "DE").Text, "116 016")
	require.Contains(t, synthesis.SafeAnswer(abused, "FR").Text, "findahelpline.com")
	require.Equal(t, synthesis.SafeAnswer(abused, "").Text, synthesis.SafeAnswer(abused, "ZZ").Text, "a country without an entry is anywhere")
}

func TestFallbackAnswerIsHonestAndFitsTheFeeling(t *testing.T) {
	texts := map[string]bool{}
	for _, label := range []string{"", "joy", "love", "grief", "anxiety", "anger", "neutral", "confusion", "wistfulness"} {
		read := felt("expression", label, .5, .5, 0)
		answer := synthesis.FallbackAnswer(read)
		requireSound(t, answer)
		require.Equal(t, synthesis.Fallback, answer.Source)
		require.Contains(t, answer.Text, "could not prepare the full answer")
		texts[answer.Text] = true
	}
	require.Len(t, texts, 3, "good, hard and unknown")
	requireSound(t, synthesis.FallbackAnswer(nil))

	concerned := felt("expression", "sadness", .5, .5, -.5)
	concerned.Crisis.Severity = crisis.Concern
	require.Contains(t, synthesis.FallbackAnswer(concerned).Text, "findahelpline.com")
}

func TestFixedTextsBreakNoRuleOfTruthFilter(t *testing.T) {
	for _, danger := range assessments() {
		require.Empty(t, truthfilter.Screen(synthesis.SafeAnswer(danger, "").Text), "%v", danger)
	}
	for _, label := range []string{"joy", "grief", "neutral"} {
		require.Empty(t, truthfilter.Screen(synthesis.FallbackAnswer(felt("expression", label, .5, .5, 0)).Text))
	}
}
