package retention

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"meai/activities/privacy/datamap"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// How much one look takes of everything, where nothing else is asked for.
const (
	samplePeople = 200
	sampleValues = 5
	sampleRows   = 20_000
	sampleNames  = 200
)

// Problem is what is wrong with something that should be sealed.
type Problem string

// The problems.
const (
	// NotSealed: it does not begin as sealed values do.
	NotSealed Problem = "not_sealed"
	// UnknownVersion: it is sealed under a key that is not among its owner's.
	UnknownVersion Problem = "unknown_key_version"
	// DoesNotOpen: it was altered, or belongs to another place or person.
	DoesNotOpen Problem = "does_not_open"
	// KeysMissing: people have values and no keys.
	KeysMissing Problem = "keys_missing"
	// NotOfItsClass: the data map says that it is a code, an id or a number, and it is not.
	NotOfItsClass Problem = "not_of_its_class"
	// Undeclared: the data map does not know the column.
	Undeclared Problem = "not_in_the_data_map"
	// Unlisted: it is sealed under people's keys, and what replaces keys does not know it.
	Unlisted Problem = "not_among_the_sealed_columns"
	// InTheOpen: a connection beyond this machine is not encrypted.
	InTheOpen Problem = "connection_in_the_open"
)

// Finding names where something is wrong, and how often; never what stands there.
type Finding struct {
	Problem Problem `json:"problem"`
	// Store is a table, bucket or connection; Column is set in tables.
	Store  string `json:"store"`
	Column string `json:"column,omitempty"`
	Count  int64  `json:"count"`
}

// Looked counts what was looked at.
type Looked struct {
	People int `json:"people"`
	// Values were opened with their person's keys.
	Values int64 `json:"values"`
	// Columns of tables were held to their class, with so many Rows in them.
	Columns int   `json:"columns"`
	Rows    int64 `json:"rows"`
	Objects int64 `json:"objects"`
	Links   int   `json:"links"`
}

// Add adds up.
func (l *Looked) Add(o Looked) {
	l.People += o.People
	l.Values += o.Values
	l.Columns += o.Columns
	l.Rows += o.Rows
	l.Objects += o.Objects
	l.Links += o.Links
}

// Look is what one step found.
type Look struct {
	Looked   Looked    `json:"looked"`
	Findings []Finding `json:"findings,omitempty"`
}

// Soundness is what a verification comes to.
type Soundness string

// Sound means that nothing was found in what was looked at. A verification that broke off,
// or in which a place could not be looked at, is neither.
const (
	Sound   Soundness = "sound"
	Unsound Soundness = "unsound"
	Broken  Soundness = "failed"
	Stopped Soundness = "cancelled"
)

// Verification is a report on encryption: that what has to be sealed is, and that everything
// else is what it says it is. It holds names, codes and counts.
type Verification struct {
	// ID is the run's.
	ID      uuid.UUID `json:"id"`
	State   Soundness `json:"state"`
	BeganAt time.Time `json:"began_at"`
	EndedAt time.Time `json:"ended_at"`
	Looked  Looked    `json:"looked"`
	// Findings are all there were, by store.
	Findings []Finding `json:"findings"`
	// Note is the same, as a signed note of this system.
	Note string `json:"-"`
}

// Encryption are the steps of a verification. Every exported method is an activity that
// changes nothing, but for [Encryption.Conclude], which writes its report once.
type Encryption struct {
	DB    *postgres.DB
	Keys  *keyring.Keyring
	Map   datamap.Map
	Audit *audit.Log
	// Links are the connections of this process, Buckets what it keeps objects in.
	Links   []Link
	Buckets []Bucket
	Gauges  *Gauges // nil for none
	Logger  *slog.Logger
}

// LookInput says how much to look at.
type LookInput struct {
	ID uuid.UUID `json:"id"`
	// People are how many are looked at, and Values how many of each of their columns; 0
	// for 200 and 5.
	People int `json:"people,omitempty"`
	Values int `json:"values,omitempty"`
}

// found gathers findings.
type found map[Finding]int64

func (f found) add(p Problem, store, column string, n int64) {
	if n > 0 {
		f[Finding{Problem: p, Store: store, Column: column}] += n
	}
}

func (f found) list() []Finding {
	var list []Finding
	for finding, n := range f {
		finding.Count = n
		list = append(list, finding)
	}
	slices.SortFunc(list, compareFindings)
	return list
}

func compareFindings(a, b Finding) int {
	return cmp.Or(strings.Compare(a.Store, b.Store), strings.Compare(a.Column, b.Column), strings.Compare(string(a.Problem), string(b.Problem)))
}

// OpenSamples opens values of people, from a random one on in the order of their ids, which
// are random too.
func (e *Encryption) OpenSamples(ctx context.Context, in LookInput) (Look, error) {
	people, err := e.choose(ctx, cmp.Or(in.People, samplePeople))
	if err != nil {
		return Look{}, err
	}
	look, f := Look{}, found{}
	for _, subject := range people {
		n, err := e.openPerson(ctx, subject, cmp.Or(in.Values, sampleValues), f)
		if err != nil {
			return Look{}, fmt.Errorf("open values of subject %s: %w", subject, err)
		}
		look.Looked.People++
		look.Looked.Values += n
		activity.RecordHeartbeat(ctx, look.Looked.People)
	}
	look.Findings = f.list()
	return look, nil
}

func (e *Encryption) choose(ctx context.Context, most int) ([]uuid.UUID, error) {
	start := uuid.New()
	people, err := e.DB.ActiveSubjects(ctx, start, int32(most))
	if err != nil || len(people) == most {
		return people, err
	}
	// Round the end of the list.
	first, err := e.DB.ActiveSubjects(ctx, uuid.Nil, int32(most-len(people)))
	for _, subject := range first {
		if bytes.Compare(subject[:], start[:]) <= 0 {
			people = append(people, subject)
		}
	}
	return people, err
}

// openPerson opens a few values of each of a person's columns. Whose keys are destroyed on the
// way is being erased, which is how it should be.
func (e *Encryption) openPerson(ctx context.Context, subject uuid.UUID, most int, f found) (opened int64, err error) {
	for _, c := range postgres.SealedColumns {
		sample, err := e.DB.SampleSealed(ctx, subject, c, uuid.New(), most)
		if err != nil {
			return opened, err
		}
		if len(sample) == 0 {
			continue
		}
		keys, err := e.Keys.Keys(ctx, subject) // for each column anew: a lease is short
		switch {
		case failure.Is(err, failure.KeyDestroyed):
			return opened, nil
		case failure.Is(err, failure.KeyMissing):
			f.add(KeysMissing, c.Table, c.Column, int64(len(sample)))
			continue
		case err != nil:
			return opened, err
		}
		for _, value := range sample {
			problem, err := open(keys, value.Sealed, keyring.Location{Table: c.Table, Column: c.As, Row: value.ID})
			if failure.Is(err, failure.KeyDestroyed) {
				return opened, nil
			}
			if err != nil {
				return opened, err
			}
			if problem != "" {
				f.add(problem, c.Table, c.Column, 1)
			}
			opened++
		}
	}
	return opened, nil
}

// open says what is wrong with a value, if anything.
func open(keys *keyring.Keys, sealed []byte, at keyring.Location) (Problem, error) {
	if _, err := keyring.Version(sealed); err != nil {
		return NotSealed, nil
	}
	_, err := keys.Open(sealed, at)
	switch {
	case errors.Is(err, keyring.ErrUnknownVersion):
		return UnknownVersion, nil
	case errors.Is(err, keyring.ErrSealed):
		return DoesNotOpen, nil
	default:
		return "", err
	}
}

// Finish is what the workflow knows at the end of a verification.
type Finish struct {
	ID      uuid.UUID `json:"id"`
	BeganAt time.Time `json:"began_at"`
	// Stopped and Failed say that it did not come to its end.
	Stopped bool `json:"stopped,omitempty"`
	Failed  bool `json:"failed,omitempty"`
	Look
}

// Conclude writes the report, once, and says what it comes to.
func (e *Encryption) Conclude(ctx context.Context, in Finish) (Soundness, error) {
	v := Verification{
		ID: in.ID, State: Sound, BeganAt: in.BeganAt.UTC().Truncate(time.Second), EndedAt: time.Now().UTC().Truncate(time.Second),
		Looked: in.Looked, Findings: merged(in.Findings),
	}
	switch {
	case len(v.Findings) > 0:
		v.State = Unsound
	case in.Stopped:
		v.State = Stopped
	case in.Failed:
		v.State = Broken
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode the report: %w", err)
	}
	if v.Note, err = sign(ctx, e.Keys, text); err != nil {
		return "", err
	}
	entry, err := entryOf(ctx, e.Audit, audit.EncryptionVerified, v.ID, v.State == Sound, string(v.State))
	if err != nil {
		return "", err
	}
	err = e.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		n, err := q.InsertEncryptionReport(ctx, queries.InsertEncryptionReportParams{
			ID: v.ID, State: string(v.State), BeganAt: v.BeganAt, EndedAt: v.EndedAt, Counts: text, Note: v.Note,
		})
		if err != nil || n == 0 {
			return err
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write the report on encryption %s: %w", v.ID, err)
	}
	for _, f := range v.Findings {
		e.Logger.ErrorContext(ctx, "something is not sealed as it should be", "store", f.Store, "part", f.Column, "reason", string(f.Problem), "entries", f.Count)
	}
	e.Gauges.showVerification(v)
	return v.State, nil
}

// merged is each finding once; two steps may have made the same.
func merged(all []Finding) []Finding {
	most := map[Finding]int64{}
	for _, f := range all {
		n := f.Count
		f.Count = 0
		most[f] = max(most[f], n)
	}
	list := make([]Finding, 0, len(most))
	for f, n := range most {
		f.Count = n
		list = append(list, f)
	}
	slices.SortFunc(list, compareFindings)
	return list
}
