package observe

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// attributeText writes labels as "a=1,b=2", in the order of their names.
type attributeText struct{}

func (attributeText) ID() attribute.EncoderID { return attribute.EncoderID{} }

func (attributeText) Encode(labels attribute.Iterator) string {
	var all []string
	for labels.Next() {
		all = append(all, string(labels.Attribute().Key)+"="+labels.Attribute().Value.String())
	}
	return strings.Join(all, ",")
}
