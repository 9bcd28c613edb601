// Package evaluation measures how well memories are found again: on conversations with
// questions whose evidence is known, beside plain BM25, without a judge.
//
// A conversation is two files of JSON lines, NAME.turns.jsonl and NAME.questions.jsonl;
// docs/evaluation/memory-format.md documents them.
package evaluation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Conversation is what one person told, and what is asked about it.
type Conversation struct {
	Name      string
	Turns     []Turn
	Questions []Question
}

// Turn is one message.
type Turn struct {
	ID      string `json:"id"`
	Session string `json:"session"`
	// At is when it was said; turns stand in that order.
	At time.Time `json:"at"`
	// Speaker is who said it. Where several do, their names are part of the text that is
	// remembered.
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
}

// Question asks for what was told.
type Question struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Question string `json:"question"`
	// AskedAt is when; what was said later is not to be found. Left out, everything is.
	AskedAt time.Time `json:"asked_at,omitzero"`
	// Evidence are the ids of the turns that it takes to answer; none where it cannot be
	// answered.
	Evidence []string `json:"evidence"`
}

const turnsFile, questionsFile = ".turns.jsonl", ".questions.jsonl"

// Read reads all conversations of a folder, by name. Its errors name file and line.
func Read(folder fs.FS) ([]Conversation, error) {
	files, err := fs.Glob(folder, "*"+turnsFile)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no file *%s", turnsFile)
	}
	asked, err := fs.Glob(folder, "*"+questionsFile)
	if err != nil {
		return nil, err
	}
	for _, file := range asked {
		if turns := strings.TrimSuffix(file, questionsFile) + turnsFile; !slices.Contains(files, turns) {
			return nil, fmt.Errorf("%s: there is no %s", file, turns)
		}
	}
	var all []Conversation
	for _, file := range files {
		c := Conversation{Name: strings.TrimSuffix(path.Base(file), turnsFile)}
		if c.Turns, err = lines[Turn](folder, file); err != nil {
			return nil, err
		}
		if c.Questions, err = lines[Question](folder, c.Name+questionsFile); err != nil {
			return nil, err
		}
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

const longestLine = 1 << 20

func lines[T any](folder fs.FS, name string) ([]T, error) {
	raw, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	var all []T
	scanner := bufio.NewScanner(bytes.NewReader(raw))
	scanner.Buffer(nil, longestLine)
	for n := 1; scanner.Scan(); n++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		var one T
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields() // "evidences" would make a question unanswerable
		if err := decoder.Decode(&one); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		all = append(all, one)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

func (c Conversation) check() error {
	var faults []error
	at := map[string]int{}
	for i, t := range c.Turns {
		if _, twice := at[t.ID]; twice || t.ID == "" || t.Session == "" || t.At.IsZero() || strings.TrimSpace(t.Text) == "" {
			faults = append(faults, fmt.Errorf("turn %d (%s): needs an id of its own, a session, a time and a text", i+1, t.ID))
		}
		at[t.ID] = i
	}
	if !slices.IsSortedFunc(c.Turns, func(a, b Turn) int { return a.At.Compare(b.At) }) {
		faults = append(faults, errors.New("the turns are not in the order of their times"))
	}
	ids := map[string]bool{}
	for i, q := range c.Questions {
		if ids[q.ID] || q.ID == "" || strings.TrimSpace(q.Question) == "" || q.Category == "" {
			faults = append(faults, fmt.Errorf("question %d (%s): needs an id of its own, a question and a category", i+1, q.ID))
		}
		ids[q.ID] = true
		if len(distinctInOrder(q.Evidence)) < len(q.Evidence) {
			faults = append(faults, fmt.Errorf("question %d (%s): evidence is named twice", i+1, q.ID))
		}
		for _, id := range q.Evidence {
			turn, known := at[id]
			if !known {
				faults = append(faults, fmt.Errorf("question %d (%s): no turn is %s", i+1, q.ID, id))
			} else if !q.AskedAt.IsZero() && c.Turns[turn].At.After(q.AskedAt) {
				faults = append(faults, fmt.Errorf("question %d (%s): it is asked before %s", i+1, q.ID, id))
			}
		}
	}
	return errors.Join(faults...)
}

// Remembered is the text of a turn as it is remembered.
func (c Conversation) Remembered(t Turn) string {
	if t.Speaker != "" && slices.ContainsFunc(c.Turns, func(o Turn) bool { return o.Speaker != t.Speaker }) {
		return t.Speaker + ": " + t.Text
	}
	return t.Text
}

// AskedAt is when a question is asked: where it does not say, with the last turn.
func (c Conversation) AskedAt(q Question) time.Time {
	if q.AskedAt.IsZero() && len(c.Turns) > 0 {
		return c.Turns[len(c.Turns)-1].At
	}
	return q.AskedAt
}

// Before are the turns that were said when a question is asked.
func (c Conversation) Before(q Question) []Turn {
	if q.AskedAt.IsZero() {
		return c.Turns
	}
	n, _ := slices.BinarySearchFunc(c.Turns, q.AskedAt, func(t Turn, asked time.Time) int {
		if t.At.After(asked) {
			return 1
		}
		return -1
	})
	return c.Turns[:n]
}
