package main_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"meai/api"
)

// canaries are the distinctive words of one run, by the field of the API that
// they were written to. No word is used twice, so a finding tells where it came
// from.
type canaries struct {
	mu     sync.Mutex
	fields map[string][]string
}

// word makes up a name-like word for a field, such as "CreateInteraction /input/text".
// Nobody has seen it before, and it is long enough never to turn up by chance.
func (c *canaries) word(field string) string {
	const consonants, vowels = "bdfglmnprtvz", "aeiou"
	var b strings.Builder
	b.WriteString("Q")
	for range 6 {
		b.WriteByte(vowels[rand.IntN(len(vowels))])
		b.WriteByte(consonants[rand.IntN(len(consonants))])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fields[field] = append(c.fields[field], b.String())
	return b.String()
}

// accented is a word that encodings treat in more than one way.
func (c *canaries) accented(field string) string {
	word := c.word(field)
	c.mu.Lock()
	defer c.mu.Unlock()
	words := c.fields[field]
	words[len(words)-1] = word + "éöß"
	return words[len(words)-1]
}

func (c *canaries) words() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(slices.Collect(maps.Values(c.fields))...)
}

// origin is the field that a word was written to.
func (c *canaries) origin(word string) string {
	for field, words := range c.fields {
		if slices.Contains(words, word) {
			return field
		}
	}
	return ""
}

// requireAllFields fails for a field of the contract that takes free text and was
// not given a canary: whoever adds a field adds it to the scenario.
func (c *canaries) requireAllFields(t *testing.T) {
	t.Helper()
	var told []string
	for field := range c.fields {
		if operation, _, _ := strings.Cut(field, " "); operation != outsideContract {
			told = append(told, field)
		}
	}
	require.ElementsMatch(t, textFields(t), told, "the canary scenario writes to every text field of the contract, and to no others")
}

// outsideContract marks words in places where the contract allows no text.
const outsideContract = "refused"

// textFields lists what takes free text: strings of request bodies, headers and
// queries, without those that only take ids, times or one of some values.
func textFields(t *testing.T) []string {
	t.Helper()
	contract, err := api.GetSpec()
	require.NoError(t, err)
	found := map[string]bool{}
	for _, item := range contract.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, operation.Parameters) {
				if p.Value.Schema != nil && isText(p.Value.Schema.Value) {
					found[operation.OperationID+" "+p.Value.Name] = true
				}
			}
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Value.Content {
				collectText(media.Schema, operation.OperationID+" ", found)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func collectText(schema *openapi3.SchemaRef, at string, found map[string]bool) {
	if schema == nil || schema.Value == nil {
		return
	}
	s := schema.Value
	if isText(s) {
		found[strings.TrimSuffix(at, "/")] = true
	}
	for name, property := range s.Properties {
		collectText(property, strings.TrimSuffix(at, "/")+"/"+name+"/", found)
	}
	collectText(s.Items, strings.TrimSuffix(at, "/")+"/*/", found)
	collectText(s.AdditionalProperties.Schema, strings.TrimSuffix(at, "/")+"/*/", found)
	for _, more := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		collectText(more, at, found)
	}
}

func isText(s *openapi3.Schema) bool {
	return s.Type.Includes("string") && len(s.Enum) == 0 && !slices.Contains([]string{"uuid", "date-time", "date", "byte", "country"}, s.Format)
}

func TestTextFieldsOfTheContract(t *testing.T) {
	fields := textFields(t)
	require.Subset(t, fields, []string{
		"CreateSession /device", "CreateInteraction /input/text", "CreateInteraction Idempotency-Key", "QueryMemory /entities/*",
	})
	require.NotContains(t, fields, "CreateInteraction /context/time_of_day", "it takes one of four words")
	require.NotContains(t, fields, "CreateInteraction /context/previous_interaction", "it takes an id")
	require.NotContains(t, fields, "CreateInteraction /context/country", "it takes two letters")
}
