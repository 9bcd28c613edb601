package workflows

import (
	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
)

// Search attributes, as temporal.yaml declares them. They are stored in plain
// text: opaque ids and flags only.
var (
	subjectAttribute  = temporal.NewSearchAttributeKeyKeyword("MeaiSubject")
	degradedAttribute = temporal.NewSearchAttributeKeyBool("MeaiDegraded")
)

// personID is the id of a workflow that carries a person's words. The prefix
// tells the payload codec to seal under that person's key.
func personID(subject uuid.UUID, kind, suffix string) string {
	return "person/" + subject.String() + "/" + kind + "/" + suffix
}
