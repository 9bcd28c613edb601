package memory

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/internal/keyring"
	"meai/internal/lexicon"
	"meai/internal/postgres/queries"
	"meai/internal/vectors"
)

// node is one memory in the clear.
type node struct {
	id      uuid.UUID
	kind    Kind
	from    uuid.UUID // the interaction, zero for patterns
	session uuid.UUID
	// name makes entities and echoes the same one; empty for what has no name.
	name    string
	text    string
	emotion string
	vector  []float32 // nil until embedded
	model   string
	// cosine is how near it is in meaning to what recall was asked.
	cosine     float64
	terms      []vectors.Term
	importance float64
	saidAt     time.Time
	origin     Origin
	// entityType is empty for all but entities, and for those whose text does not say.
	entityType extraction.Type
	// aboutFrom and aboutTo are the time that the text speaks of; zero when it names none.
	aboutFrom, aboutTo time.Time
	span               Span
	pinnedAt           time.Time
}

// indexed lists the kinds that the vector index holds: what has been said or
// understood. Entities are found by name, and a vault is not searched at all.
var indexed = []Kind{Turn, Marker, Echo, Storyline}

// idSpace keeps the ids of memories apart from every other use of UUIDv5.
var idSpace = uuid.MustParse("6b0a3c1e-5f0e-4d0b-9a52-6d3f0c8f7b11")

// identify derives an id from the workflow that makes something, the kind of
// thing, and its place among those. A repeated run arrives at the same ids.
func identify(workflow, what string, ordinal int) uuid.UUID {
	return uuid.NewSHA1(idSpace, []byte(workflow+"\x00"+what+"\x00"+strconv.Itoa(ordinal)))
}

func place(column string, id uuid.UUID) keyring.Location {
	return keyring.Location{Table: "memory_nodes", Column: column, Row: id}
}

// sealed turns a node into its row.
func sealed(keys *keyring.Keys, n node) (queries.InsertMemoryNodeParams, error) {
	row := queries.InsertMemoryNodeParams{
		SubjectID: keys.Subject(), ID: n.id, Kind: string(n.kind),
		InteractionID: unlessZero(n.from), SessionID: unlessZero(n.session),
		Terms: numbers(n.terms), TermsVersion: lexicon.Version,
		Importance: float32(n.importance), SaidAt: n.saidAt, Origin: string(n.origin),
	}
	if n.entityType != "" {
		row.EntityType = new(string(n.entityType))
	}
	if !n.aboutFrom.IsZero() {
		row.AboutFrom, row.AboutTo = &n.aboutFrom, &n.aboutTo
	}
	if n.name != "" {
		row.NameHmac, row.NameVersion = blindName(keys, n.name), new(extraction.NameVersion)
	}
	var err error
	if row.TextSealed, err = keys.Seal([]byte(n.text), place("text_sealed", n.id)); err != nil {
		return row, err
	}
	if n.emotion != "" {
		if row.EmotionSealed, err = keys.Seal([]byte(n.emotion), place("emotion_sealed", n.id)); err != nil {
			return row, err
		}
	}
	if n.vector != nil {
		row.Model = &n.model
		row.VectorSealed, err = sealVector(keys, n.id, n.vector)
	}
	return row, err
}

// opened turns a row into its node; the name stays blinded.
func opened(keys *keyring.Keys, row queries.MemoryNode) (node, error) {
	n := node{
		id: row.ID, kind: Kind(row.Kind), terms: termsOf(row.Terms),
		importance: float64(row.Importance), saidAt: row.SaidAt, origin: Origin(row.Origin), pinnedAt: orZero(row.PinnedAt),
		aboutFrom: orZero(row.AboutFrom), aboutTo: orZero(row.AboutTo),
		span: spanOf(row.RecordedAt, row.ValidTo, row.ClosedAt, row.RetractedAt, row.Reason),
	}
	if row.EntityType != nil {
		n.entityType = extraction.Type(*row.EntityType)
	}

	n.from, n.session = valueOf(row.InteractionID), valueOf(row.SessionID)
	text, err := keys.Open(row.TextSealed, place("text_sealed", row.ID))
	if err != nil {
		return node{}, fmt.Errorf("read memory %s: %w", row.ID, err)
	}
	n.text = string(text)
	if row.EmotionSealed != nil {
		emotion, err := keys.Open(row.EmotionSealed, place("emotion_sealed", row.ID))
		if err != nil {
			return node{}, fmt.Errorf("read memory %s: %w", row.ID, err)
		}
		n.emotion = string(emotion)
	}
	n.model = valueOf(row.Model)
	if row.VectorSealed != nil {
		n.vector, err = openVector(keys, row.ID, row.VectorSealed)
	}
	return n, err
}

// memory is the node as it is handed out.
func (n node) memory(score float64) Memory {
	return Memory{
		ID: n.id, Kind: n.kind, Text: n.text, Emotion: n.emotion,
		SaidAt: n.saidAt, Interaction: n.from, Session: n.session, Score: score, Origin: n.origin, EntityType: n.entityType,
		Importance: n.importance, AboutFrom: n.aboutFrom, AboutTo: n.aboutTo, Span: n.span, PinnedAt: n.pinnedAt,
	}
}

func blindName(keys *keyring.Keys, normal string) []byte {
	return keys.Blind(keyring.EntityName, []byte(normal))
}

func sealVector(keys *keyring.Keys, id uuid.UUID, vector []float32) ([]byte, error) {
	plain := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		plain = binary.LittleEndian.AppendUint32(plain, math.Float32bits(v))
	}
	return keys.Seal(plain, place("vector_sealed", id))
}

func openVector(keys *keyring.Keys, id uuid.UUID, sealed []byte) ([]float32, error) {
	plain, err := keys.Open(sealed, place("vector_sealed", id))
	if err != nil {
		return nil, fmt.Errorf("read the vector of memory %s: %w", id, err)
	}
	vector := make([]float32, len(plain)/4)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(plain[4*i:]))
	}
	return vector, nil
}

func unlessZero(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// valueOf is what p points to, or zero.
func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func spanOf(recorded time.Time, validTo, closed, retracted *time.Time, reason *string) Span {
	s := Span{RecordedAt: recorded.UTC(), ValidTo: orZero(validTo), ClosedAt: orZero(closed), RetractedAt: orZero(retracted)}
	if reason != nil {
		s.Reason = Reason(*reason)
	}
	return s
}
