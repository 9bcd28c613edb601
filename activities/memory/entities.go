package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// knownEntities bounds how many names are decrypted to compare them.
const knownEntities = 2000

// addressBook holds a person's entities by their normal names.
type addressBook map[string]uuid.UUID

// find gives the entity that a name means: spelled so, or nearly so.
func (b addressBook) find(name string) (uuid.UUID, bool) {
	normal := normalName(name)
	if kin, ok := relations[normal]; ok {
		normal = kin
	}
	if id, ok := b[normal]; ok {
		return id, true
	}
	known := make([]string, 0, len(b))
	for name := range b {
		known = append(known, name)
	}
	if alike := sameName(normal, known); alike != "" {
		return b[alike], true
	}
	return uuid.Nil, false
}

// openAddressBook reads the entities that are named exactly so and, when some of
// the names are not among them, all others too, to compare their spelling.
func openAddressBook(ctx context.Context, q *queries.Queries, keys *keyring.Keys, wanted []string) (addressBook, error) {
	book, err := exactEntities(ctx, q, keys, wanted)
	if err != nil || len(book) == len(wanted) {
		return book, err
	}
	rows, err := q.NamedMemories(ctx, keys.Subject(), string(Entity), knownEntities)
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	for _, row := range rows {
		name, err := keys.Open(row.TextSealed, place("text_sealed", row.ID))
		if err != nil {
			return nil, fmt.Errorf("read entity %s: %w", row.ID, err)
		}
		book[normalName(string(name))] = row.ID
	}
	return book, nil
}

// exactEntities looks names up by their blinded normal form.
func exactEntities(ctx context.Context, q *queries.Queries, keys *keyring.Keys, wanted []string) (addressBook, error) {
	normals := make(map[[32]byte]string, len(wanted))
	hashes := make([][]byte, len(wanted))
	for i, name := range wanted {
		normal := normalName(name)
		hashes[i] = blindName(keys, normal)
		normals[[32]byte(hashes[i])] = normal
	}
	rows, err := q.MemoriesByName(ctx, keys.Subject(), string(Entity), hashes)
	if err != nil {
		return nil, fmt.Errorf("look entities up by name: %w", err)
	}
	book := make(addressBook, len(rows))
	for _, row := range rows {
		book[normals[[32]byte(row.NameHmac)]] = row.ID
	}
	return book, nil
}

// entities finds the nodes of everything that was mentioned, makes those that are
// new, and returns each once. A doubtful mention makes nothing.
func (w *writing) entities(ctx context.Context, d draft) ([]uuid.UUID, error) {
	if len(d.mentions) == 0 {
		return nil, nil
	}
	wanted := make([]string, len(d.mentions))
	for i, m := range d.mentions {
		wanted[i] = m.name
	}
	book, err := openAddressBook(ctx, w.q, w.keys, wanted)
	if err != nil {
		return nil, err
	}
	var found []uuid.UUID
	for i, m := range d.mentions {
		id, known := book.find(m.name)
		if !known && m.doubtful {
			continue
		}
		if !known {
			if id, err = w.newEntity(ctx, d, i); err != nil {
				return nil, err
			}
			book[normalName(m.name)] = id
		}
		if kin, ok := book[m.kin]; ok && kin != id {
			w.connect(id, instanceOf, kin, d.saidAt)
		}
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	return found, nil
}

func (w *writing) newEntity(ctx context.Context, d draft, ordinal int) (uuid.UUID, error) {
	m := d.mentions[ordinal]
	n := node{
		id: identify(w.ref.Workflow, "memory", firstEntityOrdinal+ordinal), kind: Entity,
		from: w.ref.Interaction, session: w.ref.Session, name: normalName(m.name), text: m.name,
		terms: blindTerms(w.keys, m.name, mostTerms), importance: d.turn.importance, saidAt: d.saidAt,
	}
	fresh, err := w.insert(ctx, n)
	if err == nil && !fresh {
		err = fmt.Errorf("entity %s: it is there, and was not found by its name", n.id)
	}
	return n.id, err
}
