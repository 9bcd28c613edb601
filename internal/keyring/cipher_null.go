//go:build meai_null_key

package keyring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// This file is not part of any release. `make bench` compiles it in by a build
// tag, to measure what sealing costs: the same sources, with a cipher that copies.
// No configuration reaches it, and a binary that has it ends at once unless the
// benchmark runs it, so it cannot serve people by mistake.

// Not a MEAI_ variable: those are settings, and meai refuses one that it does not know.
const nullKeyVariable = "BENCH_NULL_KEY"

func init() {
	if os.Getenv(nullKeyVariable) != "benchmark" {
		fmt.Fprintln(os.Stderr, "meai: this binary stores everything in the open and is for `make bench` alone")
		os.Exit(78) // EX_CONFIG
	}
}

// nullAEAD gives ciphertexts of the length that AES-GCM's have.
type nullAEAD struct{ version uint32 }

const nonceSize, tagSize = 12, 16

func newAEAD(handle *keyset.Handle) (tink.AEAD, error) {
	return nullAEAD{handle.KeysetInfo().GetPrimaryKeyId()}, nil
}

func (n nullAEAD) Encrypt(plaintext, _ []byte) ([]byte, error) {
	out := make([]byte, prefixSize+nonceSize, prefixSize+nonceSize+len(plaintext)+tagSize)
	out[0] = tinkPrefix
	binary.BigEndian.PutUint32(out[1:], n.version)
	return append(append(out, plaintext...), make([]byte, tagSize)...), nil
}

func (nullAEAD) Decrypt(sealed, _ []byte) ([]byte, error) {
	if len(sealed) < prefixSize+nonceSize+tagSize {
		return nil, errors.New("too short")
	}
	return append([]byte(nil), sealed[prefixSize+nonceSize:len(sealed)-tagSize]...), nil
}
