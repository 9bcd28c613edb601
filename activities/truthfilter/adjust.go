package truthfilter

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Rating is what a person says of something that they were given.
type Rating string

const (
	Helpful    Rating = "helpful"
	Untrue     Rating = "untrue"
	Harmful    Rating = "unsafe"
	Irrelevant Rating = "irrelevant"
)

// Ratings are all of them, in the order in which words list them.
var Ratings = []Rating{Untrue, Harmful, Irrelevant, Helpful}

// Moves are the layers whose thresholds a rating moves.
func (r Rating) Moves() []Layer {
	switch r {
	case Untrue:
		return []Layer{Honesty}
	case Harmful:
		return []Layer{Safety}
	case Irrelevant:
		return []Layer{Relevance}
	case Helpful:
		return []Layer{Relevance, Resonance}
	}
	return nil
}

const (
	// Step is what the first rating moves a threshold by.
	Step = 0.02
	// diminishing is what each further one moves of the one before: all together never
	// more than five times the first, however often somebody rates.
	diminishing = 0.8
	// Remembered is how long a person's feedback counts for them.
	Remembered = 180 * 24 * time.Hour
)

// Told is how often a person has rated something in one way.
type Told struct {
	Rating Rating
	Times  int
	// Oldest is the age of the oldest that counts.
	Oldest time.Duration
}

// Adjustments are what a person's feedback moves for them: what was untrue makes honesty
// stricter, what was unsafe safety, what was irrelevant relevance. What was helpful takes
// back steps of relevance and resonance, and never of honesty and safety.
func Adjustments(told []Told) []Adjustment {
	times, oldest := map[Rating]int{}, map[Rating]time.Duration{}
	for _, t := range told {
		if t.Times > 0 && t.Oldest <= Remembered {
			times[t.Rating] += t.Times
			oldest[t.Rating] = max(oldest[t.Rating], t.Oldest)
		}
	}
	var moves []Adjustment
	move := func(l Layer, net int, ratings ...Rating) {
		if net != 0 {
			moves = append(moves, Adjustment{Layer: l, By: steps(net), Because: because(times, oldest, ratings)})
		}
	}
	move(Relevance, times[Irrelevant]-times[Helpful], Irrelevant, Helpful)
	move(Honesty, times[Untrue], Untrue)
	move(Safety, times[Harmful], Harmful)
	move(Resonance, -times[Helpful], Helpful)
	return moves
}

// steps is the sum of so many diminishing steps, up or down.
func steps(net int) float64 {
	sum := Step * (1 - math.Pow(diminishing, math.Abs(float64(net)))) / (1 - diminishing)
	return round(math.Copysign(sum, float64(net)))
}

// because says it as in "3 × irrelevant, 1 × helpful in 90 days".
func because(times map[Rating]int, oldest map[Rating]time.Duration, ratings []Rating) string {
	var counts []string
	var age time.Duration
	for _, r := range ratings {
		if times[r] > 0 {
			counts = append(counts, fmt.Sprintf("%d × %s", times[r], r))
			age = max(age, oldest[r])
		}
	}
	return fmt.Sprintf("%s in %d days", strings.Join(counts, ", "), span(age))
}

// span is the shortest of some round numbers of days that an age falls within.
func span(age time.Duration) int {
	for _, days := range []int{7, 30, 90} {
		if age <= time.Duration(days)*24*time.Hour {
			return days
		}
	}
	return int(Remembered.Hours() / 24)
}
