package classify

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vector is a sparse vector: values at places in increasing order.
type Vector struct {
	Index []uint32
	Value []float32
}

// Grams says which pieces of a text are features: sequences of words, and of
// letters within a word and its edges.
type Grams struct {
	// Words is the longest sequence of words; 0 for none.
	Words int `json:"words"`
	// Chars are the shortest and longest sequence of letters; 0 for none.
	ShortestChars int `json:"shortest_chars,omitempty"`
	LongestChars  int `json:"longest_chars,omitempty"`
	// Bits is the logarithm of the number of places that features are hashed to.
	Bits int `json:"bits"`
}

// counts are how often each place occurs, of words and of letters apart: the two
// kinds are brought to the same length before they are joined, since a text has
// ten times as many of the one as of the other.
type counts struct{ words, chars map[uint32]int }

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// place hashes a feature (FNV-1a, 64 bits, of which the upper ones are kept).
func (g Grams) place(kind byte, feature string) uint32 {
	h := (uint64(fnvOffset) ^ uint64(kind)) * fnvPrime
	for i := range len(feature) {
		h = (h ^ uint64(feature[i])) * fnvPrime
	}
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return uint32(h >> (64 - g.Bits))
}

// occurrences calls found for each feature of a text, with the kind ('w' or 'c') and
// the tokens from..to that it was made of.
func (g Grams) occurrences(tokens []Token, found func(kind byte, place uint32, from, to int)) {
	for n := 1; n <= g.Words; n++ {
		for i := 0; i+n <= len(tokens); i++ {
			found('w', g.place(byte('0'+n), join(tokens[i:i+n])), i, i+n)
		}
	}
	if g.LongestChars == 0 {
		return
	}
	for at, t := range tokens {
		runes := []rune(" " + t.Text + " ")
		for n := g.ShortestChars; n <= min(g.LongestChars, len(runes)); n++ {
			for i := 0; i+n <= len(runes); i++ {
				found('c', g.place('c', string(runes[i:i+n])), at, at+1)
			}
		}
	}
}

func join(tokens []Token) string {
	if len(tokens) == 1 {
		return tokens[0].Text
	}
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.Text
	}
	return strings.Join(words, " ")
}

func (g Grams) count(text string) counts {
	c := counts{map[uint32]int{}, map[uint32]int{}}
	g.occurrences(Tokens(text), func(kind byte, place uint32, _, _ int) {
		if kind == 'w' {
			c.words[place]++
		} else {
			c.chars[place]++
		}
	})
	return c
}

// vector weighs the counts: 1 + ln(count), times the place's rarity, at length one
// for words and for letters. Places that training saw too seldom have rarity 0.
func (c counts) vector(rarity []float32) Vector {
	joined := make(map[uint32]float32, len(c.words)+len(c.chars))
	for _, kind := range []map[uint32]int{c.words, c.chars} {
		places := make([]uint32, 0, len(kind))
		for place := range kind {
			if rarity[place] > 0 {
				places = append(places, place)
			}
		}
		slices.Sort(places) // sums of floats depend on the order
		sum := 0.0
		weights := make([]float64, len(places))
		for i, place := range places {
			weights[i] = (1 + math.Log(float64(kind[place]))) * float64(rarity[place])
			sum += weights[i] * weights[i]
		}
		for i, place := range places {
			joined[place] += float32(weights[i] / math.Sqrt(sum))
		}
	}
	v := Vector{Index: make([]uint32, 0, len(joined)), Value: make([]float32, 0, len(joined))}
	for place := range joined {
		v.Index = append(v.Index, place)
	}
	slices.Sort(v.Index)
	for _, place := range v.Index {
		v.Value = append(v.Value, joined[place])
	}
	return v
}

// Token is a word or sign in lower case, and where it stands in the text, in bytes.
type Token struct {
	Text       string
	Start, End int
}

// Tokens cuts a text into words and signs. Apostrophes stay inside of words; runs of the
// same sign are one token, as "!!!" says more than "!".
func Tokens(text string) []Token {
	var tokens []Token
	var word strings.Builder
	begun := 0
	end := func(at int) {
		if word.Len() > 0 {
			tokens = append(tokens, Token{strings.TrimRight(word.String(), "'"), begun, at})
			word.Reset()
		}
	}
	var last rune
	for at, r := range text {
		switch {
		case apostrophe(r):
			if word.Len() > 0 {
				word.WriteByte('\'')
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if word.Len() == 0 {
				begun = at
			}
			word.WriteRune(unicode.ToLower(r))
		case unicode.IsSpace(r) || unicode.IsControl(r):
			end(at)
		default:
			end(at)
			_, size := utf8.DecodeRuneInString(text[at:])
			if r == last && len(tokens) > 0 {
				tokens[len(tokens)-1].Text += string(r)
				tokens[len(tokens)-1].End = at + size
			} else {
				tokens = append(tokens, Token{string(r), at, at + size})
			}
		}
		last = r
	}
	end(len(text))
	return tokens
}

func apostrophe(r rune) bool { return r == '\'' || r == '’' || r == '‘' }
