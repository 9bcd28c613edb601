package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

func objectName(subject uuid.UUID, generation uint64) string {
	if generation > 1 {
		return fmt.Sprintf("%s%010d", generationsOf(subject), generation)
	}
	if subject == system {
		return systemName
	}
	return subjectsPrefix + subject.String()
}

const (
	systemName        = "system"
	subjectsPrefix    = "subjects/"
	generationsPrefix = "generations/"
	candidatesPrefix  = "candidates/"
	tombstonesPrefix  = "tombstones/"
	epochsPrefix      = "epochs/"
)

// The first generation keeps the name that it had before there were others. A
// folder has room for the rest under another prefix only.
func generationsOf(subject uuid.UUID) string { return generationsPrefix + keyName(subject) + "/" }

func candidateName(subject uuid.UUID) string { return candidatesPrefix + keyName(subject) }

func tombstoneName(subject uuid.UUID) string { return tombstonesPrefix + Digest(subject) }

// Digest names a person in what outlives them: the SHA-256 of a fixed prefix and their
// id, as 64 hexadecimal digits. Who has the id finds what is named so, and nobody comes
// back from there to the id: it has 122 random bits, which cannot be tried one by one.
//
// A key would hide nothing more, and it would be circular here. Whether keys were
// destroyed is asked before any is loaded, and must be answered although the system's
// own are lost, were made anew, or cannot be unwrapped just now; under another key every
// tombstone would be forgotten, and destroyed keys would come back.
func Digest(subject uuid.UUID) string {
	sum := sha256.Sum256(append([]byte("meai person\x00"), subject[:]...))
	return hex.EncodeToString(sum[:])
}

// digestOf reads whose tombstone a name is.
func digestOf(tombstone string) (digest string, ok bool) {
	digest, ok = strings.CutPrefix(tombstone, tombstonesPrefix)
	sum, err := hex.DecodeString(digest)
	return digest, ok && err == nil && len(sum) == sha256.Size
}

func epochName(epoch string) string { return epochsPrefix + epoch }

func keyName(subject uuid.UUID) string {
	if subject == system {
		return systemName
	}
	return subject.String()
}

// parseName reads whose object of which generation a name is; ok is false for
// the name of anything else.
func parseName(name string) (subject uuid.UUID, generation uint64, ok bool) {
	switch {
	case name == systemName:
		return system, 1, true
	case strings.HasPrefix(name, subjectsPrefix):
		subject, ok = parseKeyName(strings.TrimPrefix(name, subjectsPrefix))
		return subject, 1, ok && subject != system
	case strings.HasPrefix(name, generationsPrefix):
		owner, number, _ := strings.Cut(strings.TrimPrefix(name, generationsPrefix), "/")
		subject, ok = parseKeyName(owner)
		_, err := fmt.Sscanf(number, "%010d", &generation)
		return subject, generation, ok && err == nil && generation > 1 && name == objectName(subject, generation)
	default:
		return uuid.Nil, 0, false
	}
}

func parseKeyName(text string) (uuid.UUID, bool) {
	if text == systemName {
		return system, true
	}
	subject, err := uuid.Parse(text)
	return subject, err == nil && subject != system && subject.String() == text
}
