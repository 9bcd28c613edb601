package bridge

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"meai/activities/truthfilter"
	"meai/internal/embedding"
)

const (
	// standardLimit is the number of hits when none is asked for, mostHits the most.
	standardLimit, mostHits = 3, 20
	// judged candidates per hit asked for, and at least: the filter keeps some back.
	judgedPerHit, leastJudged = 2, 8
	// mostTopic is how much of a topic is read, in bytes.
	mostTopic = 4000
)

// What each sign of fitness adds to a resource's relevance. Meaning and words
// count the most; what the resource says of itself decides among near equals.
const (
	byMeaning, byTopic, byWords, byEmotion, byNeed = 0.36, 0.22, 0.12, 0.2, 0.1
	// lowCosine and highCosine bound the similarities that mean something.
	lowCosine, highCosine = 0.12, 0.6
	// meaningAlone is the similarity that counts without a shared word or feeling.
	meaningAlone = 0.4
	// enough shared terms are as good as more.
	enoughTopics, enoughWords = 2, 4
	// nearby is what a help line of a named region gains over others.
	nearby = 0.3
	// worldwide is what a directory gains when no region is known.
	worldwide = 0.25
	// urgency puts help lines first when somebody may be in danger, and fits those
	// that are for this danger.
	urgency, fits = 0.3, 0.15
	// meantForOthers is what a line for children, for instance, loses when nothing
	// says that a child asks.
	meantForOthers = 0.3
)

// candidate is a resource under consideration.
type candidate struct {
	*entry
	relevance float64
	cosine    *float64
}

// Search finds resources that fit the request and lets filter judge the best of
// them. Hits are what passed, best first. Without embeddings it goes by words and
// says so. Help lines are offered only when asked for or when the topic shows
// that somebody may be in danger.
func (l *Library) Search(ctx context.Context, in SearchInput, filter *truthfilter.Filter) SearchResult {
	return l.search(ctx, in, filter, func(Resource) bool { return false })
}

func (l *Library) search(ctx context.Context, in SearchInput, filter *truthfilter.Filter, withheld func(Resource) bool) SearchResult {
	in.Topic = clip(in.Topic)
	limit := in.Limit
	if limit <= 0 {
		limit = standardLimit
	}
	limit = min(limit, mostHits)
	q, degraded := l.ask(ctx, in)
	result := SearchResult{Hits: []Hit{}, Degraded: degraded}
	candidates := slices.DeleteFunc(l.candidates(q), func(c candidate) bool { return withheld(c.Resource) })
	for _, c := range candidates[:min(len(candidates), max(leastJudged, judgedPerHit*limit))] {
		if !q.hasReason(c) {
			result.Rejected++
			continue
		}
		judgement := filter.JudgeResource(ctx, q.toJudge(c))
		if judgement.Verdict != truthfilter.Pass {
			result.Rejected++
			continue
		}
		result.Hits = append(result.Hits, Hit{Resource: c.Resource, Relevance: round(c.relevance), Judgement: judgement})
	}
	result.Hits = result.Hits[:min(limit, len(result.Hits))]
	return result
}

// question is a request prepared for comparison.
type question struct {
	SearchInput
	terms   map[string]bool
	regions map[string]bool
	// dangers are terms for what the person may be in danger of.
	dangers map[string]bool
	lines   bool
	// near holds what the index found, by id; nil when it was not asked.
	near map[string]float64
	// vector is that of the topic, vectors are the entries'; nil without embeddings.
	vector  []float32
	vectors [][]float32
}

// ask prepares a request. What could not be used is named.
func (l *Library) ask(ctx context.Context, in SearchInput) (question, []string) {
	q := question{SearchInput: in, terms: termSet(in.Topic), regions: regionsNamed(in.Topic)}
	if in.Region != "" {
		q.regions[in.Region] = true
	}
	q.dangers = dangersIn(in.Topic)
	q.lines = len(q.dangers) > 0 || slices.Contains(in.Kinds, HelpLine) || slices.Contains(in.Formats, Call) || asksForALine(in.Topic)
	if strings.TrimSpace(in.Topic) == "" {
		return q, nil // there is no meaning to compare
	}
	vector, err := l.embedTopic(ctx, in.Topic)
	if err != nil {
		return q, []string{"embedding_unavailable"}
	}
	var degraded []string
	if q.near, err = l.near(ctx, q, vector); err != nil {
		degraded = []string{"vectors_unavailable"}
	}
	if q.near == nil { // without the index the entries' own vectors have to be there
		if err := l.prepareWithin(ctx, firstSearch); err != nil {
			return q, append(degraded, "embedding_unavailable")
		}
	}
	q.vector, q.vectors = vector, l.known()
	return q, degraded
}

func (l *Library) embedTopic(ctx context.Context, topic string) ([]float32, error) {
	if l.asking == nil {
		return nil, errors.New("no embedder")
	}
	vectors, err := l.asking.Embed(ctx, topic)
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

// cosine is the similarity of an entry to the topic, nil when it is not known.
func (q question) cosine(i int, id string) *float64 {
	if found, there := q.near[id]; there {
		return &found
	}
	if q.vector == nil || q.vectors[i] == nil {
		return nil
	}
	return new(embedding.Cosine(q.vector, q.vectors[i]))
}

// candidates are the resources that meet the constraints, most relevant first.
func (l *Library) candidates(q question) []candidate {
	var found []candidate
	for i, e := range l.entries {
		if !q.allows(e.Resource) || !q.considers(e) {
			continue
		}
		c := candidate{entry: e, cosine: q.cosine(i, e.ID)}
		c.relevance = q.relevance(c)
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.relevance, a.relevance) })
	return found
}

// considers reports whether an entry is a candidate: what the index found near, what
// is for a topic that is named, and every help line. Nobody in danger depends on an
// index.
func (q question) considers(e *entry) bool {
	_, near := q.near[e.ID]
	return q.near == nil || near || e.Kind == HelpLine || intersect(q.terms, e.topics)
}

func (q question) allows(r Resource) bool {
	if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind) {
		return false
	}
	if len(q.Formats) > 0 && !slices.Contains(q.Formats, r.Format) || len(q.Complexities) > 0 && !slices.Contains(q.Complexities, r.Complexity) {
		return false
	}
	if q.MaxMinutes > 0 && r.Minutes > q.MaxMinutes {
		return false
	}
	if q.Region != "" && len(r.Regions) > 0 && !slices.Contains(r.Regions, q.Region) {
		return false
	}
	return r.Kind != HelpLine || q.lines
}

// relevance is the weighted sum of the signs, in [0, 1].
func (q question) relevance(c candidate) float64 {
	score := byTopic*share(q.terms, c.topics, enoughTopics) + byWords*share(q.terms, c.terms, enoughWords)
	if c.cosine != nil {
		score += byMeaning * min(1, max(0, (*c.cosine-lowCosine)/(highCosine-lowCosine)))
	} else {
		// Words have to carry what meaning would have.
		score += byMeaning * share(q.terms, c.terms, enoughTopics)
	}
	if q.Emotion != "" && slices.Contains(c.Emotions, q.Emotion) {
		score += byEmotion
	}
	if q.meetsNeed(c.Resource) {
		score += byNeed
	}
	if c.Kind == HelpLine {
		score += q.reach(c)
	}
	return min(1, score)
}

// hasReason reports whether there is more to a candidate than a faint likeness in
// meaning. In a library of hundreds some entry is a little like anything.
func (q question) hasReason(c candidate) bool {
	return c.cosine == nil || *c.cosine >= meaningAlone || c.Kind == HelpLine || intersect(q.terms, c.terms) ||
		slices.Contains(c.Emotions, q.Emotion) || q.meetsNeed(c.Resource)
}

func (q question) meetsNeed(r Resource) bool {
	return slices.ContainsFunc(q.Needs, func(n string) bool { return slices.Contains(r.Needs, n) })
}

// reach is what speaks for a help line besides its topics.
func (q question) reach(c candidate) float64 {
	score := 0.0
	if len(q.dangers) > 0 {
		score += urgency
	}
	if intersect(q.dangers, c.topics) {
		score += fits
	}
	if intersect(audiences, c.topics) && !intersect(audiences, c.topics, q.terms) {
		score -= meantForOthers
	}
	switch r := c.Resource; {
	case slices.ContainsFunc(r.Regions, func(region string) bool { return q.regions[region] }):
		score += nearby
	case len(r.Regions) == 0 && len(q.regions) == 0:
		score += worldwide
	case len(r.Regions) > 0 && len(q.regions) > 0:
		score -= nearby
	}
	return score
}

func (q question) toJudge(c candidate) truthfilter.ResourceInput {
	topic := q.Topic
	if strings.TrimSpace(topic) == "" {
		topic = strings.Join(c.Topics, " ") // found by emotion or need alone
	}
	if c.Kind == HelpLine {
		// Words of danger seldom name the help that they call for.
		topic += " " + strings.Join(slices.Sorted(maps.Keys(q.dangers)), " ")
	}
	return truthfilter.ResourceInput{
		Topic: topic, Said: q.Topic, Needed: c.Kind == HelpLine, Emotion: q.Emotion, Needs: q.Needs,
		Title: c.Title, Summary: c.Summary, Steps: c.Steps, Evidence: c.Evidence, Caution: c.Caution,
		Topics: c.Topics, Emotions: c.Emotions, FitNeeds: c.Needs, Minutes: c.Minutes,
		Similarity: c.cosine, WordsOnly: c.cosine == nil,
	}
}

// share is how many of the terms asked for are there, as a part of enough.
func share(asked, there map[string]bool, enough int) float64 {
	n := 0
	for t := range asked {
		if there[t] {
			n++
		}
	}
	return min(1, float64(n)/float64(enough))
}

// clip bounds a topic without cutting a character in two.
func clip(topic string) string {
	topic = strings.ToValidUTF8(topic, " ")
	if len(topic) <= mostTopic {
		return topic
	}
	return strings.ToValidUTF8(topic[:mostTopic], "")
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
