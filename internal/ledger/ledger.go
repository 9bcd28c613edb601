package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/signing"
)

var (
	// ErrUnavailable: fewer than a majority of the stores answer as they should. An
	// act that was being appended may turn out to be in the ledger later; appending
	// it again is safe.
	ErrUnavailable = errors.New("ledger: no majority of the stores")
	// ErrFork: stores hold different entries under the same number. Somebody wrote
	// one of them past this package, or a store was brought back with a past that
	// others do not share.
	ErrFork = errors.New("ledger: the stores have forked")
)

// Options of a ledger. Buckets and Key are required.
type Options struct {
	// Buckets are the URLs of the stores (see [objects.Open]), the same and in the
	// same order for every process. With three, one may be away.
	Buckets []string
	// Key finds the key that signs entries and verifies them, on first use and until it
	// succeeds: a process starts without its keyring. See [KeyOf].
	Key func(context.Context) (*signing.Key, error)
	// Logger receives warnings; nil for slog.Default.
	Logger *slog.Logger
}

// Ledger is the chain of entries. It is safe for concurrent use, by any number of
// processes on the same stores.
type Ledger struct {
	replicas []*replica
	log      *slog.Logger
	now      func() time.Time

	opening sync.Mutex
	findKey func(context.Context) (*signing.Key, error)
	key     *signing.Key // set by ready, once

	// appending: writers in one process take turns instead of racing each other.
	appending sync.Mutex
}

// replica is one store with what is known of its end.
type replica struct {
	name  string
	store objects.Store

	mu   sync.Mutex
	head Entry // a lower bound; zero for none
}

// Open opens the stores. It reads nothing yet.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	var replicas []*replica
	for _, bucket := range o.Buckets {
		store, err := objects.Open(ctx, bucket)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open ledger store %s: %w", describe(bucket), err), closeAll(replicas))
		}
		replicas = append(replicas, &replica{name: describe(bucket), store: store})
	}
	return newLedger(replicas, o)
}

func newLedger(replicas []*replica, o Options) (*Ledger, error) {
	if len(replicas) == 0 || o.Key == nil {
		return nil, errors.New("ledger: buckets and a key are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Ledger{replicas: replicas, findKey: o.Key, log: o.Logger, now: time.Now}, nil
}

// ready has the key found. Every method for the outside begins with it.
func (l *Ledger) ready(ctx context.Context) error {
	l.opening.Lock()
	defer l.opening.Unlock()
	if l.key != nil {
		return nil
	}
	key, err := l.findKey(ctx)
	if err != nil {
		return fmt.Errorf("find the ledger's key: %w", err)
	}
	l.key = key
	return nil
}

// Buckets splits the configured list of URLs.
func Buckets(list string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }),
		func(s string) bool { return s == "" })
}

// describe names a store without the parameters of its URL, which may hold secrets.
func describe(bucket string) string {
	u, err := url.Parse(bucket)
	if err != nil {
		return "with a malformed URL"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// Close closes the stores.
func (l *Ledger) Close() error { return closeAll(l.replicas) }

func closeAll(replicas []*replica) (err error) {
	for _, r := range replicas {
		err = errors.Join(err, r.store.Close())
	}
	return err
}

// majority is how many stores must hold an entry. Any two majorities share a store.
func (l *Ledger) majority() int { return len(l.replicas)/2 + 1 }

// Append adds an act and returns its entry once a majority of the stores hold it.
// An act that is there already is returned as it was written; another act under the
// same id is [ErrConflict]. After [ErrUnavailable] the act may be there or not.
func (l *Ledger) Append(ctx context.Context, act Act) (Entry, error) {
	if !slices.Contains(kinds, act.Kind) {
		return Entry{}, failure.New(failure.InvalidInput, "ledger act: the kind is not in the vocabulary", nil)
	}
	if err := act.validate(); err != nil {
		return Entry{}, failure.New(failure.InvalidInput, "ledger act: "+err.Error(), nil)
	}
	if err := l.ready(ctx); err != nil {
		return Entry{}, err
	}
	l.appending.Lock()
	defer l.appending.Unlock()
	entry, err := l.append(ctx, act)
	if err != nil {
		return Entry{}, fmt.Errorf("append %s to the ledger: %w", act.Kind, err)
	}
	if !entry.same(act) {
		return Entry{}, fmt.Errorf("%w: entry %d", ErrConflict, entry.Number)
	}
	return entry, nil
}

// append returns the entry with the act's id, new or not.
func (l *Ledger) append(ctx context.Context, act Act) (Entry, error) {
	v, err := l.survey(ctx)
	if err != nil {
		return Entry{}, err
	}
	// From here on a majority holds everything up to the head, and so the pointer of
	// every act up to it.
	if err := l.spread(ctx, v); err != nil {
		return Entry{}, err
	}
	if found, err := l.find(ctx, v, act.ID); err != nil || found.Number != 0 {
		return found, err
	}
	for {
		mine := Entry{Number: v.head.Number + 1, Previous: v.head.Hash, Time: l.now().UTC().Truncate(time.Microsecond), Act: act}
		if err := mine.sign(l.key); err != nil {
			return Entry{}, err
		}
		decided, err := l.decide(ctx, v, mine)
		if err != nil {
			return Entry{}, err
		}
		// Another's entry is completed first: that writer may be dead.
		v.head = decided
		if err := l.spread(ctx, v); err != nil {
			return Entry{}, err
		}
		if decided.ID == act.ID {
			return decided, nil
		}
	}
}

// find looks for an act by its pointer; the zero entry when there is none.
func (l *Ledger) find(ctx context.Context, v *view, id string) (Entry, error) {
	answered := 0
	for _, r := range v.good {
		data, err := r.read(ctx, pointerName(id))
		if errors.Is(err, objects.ErrAbsent) {
			answered++
			continue
		}
		if err != nil {
			l.log.Warn("a ledger store does not answer", "store", r.name, "error", err)
			continue
		}
		number, err := parsePointer(data)
		if err != nil {
			return Entry{}, fmt.Errorf("pointer of an act in %s: %w", r.name, err)
		}
		if number > v.head.Number {
			// Decided, and its writer died before it placed the entry: the next decision
			// finds it.
			answered++
			continue
		}
		entry, err := l.readAny(ctx, v.good, number)
		if err == nil && entry.ID != id {
			err = fmt.Errorf("%w: the pointer of an act in %s leads to another act, entry %d", ErrCorrupt, r.name, number)
		}
		return entry, err
	}
	if answered < l.majority() {
		return Entry{}, ErrUnavailable
	}
	return Entry{}, nil
}

// spread brings the head, and what is missing before it, to the stores that answer,
// and succeeds when a majority holds it.
func (l *Ledger) spread(ctx context.Context, v *view) error {
	held := 0
	for _, r := range v.good {
		err := l.catchUp(ctx, v, r)
		switch {
		case err == nil:
			held++
		case errors.Is(err, ErrFork):
			return err
		default:
			l.log.Warn("a ledger store lags behind", "store", r.name, "error", err)
		}
	}
	if held < l.majority() {
		return fmt.Errorf("%w: %d of %d hold entry %d", ErrUnavailable, held, len(l.replicas), v.head.Number)
	}
	return nil
}

// mostAtOnce bounds how far one append catches up with a store that was away;
// [Ledger.Repair] does the rest.
const mostAtOnce = 100

// catchUp gives a store the entries that it lacks, in their order.
func (l *Ledger) catchUp(ctx context.Context, v *view, r *replica) error {
	for range mostAtOnce {
		last := r.last()
		if last.Number >= v.head.Number {
			return nil
		}
		next := v.head
		if last.Number+1 != v.head.Number {
			var err error
			if next, err = l.readAny(ctx, v.good, last.Number+1); err != nil {
				return err
			}
		}
		if err := next.follows(last); err != nil {
			return err
		}
		if err := l.place(ctx, r, next); err != nil {
			return err
		}
	}
	return fmt.Errorf("it has still %d entries to go", v.head.Number-r.last().Number)
}

// place writes an entry that is decided to one store. The pointer goes first: a
// store that holds an entry always holds its pointer.
func (l *Ledger) place(ctx context.Context, r *replica, e Entry) error {
	if err := l.same(ctx, r, pointerName(e.ID), formatPointer(e.Number), e.Number); err != nil {
		return err
	}
	if err := l.same(ctx, r, entryName(e.Number), e.object, e.Number); err != nil {
		return err
	}
	r.advance(e)
	return nil
}

// same creates an object or finds it there already with the same bytes.
func (l *Ledger) same(ctx context.Context, r *replica, name string, data []byte, number uint64) error {
	err := r.create(ctx, name, data)
	if !errors.Is(err, objects.ErrExists) {
		return err
	}
	there, err := r.read(ctx, name)
	if err == nil && string(there) != string(data) {
		err = fmt.Errorf("%w: %s holds another entry %d", ErrFork, r.name, number)
	}
	return err
}

// callTimeout bounds one call: a store that hangs is one that is away.
const callTimeout = 10 * time.Second

func (r *replica) create(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return r.store.Create(ctx, name, data)
}

func (r *replica) read(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return r.store.Read(ctx, name)
}

func (r *replica) last() Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head
}

// forget makes the next search begin at the beginning.
func (r *replica) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head = Entry{}
}

func (r *replica) advance(e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Number > r.head.Number {
		r.head = e
	}
}

const (
	keyName                          = "meai-ledger"
	signaturePurpose keyring.Purpose = "ledger-entry"
)

// KeyOf finds the key that a keyring's ledger is signed with.
func KeyOf(keys *keyring.Keyring) func(context.Context) (*signing.Key, error) {
	return func(ctx context.Context) (*signing.Key, error) {
		return signing.Derive(ctx, keys, keyName, signaturePurpose)
	}
}
