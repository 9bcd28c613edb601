// Package script is what tests and their language model's process tell each
// other.
package script

// Fault is a way to answer badly.
type Fault string

const (
	None          Fault = ""
	Slow          Fault = "slow"           // no answer for a minute
	Cut           Fault = "cut"            // the connection breaks in the middle of the response
	Quotes        Fault = "quotes"         // an error 500 that quotes the question
	QuotesRaw     Fault = "quotes_raw"     // the question comes back where a response should begin
	QuotesRefusal Fault = "quotes_refusal" // an error 400 that quotes the question
	TooMany       Fault = "too_many"       // 429
	Broken        Fault = "broken"         // 500
	Elsewhere     Fault = "elsewhere"      // a redirect to the answer
	Garbage       Fault = "garbage"        // the response is not JSON
	Endless       Fault = "endless"        // the response has no end
	CutOff        Fault = "cut_off"        // half of the answer, for want of tokens
	Refuses       Fault = "refuses"        // the model refuses, and quotes the question
	Overspends    Fault = "overspends"     // a million tokens were used
	NotJSON       Fault = "not_json"       // the answer is in a code block
)

// Script is how the model behaves until it gets another.
type Script struct {
	Fault Fault `json:"fault,omitempty"`
	// Answers are what is said, by the name of the prompt.
	Answers map[string]string `json:"answers,omitempty"`
}
