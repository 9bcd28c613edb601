package api

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json/jsontext"
)

// maxPointer is the longest JSON pointer that is sent back: names in it may come
// from the caller and be as long as the body.
const maxPointer = 200

// violations says what in the request breaks the contract. It takes positions and
// limits from the validator and never its texts, since those may quote the request.
func violations(err error) *problem {
	faults := faultsOf(err)
	slices.SortFunc(faults, func(a, b FieldError) int {
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Reason, b.Reason))
	})
	p := &problem{code: invalidRequest, errors: slices.Compact(faults)}
	if slices.ContainsFunc(faults, func(f FieldError) bool { return f.In != FieldErrorInBody }) {
		p.code = malformedRequest
	}
	return p
}

func faultsOf(err error) []FieldError {
	switch e := err.(type) {
	case openapi3.MultiError:
		var all []FieldError
		for _, one := range e {
			all = append(all, faultsOf(one)...)
		}
		return all
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			return []FieldError{parameterFault(e)}
		}
		if faults := faultsOf(e.Err); len(faults) > 0 {
			return faults
		}
	case *openapi3.SchemaError:
		return schemaFaults(e)
	}
	return []FieldError{{In: FieldErrorInBody, Reason: "is not valid"}}
}

func parameterFault(e *openapi3filter.RequestError) FieldError {
	fault := FieldError{In: FieldErrorIn(e.Parameter.In), Pointer: e.Parameter.Name, Reason: "is not valid"}
	var broken *openapi3.SchemaError
	switch {
	case errors.Is(e.Err, openapi3filter.ErrInvalidRequired):
		fault.Reason = "is required"
	case errors.Is(e.Err, openapi3filter.ErrInvalidEmptyValue):
		fault.Reason = "must not be empty"
	case errors.As(e.Err, &broken):
		fault.Reason = reason(broken)
	case e.Parameter.Schema != nil:
		fault.Reason = mustBe(e.Parameter.Schema.Value)
	}
	return fault
}

// schemaFaults is one fault, or one for each unknown field of an object.
func schemaFaults(e *openapi3.SchemaError) []FieldError {
	at := pointer(e.JSONPointer()...)
	object, ok := e.Value.(map[string]any)
	if e.SchemaField != "properties" || !ok || e.Schema == nil {
		return []FieldError{{In: FieldErrorInBody, Pointer: shortPointer(at), Reason: reason(e)}}
	}
	var faults []FieldError
	for name := range object {
		if e.Schema.Properties[name] == nil {
			faults = append(faults, FieldError{In: FieldErrorInBody, Pointer: shortPointer(at + pointer(name)), Reason: "is not known here"})
		}
	}
	return faults
}

// reason words a broken rule from the contract alone.
func reason(e *openapi3.SchemaError) string {
	s := e.Schema
	if s == nil {
		return "is not valid"
	}
	switch e.SchemaField {
	case "required":
		return "is required"
	case "type", "nullable", "format":
		return mustBe(s)
	case "enum":
		return "must be one of " + strings.Join(each(s.Enum, func(word any) string { return fmt.Sprint(word) }), ", ")
	case "pattern":
		return "has characters that are not allowed"
	case "minLength":
		return fmt.Sprintf("must have at least %d character(s)", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case "maxItems":
		return fmt.Sprintf("must have at most %d items", *s.MaxItems)
	case "minProperties":
		return fmt.Sprintf("must have at least %d field(s)", s.MinProps)
	case "maxProperties":
		return fmt.Sprintf("must have at most %d field(s)", *s.MaxProps)
	case "minimum":
		return fmt.Sprintf("must be at least %g", *s.Min)
	case "maximum":
		return fmt.Sprintf("must be at most %g", *s.Max)
	}
	return "is not valid"
}

func mustBe(s *openapi3.Schema) string {
	kinds := s.Type.Slice()
	switch {
	case s.Format == "uuid":
		return "must be a UUID"
	case s.Format == "date-time":
		return "must be a time as RFC 3339 writes it"
	case len(kinds) == 0:
		return "is not valid"
	case kinds[0] == "integer":
		return "must be a whole number"
	case kinds[0] == "object", kinds[0] == "array":
		return "must be an " + kinds[0]
	}
	return "must be a " + kinds[0]
}

// pointer joins names to a JSON pointer (RFC 6901).
func pointer(names ...string) string {
	var p jsontext.Pointer
	for _, name := range names {
		p = p.AppendToken(name)
	}
	return string(p)
}

// shortPointer is p, or its nearest ancestor that is short enough to send back.
func shortPointer(p string) string {
	for len(p) > maxPointer {
		p = string(jsontext.Pointer(p).Parent())
	}
	return p
}
