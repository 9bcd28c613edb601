package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"meai/activities/mirror/crisis"
	"meai/internal/mcp"
)

// Provenance says where a resource from outside comes from.
type Provenance struct {
	// Server and Tool are as configured.
	Server    string    `json:"server"`
	Tool      string    `json:"tool"`
	URL       string    `json:"url"`
	FetchedAt time.Time `json:"fetched_at"`
}

// discovered is a resource from outside, cleaned.
type discovered struct {
	Resource
	from Provenance
}

// foreign is a result as a server gives it. What else it says, such as an id or who
// has reviewed it, is not read.
type foreign struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
	URL     string `json:"url"`
	Kind    string `json:"kind"`
	Minutes int    `json:"minutes"`
}

// discoverable are the kinds that a resource from outside may have. Help lines are the
// library's alone: somebody looks after those.
var discoverable = []Kind{Technique, Exercise, Framework, Reading}

const (
	longestTitle, longestSummary, longestURL = 120, 500, 500
	// idPrefix is in no id of the library's, which are slugs.
	idPrefix = "mcp:"
)

// read takes resources out of an answer: of its structured content, or else of its
// texts, and of its links. Results beyond most are not looked at.
func (v vocabulary) read(answer mcp.Result, most int, from Provenance) (items []discovered, refused int) {
	results, refused := resultsOf(answer)
	seen := map[string]bool{}
	for _, r := range results[:min(len(results), most)] {
		item, fine := v.accept(r, from)
		switch {
		case !fine:
			refused++
		case !seen[item.ID]:
			items = append(items, item)
		}
		seen[item.ID] = true
	}
	return items, refused
}

func resultsOf(answer mcp.Result) (results []foreign, refused int) {
	if answer.Structured != nil {
		results, refused = parseResults(answer.Structured)
	} else {
		for _, text := range answer.Texts {
			if strings.HasPrefix(strings.TrimSpace(text), "{") {
				more, broken := parseResults([]byte(text))
				results, refused = append(results, more...), refused+broken
			} else {
				results = append(results, parseText(text))
			}
		}
	}
	for _, l := range answer.Links {
		results = append(results, foreign{Title: l.Title, Summary: l.Description, URL: l.URI})
	}
	return results, refused
}

// parseResults reads {"results": [...]}. A result of another shape spoils itself alone.
func parseResults(raw []byte) (results []foreign, refused int) {
	var whole struct {
		Results []jsontext.Value `json:"results"`
	}
	if json.Unmarshal(raw, &whole) != nil {
		return nil, 1
	}
	for _, one := range whole.Results {
		var r foreign
		if json.Unmarshal(one, &r) != nil {
			refused++
			continue
		}
		results = append(results, r)
	}
	return results, refused
}

// parseText reads a title in the first line, an address in a line of its own, and a
// summary in the others.
func parseText(text string) foreign {
	title, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	r := foreign{Title: title}
	var summary []string
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); r.URL == "" && strings.HasPrefix(line, "https://") {
			r.URL = line
			continue
		}
		summary = append(summary, line)
	}
	r.Summary = strings.Join(summary, " ")
	return r
}

// accept makes a resource of a result, or refuses it.
func (v vocabulary) accept(r foreign, from Provenance) (discovered, bool) {
	address, fine := publicURL(r.URL)
	if !fine {
		return discovered{}, false
	}
	title, fine1 := plain(r.Title, longestTitle)
	summary, fine2 := plain(r.Summary, longestSummary)
	kind := Kind(r.Kind)
	if kind == "" {
		kind = Reading
	}
	if !fine1 || !fine2 || !slices.Contains(discoverable, kind) || r.Minutes < 0 || r.Minutes > longestTime {
		return discovered{}, false
	}
	text := title + ". " + summary
	if offersALine(text, address) || crisis.Assess(text).Severity != crisis.None {
		return discovered{}, false
	}
	from.URL = address.String()
	sum := sha256.Sum256([]byte(from.URL))
	return discovered{from: from, Resource: Resource{
		ID: idPrefix + from.Server + ":" + hex.EncodeToString(sum[:8]), Kind: kind, Title: title, Summary: summary, Minutes: r.Minutes,
		// What it says of itself counts for nothing; these are the library's words in it.
		Topics:   v.topicsIn(text),
		Evidence: "Found outside MeAi, at " + address.Hostname() + ". Nobody has reviewed it, and how well it works is not known.",
	}}, true
}

// reservedNames end names of hosts that are not public.
var reservedNames = []string{"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "onion", "invalid", "test"}

var topLevel = regexp.MustCompile(`^[a-z]{2,}$`)

// publicURL accepts https addresses of public names in plain letters: no address in
// numbers, no credentials, no other port, none that looks like another (xn--).
func publicURL(raw string) (*url.URL, bool) {
	if len(raw) > longestURL || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"\\^`{|}", r) }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || (u.Port() != "" && u.Port() != "443") {
		return nil, false
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, false
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	if len(labels) < 2 || slices.Contains(labels, "") || !topLevel.MatchString(last) || slices.Contains(reservedNames, last) ||
		slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, "xn--") }) {
		return nil, false
	}
	u.Host, u.Fragment, u.RawFragment = host, "", ""
	return u, true
}

var (
	// lineNames are what help lines call themselves, contacts how one is reached, and
	// numbers those that are known by heart.
	lineNames = regexp.MustCompile(`(?i)help ?-?lines?\b|hot ?-?lines?\b|life ?-?lines?\b|(crisis|support|emergency|suicide)[ -]?(text )?(lines?|numbers?|services?|chat)\b|samaritans|befrienders|\bsuicide\b`)
	contacts  = regexp.MustCompile(`(?i)\b(call|phone|tel|dial|ring|text|sms|whatsapp|telegram|signal|fax|contact)\b[^.!?]{0,25}\d[\d -]+\d`)
	numbers   = regexp.MustCompile(`(^|[^\d,.])(911|112|999|988|000|111|113|116[ -]?\d{3}|13 ?11 ?14|741 ?741)(\D|$)`)
	phone     = regexp.MustCompile(`\+\d[\d ().-]{5,}\d|\(?\d{2,5}\)?[ .-]\d{2,5}[ .-]\d{2,}|\d{7,}`)
	mail      = regexp.MustCompile(`\S@\S+\.\S`)
)

// offersALine reports whether a result gives somebody to turn to. Such numbers are only
// told where somebody has looked at them.
func offersALine(text string, address *url.URL) bool {
	return lineNames.MatchString(strings.ReplaceAll(address.Host+address.Path, "_", "-")) ||
		slices.ContainsFunc([]*regexp.Regexp{lineNames, contacts, numbers, phone, mail}, func(r *regexp.Regexp) bool { return r.MatchString(text) })
}
