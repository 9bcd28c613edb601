package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/objects"
)

// ErrBelowQuorum: too few replicas answer, or hold what is asked for. Nothing is
// read or used then; it passes when the replicas are back, or repaired.
var ErrBelowQuorum = errors.New("keyring: too few replicas")

// storeTimeout bounds one call of one replica.
const storeTimeout = 2 * time.Second

// Replica is a bucket that holds a copy of the keyring.
type Replica struct {
	// Region is compared with the own region, nothing else.
	Region string
	// URL is a bucket as in [Options.Bucket].
	URL string
}

// ParseReplicas reads "region=URL region=URL ...".
func ParseReplicas(text string) ([]Replica, error) {
	var all []Replica
	err := parsePairs(text, func(region, rawURL string) { all = append(all, Replica{region, rawURL}) })
	return all, err
}

// ParseKEKs reads "epoch=URL epoch=URL ..." into URLs by epoch. Its errors do not
// repeat the text, for a URL may hold the key itself.
func ParseKEKs(text string) (map[string]string, error) {
	all := map[string]string{}
	err := parsePairs(text, func(epoch, rawURL string) { all[epoch] = rawURL })
	return all, err
}

func parsePairs(text string, add func(name, rawURL string)) error {
	for i, field := range strings.Fields(text) {
		name, rawURL, found := strings.Cut(field, "=")
		u, err := url.Parse(rawURL)
		if !found || name == "" || err != nil || u.Scheme == "" {
			return fmt.Errorf("entry %d is not name=URL", i+1)
		}
		add(name, rawURL)
	}
	return nil
}

// replica is an opened [Replica].
type replica struct {
	objects.Erasable
	name string
	// outside the own region
	outside bool
}

// replicas are all copies. The first is the arbiter: of those who would change a
// subject's keys at once, the one wins whose object it took.
type replicas []replica

func openReplicas(ctx context.Context, o Options) (_ replicas, err error) {
	var all replicas
	defer func() {
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	for i, r := range append([]Replica{{o.Region, o.Bucket}}, o.Replicas...) {
		st, err := objects.OpenErasable(ctx, r.URL)
		if err != nil {
			return nil, fmt.Errorf("open bucket %d: %w", i+1, err)
		}
		if o.wrapStore != nil {
			st = o.wrapStore(i, st)
		}
		all = append(all, replica{Erasable: st, name: replicaName(i, r.Region), outside: r.Region != o.Region})
	}
	return all, nil
}

func replicaName(index int, region string) string {
	if region == "" {
		return fmt.Sprint(index + 1)
	}
	return fmt.Sprintf("%d (%s)", index+1, region)
}

func (rs replicas) close() error {
	var errs []error
	for _, r := range rs {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

func (rs replicas) majority() int { return len(rs)/2 + 1 }

// quorum reports whether the replicas that has names are enough to rely on: a
// majority, and one outside the region where there is any.
func (rs replicas) quorum(has func(i int) bool) bool {
	count, outside, needed := 0, false, false
	for i, r := range rs {
		needed = needed || r.outside
		if has(i) {
			count++
			outside = outside || r.outside
		}
	}
	return count >= rs.majority() && (outside || !needed)
}

func (r replica) buried(ctx context.Context, subject uuid.UUID) (bool, error) {
	if subject == system {
		return false, nil
	}
	_, err := r.readBounded(ctx, tombstoneName(subject))
	if errors.Is(err, objects.ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}

// newest reads the object of the highest generation. While it looks, a newer one
// may be made and the older removed, so it looks again for what is gone.
func (r replica) newest(ctx context.Context, subject uuid.UUID) (uint64, []byte, error) {
	const looks = 4
	for look := 1; ; look++ {
		generation, err := r.highest(ctx, subject)
		if err != nil {
			return 0, nil, err
		}
		object, err := r.readBounded(ctx, objectName(subject, max(generation, 1)))
		switch {
		case err == nil:
			return max(generation, 1), object, nil
		case !errors.Is(err, objects.ErrAbsent):
			return 0, nil, err
		case generation == 0 && look > 1:
			return 0, nil, nil
		case look == looks:
			return 0, nil, errors.New("the newest object keeps changing")
		}
	}
}

// highest lists the generations after the first and returns the highest, or 0.
func (r replica) highest(ctx context.Context, subject uuid.UUID) (uint64, error) {
	names, err := r.all(ctx, generationsOf(subject))
	if err != nil || len(names) == 0 {
		return 0, err
	}
	highest := uint64(0)
	for _, name := range names {
		if _, generation, ok := parseName(name); ok {
			highest = max(highest, generation)
		}
	}
	return highest, nil
}

// all lists every name with a prefix.
func (r replica) all(ctx context.Context, prefix string) ([]string, error) {
	var all []string
	for token := []byte(nil); ; {
		names, next, err := r.listBounded(ctx, prefix, token, listPage)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
		if len(next) == 0 {
			return all, nil
		}
		token = next
	}
}

const listPage = 1000

// Every call of a store is bounded: one that hangs is one that does not answer.

func (r replica) readBounded(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.Read(ctx, name)
}

func (r replica) listBounded(ctx context.Context, prefix string, token []byte, limit int) ([]string, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.List(ctx, prefix, token, limit)
}

func (r replica) createBounded(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.Create(ctx, name, data)
}

func (r replica) removeBounded(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.Remove(ctx, name)
}

// spread brings an object to every replica that lacks it and reports which hold
// it afterwards. A copy that is damaged, or another, is replaced.
func (rs replicas) spread(ctx context.Context, name string, object []byte) (held []bool, err error) {
	held, errs := make([]bool, len(rs)), make([]error, len(rs))
	rs.each(func(i int, r replica) {
		if errs[i] = r.put(ctx, name, object); errs[i] == nil {
			held[i] = true
		}
	})
	return held, errors.Join(errs...)
}

// each runs f for all replicas side by side.
func (rs replicas) each(f func(i int, r replica)) {
	done := make(chan struct{})
	for i, r := range rs {
		go func() { f(i, r); done <- struct{}{} }()
	}
	for range rs {
		<-done
	}
}

// put makes a replica hold exactly this object.
func (r replica) put(ctx context.Context, name string, object []byte) error {
	err := r.createBounded(ctx, name, object)
	if errors.Is(err, objects.ErrExists) {
		there, readErr := r.readBounded(ctx, name)
		if readErr == nil && bytes.Equal(there, object) {
			return nil
		}
		if readErr == nil {
			readErr = r.removeBounded(ctx, name)
		}
		if err = readErr; err == nil || errors.Is(err, objects.ErrAbsent) {
			err = r.createBounded(ctx, name, object)
		}
	}
	if err != nil {
		return fmt.Errorf("replica %s: %w", r.name, err)
	}
	return nil
}

// holdsEpoch reports whether any replica holds an object that needs this epoch's
// KEK. It reads until it finds one.
func (rs replicas) holdsEpoch(ctx context.Context, epoch string) (bool, error) {
	for _, r := range rs {
		found, err := r.holdsEpoch(ctx, epoch)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (r replica) holdsEpoch(ctx context.Context, epoch string) (bool, error) {
	stop := errors.New("found")
	err := r.objects(ctx, func(_ string, object []byte) error {
		// What cannot be read may well need it.
		if e, err := readEnvelope(object); err != nil || e.epoch == epoch {
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		return true, nil
	}
	return false, err
}

// objects reads every key object of a replica, candidates included.
func (r replica) objects(ctx context.Context, f func(name string, object []byte) error) error {
	for _, prefix := range []string{systemName, subjectsPrefix, generationsPrefix, candidatesPrefix} {
		for token := []byte(nil); ; {
			names, next, err := r.listBounded(ctx, prefix, token, listPage)
			if err != nil {
				return fmt.Errorf("replica %s: %w", r.name, err)
			}
			for _, name := range names {
				object, err := r.readBounded(ctx, name)
				if errors.Is(err, objects.ErrAbsent) {
					continue // removed meanwhile
				}
				if err == nil {
					err = f(name, object)
				}
				if err != nil {
					return err
				}
			}
			if len(next) == 0 {
				break
			}
			token = next
		}
	}
	return nil
}
