package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/privacy/erasure/stores"
	"meai/api/client"
	"meai/internal/vectors"
)

const (
	// asked is how many questions the one beside is asked before and after.
	asked = 30
	// mostObjects is how many objects the index hands out at once.
	mostObjects = 10000
)

// picture is what everything of a person looks like, so that a change would show.
type picture struct {
	tables           map[string]string // rows and their checksum
	rows             int64
	objects          int
	vectors          string
	answers          []string // ids of what each question recalls, in order
	remembered       int
	workflows, files int64
}

// personTables are all tables with rows of people, and the registry of people itself.
func (b *privacyBench) personTables(ctx context.Context) (map[string]string, error) {
	rows, err := b.owner.Query(ctx, `select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id' and not a.attisdropped
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	keys := map[string]string{"subjects": "id"}
	for _, name := range names {
		keys[name] = "subject_id"
	}
	return keys, nil
}

// picture takes down what there is of a person. The questions come first before, and last
// after: what asking writes is in neither.
func (b *privacyBench) picture(ctx context.Context, r *resident) (p picture, err error) {
	first := b.found.one.beside.before.tables == nil
	if first {
		if err := b.recollect(ctx, r, &p); err != nil {
			return p, err
		}
	}
	if err := b.checksum(ctx, r.id, &p); err != nil {
		return p, err
	}
	if err := b.fingerprint(ctx, r.id, &p); err != nil {
		return p, err
	}
	if p.workflows, err = (&stores.Runs{Temporal: b.temporal, Namespace: b.in.namespace}).Count(ctx, r.id); err != nil {
		return p, err
	}
	for _, s := range b.stores {
		if s.Name() == "exports" {
			p.files, err = s.Count(ctx, r.id)
		}
	}
	if err == nil && !first {
		err = b.recollect(ctx, r, &p)
	}
	return p, err
}

// recollect asks questions and notes what is recalled.
func (b *privacyBench) recollect(ctx context.Context, r *resident, p *picture) error {
	if err := b.signInAgain(ctx, r); err != nil {
		return err
	}
	all, err := questions(0, asked)
	if err != nil {
		return err
	}
	for _, q := range all {
		got, err := r.api.QueryMemoryWithResponse(ctx, client.MemoryQuery{Query: q})
		if err != nil {
			return err
		}
		if got.JSON200 == nil || len(got.JSON200.Degraded) > 0 {
			return fmt.Errorf("a recall failed, or went without a part: %s", got.Status())
		}
		ids := make([]string, len(got.JSON200.Memories))
		for i, m := range got.JSON200.Memories {
			ids[i] = m.Id.String()
		}
		p.remembered += len(ids)
		p.answers = append(p.answers, strings.Join(ids, " "))
	}
	if p.remembered == 0 {
		return errors.New("nothing was ever recalled")
	}
	return nil
}

// checksum reads every row of a person.
func (b *privacyBench) checksum(ctx context.Context, subject uuid.UUID, p *picture) error {
	tables, err := b.personTables(ctx)
	if err != nil {
		return err
	}
	p.tables = map[string]string{}
	return pgx.BeginFunc(ctx, b.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('app.subject', $1, true)", subject.String()); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			var count int64
			var sum string
			err := tx.QueryRow(ctx, fmt.Sprintf(`select count(*), coalesce(md5(string_agg(sum, '' order by sum)), '')
				from (select md5(t::text) as sum from %s t where %s = $1) rows`, pgx.Identifier{name}.Sanitize(), tables[name]), subject).Scan(&count, &sum)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			p.rows += count
			p.tables[name] = fmt.Sprintf("%d rows, %s", count, sum)
		}
		return nil
	})
}

// fingerprint reads every vector of a person.
func (b *privacyBench) fingerprint(ctx context.Context, subject uuid.UUID, p *picture) (err error) {
	if p.objects, err = b.index.Count(ctx, subject); err != nil {
		return err
	}
	all, err := b.index.Sample(ctx, subject, mostObjects)
	if err != nil {
		return err
	}
	if len(all) != p.objects || len(all) == 0 {
		return fmt.Errorf("the index has %d vectors and hands out %d", p.objects, len(all))
	}
	slices.SortFunc(all, func(a, b vectors.Object) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	hash := sha256.New()
	for _, o := range all {
		piece := append([]byte{}, o.ID[:]...)
		for _, x := range o.Vector {
			piece = binary.LittleEndian.AppendUint32(piece, math.Float32bits(x))
		}
		_, _ = hash.Write(piece) // it never fails
	}
	p.vectors = fmt.Sprintf("%x", hash.Sum(nil))
	return nil
}

// changes names what is not as it was.
func (p picture) changes(after picture) (changed []string) {
	for _, name := range slices.Sorted(maps.Keys(p.tables)) {
		if p.tables[name] != after.tables[name] {
			changed = append(changed, name)
		}
	}
	if p.objects != after.objects || p.vectors != after.vectors {
		changed = append(changed, "vectors")
	}
	for i := range p.answers {
		if i >= len(after.answers) || p.answers[i] != after.answers[i] {
			changed = append(changed, fmt.Sprintf("recall of question %d", i+1))
		}
	}
	if p.workflows != after.workflows {
		changed = append(changed, "workflows")
	}
	if p.files != after.files {
		changed = append(changed, "exports")
	}
	return changed
}
