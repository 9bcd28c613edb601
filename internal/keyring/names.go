package keyring

import (
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

func tombstoneName(subject uuid.UUID) string { return tombstonesPrefix + subject.String() }

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
