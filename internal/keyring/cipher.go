//go:build !meai_null_key

package keyring

import (
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// newAEAD is the cipher of every binary but the one that `make bench` builds for
// itself (cipher_null.go).
func newAEAD(handle *keyset.Handle) (tink.AEAD, error) { return aead.New(handle) }
