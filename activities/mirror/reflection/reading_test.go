package reflection_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/mirror/crisis"
	"meai/activities/mirror/reflection"
)

var update = flag.Bool("update", false, "write docs/evaluation/reflections.md anew")

const (
	readingFile = "../../../docs/evaluation/reflections.md"
	statements  = "../statements/development/"
)

const readingHead = `# 200 reflections to read

Made by [Mirror's grammar](../../activities/mirror/reflection/grammar) from statements that were written for the project; nobody's real words are
among them. ` + "`go generate ./activities/mirror/reflection`" + ` writes this file anew, and a test fails when it does not match the grammar, when one of
the 200 repeats another, or when one breaks a rule of [the checker](../../activities/mirror/reflection/check.go).

The feeling and the needs are those that the statements are labelled with. Behind "memory" stands a made-up pattern such as memory finds.
`

// TestTwoHundredReflections makes the reflections that are committed for reading.
func TestTwoHundredReflections(t *testing.T) {
	requests := readingRequests(t)
	require.Len(t, requests, 200)
	var b strings.Builder
	b.WriteString(readingHead)
	texts, ids := map[string]bool{}, map[uuid.UUID]bool{}
	for i, r := range requests {
		p := reflection.Compose(r)
		require.Empty(t, reflection.Check(p.Text, r.Words), p.Text)
		require.False(t, texts[p.Text], "twice: %s", p.Text)
		texts[p.Text], ids[p.ID] = true, true
		fmt.Fprintf(&b, "\n%d. %s\n   **%s**\n   %s\n", i+1, quoted(r), p.Text, described(p))
	}
	t.Logf("%d reflections, %d texts, %d wordings", len(requests), len(texts), len(ids))
	require.Greater(t, len(ids), 190, "the wording varies, and not only what is filled in")
	if *update {
		require.NoError(t, os.WriteFile(readingFile, []byte(b.String()), 0o644))
		return
	}
	committed, err := os.ReadFile(readingFile)
	require.NoError(t, err)
	require.Equal(t, string(committed), b.String(), "go generate ./activities/mirror/reflection writes it anew")
}

// readingRequests are 150 of the statements about feelings and 40 of those about
// needs, and 10 without words, by turns for each purpose and tone.
func readingRequests(t *testing.T) []reflection.Request {
	var requests []reflection.Request
	add := func(r reflection.Request) {
		i := len(requests)
		r.Seed = reflection.Seed([16]byte{5}, i)
		r.Purpose, r.Tone = purposeFor(i, r.Emotion), reflection.Tones[i/4%4]
		if i%25 == 24 {
			r.Echoes = []string{pattern(r)}
		}
		for _, before := range requests[max(0, i-10):] {
			r.Recent = append(r.Recent, reflection.Compose(before).ID)
		}
		requests = append(requests, r)
	}
	for _, row := range rows(t, "emotions.tsv")[:150] {
		label, _, _ := strings.Cut(row[1], "/")
		add(reflection.Request{Words: row[0], Emotion: label})
	}
	for _, row := range rows(t, "needs.tsv") {
		if needs := needsOf(row[1]); len(needs) > 0 && len(requests) < 190 {
			label := reflection.Good
			if slices.ContainsFunc(needs, func(n reflection.Need) bool { return n.Lacking }) {
				label = reflection.Hard
			}
			add(reflection.Request{Words: row[0], Emotion: label, Needs: needs})
		}
	}
	for _, label := range reflection.Emotions()[:10] {
		add(reflection.Request{Emotion: label})
	}
	return requests
}

// pattern is one that memory could have found.
func pattern(r reflection.Request) string {
	if things := reflection.Things(r.Words); len(things) > 0 && strings.HasPrefix(things[0], "your") {
		return strings.Replace(things[0], "your", "My", 1) + " keeps coming up."
	}
	return reflection.Capitalised(r.Emotion) + " keeps coming back."
}

// purposeFor celebrates what does good more often than what hurts.
func purposeFor(i int, label string) reflection.Purpose {
	dark := !slices.Contains([]string{"gratitude", "joy", "pride", "calm", "hope", "love", "relief", reflection.Good}, label)
	if purpose := reflection.Purposes[i%4]; purpose != reflection.Celebrate || !dark || i%3 == 0 {
		return purpose
	}
	return reflection.Deepen
}

// rows are the statements of a file that call for no safe answer, since those get
// no reflection.
func rows(t *testing.T, name string) [][]string {
	file, err := os.Open(statements + name)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var found [][]string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if row := strings.Split(lines.Text(), "\t"); len(row) > 1 && !strings.HasPrefix(row[0], "#") && !crisis.Assess(row[0]).NeedsSafeAnswer() {
			found = append(found, row)
		}
	}
	return found
}

func needsOf(field string) []reflection.Need {
	var needs []reflection.Need
	for need := range strings.SplitSeq(field, ",") {
		if name := strings.TrimRight(need, "+-"); name != need {
			needs = append(needs, reflection.Need{Name: name, Lacking: strings.HasSuffix(need, "-")})
		}
	}
	return needs
}

func quoted(r reflection.Request) string {
	if r.Words == "" {
		return "(no words, only the feeling)"
	}
	said := "“" + strings.NewReplacer("*", "∗", "_", " ", "<", "‹", ">", "›").Replace(r.Words) + "”"
	if len(r.Echoes) > 0 {
		said += " (memory: “" + r.Echoes[0] + "”)"
	}
	return said
}

func described(p reflection.Prompt) string {
	about := []string{p.Emotion, string(p.Purpose), string(p.Tone)}
	if p.Need != nil {
		about = append(about, p.Need.Name+map[bool]string{true: " lacking", false: " met"}[p.Need.Lacking])
	}
	var sorts []string
	for _, r := range p.Expects {
		sorts = append(sorts, string(r))
	}
	return strings.Join(about, ", ") + "; expects " + strings.Join(sorts, " or ") + "; then: " + strings.Join(p.FollowUps, " / ")
}
