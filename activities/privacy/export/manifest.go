package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/internal/signing"
)

// FormatVersion is that of the archives that are written.
const FormatVersion = 1

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.note"
	schemaName    = "schema/export-schema.json"
)

// Manifest says what an archive holds. It is a file of it, the last but its signature.
type Manifest struct {
	Format  int    `json:"format"`
	Product string `json:"product"`
	Version string `json:"version"`
	// Schema is the number of the newest migration of the database that it is of.
	Schema int64 `json:"schema"`
	// Export and Subject are opaque ids; Registered is when the person was.
	Export     uuid.UUID `json:"export"`
	Subject    uuid.UUID `json:"subject"`
	Registered time.Time `json:"registered"`
	// TakenAt is the moment at which everything was as it is here.
	TakenAt time.Time `json:"taken_at"`
	Files   []File    `json:"files"`
	// LeftOut says what is kept of the person and is not in here, and why.
	LeftOut []LeftOut `json:"left_out"`
	// Attachments says what became of files that people add: there are none.
	Attachments string `json:"attachments"`
	// PublicKey verifies the signature of this file, which lies beside it.
	PublicKey string `json:"public_key"`
	Verify    string `json:"verify"`
}

// File is one file of an archive.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
	// Rows is how many records there are in it; 0 for what has none.
	Rows int64 `json:"rows,omitempty"`
	// Schema is where its form is described.
	Schema string `json:"schema,omitempty"`
}

// LeftOut is something that is kept and not exported.
type LeftOut struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

const (
	noAttachments = "MeAi keeps no files of people: there is no folder attachments."
	howToVerify   = "meai privacy verify-export FILE, with the key that GET /v1/privacy/exports shows as signing_key"
)

var (
	// ErrNoExport: it is no archive of an export.
	ErrNoExport = errors.New("export: this is no export")
	// ErrForged: the manifest carries no signature of the expected key.
	ErrForged = errors.New("export: the manifest is not signed by the expected key")
	// ErrAltered: the archive is not what its manifest says.
	ErrAltered = errors.New("export: the archive is not as it was written")
	// ErrNewer: a later version of the program wrote it.
	ErrNewer = errors.New("export: a later version wrote this")
)

// encode is the manifest's file and that of its signature.
func (m Manifest) encode(key *signing.Key) (manifest, signature []byte, err error) {
	if manifest, err = json.MarshalIndent(m, "", "  "); err != nil {
		return nil, nil, fmt.Errorf("encode the manifest: %w", err)
	}
	manifest = append(manifest, '\n')
	signature, err = key.Sign(statement(m.Export, manifest))
	return manifest, signature, err
}

// statement is what is signed.
func statement(export uuid.UUID, manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return "MeAi export\n" + export.String() + "\n" + hex.EncodeToString(sum[:]) + "\n"
}

// decodeManifest reads a manifest and verifies its signature with a key, or for nil with
// the one that it names itself: then all that is proven is that it is in one piece.
func decodeManifest(text, signature []byte, key *signing.Public) (m Manifest, signed *signing.Public, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&m); err != nil || m.Product != product {
		return Manifest{}, nil, fmt.Errorf("%w: its manifest cannot be read", ErrNoExport)
	}
	if key == nil {
		if key, err = signing.ParsePublic(m.PublicKey); err != nil {
			return Manifest{}, nil, fmt.Errorf("%w: it names no key", ErrForged)
		}
	}
	said, err := key.Open(signature)
	if err != nil || said != statement(m.Export, text) {
		return Manifest{}, nil, ErrForged
	}
	if m.Format != FormatVersion {
		return Manifest{}, nil, fmt.Errorf("%w: format %d", ErrNewer, m.Format)
	}
	return m, key, m.check()
}

const product = "MeAi"

// fileName is what files are called: in no more than one folder, never above or hidden.
var fileName = regexp.MustCompile(`^([a-z][a-z0-9_-]{0,39}/)?[A-Za-z][A-Za-z0-9_-]{0,79}\.[a-z]{2,5}$`)

// check refuses a manifest whose files could not have been written by [Exports.Write].
func (m Manifest) check() error {
	seen := map[string]bool{manifestName: true, signatureName: true}
	for _, f := range m.Files {
		if !fileName.MatchString(f.Name) || strings.ContainsRune(f.Name, '\\') || seen[f.Name] || f.Size < 0 {
			return fmt.Errorf("%w: a file that no export has", ErrAltered)
		}
		seen[f.Name] = true
	}
	return nil
}

// file finds a file by its name.
func (m Manifest) file(name string) (File, bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}

// Rows is how many records there are in the data.
func (m Manifest) Rows() (n int64) {
	for _, f := range m.Files {
		if strings.HasPrefix(f.Name, dataFolder) {
			n += f.Rows
		}
	}
	return n
}

// Bytes is the size of all files.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}
