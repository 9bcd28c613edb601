package mcp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const hashSize = sha256.Size

// holds reports whether a tool is what is pinned; the first one seen is, where the
// configuration pins none. A tool that changed once stays unused until a restart,
// also when it changes back.
func (c *Client) holds(t *mcp.Tool) bool {
	hash, err := hashOf(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	pinned := c.pins[t.Name]
	switch {
	case err == nil && pinned == "":
		c.pins[t.Name] = hash
		c.log.Info("the tool is pinned as it is now", "tool", t.Name, "pin", hash)
	case err != nil || pinned != hash:
		if !c.spoiled[t.Name] {
			c.log.Warn("the tool is not what is pinned and stays unused", "tool", t.Name, "reason", "tool_changed", "pin", hash)
		}
		c.spoiled[t.Name] = true
	}
	return !c.spoiled[t.Name]
}

func (c *Client) isSpoiled(tool string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoiled[tool]
}

// hashOf covers all that a server says of what a tool does and takes. Icons are only
// looks, and nobody sees them; _meta may hold anything, such as times.
func hashOf(t *mcp.Tool) (string, error) {
	said := *t
	said.Meta, said.Icons = nil, nil
	raw, err := json.Marshal(said)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// definition is a tool with the schema of its arguments, nil when that is of no use.
type definition struct {
	schema *jsonschema.Resolved
	names  map[string]bool
}

func define(t *mcp.Tool) *definition {
	d := &definition{names: map[string]bool{}}
	raw, err := json.Marshal(t.InputSchema)
	if err != nil {
		return d
	}
	schema, err := parseSchema(raw)
	if err != nil {
		return d
	}
	for property := range schema.Properties {
		d.names[property] = true
	}
	d.schema, _ = schema.Resolve(nil)
	return d
}

// parseSchema refuses references: one that leads to itself would never be done with,
// and one elsewhere would be followed. Arguments as simple as ours need none.
func parseSchema(raw []byte) (*jsonschema.Schema, error) {
	if bytes.Contains(raw, []byte(`"$ref"`)) || bytes.Contains(raw, []byte(`"$dynamicRef"`)) {
		return nil, errors.New("the schema has references")
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, err
	}
	return &schema, nil
}

// fit puts together the arguments that the tool's schema takes: all that must be
// there, and of the others those that it names, if it takes them.
func (d *definition) fit(must, may map[string]any) (map[string]any, error) {
	all := maps.Clone(must)
	for argument, value := range may {
		if d.names[argument] {
			all[argument] = value
		}
	}
	for _, arguments := range []map[string]any{all, must} {
		if d.takes(arguments) {
			return arguments, nil
		}
	}
	return nil, fmt.Errorf("%w: its input schema does not take %s", ErrArguments, strings.Join(slices.Sorted(maps.Keys(must)), ", "))
}

func (d *definition) takes(arguments map[string]any) bool {
	if d.schema == nil {
		return false
	}
	// As they will be on the wire.
	raw, err := json.Marshal(arguments)
	if err != nil {
		return false
	}
	var sent map[string]any
	return json.Unmarshal(raw, &sent) == nil && d.schema.Validate(sent) == nil
}
