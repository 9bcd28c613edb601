package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
	"meai/internal/unsealed"
)

// restored are the tables that an import fills, in an order in which nothing points at
// what is not there yet.
var restored = []string{
	"sessions", "interactions", "interaction_steps", "memory_imports", "memory_writes",
	nodesTable, edgesTable, "memory_evidence", "filter_triggers",
}

// notRestored are those that it does not, although they are exported.
var notRestored = map[string]string{
	"escalations":           "who is on call took care of them under the old account",
	"memory_forgettings":    "what was forgotten is not in the archive",
	"memory_vault_openings": "an opening is for a session that is over",
	"memory_vault_accesses": "what was accessed is not rewritten, and was of the old account",
	"filter_feedback":       "it moves everybody's policy, and would count twice",
	"consent_decisions":     "a consent is of the account that gave it; the new one is asked anew",
	"privacy_exports":       "the files are of the old account",
	"privacy_imports":       "the files are of the old account",
}

// Fill checks the archive of an import and adds its rows to the account, in one
// transaction: all or none, once, however often it is tried. beat, which may be nil, is
// called as it goes on. Errors that are the archive's or the account's: [ErrNoExport],
// [ErrForged], [ErrAltered], [ErrNewer], [ErrNotEmpty].
func (x *Exports) Fill(ctx context.Context, in Ref, beat func(done int64)) (Import, error) {
	i, err := x.Import(ctx, in.Subject, in.ID)
	if err != nil {
		return Import{}, err
	}
	switch i.State {
	case Indexing, Done, ImportFailed:
		return i, nil // an attempt before has come to its end
	case Received, Importing:
	default:
		return i, unsent(i)
	}
	leave, err := atOnce.Take(ctx, tellEvery, func() { give(beat, 0) })
	if err != nil {
		return i, err
	}
	defer leave()
	archive, err := x.check(ctx, in.Subject, i, beat)
	if err != nil {
		return i, fmt.Errorf("check import %s: %w", in.ID, err)
	}
	total := int64(0)
	for _, table := range restored {
		if f, ok := archive.Manifest.file(dataFolder + table + ".json"); ok {
			total += f.Rows
		}
	}
	if err := x.beginFilling(ctx, in, archive.Manifest.Export, total); err != nil {
		return i, err
	}
	f := &filling{exports: x, in: in, archive: archive, ids: map[uuid.UUID]uuid.UUID{}, progress: x.tellingImport(ctx, in, beat)}
	if err := x.DB.Fill(ctx, in.Subject, f.all); err != nil {
		return i, fmt.Errorf("fill in import %s: %w", in.ID, err)
	}
	return x.Import(ctx, in.Subject, in.ID)
}

// check opens the archive, and reads all of it before anything of it is used.
func (x *Exports) check(ctx context.Context, subject uuid.UUID, i Import, beat func(int64)) (*Archive, error) {
	key, err := x.Key(ctx)
	if err != nil {
		return nil, err
	}
	r, err := x.reader(ctx, i, subject)
	if err != nil {
		return nil, err
	}
	archive, err := Open(r, i.Size, &key.Public)
	if err != nil {
		return nil, err
	}
	schema, err := postgres.SchemaVersion()
	if err != nil {
		return nil, err
	}
	if archive.Manifest.Schema > schema {
		return nil, fmt.Errorf("%w: schema %d", ErrNewer, archive.Manifest.Schema)
	}
	last := time.Now()
	return archive, archive.Check(ctx, func(int64) {
		if time.Since(last) > tellEvery {
			last = time.Now()
			give(beat, 0)
		}
	})
}

func (x *Exports) beginFilling(ctx context.Context, in Ref, export uuid.UUID, total int64) error {
	return x.DB.Write(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
		begun, err := q.BeginImport(ctx, queries.BeginImportParams{SubjectID: in.Subject, ID: in.ID, ExportID: &export, RowsTotal: total})
		if err == nil && begun == 0 {
			return failure.New(failure.Decided, "the import has ended", nil)
		}
		return err
	})
}

func (x *Exports) tellingImport(ctx context.Context, in Ref, beat func(int64)) func(int64) {
	told := time.Now()
	return func(done int64) {
		give(beat, done)
		if time.Since(told) < tellEvery {
			return
		}
		told = time.Now()
		// A hint: when it is lost, the next one tells more.
		_ = x.DB.WriteHint(ctx, in.Subject, func(ctx context.Context, q *queries.Queries) error {
			return q.ImportProgress(ctx, done, in.Subject, in.ID)
		})
	}
}

// filling adds the rows of an archive to an account.
type filling struct {
	exports  *Exports
	in       Ref
	archive  *Archive
	progress func(rows int64)

	to   *postgres.Filling
	rows int64
	// ids are those of patterns, which tell whose they are, by the archive's.
	ids map[uuid.UUID]uuid.UUID
	// unanswered interactions are left out, with what was to be remembered of them: their
	// words were on their way.
	unanswered map[string]bool
}

// all runs in the transaction.
func (f *filling) all(ctx context.Context, to *postgres.Filling) error {
	f.to, f.rows, f.unanswered = to, 0, map[string]bool{}
	clear(f.ids)
	if err := to.Queries().LockMemories(ctx, f.in.Subject); err != nil {
		return fmt.Errorf("wait for other writes: %w", err)
	}
	if held, err := to.Holds(ctx, restored...); err != nil || held {
		return errors.Join(err, unless(!held, ErrNotEmpty))
	}
	for _, table := range restored {
		if err := f.table(ctx, table); err != nil {
			return err
		}
	}
	filled, err := to.Queries().ImportFilled(ctx, f.rows, f.in.Subject, f.in.ID)
	if err == nil && filled == 0 {
		return failure.New(failure.Decided, "the import has ended", nil)
	}
	return err
}

func unless(fine bool, err error) error {
	if fine {
		return nil
	}
	return err
}

const (
	// batchRows and batchBytes bound what is added by one statement.
	batchRows  = 500
	batchBytes = 4 << 20
)

// table adds the rows of one table; of an archive from before there was such a table, none.
func (f *filling) table(ctx context.Context, table string) error {
	name := dataFolder + table + ".json"
	if _, there := f.archive.Manifest.file(name); !there {
		return nil
	}
	known := slices.IndexFunc(f.to.Tables, func(t postgres.PersonTable) bool { return t.Name == table })
	if known < 0 {
		return fmt.Errorf("%w: table %s", ErrNewer, table)
	}
	r, err := f.archive.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was checked
	b := &batch{filling: f, table: f.to.Tables[known]}
	decoder := json.NewDecoder(r)
	if _, err := decoder.Token(); err != nil { // the bracket
		return fmt.Errorf("%w: %s: %w", ErrAltered, name, err)
	}
	for decoder.More() {
		var row unsealed.Columns
		if err := decoder.Decode(&row); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrAltered, name, err)
		}
		if err := b.add(ctx, row); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return nil
}

// batch gathers rows of one table.
type batch struct {
	*filling
	table   postgres.PersonTable
	columns []string
	rows    []unsealed.Columns
	bytes   int
	nodes   []uuid.UUID
}

func (b *batch) add(ctx context.Context, row unsealed.Columns) error {
	keys, err := b.exports.Keyring.Keys(ctx, b.in.Subject)
	if err != nil {
		return err
	}
	kept, err := b.adopt(keys, b.table.Name, row)
	if err != nil || !kept {
		return err
	}
	if b.columns == nil {
		b.columns = slices.Sorted(maps.Keys(row))
	}
	for _, value := range row {
		b.bytes += len(value)
	}
	if b.table.Name == nodesTable {
		id, err := uuid.Parse(text(row, "id"))
		if err != nil {
			return fmt.Errorf("%w: a memory without an id", ErrAltered)
		}
		b.nodes = append(b.nodes, id)
	}
	if b.rows = append(b.rows, row); len(b.rows) >= batchRows || b.bytes >= batchBytes {
		return b.flush(ctx)
	}
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	encoded, err := json.Marshal(b.rows)
	if err != nil {
		return err
	}
	if err := b.to.Insert(ctx, b.table.Name, b.columns, encoded); err != nil {
		return err
	}
	if len(b.nodes) > 0 {
		if err := b.to.Queries().FillTerms(ctx, b.in.Subject, b.nodes); err != nil {
			return fmt.Errorf("add the words of memories: %w", err)
		}
	}
	b.filling.rows += int64(len(b.rows))
	b.rows, b.bytes, b.nodes = b.rows[:0], 0, b.nodes[:0]
	b.progress(b.filling.rows)
	return nil
}

// adopt makes a row the account's own; false leaves it out.
func (f *filling) adopt(keys *keyring.Keys, table string, row unsealed.Columns) (bool, error) {
	if err := set(row, "subject_id", f.in.Subject); err != nil {
		return false, err
	}
	var err error
	switch table {
	case "interactions":
		if text(row, "state") != "answered" {
			f.unanswered[text(row, "id")] = true
			return false, nil
		}
		err = f.renameWorkflow(row)
	case "interaction_steps":
		if f.unanswered[text(row, "interaction_id")] {
			return false, nil
		}
	case "memory_imports":
		row["body_hmac"] = unsealed.Bytea(keys.Blind(keyring.Body, []byte("import "+text(row, "id"))))
	case "memory_writes":
		if f.unanswered[text(row, "id")] {
			return false, nil
		}
		err = settle(row)
	case nodesTable:
		err = f.adoptNode(keys, row)
	case edgesTable:
		err = f.adoptEdge(keys, row)
	}
	if err != nil {
		return false, err
	}
	if err := fold(table, row); err != nil {
		return false, err
	}
	return true, unsealed.Seal(keys, table, row)
}

// renameWorkflow puts the account's own id into that of the workflow: what is remembered
// of an interaction once more finds what is there.
func (f *filling) renameWorkflow(row unsealed.Columns) error {
	const prefix = "person/"
	id := text(row, "workflow_id")
	if rest := len(prefix) + len(uuid.UUID{}.String()); len(id) > rest {
		return set(row, "workflow_id", prefix+f.in.Subject.String()+id[rest:])
	}
	return nil
}

// settle ends what was on its way into memory: no workflow carries it on here. What was
// not in memory can be tried again by hand, what only lacked its place in the index gets it.
func settle(row unsealed.Columns) error {
	switch text(row, "state") {
	case string(memory.WriteQueued):
		return errors.Join(set(row, "state", memory.WriteFailed), set(row, "failure", "imported"))
	case string(memory.WriteStored):
		if string(row["vault"]) != "true" {
			return set(row, "state", memory.WriteSearchable)
		}
	}
	return nil
}

func (f *filling) adoptNode(keys *keyring.Keys, row unsealed.Columns) error {
	id, err := uuid.Parse(text(row, "id"))
	if err != nil {
		return fmt.Errorf("%w: a memory without an id", ErrAltered)
	}
	name := text(row, "name")
	if opaque := text(row, "name_id"); opaque != "" {
		name = "imported " + opaque
	}
	made := memory.Portable{
		ID: id, Kind: memory.Kind(text(row, "kind")), Name: name, Text: text(row, "text"), Emotion: text(row, "emotion"),
	}.Rebind(keys)
	if made.ID != id {
		f.ids[id] = made.ID
	}
	null := json.RawMessage("null")
	row["indexed_at"], row["name_hmac"], row["name_version"] = null, null, null
	if made.Name != nil {
		row["name_hmac"] = unsealed.Bytea(made.Name)
		err = set(row, "name_version", made.NameVersion)
	}
	delete(row, "name")
	delete(row, "name_id")
	return errors.Join(err, set(row, "id", made.ID), set(row, "terms", made.Terms), set(row, "terms_version", made.TermsVersion))
}

func (f *filling) adoptEdge(keys *keyring.Keys, row unsealed.Columns) error {
	for _, column := range []string{"from_id", "to_id"} {
		id, err := uuid.Parse(text(row, column))
		if err != nil {
			return fmt.Errorf("%w: an edge without an end", ErrAltered)
		}
		if moved, ok := f.ids[id]; ok {
			if err := set(row, column, moved); err != nil {
				return err
			}
		}
	}
	slot := text(row, "slot")
	if opaque := text(row, "slot_id"); opaque != "" {
		slot = "imported " + opaque
	}
	row["slot_hmac"] = json.RawMessage("null")
	if slot != "" {
		row["slot_hmac"] = unsealed.Bytea(memory.RebindSlot(keys, slot))
	}
	delete(row, "slot")
	delete(row, "slot_id")
	return nil
}
