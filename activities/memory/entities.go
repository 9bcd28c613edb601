package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// knownEntities bounds how many names are decrypted to compare them.
const knownEntities = 2000

// addressBook holds a person's entities by their normal names.
type addressBook map[string]uuid.UUID

// find gives the entity that a name means: spelled so, or nearly so.
func (b addressBook) find(name string) (uuid.UUID, bool) {
	normal := extraction.NameOrKin(name)
	if id, ok := b[normal]; ok {
		return id, true
	}
	known := make([]string, 0, len(b))
	for name := range b {
		known = append(known, name)
	}
	if alike := extraction.SameName(normal, known); alike != "" {
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
		book[extraction.NameOrKin(string(name))] = row.ID
	}
	return book, nil
}

// exactEntities looks names up by their blinded normal form.
func exactEntities(ctx context.Context, q *queries.Queries, keys *keyring.Keys, wanted []string) (addressBook, error) {
	normals := make(map[[32]byte]string, len(wanted))
	hashes := make([][]byte, len(wanted))
	for i, name := range wanted {
		normal := extraction.NameOrKin(name)
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

// entities finds the nodes of everything that is mentioned or stated, makes those that are
// new, and returns those of what is mentioned, each once. A doubtful mention makes nothing.
func (w *writing) entities(ctx context.Context, d draft) (book addressBook, about []uuid.UUID, err error) {
	wanted := d.wanted()
	var names []string
	for _, m := range wanted {
		names = append(names, m.Name)
	}
	for _, f := range d.facts { // what ends has to be known, and makes nothing
		if f.Ends {
			names = append(names, subjectName(f))
		}
		if f.Ends && f.Object != "" {
			names = append(names, f.Object)
		}
	}
	if len(names) == 0 {
		return nil, nil, nil
	}
	if book, err = openAddressBook(ctx, w.q, w.keys, names); err != nil {
		return nil, nil, err
	}
	for i, m := range wanted {
		id, known := book.find(m.Name)
		if !known && m.Doubtful {
			continue
		}
		if !known {
			if id, err = w.newEntity(ctx, d, m, i); err != nil {
				return nil, nil, err
			}
			book[extraction.NameOrKin(m.Name)] = id
		}
		if kin, ok := book[m.Kin]; ok && kin != id {
			w.connect(id, instanceOf, kin, d.saidAt)
		}
		if !slices.Contains(about, id) && m.Type != extraction.Self {
			about = append(about, id)
		}
	}
	return book, about, nil
}

// me is the name of the node that stands for the person themselves.
const me = "me"

// wanted are all that need a node: what is mentioned, and what the facts are about. What
// only ends needs none.
func (d draft) wanted() []extraction.Mention {
	wanted := slices.Clone(d.mentions)
	add := func(m extraction.Mention) {
		at := slices.IndexFunc(wanted, func(known extraction.Mention) bool {
			return extraction.NameOrKin(known.Name) == extraction.NameOrKin(m.Name)
		})
		if at < 0 {
			wanted = append(wanted, m)
			return
		}
		// What a fact is about exists, wherever its capital letter stands.
		wanted[at].Doubtful = false
		if wanted[at].Type == "" {
			wanted[at].Type = m.Type
		}
	}
	for _, f := range d.facts {
		if f.Ends {
			continue
		}
		if f.Subject == "" {
			add(extraction.Mention{Name: me, Type: extraction.Self})
		} else {
			add(extraction.Mention{Name: f.Subject, Type: extraction.Person})
		}
		add(extraction.Mention{Name: f.Object, Type: f.ObjectType})
	}
	return wanted
}

func (w *writing) newEntity(ctx context.Context, d draft, m extraction.Mention, ordinal int) (uuid.UUID, error) {
	n := node{
		id: identify(w.ref.Workflow, "memory", firstEntityOrdinal+ordinal), kind: Entity, entityType: m.Type,
		from: w.ref.Interaction, session: w.ref.Session, name: extraction.NameOrKin(m.Name), text: m.Name,
		terms: blindTerms(w.keys, m.Name, mostTerms), importance: d.turn.importance, saidAt: d.saidAt, origin: d.turn.origin,
	}
	fresh, err := w.insert(ctx, n)
	if err == nil && !fresh {
		err = fmt.Errorf("entity %s: it is there, and was not found by its name", n.id)
	}
	return n.id, err
}
