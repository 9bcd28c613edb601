package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Finder finds the turns of one conversation that a question is about, best first, among
// the first known of them.
type Finder interface {
	Find(ctx context.Context, q Question, known, limit int) ([]string, error)
}

// mostFound is how many turns are asked for: enough for ten sessions, and the most that a
// recall gives.
const mostFound = 50

// Cuts are the numbers of turns after which recall is measured.
var Cuts = []int{5, 10, 20}

// Result is how well the questions of one category were answered, as means over them.
type Result struct {
	Category  string
	Questions int
	// Recall is the share of the evidence among the first 5, 10 and 20 turns; All is 1
	// where it is complete among the first 5 and 10.
	Recall [3]float64
	All    [2]float64
	// NDCG counts what is found among the first ten by its place, discounted by the logarithm
	// of that place plus one, MRR the first that is right.
	NDCG, MRR float64
	// SessionRecall and SessionAll are the same of sessions instead of turns, each counted
	// once, among the first 5 and 10 of them.
	SessionRecall, SessionAll [2]float64
}

// Answerable is the category of all questions that have evidence.
const Answerable = "answerable"

// Report is what a finder did.
type Report struct {
	// Finder is its name.
	Finder  string
	Results []Result
	// Took are the times of all questions, in order.
	Took []time.Duration
	// Unanswerable counts the questions without evidence, Empty those of them to which
	// nothing was found.
	Empty, Unanswerable int
}

// Measure asks all questions of conversations. Finder i is that of conversation i.
func Measure(ctx context.Context, finder string, conversations []Conversation, finders []Finder) (Report, error) {
	r := Report{Finder: finder}
	sums := map[string]*Result{}
	for i, c := range conversations {
		session := map[string]string{}
		for _, t := range c.Turns {
			session[t.ID] = t.Session
		}
		for _, q := range c.Questions {
			begun := time.Now()
			found, err := finders[i].Find(ctx, q, len(c.Before(q)), mostFound)
			if err != nil {
				return Report{}, fmt.Errorf("%s: question %s: %w", c.Name, q.ID, err)
			}
			r.Took = append(r.Took, time.Since(begun))
			if len(q.Evidence) == 0 {
				r.Unanswerable++
				if len(found) == 0 {
					r.Empty++
				}
				continue
			}
			one := judge(distinctInOrder(found), q.Evidence, func(id string) string { return session[id] })
			for _, category := range []string{q.Category, Answerable} {
				if sums[category] == nil {
					sums[category] = &Result{Category: category}
				}
				sums[category].add(one)
			}
		}
	}
	slices.Sort(r.Took)
	for _, category := range slices.Sorted(maps.Keys(sums)) {
		r.Results = append(r.Results, sums[category].mean())
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int { return cmp.Compare(rank(a), rank(b)) })
	return r, nil
}

// rank puts what is about all questions first.
func rank(r Result) int {
	if r.Category == Answerable {
		return 0
	}
	return 1
}

// judge measures one answer.
func judge(found, evidence []string, session func(string) string) Result {
	var r Result
	for i, k := range Cuts {
		r.Recall[i] = share(found, evidence, k)
	}
	gain, ideal := 0.0, 0.0
	for i, id := range found[:min(10, len(found))] {
		if slices.Contains(evidence, id) {
			gain += 1 / math.Log2(float64(i+2))
		}
	}
	for i := range min(10, len(evidence)) {
		ideal += 1 / math.Log2(float64(i+2))
	}
	r.NDCG = gain / ideal
	if first := slices.IndexFunc(found, func(id string) bool { return slices.Contains(evidence, id) }); first >= 0 {
		r.MRR = 1 / float64(first+1)
	}
	places, wanted := sessions(found, session), sessions(evidence, session)
	for i, k := range Cuts[:2] {
		r.All[i] = math.Floor(r.Recall[i])
		r.SessionRecall[i] = share(places, wanted, k)
		r.SessionAll[i] = math.Floor(r.SessionRecall[i])
	}
	return r
}

func share(found, evidence []string, k int) float64 {
	held := 0
	for _, id := range found[:min(k, len(found))] {
		if slices.Contains(evidence, id) {
			held++
		}
	}
	return float64(held) / float64(len(evidence))
}

func sessions(ids []string, session func(string) string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = session(id)
	}
	return distinctInOrder(all)
}

func distinctInOrder(ids []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		twice := seen[id]
		seen[id] = true
		return twice
	})
}

// Values are the measures in the order in which they stand above.
func (r Result) Values() []float64 {
	var all []float64
	for _, v := range r.values() {
		all = append(all, *v)
	}
	return all
}

// values are where the measures are.
func (r *Result) values() []*float64 {
	return []*float64{
		&r.Recall[0], &r.Recall[1], &r.Recall[2], &r.All[0], &r.All[1], &r.NDCG, &r.MRR,
		&r.SessionRecall[0], &r.SessionRecall[1], &r.SessionAll[0], &r.SessionAll[1],
	}
}

func (r *Result) add(one Result) {
	r.Questions++
	for i, v := range one.values() {
		*r.values()[i] += *v
	}
}

func (r *Result) mean() Result {
	m := *r
	for _, v := range m.values() {
		*v /= float64(m.Questions)
	}
	return m
}

// Percentile is the time within which that share of the questions was answered.
func (r Report) Percentile(share float64) time.Duration {
	if len(r.Took) == 0 {
		return 0
	}
	return r.Took[min(int(share*float64(len(r.Took))), len(r.Took)-1)]
}
