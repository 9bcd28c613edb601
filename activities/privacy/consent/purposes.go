// Package consent keeps what people agreed to, and says whether their data may be used
// for a purpose now.
//
// A person is asked for each purpose by itself, in plain words ([Purposes]). What they
// decide is a row that nobody changes, with a signed receipt ([Store.Decide]); the newest
// decision counts, and a consent ends by itself. A withdrawal goes to the ledger first,
// so that no restore undoes it. So does restriction: all that is stored stays, to be read,
// taken along and deleted, and nothing is done with it ([Store.Restrict]).
//
// [Store.Permit] is asked before anything is done with a person's data: at the API before
// something is accepted, and by the workers before every step of a person's stories. What
// saves a life needs no consent: the rules that look for danger, and telling people on call.
package consent

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Purpose is what data is used for.
type Purpose string

// The purposes, as purposes.yaml describes them.
const (
	// Conversation: what is written is analysed and answered. Nothing works without it.
	Conversation Purpose = "conversation"
	// Memory: what is told is kept, recalled and looked through for patterns.
	Memory Purpose = "memory"
	// Vault: memories are kept apart, and recalled while it is open.
	Vault Purpose = "vault"
	// LanguageModel: words are shared with the configured provider.
	LanguageModel Purpose = "language_model"
	// Discovery: a search is shared with servers outside.
	Discovery Purpose = "discovery"
	// Feedback: ratings move everybody's policy.
	Feedback Purpose = "feedback"
	// Archive: a copy is kept for seven years.
	Archive Purpose = "archive"
	// Sharing is not asked for: withdrawn, it means that nothing is sold or shared,
	// whatever else was agreed to (CCPA).
	Sharing Purpose = "sharing"
)

// Operation is what is done with data.
type Operation string

// The operations.
const (
	Storing    Operation = "store"
	Processing Operation = "process"
	// SharingData passes it on to somebody else.
	SharingData Operation = "share"
)

// Definition is one purpose.
type Definition struct {
	Purpose   Purpose   `yaml:"purpose"`
	Operation Operation `yaml:"operation"`
	// Category is which data, as a word.
	Category string `yaml:"category"`
	// Required: the service cannot work without it.
	Required bool `yaml:"required"`
	// Months is how long a consent counts; 0 for no end.
	Months int `yaml:"months"`
	// Accepts is the oldest version of the text to which a consent still counts.
	Accepts int `yaml:"accepts"`
	// OptOut: it is allowed until the person says no, and nobody is asked.
	OptOut bool `yaml:"opt_out"`
	// Versions of the text, newest last.
	Versions []Version `yaml:"texts"`
}

// Version is one version of a purpose's text, in all languages.
type Version struct {
	Number  int  `yaml:"version"`
	English Text `yaml:"en"`
	German  Text `yaml:"de"`
}

// Text is what a person is shown.
type Text struct {
	Title string `yaml:"title"`
	// Text says what is done, Without what happens after a no.
	Text    string `yaml:"text"`
	Without string `yaml:"without"`
}

// Hash is the SHA-256 of a text's three parts, each followed by a newline.
func (t Text) Hash() [sha256.Size]byte {
	return sha256.Sum256([]byte(t.Title + "\n" + t.Text + "\n" + t.Without + "\n"))
}

// Languages are those that every text is written in; the first is shown to who prefers
// none of them.
var Languages = []string{"en", "de"}

// In is the text in one of [Languages].
func (v Version) In(language string) (Text, bool) {
	switch language {
	case "en":
		return v.English, true
	case "de":
		return v.German, true
	default:
		return Text{}, false
	}
}

// Current is the newest version.
func (d Definition) Current() Version { return d.Versions[len(d.Versions)-1] }

// version finds one by its number.
func (d Definition) version(number int) (Version, bool) {
	i := slices.IndexFunc(d.Versions, func(v Version) bool { return v.Number == number })
	if i < 0 {
		return Version{}, false
	}
	return d.Versions[i], true
}

// expires is until when a consent counts that was given at a time; zero for no end.
func (d Definition) expires(given time.Time) time.Time {
	if d.Months == 0 {
		return time.Time{}
	}
	return given.AddDate(0, d.Months, 0)
}

//go:embed purposes.yaml
var purposesYAML []byte

// Purposes are all, in the order in which people are asked. They are built in and tested,
// so that reading them cannot fail. Nobody changes what it returns.
var Purposes = sync.OnceValue(func() []Definition {
	all, err := parse(purposesYAML)
	if err != nil {
		panic(err)
	}
	return all
})

// Defined finds a purpose.
func Defined(p Purpose) (Definition, bool) {
	all := Purposes()
	i := slices.IndexFunc(all, func(d Definition) bool { return d.Purpose == p })
	if i < 0 {
		return Definition{}, false
	}
	return all[i], true
}

func parse(raw []byte) ([]Definition, error) {
	var all []Definition
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the purposes: %w", err)
	}
	var problems []error
	for _, d := range all {
		if err := d.check(); err != nil {
			problems = append(problems, fmt.Errorf("purpose %q: %w", d.Purpose, err))
		}
	}
	return all, errors.Join(problems...)
}

func (d Definition) check() error {
	switch {
	case d.Purpose == "" || d.Category == "" || !slices.Contains([]Operation{Storing, Processing, SharingData}, d.Operation):
		return errors.New("a purpose, an operation and a category are needed")
	case len(d.Versions) == 0:
		return errors.New("it has no text")
	case (d.Months > 0) == d.OptOut:
		return errors.New("a consent ends after some months, and what nobody is asked for has no end")
	case d.Accepts < 1 || d.Accepts > d.Current().Number:
		return errors.New("it accepts no text that there is")
	}
	for i, v := range d.Versions {
		if v.Number != i+1 {
			return errors.New("versions are counted from 1")
		}
		for _, language := range Languages {
			t, _ := v.In(language)
			if t.Title == "" || t.Text == "" || t.Without == "" || strings.Contains(t.Title+t.Text+t.Without, "\n") {
				return fmt.Errorf("version %d is not whole in %q", v.Number, language)
			}
		}
	}
	return nil
}
