package language

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// Prompt is what a model is asked to do: fixed instructions, and the shape of
// the answer.
type Prompt struct {
	name         string
	instructions string
	schema       *jsonschema.Schema
	resolved     *jsonschema.Resolved
}

// NewPrompt checks and prepares a prompt. The name is of letters, digits, _ and -;
// providers see it. The schema must be strict as providers understand it: every
// object lists all its properties as required and allows no others, and every
// text and every list has a greatest length.
func NewPrompt(name, instructions string, schema *jsonschema.Schema) (*Prompt, error) {
	if name == "" || strings.TrimSpace(instructions) == "" || schema == nil || schema.Type != "object" {
		return nil, errors.New("a prompt needs a name, instructions and the schema of an object")
	}
	if err := strict(schema); err != nil {
		return nil, fmt.Errorf("schema of prompt %s: %w", name, err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("schema of prompt %s: %w", name, err)
	}
	return &Prompt{name: name, instructions: instructions, schema: schema, resolved: resolved}, nil
}

// strict refuses what would let an answer hold more than was asked for. A
// subschema is an object, a list, a text, a number or a truth value; references
// and alternatives are not needed so far.
func strict(s *jsonschema.Schema) error {
	switch s.Type {
	case "object":
		return strictObject(s)
	case "array":
		if s.Items == nil || s.MaxItems == nil {
			return errors.New("a list without items or maxItems")
		}
		return strict(s.Items)
	case "string":
		if s.MaxLength == nil && s.Enum == nil {
			return errors.New("a text without maxLength or enum")
		}
		return nil
	case "integer", "number", "boolean":
		return nil
	default:
		return fmt.Errorf("type %q", s.Type)
	}
}

func strictObject(s *jsonschema.Schema) error {
	if closed := s.AdditionalProperties; closed == nil || closed.Not == nil {
		return errors.New("an object without additionalProperties: false")
	}
	for name, property := range s.Properties {
		if !slices.Contains(s.Required, name) {
			return fmt.Errorf("property %s is not required", name)
		}
		if err := strict(property); err != nil {
			return fmt.Errorf("property %s: %w", name, err)
		}
	}
	return nil
}

// check returns the answer that a model gave, or says what is wrong with it
// without quoting it.
func (p *Prompt) check(content string) (json.RawMessage, error) {
	if !utf8.ValidString(content) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrInvalidOutput)
	}
	var instance any
	if err := json.Unmarshal([]byte(content), &instance); err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrInvalidOutput)
	}
	if p.resolved.Validate(instance) != nil { // its text quotes the answer
		return nil, fmt.Errorf("%w: not as the schema says", ErrInvalidOutput)
	}
	// Marshalled anew: of keys that were given twice only the one that was checked
	// is left.
	return json.Marshal(instance)
}

// encode writes data as JSON in which nothing looks like anything but data. In
// texts, brackets, bars and what cannot be seen are escaped besides <, > and &:
// servers that paste messages into a template and look for control tokens such
// as <|im_start|> or [INST] afterwards find none, and neither direction marks nor
// invisible letters carry a second text.
func encode(data any) (string, error) {
	plain, err := json.Marshal(data)
	if err != nil {
		// It may quote a value.
		return "", errors.New("the data cannot be encoded as JSON")
	}
	var b bytes.Buffer
	inText, escaped := false, false
	for _, r := range string(plain) {
		switch {
		case inText && conspicuous(r):
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
			continue
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			inText = !inText
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}

func conspicuous(r rune) bool {
	return strings.ContainsRune("[]{}|", r) || !unicode.IsPrint(r) || r == utf8.RuneError
}
