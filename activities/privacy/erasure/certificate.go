package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/erasure/stores"
	"meai/internal/alias"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
	"meai/internal/signing"
)

// Stage is what a certificate is about.
type Stage string

// The stages, in the order in which they are reached.
const (
	// Live: every store that is in use, and the histories of workflows.
	Live Stage = "live"
	// Logs: what applications have logged has expired.
	Logs Stage = "logs"
	// Backups: the last backup from before the erasure has expired.
	Backups Stage = "backups"
)

const (
	signer                           = "meai-erasure"
	signaturePurpose keyring.Purpose = "erasure-signature"
	header                           = "meai-erasure/1"
)

// Certificate says what an erasure has come to. It names a person by their alias alone.
type Certificate struct {
	Erasure uuid.UUID   `json:"erasure"`
	Alias   alias.Alias `json:"-"`
	Law     Law         `json:"law"`
	Stage   Stage       `json:"stage"`
	// The times are to the second.
	Requested  time.Time `json:"requested"`
	Unreadable time.Time `json:"unreadable"`
	Erased     time.Time `json:"erased"`
	Scanned    time.Time `json:"scanned"`
	// Files: the files of databases were searched as well as the stores.
	Files bool `json:"files"`
	// Found is what each store held before; afterwards all hold nothing but what they keep.
	Found map[string]int64 `json:"found"`
	// Kept is what stores on a medium that lets nothing go hold still, unreadable without the
	// person's keys, which are destroyed; Until is zero where nobody knows.
	Kept map[string]stores.Kept `json:"kept,omitempty"`
	// Until is when later stages are reached, at the earliest.
	Until  map[Stage]time.Time `json:"until"`
	Issued time.Time           `json:"issued"`
}

// Text is the one spelling of a certificate, a line for each part.
func (c Certificate) Text() string {
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, " ") + "\n") }
	line(header)
	line("erasure", c.Erasure.String())
	line("alias", c.Alias.String())
	line("law", string(c.Law))
	line("stage", string(c.Stage))
	for _, t := range c.times() {
		line(t.name, t.at.UTC().Format(time.RFC3339))
	}
	line("files", strconv.FormatBool(c.Files))
	for _, store := range slices.Sorted(maps.Keys(c.Found)) {
		line("found", store, strconv.FormatInt(c.Found[store], 10), "left", strconv.FormatInt(c.Kept[store].Objects, 10))
	}
	for _, store := range slices.Sorted(maps.Keys(c.Kept)) {
		line("kept", store, strconv.FormatInt(c.Kept[store].Objects, 10), "unreadable", keptUntil(c.Kept[store]))
	}
	for _, stage := range slices.Sorted(maps.Keys(c.Until)) {
		line("until", string(stage), c.Until[stage].UTC().Format(time.RFC3339))
	}
	return b.String()
}

// unknown stands for the end of what nobody knows when it goes.
const unknown = "unknown"

func keptUntil(k stores.Kept) string {
	if k.Until.IsZero() {
		return unknown
	}
	return k.Until.UTC().Format(time.RFC3339)
}

// readKept reads a line of what is kept.
func (c *Certificate) readKept(store, objects, until string) (err error) {
	var k stores.Kept
	if k.Objects, err = strconv.ParseInt(objects, 10, 64); err == nil && until != unknown {
		k.Until, err = time.Parse(time.RFC3339, until)
	}
	if c.Kept == nil {
		c.Kept = map[string]stores.Kept{}
	}
	c.Kept[store] = k
	return err
}

type namedTime struct {
	name string
	at   *time.Time
}

func (c *Certificate) times() []namedTime {
	return []namedTime{
		{"requested", &c.Requested}, {"unreadable", &c.Unreadable}, {"erased", &c.Erased}, {"scanned", &c.Scanned}, {"issued", &c.Issued},
	}
}

// ParseCertificate reads what [Certificate.Text] writes, and nothing else.
func ParseCertificate(text string) (c Certificate, err error) {
	c = Certificate{Found: map[string]int64{}, Until: map[Stage]time.Time{}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != header {
		return c, errors.New("it is no certificate of a known version")
	}
	for _, line := range lines[1:] {
		if err := c.read(strings.Split(line, " ")); err != nil {
			return c, fmt.Errorf("it is no certificate: %w", err)
		}
	}
	if c.Text() != text {
		return c, errors.New("it is not in the form that certificates are written in")
	}
	return c, nil
}

func (c *Certificate) read(parts []string) (err error) {
	value := parts[len(parts)-1]
	for _, t := range c.times() {
		if parts[0] == t.name {
			*t.at, err = time.Parse(time.RFC3339, value)
			return err
		}
	}
	switch {
	case parts[0] == "erasure":
		c.Erasure, err = uuid.Parse(value)
	case parts[0] == "alias":
		c.Alias, err = alias.Parse(value)
	case parts[0] == "law":
		c.Law = Law(value)
	case parts[0] == "stage":
		c.Stage = Stage(value)
	case parts[0] == "files":
		c.Files, err = strconv.ParseBool(value)
	case parts[0] == "found" && len(parts) == 5:
		c.Found[parts[1]], err = strconv.ParseInt(parts[2], 10, 64)
	case parts[0] == "kept" && len(parts) == 5:
		err = c.readKept(parts[1], parts[2], value)
	case parts[0] == "until" && len(parts) == 3:
		c.Until[Stage(parts[1])], err = time.Parse(time.RFC3339, value)
	default:
		err = errors.New("a line is unknown")
	}
	return err
}

// Key signs certificates.
func Key(ctx context.Context, keys *keyring.Keyring) (*signing.Key, error) {
	return signing.Derive(ctx, keys, signer, signaturePurpose)
}

// OpenCertificate verifies a signed certificate and reads it; [signing.ErrSignature] for
// one that was not signed by the key.
func OpenCertificate(key *signing.Public, note []byte) (Certificate, error) {
	text, err := key.Open(note)
	if err != nil {
		return Certificate{}, err
	}
	return ParseCertificate(text)
}

// Issued is a certificate as it was issued.
type Issued struct {
	Stage Stage
	// Note is the signed note (golang.org/x/mod/sumdb/note).
	Note string
	At   time.Time
}

// Certificates are those of an erasure, in the order of their stages, with its state.
// [failure.NotFound] for an erasure that does not exist. Whoever knows its id may see
// them: they hold nothing of the person's.
func (s *Store) Certificates(ctx context.Context, id uuid.UUID) (state State, issued []Issued, err error) {
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.Erasure(ctx, id)
		if err != nil {
			return unlessFound(err)
		}
		state = State(row.State)
		rows, err := q.Certificates(ctx, id)
		for _, r := range rows {
			issued = append(issued, Issued{Stage(r.Stage), r.Note, r.IssuedAt})
		}
		return err
	})
	if err != nil {
		return "", nil, fmt.Errorf("read the certificates of %s: %w", id, err)
	}
	return state, issued, nil
}

// certificate is the one of a stage.
func (s *Store) certificate(row queries.Erasure, stage Stage, at time.Time) (c Certificate, err error) {
	c = Certificate{
		Erasure: row.ID, Alias: alias.Alias(row.Alias), Law: Law(row.Law), Stage: stage, Requested: row.RequestedAt, Unreadable: orZero(row.UnreadableAt),
		Erased: orZero(row.ErasedAt), Scanned: orZero(row.ScannedAt), Files: row.Searched, Issued: at, Until: s.Retained.until(row, stage),
	}
	for _, t := range c.times() {
		*t.at = t.at.UTC().Truncate(time.Second)
	}
	return c, errors.Join(json.Unmarshal(row.Counts, &c.Found), json.Unmarshal(row.Kept, &c.Kept))
}

func (s *Store) sign(ctx context.Context, c Certificate) (string, error) {
	key, err := Key(ctx, s.Keys)
	if err != nil {
		return "", err
	}
	note, err := key.Sign(c.Text())
	return string(note), err
}

// issue writes a certificate in the caller's transaction.
func issue(ctx context.Context, q *queries.Queries, c Certificate, note string) error {
	_, err := q.InsertCertificate(ctx, queries.InsertCertificateParams{Erasure: c.Erasure, Stage: string(c.Stage), Note: note, IssuedAt: c.Issued})
	return err
}

// Certify ends an erasure of which the scan has found nothing: row, certificate and entry
// in the audit log are one transaction. It fails for one of which something is left.
func (a *Activities) Certify(ctx context.Context, in Ref) (Standing, error) {
	s, err := a.certify(ctx, in)
	if err == nil && a.Store.Register.Finished != nil {
		err = a.Store.Register.Finished(ctx, in.ID, "completed")
	}
	if err != nil {
		return s, fmt.Errorf("certify erasure %s: %w", in.ID, err)
	}
	return s, nil
}

func (a *Activities) certify(ctx context.Context, in Ref) (Standing, error) {
	e, err := a.Store.Erasure(ctx, in.ID)
	if err != nil || e.State == Certified {
		return Standing{State: Certified, Ended: true}, err
	}
	record, err := about(ctx, a.Store.Audit, e, audit.ErasureCompleted)
	if err != nil {
		return Standing{}, err
	}
	now := time.Now()
	s, err := a.row(ctx, in, func(ctx context.Context, q *queries.Queries, row *queries.Erasure) error {
		if State(row.State) != Scanning || row.ScannedAt == nil {
			return failure.New(failure.Decided, "it was not found yet that nothing is left", nil)
		}
		c, err := a.Store.certificate(*row, Live, now)
		if err != nil {
			return err
		}
		note, err := a.Store.sign(ctx, c)
		if err != nil {
			return err
		}
		if _, err := q.EndErasure(ctx, string(Certified), now, in.ID); err != nil {
			return err
		}
		row.State, row.EndedAt = string(Certified), &now
		if err := issue(ctx, q, c, note); err != nil {
			return err
		}
		return audit.AppendOnce(ctx, q, record)
	})
	if err == nil {
		a.Metrics.Ended(ctx, now.Sub(s.Begin))
	}
	return s, err
}

// CertificateKey verifies certificates.
func (s *Store) CertificateKey(ctx context.Context) (*signing.Public, error) {
	key, err := Key(ctx, s.Keys)
	if err != nil {
		return nil, err
	}
	return &key.Public, nil
}
