package memory

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"meai/activities/memory/extraction"
	"meai/internal/keyring"
	"meai/internal/lexicon"
)

// What is blinded under a person's keys says nothing to anybody else, not even to the same
// person under another account's keys. To take a memory along it has to be told in the
// clear what was blinded, and blinded again where it arrives.

// mostAgain bounds how often one pattern may have come and gone.
const mostAgain = 1000

// NameOf is the name that makes an entity or a pattern the same one, for what is known of
// the node; ok is false when none of these is what was blinded.
func NameOf(keys *keyring.Keys, kind Kind, text string, details []byte, blinded []byte) (name string, ok bool) {
	is := func(name string) bool { return string(blindName(keys, name)) == string(blinded) }
	if kind == Entity {
		name = extraction.NameOrKin(text)
		return name, is(name)
	}
	var found struct {
		Found struct {
			Key string `json:"key"`
		} `json:"found"`
	}
	if json.Unmarshal(details, &found) != nil || found.Found.Key == "" {
		return "", false
	}
	key := found.Found.Key
	if is(key) {
		return key, true
	}
	for again := 1; again <= mostAgain; again++ {
		if name := key + " " + strconv.Itoa(again); is(name) {
			return name, true
		}
	}
	return "", false
}

// SlotOf is the question that a fact answers, for the text of the entity that it points
// at; ok is false when it cannot be told, as where the entity has another spelling.
func SlotOf(keys *keyring.Keys, object string, blinded []byte) (slot string, ok bool) {
	for _, slot := range extraction.Slots() {
		if strings.HasSuffix(slot, ":") {
			slot += extraction.Normal(object)
		}
		if string(RebindSlot(keys, slot)) == string(blinded) {
			return slot, true
		}
	}
	return "", false
}

// RebindSlot blinds the question that a fact answers.
func RebindSlot(keys *keyring.Keys, slot string) []byte {
	return keys.Blind(keyring.FactSlot, []byte(slot))
}

// Portable is a memory in the clear, as far as look-up values are made of it.
type Portable struct {
	ID   uuid.UUID
	Kind Kind
	// Name is that of [NameOf]; "" for what has none.
	Name          string
	Text, Emotion string
}

// Rebound are a memory's id and look-up values under a person's keys.
type Rebound struct {
	ID uuid.UUID
	// Name and NameVersion are empty for what has no name.
	Name         []byte
	NameVersion  string
	Terms        []int64
	TermsVersion string
}

// Rebind makes them. The id is the memory's own, but for patterns: theirs tell the person
// and the pattern, so that the same one is found again.
func (p Portable) Rebind(keys *keyring.Keys) Rebound {
	r := Rebound{ID: p.ID, TermsVersion: lexicon.Version, Terms: []int64{}}
	if p.Name != "" {
		r.Name, r.NameVersion = blindName(keys, p.Name), extraction.NameVersion
	}
	text := p.Text
	switch p.Kind {
	case Vault: // found by nobody
		return r
	case Echo:
		text += " " + p.Emotion
	}
	if (p.Kind == Echo || p.Kind == Storyline) && p.Name != "" {
		r.ID = echoID(keys, p.Name)
	}
	r.Terms = numbers(blindTerms(keys, text, mostTerms))
	return r
}
