package canary

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

const (
	// shortest is the fewest bytes of a pattern. In a gigabyte of random bytes one
	// of 8 turns up by chance once in some ten billion times.
	shortest = 8
	// gram is how many bytes are looked up at once.
	gram = 4
	// stride is how far apart the look-ups are: wherever a pattern lies, one of
	// them falls wholly into its first 8 bytes. (The idea is Wu and Manber's, "A
	// fast algorithm for multi-pattern searching", 1994.)
	stride = shortest - gram + 1
	// filterBits sizes the filter that answers most look-ups: 32 KiB, which stays
	// in the processor's first cache. For very many patterns it is larger, so that no
	// more than a sixteenth of it is set; mostFilterBits are 16 MiB.
	filterBits, mostFilterBits, sparse = 18, 27, 16
)

// matcher finds many patterns in one pass.
type matcher struct {
	filter  []uint64
	shift   uint32 // 32 less the bits of the filter
	grams   map[uint32][]candidate
	longest int
}

// candidate is a pattern that has the gram at this offset.
type candidate struct {
	pattern *pattern
	offset  int
}

func newMatcher(patterns []*pattern) (*matcher, error) {
	size := filterBits
	for size < mostFilterBits && sparse*stride*len(patterns) > 1<<size {
		size++
	}
	m := &matcher{filter: make([]uint64, 1<<size/64), shift: uint32(32 - size), grams: map[uint32][]candidate{}}
	for _, p := range patterns {
		if len(p.bytes) < shortest {
			return nil, fmt.Errorf("%q is too short to look for as %s: %d bytes, the least is %d", p.text, p.form, len(p.bytes), shortest)
		}
		m.add(p)
	}
	return m, nil
}

func (m *matcher) add(p *pattern) {
	m.longest = max(m.longest, len(p.bytes))
	for offset := range stride {
		g := binary.LittleEndian.Uint32(p.bytes[offset:])
		m.grams[g] = append(m.grams[g], candidate{p, offset})
		h := slot(g, m.shift)
		m.filter[h/64] |= 1 << (h % 64)
	}
}

// slot spreads grams over the filter by Fibonacci hashing.
func slot(g, shift uint32) uint32 { return g * 0x9e3779b1 >> shift }

// find yields every pattern that begins within the first bytes of the window and
// lies wholly in it.
func (m *matcher) find(window []byte, first int, yield func(at int, p *pattern)) {
	filter, shift := m.filter, m.shift&31
	for i := 0; i+gram <= len(window) && i < first+stride; i += stride {
		g := binary.LittleEndian.Uint32(window[i:])
		if h := slot(g, shift); filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, c := range m.grams[g] {
			at := i - c.offset
			if at >= 0 && at < first && bytes.HasPrefix(window[at:], c.pattern.bytes) {
				yield(at, c.pattern)
			}
		}
	}
}
