package repository

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Kind is what a backup is of.
type Kind string

// The kinds of backups.
const (
	Postgres Kind = "postgres" // a whole cluster, product and Temporal
	Weaviate Kind = "weaviate" // all collections and tenants
)

// Format is the version of manifests that is written.
const Format = 1

// Manifest describes one backup. It is written when all parts are there: a backup
// without one was not taken.
type Manifest struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Kind   Kind   `json:"kind"`
	// Run names the workflow run that took it: a second attempt finds the first's.
	Run       string    `json:"run,omitempty"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Objects   []Object  `json:"objects"`

	Cluster *Cluster `json:"cluster,omitempty"` // of Postgres
	Index   *Index   `json:"index,omitempty"`   // of Weaviate
}

// Cluster says what a PostgreSQL base backup is of. LSNs are in PostgreSQL's notation.
type Cluster struct {
	System      string `json:"system"`  // system identifier
	Version     string `json:"version"` // of the server, such as "15.18"
	Timeline    uint32 `json:"timeline"`
	Start       string `json:"start"` // WAL from here to End makes it consistent
	End         string `json:"end"`
	SegmentSize int64  `json:"segment_size"` // of WAL, in bytes
	// Bytes that the cluster takes on a disk, as the server estimated when it began.
	Bytes int64 `json:"bytes"`
	// Base is the backup that this one is an increment of (PostgreSQL 17 and later).
	Base string `json:"base,omitempty"`
	// Tablespaces by oid; none in most clusters.
	Tablespaces map[string]string `json:"tablespaces,omitempty"`
}

// Index says what a Weaviate backup holds.
type Index struct {
	Version     string       `json:"version"`
	Node        string       `json:"node"` // a restore needs the same
	Backup      string       `json:"backup"`
	Collections []Collection `json:"collections"`
	// Samples are vectors that are looked for after a restore.
	Samples []Sample `json:"samples,omitempty"`
}

// LostSamples counts the samples whose vector the server had lost before the backup.
func (i Index) LostSamples() (lost int) {
	for _, s := range i.Samples {
		if s.Lost {
			lost++
		}
	}
	return lost
}

// Collection is one collection and its tenants, with the number of objects in each;
// one without tenants has the single tenant "".
type Collection struct {
	Name    string         `json:"name"`
	Tenants map[string]int `json:"tenants"`
	// Moved are those tenants that were written to while the backup was made, with the
	// number from before, or 0 for one that was made or removed meanwhile: the backup
	// holds that many, or as many as Tenants says, or a number between the two.
	Moved map[string]int `json:"moved,omitempty"`
}

// Sample is one object of a Weaviate backup, by its vector.
type Sample struct {
	Collection string    `json:"collection"`
	Tenant     string    `json:"tenant,omitempty"`
	ID         uuid.UUID `json:"id"`
	// Sum is in hex the HMAC-SHA-256 of where the object is and of its vectors, each value
	// as a float32, little-endian. Its key is derived from the backup's data key: with a
	// plain hash, whoever reads the bucket could tell whether somebody said a certain thing.
	Sum string `json:"sum"`
	// Lost says that the server itself did not find the object by its vector when the
	// backup was made: the object was there, and its vector index was damaged before.
	Lost bool `json:"lost,omitempty"`
}

// Size is the sum of the objects, sealed, in bytes.
func (m Manifest) Size() (size int64) {
	for _, o := range m.Objects {
		size += o.Size
	}
	return size
}

// Object finds a part by the last piece of its name.
func (m Manifest) Object(part string) (Object, error) {
	for _, o := range m.Objects {
		if o.Name == m.Part(part) {
			return o, nil
		}
	}
	return Object{}, fmt.Errorf("%s: %w", m.Part(part), ErrMissing)
}

// Part is the object's name of one of the backup's parts.
func (m Manifest) Part(part string) string { return PartName(m.ID, part) }

// PartName is the object's name of a part of a backup.
func PartName(id, part string) string { return "backups/" + id + "/" + part }

// NewID makes the id of a backup: when it began, what it is of, and eight random
// digits, so that ids sort by time.
func NewID(kind Kind, now time.Time) (string, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a backup's id: %w", err)
	}
	return now.UTC().Format(timeForm) + "-" + string(kind) + "-" + hex.EncodeToString(random), nil
}

// timeForm sorts as time does.
const timeForm = "20060102T150405Z"

var idForm = regexp.MustCompile(`^\d{8}T\d{6}Z-[a-z]{1,16}-[0-9a-f]{8}$`)

// ValidID reports whether a text has the form of a backup's id.
func ValidID(id string) bool { return idForm.MatchString(id) }

// Commit writes the manifest: from now on the backup is taken.
func (r *Repository) Commit(ctx context.Context, m Manifest) error {
	m.Format = Format
	if !ValidID(m.ID) {
		return fmt.Errorf("backup %q: not an id", m.ID)
	}
	return r.put(ctx, m.Part("manifest.json"), m)
}

// Manifest reads the manifest of one backup; [ErrMissing] when it was not taken.
func (r *Repository) Manifest(ctx context.Context, id string) (Manifest, error) {
	if !ValidID(id) {
		return Manifest{}, fmt.Errorf("backup %q: %w", id, ErrMissing)
	}
	var m Manifest
	name := PartName(id, "manifest.json")
	if err := r.get(ctx, name, &m); err != nil {
		return Manifest{}, err
	}
	if m.ID != id {
		return Manifest{}, fmt.Errorf("%s: %w: it is of backup %q", name, ErrAltered, m.ID)
	}
	if m.Format != Format {
		return Manifest{}, fmt.Errorf("%s: format %d is not known to this version", name, m.Format)
	}
	return m, nil
}

// State is how far a backup is, or what became of it.
type State string

// The states. A later one is a report that lies beside the manifest.
const (
	Taken    State = "taken"
	Verified State = "verified"
	Proven   State = "proven"
	Failed   State = "failed" // it was found to be damaged, or did not restore
	Held     State = "held"
	Released State = "released" // no longer held
	Expired  State = "expired"  // its parts are being deleted, or gone
)

// Report is what was found out about a backup.
type Report struct {
	Backup string    `json:"backup"`
	State  State     `json:"state"`
	At     time.Time `json:"at"`
	// Run names the workflow run that found it out.
	Run string `json:"run,omitempty"`
	// Seconds by step, as measured.
	Seconds map[string]float64 `json:"seconds,omitempty"`
	// Found are counts and sums by name, and Problems sentences that name what is
	// wrong. Neither holds anything of a person's.
	Found    map[string]string `json:"found,omitempty"`
	Problems []string          `json:"problems,omitempty"`
}

// Report writes a report beside the backup.
func (r *Repository) Report(ctx context.Context, report Report) error {
	name := PartName(report.Backup, string(report.State)+"-"+report.At.UTC().Format("20060102T150405.000Z")+".json")
	return r.put(ctx, name, report)
}

// Entry is a backup in the catalogue: its manifest and all reports, in order of time.
type Entry struct {
	Manifest
	Reports []Report
}

// State is the newest report that is not about holding: taken without any.
func (e Entry) State() State {
	state := Taken
	for _, report := range e.Reports {
		if report.State != Held && report.State != Released {
			state = report.State
		}
	}
	return state
}

// Held reports whether the backup must be kept.
func (e Entry) Held() bool {
	held := false
	for _, report := range e.Reports {
		switch report.State {
		case Held:
			held = true
		case Released:
			held = false
		}
	}
	return held
}

// Reported is when a state was last reported, zero when never.
func (e Entry) Reported(state State) (at time.Time) {
	for _, report := range e.Reports {
		if report.State == state {
			at = report.At
		}
	}
	return at
}

// Catalogue reads all backups, oldest first, those that have expired as well. Damaged
// descriptions are in the error, and the rest is returned.
func (r *Repository) Catalogue(ctx context.Context) ([]Entry, error) {
	names, err := r.Names(ctx, "backups/")
	if err != nil {
		return nil, err
	}
	var entries []Entry
	var problems []error
	for _, id := range idsIn(names) {
		entry, err := r.entry(ctx, id, names)
		switch {
		case errors.Is(err, ErrMissing): // it is being taken, or was broken off
		case err != nil:
			problems = append(problems, err)
		default:
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return entries, errors.Join(problems...)
}

// Entry reads one backup with its reports.
func (r *Repository) Entry(ctx context.Context, id string) (Entry, error) {
	names, err := r.Names(ctx, PartName(id, ""))
	if err != nil {
		return Entry{}, err
	}
	return r.entry(ctx, id, names)
}

func (r *Repository) entry(ctx context.Context, id string, names []string) (Entry, error) {
	manifest, err := r.Manifest(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{Manifest: manifest}
	for _, name := range names {
		part, ok := strings.CutPrefix(name, PartName(id, ""))
		if !ok || part == "manifest.json" || !strings.HasSuffix(part, ".json") {
			continue
		}
		var report Report
		if err := r.get(ctx, name, &report); err != nil {
			return Entry{}, err
		}
		if report.Backup != id || !strings.HasPrefix(part, string(report.State)+"-") {
			return Entry{}, fmt.Errorf("%s: %w: it is of another backup or state", name, ErrAltered)
		}
		entry.Reports = append(entry.Reports, report)
	}
	slices.SortFunc(entry.Reports, func(a, b Report) int { return a.At.Compare(b.At) })
	return entry, nil
}

// Abandoned lists the ids under which parts lie that no manifest names, begun before a
// time: what was broken off.
func (r *Repository) Abandoned(ctx context.Context, before time.Time) ([]string, error) {
	names, err := r.Names(ctx, "backups/")
	if err != nil {
		return nil, err
	}
	var abandoned []string
	for _, id := range idsIn(names) {
		if id < before.UTC().Format(timeForm) && !slices.Contains(names, PartName(id, "manifest.json")) {
			abandoned = append(abandoned, id)
		}
	}
	return abandoned, nil
}

func idsIn(names []string) []string {
	var ids []string
	for _, name := range names {
		rest, _ := strings.CutPrefix(name, "backups/")
		if id, _, ok := strings.Cut(rest, "/"); ok && ValidID(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Discard removes every part of a backup that was not taken.
func (r *Repository) Discard(ctx context.Context, id string) error {
	names, err := r.Names(ctx, PartName(id, ""))
	if err != nil {
		return err
	}
	if slices.Contains(names, PartName(id, "manifest.json")) {
		return fmt.Errorf("backup %s was taken; it expires, and is not discarded", id)
	}
	return r.Remove(ctx, names...)
}

// Expire deletes the parts of a backup and keeps its descriptions. It says so first: a
// crash leaves a backup that is known to be incomplete.
func (r *Repository) Expire(ctx context.Context, report Report) error {
	entry, err := r.Entry(ctx, report.Backup)
	if err != nil {
		return err
	}
	if entry.Held() {
		return fmt.Errorf("backup %s is held", entry.ID)
	}
	if entry.State() != Expired {
		report.State = Expired
		if err := r.Report(ctx, report); err != nil {
			return err
		}
	}
	for _, o := range entry.Objects {
		if err := r.Remove(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}

// Mark is what the database held at one point of its write-ahead log: a restore is
// never made without such a target, and is compared with it.
type Mark struct {
	ID       uuid.UUID `json:"id"`
	At       time.Time `json:"at"`
	System   string    `json:"system"`
	Timeline uint32    `json:"timeline"`
	// LSN: exactly what was committed before it is in the counts and sums.
	LSN string `json:"lsn"`
	// Database is the product's, which Tables are in, by name.
	Database string              `json:"database"`
	Tables   map[string]Contents `json:"tables"`
}

// Contents are the number of rows of a table and a sum of their hashes.
type Contents struct {
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
}

// PutMark keeps a mark.
func (r *Repository) PutMark(ctx context.Context, m Mark) error {
	return r.put(ctx, "marks/"+m.At.UTC().Format("20060102T150405.000Z")+"-"+m.System+".json", m)
}

// Marks reads all marks, oldest first. Damaged ones are in the error, and the rest is
// returned.
func (r *Repository) Marks(ctx context.Context) ([]Mark, error) {
	names, err := r.Names(ctx, "marks/")
	if err != nil {
		return nil, err
	}
	var marks []Mark
	var problems []error
	for _, name := range names {
		var m Mark
		if err := r.get(ctx, name, &m); err != nil {
			problems = append(problems, err)
			continue
		}
		marks = append(marks, m)
	}
	return marks, errors.Join(problems...)
}

// RemoveMarks deletes the marks of a system from before a time, and says how many.
func (r *Repository) RemoveMarks(ctx context.Context, system string, before time.Time) (int, error) {
	names, err := r.Names(ctx, "marks/")
	if err != nil {
		return 0, err
	}
	old := slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, "-"+system+".json") || name >= "marks/"+before.UTC().Format("20060102T150405.000Z")
	})
	return len(old), r.Remove(ctx, old...)
}
