package audit

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"meai/internal/signing"
)

// Record is one row of the log as it is stored.
type Record struct {
	Index        int64
	Leaf, Hashes []byte
}

// Statement is a checkpoint, or a [Loss], as it is stored somewhere.
type Statement struct {
	// Where is "database" or "ledger".
	Where string
	// Size is what the store says that the checkpoint is about; zero if it says nothing.
	Size int64
	Note string
}

// Fault is what is wrong with a part of the log.
type Fault string

// The faults that [Verify] tells apart.
const (
	// Changed: the entry is not what it was when it was written.
	Changed Fault = "changed"
	// Removed: the entries are gone.
	Removed Fault = "removed"
	// Reordered: the entry was written in another place.
	Reordered Fault = "reordered"
	// HashChanged: the entry is there but a stored hash is not what it follows from.
	HashChanged Fault = "hash changed"
	// Rewritten: entries and hashes agree, but not with what was signed: at least one
	// entry in the range was changed and all hashes made anew.
	Rewritten Fault = "rewritten"
	// Forged: a checkpoint is not signed by the log's key or not about what it claims.
	Forged Fault = "forged checkpoint"
)

// Finding is one fault in the entries First to Last.
type Finding struct {
	Fault       Fault
	First, Last int64
	Detail      string
}

// String is the finding as a line for people.
func (f Finding) String() string {
	where := fmt.Sprintf("entry %d", f.First)
	if f.Last > f.First {
		where = fmt.Sprintf("entries %d to %d", f.First, f.Last)
	}
	return fmt.Sprintf("%s: %s: %s", where, f.Fault, f.Detail)
}

// Report is what a verification found.
type Report struct {
	// Entries were read; Root is of the tree that they make.
	Entries int64
	Root    tlog.Hash
	// Signed is how many entries the newest checkpoint covers that agrees. What came
	// after it is guarded by nothing but the database.
	Signed int64
	// Checkpoints is how many agree, by where they are kept.
	Checkpoints map[string]int
	Findings    []Finding
	// Lost is what restores have cost, as it was signed: no proof of tampering.
	Lost []Lost
	// Notes are worth knowing but no proof of tampering.
	Notes []string
}

// Intact reports that nothing is wrong.
func (r *Report) Intact() bool { return len(r.Findings) == 0 }

// Verify computes the whole tree anew from the leaves and holds it against the
// stored hashes and against every signed checkpoint, wherever that was kept. Records
// come in the order of their indexes. An error means that they could not be read;
// what is wrong with them is in the report.
func Verify(key *signing.Public, records iter.Seq2[Record, error], statements []Statement) (*Report, error) {
	v := &verification{Report: Report{Checkpoints: map[string]int{}}, signed: map[int64]map[tlog.Hash][]string{}}
	v.openAll(key, statements)
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		v.add(record)
	}
	v.finish()
	return &v.Report, nil
}

type verification struct {
	Report
	tree tree
	// signed holds where each root is kept, by size.
	signed map[int64]map[tlog.Hash][]string
	sizes  []int64
	// differing counts the checkpoints that do not agree; only the first is a finding.
	differing int
	// left counts the findings beyond those that are listed.
	left int
}

const (
	// mostFindings bounds the report: somebody may have touched every entry.
	mostFindings = 1000
	// widestGap bounds the work for a row with an absurd index.
	widestGap = 1 << 24
)

func (v *verification) find(f Fault, first, last int64, format string, args ...any) {
	if len(v.Findings) == mostFindings {
		v.left++
		return
	}
	v.Findings = append(v.Findings, Finding{f, first, last, fmt.Sprintf(format, args...)})
}

func (v *verification) openAll(key *signing.Public, statements []Statement) {
	lost := v.openLosses(key, statements)
	for _, s := range statements {
		if strings.HasPrefix(s.Note, lossTitle+"\n") {
			continue
		}
		c, err := OpenCheckpoint(key, s.Note)
		if err == nil && s.Size != 0 && s.Size != c.Size {
			err = fmt.Errorf("it is about %d entries", c.Size)
		}
		if err != nil {
			v.find(Forged, 0, max(s.Size-1, 0), "the checkpoint in the %s: %v", s.Where, err)
			continue
		}
		if lost.lost(c) {
			v.widen(c)
			continue
		}
		if v.signed[c.Size] == nil {
			v.signed[c.Size] = map[tlog.Hash][]string{}
			v.sizes = append(v.sizes, c.Size)
		}
		v.signed[c.Size][c.Root] = append(v.signed[c.Size][c.Root], s.Where)
	}
	slices.Sort(v.sizes)
}

// openLosses reads the losses, each of which is kept in several places.
func (v *verification) openLosses(key *signing.Public, statements []Statement) losses {
	var all losses
	for _, s := range statements {
		if !strings.HasPrefix(s.Note, lossTitle+"\n") {
			continue
		}
		l, err := OpenLoss(key, s.Note)
		if err != nil {
			v.find(Forged, 0, 0, "the loss in the %s: %v", s.Where, err)
		} else if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Loss) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Kept, b.Kept))
	})
	for _, l := range all {
		v.Lost = append(v.Lost, Lost{Epoch: l.Epoch, First: l.Kept, Last: l.Covered - 1})
	}
	return all
}

// widen adds what a checkpoint of a lost log covers to the first loss after it.
func (v *verification) widen(c Checkpoint) {
	for i := range v.Lost {
		if l := &v.Lost[i]; l.Epoch > c.Epoch && l.First < c.Size {
			l.Last = max(l.Last, c.Size-1)
			return
		}
	}
}

func (v *verification) add(r Record) {
	if r.Index < v.tree.size {
		v.find(Reordered, r.Index, r.Index, "it comes after entry %d", v.tree.size-1)
		return
	}
	if first := v.tree.size; r.Index > first {
		if r.Index-first > widestGap {
			v.find(Removed, first, r.Index-1, "no row is there; the rest is not looked at")
			return
		}
		for v.tree.size < r.Index {
			v.tree.add(node{}, nil)
			v.compare()
		}
		v.find(Removed, first, r.Index-1, "no row is there")
	}
	v.Entries++
	v.look(r)
	v.compare()
}

// look holds one row against itself and adds it to the tree.
func (v *verification) look(r Record) {
	hash := tlog.RecordHash(r.Leaf)
	agrees := len(r.Hashes) >= tlog.HashSize && hash == tlog.Hash(r.Hashes[:tlog.HashSize])
	_, err := Decode(r.Leaf)
	written := r.Index
	if len(r.Leaf) >= 8 {
		written = int64(binary.BigEndian.Uint64(r.Leaf))
	}
	switch {
	case written != r.Index && agrees:
		v.find(Reordered, r.Index, r.Index, "it was written as entry %d", written)
	case written != r.Index:
		v.find(Reordered, r.Index, r.Index, "the entry that was written as %d is here, under the hash of another", written)
	case !agrees:
		v.find(Changed, r.Index, r.Index, "its hash is not the one that was stored with it")
	case err != nil:
		v.find(Changed, r.Index, r.Index, "it cannot be read: %v", err)
	}
	for _, level := range v.tree.add(node{hash, true}, r.Hashes) {
		if written != r.Index {
			continue // the hashes of another place say nothing about this one
		}
		v.find(HashChanged, (r.Index+1)-1<<level, r.Index, "the stored hash of level %d is not what they give", level)
	}
}

// compare holds the tree as it is now against the checkpoints of its size.
func (v *verification) compare() {
	roots := v.signed[v.tree.size]
	if len(roots) == 0 {
		return
	}
	root := v.tree.root()
	for signed, where := range roots {
		switch {
		case !root.known:
			v.Notes = append(v.Notes, fmt.Sprintf("the checkpoint of %d entries cannot be compared: too much is missing", v.tree.size))
		case signed == root.hash:
			v.Signed = v.tree.size
			for _, place := range where {
				v.Checkpoints[place]++
			}
		case v.differing == 0:
			v.differing++
			v.find(Rewritten, min(v.Signed, v.tree.size-1), v.tree.size-1, "the checkpoint of %d entries in the %s was signed over other ones",
				v.tree.size, strings.Join(where, " and the "))
		default:
			v.differing++
		}
	}
}

func (v *verification) finish() {
	if newest := slices.Max(append(v.sizes, 0)); newest > v.tree.size {
		v.find(Removed, v.tree.size, newest-1, "they are missing at the end; a signed checkpoint covers %d", newest)
	}
	if v.differing > 1 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d later checkpoints differ as well", v.differing-1))
	}
	if v.left > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d more findings are not listed", v.left))
	}
	for _, size := range v.sizes {
		for _, where := range v.signed[size] {
			if len(where) == 1 && v.keptIn("ledger") && v.keptIn("database") {
				v.Notes = append(v.Notes, fmt.Sprintf("the checkpoint of %d entries is in the %s only", size, where[0]))
			}
		}
	}
	v.Root = v.tree.root().hash
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(a.First, b.First) })
}

func (v *verification) keptIn(place string) bool {
	for _, roots := range v.signed {
		for _, where := range roots {
			if slices.Contains(where, place) {
				return true
			}
		}
	}
	return false
}

// node is a hash of the tree, unknown where entries are missing.
type node struct {
	hash  tlog.Hash
	known bool
}

// tree is the edge of a growing Merkle tree: the newest complete subtree of each level.
type tree struct {
	size   int64
	levels []node
}

// add appends a leaf and returns the levels whose stored hash is not what the tree
// gives. It goes on with the stored hash then: one change shows once, where it is,
// and not again in everything above it. Nothing is hidden by that, because a tree
// without findings has only hashes that follow from its leaves.
func (t *tree) add(leaf node, stored []byte) (differing []int) {
	current := leaf
	for level := 0; ; level++ {
		if len(stored) >= (level+1)*tlog.HashSize {
			given := tlog.Hash(stored[level*tlog.HashSize:][:tlog.HashSize])
			if level > 0 && current.known && given != current.hash {
				differing = append(differing, level)
			}
			current = node{given, true}
		} else if leaf.known && level > 0 {
			differing = append(differing, level) // every row stores all that it completes
		}
		if level == len(t.levels) {
			t.levels = append(t.levels, node{})
		}
		if t.size>>level&1 == 0 {
			t.levels[level] = current
			t.size++
			if len(stored) > (level+1)*tlog.HashSize {
				differing = append(differing, level+1) // and nothing else
			}
			return differing
		}
		current = join(t.levels[level], current)
	}
}

func join(left, right node) node {
	if !left.known || !right.known {
		return node{}
	}
	return node{tlog.NodeHash(left.hash, right.hash), true}
}

// root joins the complete subtrees, the smallest first (RFC 6962, section 2.1).
func (t *tree) root() node {
	var root node
	for level, subtree := range t.levels {
		if t.size>>level&1 == 0 {
			continue
		}
		if t.size&(1<<level-1) == 0 {
			root = subtree
		} else {
			root = join(subtree, root)
		}
	}
	return root
}
