package export

import (
	"archive/zip"
	"io"

	"meai/internal/signing"
)

// What tests make archives of that no export would.

// Encode is a manifest's file with its signature.
func (m Manifest) Encode(key *signing.Key) (manifest, signature []byte, err error) {
	return m.encode(key)
}

// NewZip is the zip that exports are written with.
func NewZip(out io.Writer) *zip.Writer { return newZip(out) }

// Parts of imports, and what they restore.
const PartSize = partSize

var (
	Restored    = restored
	NotRestored = notRestored
	Elsewhere   = elsewhere
	Coverage    = coverage
	Cell        = cell
)
