package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/objects"
)

// ErrEpochEnded: the KEK in use has a date on which it is destroyed, so nothing
// new may be wrapped under it. The process is set up with an old KEK.
var ErrEpochEnded = errors.New("keyring: the epoch of this key-encryption key has ended")

// Cursor is a place in the list of all subjects. The zero value is the start.
type Cursor struct {
	Replica int    `json:"replica,omitempty"`
	Part    int    `json:"part,omitempty"`
	Token   []byte `json:"token,omitempty"`
	Ended   bool   `json:"ended,omitempty"`
}

// Where owners are listed, in turn. A tombstone names nobody.
var parts = []string{systemName, subjectsPrefix, generationsPrefix, candidatesPrefix}

// Subjects returns the owners of the objects on one page of one replica, the zero
// UUID for the system, and where to go on. It goes through all replicas, so that
// what one of them lacks, or has too much, is found: the same subject comes once for
// each place it is found in, and a page may be empty. Of people whose keys were
// destroyed it finds those of whom a replica still holds something.
func (k *Keyring) Subjects(ctx context.Context, at Cursor, limit int) ([]uuid.UUID, Cursor, error) {
	if at.Ended || at.Replica >= len(k.replicas) {
		return nil, Cursor{Ended: true}, nil
	}
	names, next, err := k.replicas[at.Replica].listBounded(ctx, parts[at.Part], at.Token, limit)
	if err != nil {
		return nil, at, fmt.Errorf("list the keys of replica %s: %w", k.replicas[at.Replica].name, err)
	}
	var subjects []uuid.UUID
	for _, name := range names {
		if subject, ok := ownerOf(name); ok && !slices.Contains(subjects, subject) {
			subjects = append(subjects, subject)
		}
	}
	at.Token = next
	if len(next) == 0 {
		at.Part++
	}
	if at.Part == len(parts) {
		at = Cursor{Replica: at.Replica + 1}
	}
	at.Ended = at.Replica == len(k.replicas)
	return subjects, at, nil
}

func ownerOf(name string) (uuid.UUID, bool) {
	if subject, _, ok := parseName(name); ok {
		return subject, true
	}
	owner, found := strings.CutPrefix(name, candidatesPrefix)
	if !found {
		return uuid.Nil, false
	}
	return parseKeyName(owner)
}

// Census counts what all replicas hold. It names nobody.
type Census struct {
	// Epoch is the KEK in use.
	Epoch    string          `json:"epoch"`
	Subjects int             `json:"subjects"`
	Replicas []ReplicaCensus `json:"replicas"`
	Epochs   []EpochCensus   `json:"epochs"`
}

// ReplicaCensus counts what one replica holds.
type ReplicaCensus struct {
	Name    string `json:"name"`
	Outside bool   `json:"outside_region"`
	// Error: the replica does not answer, and the counts are not complete.
	Error   string `json:"error,omitempty"`
	Objects int    `json:"objects"`
	// Lacking counts subjects of whom it does not hold the newest generation.
	Lacking int `json:"lacking"`
	// Stale counts objects that are to be removed: of older generations, of
	// destroyed keys, or left by an interrupted creation.
	Stale   int `json:"stale"`
	Damaged int `json:"damaged"`
	// Tombstones counts destroyed key sets that it knows of, Unburied those that
	// only others know of.
	Tombstones int `json:"tombstones"`
	Unburied   int `json:"unburied"`
}

// EpochCensus counts what is wrapped under one KEK.
type EpochCensus struct {
	Epoch   string `json:"epoch"`
	Current bool   `json:"current,omitempty"`
	Objects int    `json:"objects"`
	// DestroyOn is when the KEK may be destroyed; zero until nothing needs it.
	DestroyOn time.Time `json:"destroy_on,omitzero"`
}

// Census reads every object of every replica. progress is told how many were read
// so far; it may be nil. A replica that does not answer is part of the result.
func (k *Keyring) Census(ctx context.Context, progress func(objects int)) (Census, error) {
	t := tally{epochs: map[string]int{k.keks.current: 0}, newest: map[uuid.UUID]uint64{}, buried: map[string]bool{}, progress: progress}
	result := Census{Epoch: k.keks.current, Replicas: make([]ReplicaCensus, len(k.replicas))}
	for i, r := range k.replicas {
		result.Replicas[i] = ReplicaCensus{Name: r.name, Outside: r.outside}
		if err := t.count(ctx, r, &result.Replicas[i]); err != nil {
			result.Replicas[i].Error = err.Error()
		}
		if ctx.Err() != nil {
			return Census{}, ctx.Err()
		}
	}
	for i := range result.Replicas {
		t.compare(&result.Replicas[i], t.seen[i])
	}
	for subject := range t.newest {
		if subject != system && !t.buried[Digest(subject)] {
			result.Subjects++
		}
	}
	var err error
	result.Epochs, err = k.epochs(ctx, t.epochs)
	return result, err
}

// tally is a census in the making.
type tally struct {
	epochs   map[string]int
	newest   map[uuid.UUID]uint64
	buried   map[string]bool // by digest
	seen     []sighting
	read     int
	progress func(int)
}

// sighting is what one replica was seen to hold.
type sighting struct {
	newest map[uuid.UUID]uint64
	buried map[string]bool
	of     map[uuid.UUID]int
}

func (t *tally) count(ctx context.Context, r replica, c *ReplicaCensus) error {
	s := sighting{map[uuid.UUID]uint64{}, map[string]bool{}, map[uuid.UUID]int{}}
	defer func() { t.seen = append(t.seen, s) }()
	tombstones, err := r.all(ctx, tombstonesPrefix)
	for _, name := range tombstones {
		if digest, ok := digestOf(name); ok {
			s.buried[digest], t.buried[digest] = true, true
			c.Tombstones++
		}
	}
	if err != nil {
		return err
	}
	return r.objects(ctx, func(name string, object []byte) error {
		if t.read++; t.progress != nil {
			t.progress(t.read)
		}
		c.Objects++
		e, err := readEnvelope(object)
		if err != nil {
			c.Damaged++
			return nil
		}
		t.epochs[e.epoch]++
		subject, generation, ok := parseName(name)
		if !ok {
			c.Stale++ // a candidate
			return nil
		}
		s.of[subject]++
		s.newest[subject] = max(s.newest[subject], generation)
		t.newest[subject] = max(t.newest[subject], generation)
		return nil
	})
}

func (t *tally) compare(c *ReplicaCensus, s sighting) {
	for subject, generation := range t.newest {
		switch {
		case t.buried[Digest(subject)]:
			c.Stale += s.of[subject]
		case s.newest[subject] < generation:
			c.Lacking++
			c.Stale += s.of[subject]
		default:
			c.Stale += s.of[subject] - 1
		}
	}
	for digest := range t.buried {
		if !s.buried[digest] {
			c.Unburied++
		}
	}
}

func (k *Keyring) epochs(ctx context.Context, objects map[string]int) ([]EpochCensus, error) {
	known := maps.Clone(objects)
	for epoch := range k.keks.byEpoch {
		known[epoch] += 0
	}
	names, err := k.replicas[0].all(ctx, epochsPrefix)
	if err != nil {
		return nil, fmt.Errorf("list epochs: %w", err)
	}
	for _, name := range names {
		known[name[len(epochsPrefix):]] += 0
	}
	var all []EpochCensus
	for _, epoch := range slices.Sorted(maps.Keys(known)) {
		end, err := k.epochEnd(ctx, epoch)
		if err != nil {
			return nil, err
		}
		all = append(all, EpochCensus{Epoch: epoch, Current: epoch == k.keks.current, Objects: known[epoch], DestroyOn: end})
	}
	return all, nil
}

// epochEnding is the record of an ended epoch.
type epochEnding struct {
	Rewrapped time.Time `json:"rewrapped"`
	DestroyOn time.Time `json:"destroy_on"`
}

// EndEpochs records, for every KEK but the one in use, when it may be destroyed:
// grace from now. It does so only where no replica holds an object that needs it,
// and not at all while a replica does not answer or holds what cannot be read. A
// date that was recorded stays. Nothing new is wrapped under an ended epoch.
func (k *Keyring) EndEpochs(ctx context.Context, grace time.Duration, progress func(objects int)) (Census, error) {
	census, err := k.Census(ctx, progress)
	if err != nil {
		return Census{}, err
	}
	for _, r := range census.Replicas {
		if r.Error != "" || r.Damaged > 0 {
			return census, nil
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	for i, e := range census.Epochs {
		if e.Current || e.Objects > 0 || !e.DestroyOn.IsZero() {
			continue
		}
		record, err := json.Marshal(epochEnding{now, now.Add(grace)})
		if err != nil {
			return Census{}, err
		}
		if err := k.endEpoch(ctx, e.Epoch, record); err != nil {
			return Census{}, err
		}
		if census.Epochs[i].DestroyOn, err = k.epochEnd(ctx, e.Epoch); err != nil {
			return Census{}, err
		}
	}
	return census, nil
}

// endEpoch lets the arbiter decide on the record and copies it to the others.
func (k *Keyring) endEpoch(ctx context.Context, epoch string, record []byte) error {
	name := epochName(epoch)
	err := k.replicas[0].createBounded(ctx, name, record)
	if errors.Is(err, objects.ErrExists) {
		record, err = k.replicas[0].readBounded(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("record the end of epoch %s: %w", epoch, err)
	}
	held, err := k.replicas.spread(ctx, name, record)
	if !k.replicas.quorum(func(i int) bool { return held[i] }) {
		return fmt.Errorf("record the end of epoch %s: %w: %w", epoch, ErrBelowQuorum, err)
	}
	return nil
}

// epochEnd reads when an epoch's KEK may be destroyed; zero when nothing was recorded.
func (k *Keyring) epochEnd(ctx context.Context, epoch string) (time.Time, error) {
	record, err := k.replicas[0].readBounded(ctx, epochName(epoch))
	if errors.Is(err, objects.ErrAbsent) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the end of epoch %s: %w", epoch, err)
	}
	var ending epochEnding
	if err := json.Unmarshal(record, &ending); err != nil || ending.DestroyOn.IsZero() {
		return time.Time{}, fmt.Errorf("%w: the record of epoch %s", ErrCorrupt, epoch)
	}
	return ending.DestroyOn, nil
}

func (k *Keyring) checkEpoch(ctx context.Context) error {
	end, err := k.epochEnd(ctx, k.keks.current)
	if err == nil && !end.IsZero() {
		err = fmt.Errorf("%w: %s", ErrEpochEnded, k.keks.current)
	}
	return err
}
