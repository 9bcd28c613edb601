package encoder

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// wordStart marks the beginning of a word in the vocabulary's pieces.
const wordStart = '▁'

// unknown is the id of every character that no piece covers.
const unknown = 0

// reserved ids at the vocabulary's start are control symbols, never matched in text.
const reserved = 6

// tokenizer cuts text into the pieces of a SentencePiece unigram vocabulary,
// along the path of the highest total log probability.
type tokenizer struct {
	pieces []piece
	// nodes is a trie: from node and rune to the next node; node 0 is the root.
	nodes map[edge]int32
	// ids holds the piece that ends at a node, unknown when none does.
	ids []int32
}

type piece struct {
	score  float64
	length int // in runes
}

type edge struct {
	from int32
	by   rune
}

func newTokenizer(raw []byte, count int) (*tokenizer, error) {
	t := &tokenizer{
		pieces: make([]piece, 0, count),
		nodes:  make(map[edge]int32, 3*count),
		ids:    []int32{unknown},
	}
	for id := range int32(count) {
		if len(raw) < 9 || len(raw) < 9+int(raw[8]) {
			return nil, errors.New("weights file: vocabulary is cut off")
		}
		text := string(raw[9 : 9+int(raw[8])])
		t.pieces = append(t.pieces, piece{
			score:  math.Float64frombits(binary.LittleEndian.Uint64(raw)),
			length: utf8.RuneCountInString(text),
		})
		if id >= reserved {
			t.insert(text, id)
		}
		raw = raw[9+len(text):]
	}
	return t, nil
}

// insert lets a later piece of the same text win, as the reference does.
func (t *tokenizer) insert(text string, id int32) {
	var node int32
	for _, r := range text {
		next, found := t.nodes[edge{node, r}]
		if !found {
			next = int32(len(t.ids))
			t.nodes[edge{node, r}] = next
			t.ids = append(t.ids, unknown)
		}
		node = next
	}
	t.ids[node] = id
}

// encode returns the ids of the pieces of text after NFKC normalisation.
// Neighbouring unknown characters share one id. Only spaces separate words, so
// a caller who wants line breaks to do so replaces them first.
func (t *tokenizer) encode(text string) []int32 {
	text = norm.NFKC.String(text)
	if text == "" {
		return nil
	}
	runes := []rune(string(wordStart) + strings.ReplaceAll(text, " ", string(wordStart)))
	return t.backtrack(t.bestEnds(runes))
}

// bestEnds finds for every position the last piece of the best path to it.
//
// A position counts as unreached while its total is exactly zero. This is how
// the reference implementation does it, and it matters: the published
// vocabulary holds a few pieces with a score of zero, such as "▁:)", whose
// totals at the start of a text are then overwritten.
func (t *tokenizer) bestEnds(runes []rune) []int32 {
	best := make([]float64, len(runes)+1)
	last := make([]int32, len(runes)+1)
	reach := func(end int, total float64, id int32) {
		if best[end] == 0 || total >= best[end] {
			best[end], last[end] = total, id
		}
	}
	for start := range runes {
		matched := false
		var node int32
		for end := start; end < len(runes); end++ {
			next, found := t.nodes[edge{node, runes[end]}]
			if !found {
				break
			}
			if id := t.ids[next]; id != unknown {
				matched = true
				reach(end+1, best[start]+t.pieces[id].score, id)
			}
			node = next
		}
		if !matched {
			reach(start+1, best[start], unknown)
		}
	}
	return last
}

// backtrack walks from the end to the start and returns the ids in text order.
func (t *tokenizer) backtrack(last []int32) []int32 {
	ids := make([]int32, len(last))
	at := len(ids)
	for end := len(last) - 1; end > 0; end -= t.pieces[last[end]].length {
		if last[end] == unknown && at < len(ids) && ids[at] == unknown {
			continue
		}
		at--
		ids[at] = last[end]
	}
	return ids[at:]
}
