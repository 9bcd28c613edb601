package life

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/vectors"
)

// derive finds the words behind terms and names, and what was said right beside each turn.
func (l *Life) derive(keys *keyring.Keys) {
	known := map[int64]int{}
	place := func(old int64) int {
		at, ok := known[old]
		if !ok {
			at = len(l.stems)
			known[old], l.stems = at, append(l.stems, stem{old: old})
		}
		return at
	}
	for _, t := range l.tables {
		for _, row := range t.rows {
			if text, ok := row["text_sealed"].([]byte); ok {
				for _, word := range lexicon.Terms(string(text)) {
					l.stems[place(termOf(keys, word))].word = word
				}
			}
		}
	}
	for _, t := range l.tables {
		for _, row := range t.rows {
			for column, v := range row {
				switch {
				case column == "term":
					row[column] = place(v.(int64))
				case column == "terms":
					row[column] = placesOf(v, place)
				case strings.HasSuffix(column, "_hmac") && v != nil:
					row[column] = l.nameOf(row, v.([]byte), keys)
				}
			}
		}
		if t.name == "memory_nodes" {
			l.readNodes(t)
		}
	}
	for _, s := range l.stems {
		if s.word == "" {
			l.Underived++
		}
	}
	l.join()
}

func placesOf(v any, place func(int64) int) []int {
	list, _ := v.([]any)
	places := make([]int, len(list))
	for i, old := range list {
		places[i] = place(old.(int64))
	}
	return places
}

// nameOf finds the name behind a look-up value, which a node's own text often is.
func (l *Life) nameOf(row map[string]any, old []byte, keys *keyring.Keys) blinded {
	if text, ok := row["text_sealed"].([]byte); ok {
		name := strings.Join(lexicon.Words(string(text)), " ")
		if slices.Equal(keys.Blind(keyring.EntityName, []byte(name)), old) {
			return blinded{name: name}
		}
	}
	l.Underived++
	return blinded{old: old}
}

// termOf is a stem as memory blinds it.
func termOf(keys *keyring.Keys, word string) int64 {
	return int64(binary.BigEndian.Uint64(keys.Blind(keyring.SearchTerm, []byte(word))))
}

func (l *Life) readNodes(t table) {
	var first, last time.Time
	for _, row := range t.rows {
		n := node{row: row, id: idOf(row["id"]), session: idOf(row["session_id"])}
		n.kind, _ = row["kind"].(string)
		n.model, _ = row["model"].(string)
		n.saidAt, _ = row["said_at"].(time.Time)
		n.terms, _ = row["terms"].([]int)
		n.indexed = row["retracted_at"] == nil && row["indexed_at"] != nil && slices.Contains(searchable, n.kind)
		l.nodes = append(l.nodes, n)
		if first.IsZero() || n.saidAt.Before(first) {
			first = n.saidAt
		}
		if n.saidAt.After(last) {
			last = n.saidAt
		}
	}
	l.span = last.Sub(first)
}

// join gives turns what was said right before and after them in their session.
func (l *Life) join() {
	sessions := map[uuid.UUID][]*node{}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.kind == "turn" && n.row["retracted_at"] == nil {
			sessions[n.session] = append(sessions[n.session], n)
		}
	}
	for _, turns := range sessions {
		slices.SortFunc(turns, func(a, b *node) int {
			if d := a.saidAt.Compare(b.saidAt); d != 0 {
				return d
			}
			return slices.Compare(a.id[:], b.id[:])
		})
		for i, n := range turns {
			for _, j := range []int{i - 1, i + 1} {
				if j >= 0 && j < len(turns) {
					n.neighbours = append(n.neighbours, turns[j].terms...)
				}
			}
		}
	}
}

// vectorOf reads a vector as the rows hold it.
func vectorOf(plain []byte) []float32 {
	v := make([]float32, len(plain)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(plain[4*i:]))
	}
	return v
}

func bytesOf(v []float32) []byte {
	plain := make([]byte, 0, 4*len(v))
	for _, x := range v {
		plain = binary.LittleEndian.AppendUint32(plain, math.Float32bits(x))
	}
	return plain
}

// termsOf are stems under somebody's keys, for the vector index.
func termsOf(places []int, terms []int64) []vectors.Term {
	list := make([]vectors.Term, len(places))
	for i, at := range places {
		list[i] = vectors.Term(terms[at])
	}
	return list
}
