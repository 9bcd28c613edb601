// Package script is what tests and their MCP server's process tell each other.
package script

import "encoding/json"

// Fault is a way to answer badly.
type Fault string

const (
	None      Fault = ""
	Slow      Fault = "slow"      // no answer for a minute
	Dies      Fault = "dies"      // the process ends in the middle of a call
	Quotes    Fault = "quotes"    // a tool's error that quotes the arguments
	Protocol  Fault = "protocol"  // a protocol's error that quotes the arguments
	Garbage   Fault = "garbage"   // what it sends is not JSON
	Endless   Fault = "endless"   // what it sends has no end
	Asks      Fault = "asks"      // it asks for a completion, for input and for roots first
	Elsewhere Fault = "elsewhere" // a redirect (HTTP alone)
)

// Script is how the server behaves until the file holds another.
type Script struct {
	Tools []Tool `json:"tools,omitempty"`
	Fault Fault  `json:"fault,omitempty"`
	// Structured, Texts and Links are what every tool answers.
	Structured json.RawMessage `json:"structured,omitempty"`
	Texts      []string        `json:"texts,omitempty"`
	Links      []Link          `json:"links,omitempty"`
	// Location is where a redirect leads.
	Location string `json:"location,omitempty"`
}

// Tool is a tool as the server lists it.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
}

// Link is a resource that an answer points to.
type Link struct {
	URI         string `json:"uri"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// Entry is one line of the server's record.
type Entry struct {
	// Method is that of a request, "start" when the server started, or "reply" to
	// what it asked itself.
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
	// PID and Environ are told at the start.
	PID     int      `json:"pid,omitempty"`
	Environ []string `json:"environ,omitempty"`
	// Error is what the client said to a question.
	Error string `json:"error,omitempty"`
	// Authorization is a request's header.
	Authorization string `json:"authorization,omitempty"`
}
