package truthfilter

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"

	"meai/activities/mirror"
	"meai/internal/lexicon"
)

// ResourceInput is a resource with the request that it may answer.
type ResourceInput struct {
	// Topic is what the person asked for, in their words.
	Topic string
	// Said is what the person wrote of it themselves, if anything: they may be reminded of
	// what they speak of. Needed is what they get although it reminds them: help in danger.
	Said    string
	Needed  bool
	Emotion string
	Needs   []string
	// Intensity of the emotion in [0, 1], 0 when unknown.
	Intensity float64

	Title    string
	Summary  string
	Steps    []string
	Evidence string
	Caution  string
	// Topics, Emotions and FitNeeds are what the resource says it is for.
	Topics   []string
	Emotions []string
	FitNeeds []string
	Minutes  int
	// Similarity is the cosine between request and resource when it is known
	// already; it spares the embedding. WordsOnly says that no embedding is to be
	// had, so that the filter does not try again for each resource.
	Similarity *float64
	WordsOnly  bool
}

func (in ResourceInput) about() string {
	return in.Title + ". " + strings.Join(in.Topics, ", ") + ". " + in.Summary
}

// text is all of it, each part as sentences of its own.
func (in ResourceInput) text() string {
	var b strings.Builder
	for _, part := range slices.Concat([]string{in.Title, in.Summary}, in.Steps, []string{in.Evidence, in.Caution}) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		b.WriteString(part)
		if !strings.ContainsAny(part[len(part)-1:], ".!?") {
			b.WriteByte('.')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// JudgeResource judges a resource before a person sees it.
func (f *Filter) JudgeResource(ctx context.Context, in ResourceInput) Judgement {
	known := f.readResource(in)
	relevance, embedded := f.judgeResourceRelevance(ctx, in)
	safety := known.safety.clone()
	if !in.Needed {
		f.spare(&safety, in.text()+strings.Join(in.Topics, ", "), in.Said)
	}
	layers := []LayerScore{relevance, known.claims.clone(), safety, judgeFit(known.subject, in)}
	return f.judgement(layers, false, confidence(embedded, in.Emotion != ""))
}

// readResource judges what depends on the text alone.
func (f *Filter) readResource(in ResourceInput) resourceReading {
	text := in.text()
	key := sha256.Sum256([]byte(text + "\x00" + in.Evidence))
	if known, found := f.resources.GetIfPresent(key); found {
		return known
	}
	s, read := newSubject(text), read(f.models, text)
	known := resourceReading{s, judgeClaims(s, in, read.misstated), judgeSafety(s, read.worst, resourceOdds)}
	f.resources.Set(key, known)
	return known
}

// resourceReading is what is known of a resource, whoever it is for.
type resourceReading struct {
	subject        subject
	claims, safety LayerScore
}

func (f *Filter) judgeResourceRelevance(ctx context.Context, in ResourceInput) (LayerScore, bool) {
	asked := lexicon.Terms(in.Topic)
	offered := lexicon.Terms(in.about())
	s := signs{terms: takenUp(asked, offered)}
	switch {
	case slices.Contains(in.Emotions, in.Emotion) && in.Emotion != "":
		s.state = 1
	case slices.ContainsFunc(in.Needs, func(n string) bool { return slices.Contains(in.FitNeeds, n) }):
		s.state = 0.6
	}
	embedded := in.Similarity != nil
	switch {
	case embedded:
		s.cosine = scale(*in.Similarity)
	case !in.WordsOnly:
		s.cosine, embedded = similarity(ctx, f.embedder, in.Topic, in.about())
	}
	layer := LayerScore{Layer: Relevance, Score: s.score(), Reasons: s.reasons()}
	if layer.Score < f.policy.Least.Relevance {
		layer.Reasons = append(layer.Reasons, Reason{Code: "off_topic"})
	}
	return layer, embedded
}

// judgeClaims scores the honesty of a resource: what it promises, and whether it
// says how well it is known to work.
func judgeClaims(s subject, in ResourceInput, misstated []Reason) LayerScore {
	layer := s.judge(Honesty, rulebook.honesty)
	layer.takeAll(misstatedWeight, misstated)
	layer.take(0.45, strings.TrimSpace(in.Evidence) == "", Reason{Code: "no_evidence_note"})
	return layer
}

const (
	// longForAStorm is how many minutes somebody in strong distress can give.
	longForAStorm = 15
	// shortSummary is how many words a summary needs to say anything.
	shortSummary = 3
)

// judgeFit scores how a resource is likely to land.
func judgeFit(s subject, in ResourceInput) LayerScore {
	layer := LayerScore{Layer: Resonance, Score: 1}
	m := moodOf(&mirror.Analysis{Primary: in.Emotion})
	s.takeSaid(&layer, 0.65, "cheerleading", m == heavy, cheer)
	s.takeSaid(&layer, 0.6, "cold", true, cold)
	layer.take(0.55, shouts(in.Title+" "+in.Summary), Reason{Code: "shouting"})
	layer.take(0.55, len(lexicon.Words(in.Summary)) < shortSummary, Reason{Code: "too_short"})
	layer.take(0.3, in.Intensity >= strong && in.Minutes > longForAStorm, Reason{Code: "takes_long"})
	layer.take(0.25, in.Emotion != "" && m != neutral && len(in.Emotions) > 0 && !slices.Contains(in.Emotions, in.Emotion), Reason{Code: "not_for_this_feeling"})
	layer.take(0.05, in.Caution != "", Reason{Code: "needs_care"})
	return layer
}
