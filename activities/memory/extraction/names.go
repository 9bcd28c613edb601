package extraction

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"meai/internal/lexicon"
)

// NameVersion is stored with blinded names. It grows with every change of
// [Normal].
const NameVersion = "names-1"

// Normal is the form in which names are compared and blinded: lower case,
// without accents, possessive endings and punctuation. "Renée's" gives "renee".
func Normal(name string) string {
	words := lexicon.Words(withoutAccents(name))
	for i, w := range words {
		words[i] = strings.TrimSuffix(strings.TrimSuffix(w, "'s"), "'")
	}
	return strings.Join(words, " ")
}

// NameOrKin is the normal form of a name, or the one word for a relation: "Grandma" is
// the person's grandmother.
func NameOrKin(name string) string {
	normal := Normal(name)
	if kin, ok := relations[normal]; ok {
		return kin
	}
	return normal
}

func withoutAccents(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// SameName finds the one known name that means the same as name, both in normal
// form: a slip of the pen, or a first name beside a full name. It gives "" when
// there is none, or more than one.
func SameName(name string, known []string) string {
	match := ""
	for _, k := range known {
		if !slip(name, k) && !firstNameOf(name, k) && !firstNameOf(k, name) {
			continue
		}
		if match != "" {
			return ""
		}
		match = k
	}
	return match
}

func firstNameOf(first, full string) bool {
	return !strings.Contains(first, " ") && strings.HasPrefix(full, first+" ")
}

// slip reports whether two names differ by two swapped neighbours or one doubled
// letter: "micheal", "phillip". A replaced letter is no slip: "maria" and "mario"
// are two people.
func slip(a, b string) bool {
	const shortest = 5
	ra, rb := []rune(a), []rune(b)
	if len(ra) > len(rb) {
		ra, rb = rb, ra
	}
	if len(ra) < shortest {
		return false
	}
	i := 0
	for i < len(ra) && ra[i] == rb[i] {
		i++
	}
	switch len(rb) - len(ra) {
	case 0:
		return i+1 < len(ra) && ra[i] == rb[i+1] && ra[i+1] == rb[i] && string(ra[i+2:]) == string(rb[i+2:])
	case 1:
		return i > 0 && rb[i] == rb[i-1] && string(ra[i:]) == string(rb[i+1:])
	default:
		return false
	}
}
