package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
)

// An API key reads "meai_<id>_<secret>": a fixed beginning that secret scanners
// know, the id of its row in base64url, and 256 random bits of which only an
// HMAC is kept. Hashing it slowly, as a password, would guard nothing: it cannot
// be guessed.
const (
	apiKeyPrefix   = "meai_"
	apiKeyIDSize   = 22 // base64url of 16 bytes
	apiKeySecret   = 32
	apiKeySize     = len(apiKeyPrefix) + apiKeyIDSize + 1 + 43
	apiKeyHMACSize = 32
)

// NewAPIKey makes a key for a new row; text is what its owner gets to see once.
func NewAPIKey(id uuid.UUID) (text string, secret []byte) {
	secret = make([]byte, apiKeySecret)
	if _, err := rand.Read(secret); err != nil {
		panic("identity: no random numbers: " + err.Error()) // crypto/rand never fails
	}
	return formatAPIKey(id, secret), secret
}

func formatAPIKey(id uuid.UUID, secret []byte) string {
	return apiKeyPrefix + encode(id[:]) + "_" + encode(secret)
}

// parseAPIKey reads a key; false when it is none. Only the one spelling that
// [NewAPIKey] makes is taken.
func parseAPIKey(text string) (id uuid.UUID, secret []byte, ok bool) {
	rest, found := strings.CutPrefix(text, apiKeyPrefix)
	if !found || len(text) != apiKeySize || rest[apiKeyIDSize] != '_' {
		return uuid.Nil, nil, false
	}
	first, err := base64.RawURLEncoding.Strict().DecodeString(rest[:apiKeyIDSize])
	if err != nil {
		return uuid.Nil, nil, false
	}
	secret, err = base64.RawURLEncoding.Strict().DecodeString(rest[apiKeyIDSize+1:])
	if err != nil || len(first) != len(id) || len(secret) != apiKeySecret {
		return uuid.Nil, nil, false
	}
	return uuid.UUID(bytes.Clone(first)), secret, true
}

func isAPIKey(token string) bool { return strings.HasPrefix(token, apiKeyPrefix) }

func sameMAC(a, b []byte) bool {
	return len(a) == apiKeyHMACSize && subtle.ConstantTimeCompare(a, b) == 1
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
