package restore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"meai/internal/objects"
)

const journalName = "journal.jsonl"

// journal is the memory of a restore: what it is to do, and which steps are done. It is
// a file in the folder that is restored into, so that a restore needs no other store,
// and goes on where it was broken off, by whatever runner.
type journal struct {
	path string
	plan Plan
	done map[string]Done
}

// Done is a step that was done.
type Done struct {
	Step    string    `json:"step"`
	EndedAt time.Time `json:"ended_at"`
	Seconds float64   `json:"seconds"`
	// Found are counts and sums by name.
	Found map[string]string `json:"found,omitempty"`
	// Problems name what is wrong with what was restored; the step itself succeeded.
	Problems []string `json:"problems,omitempty"`
}

// line is one line of the file: the plan first, then steps.
type line struct {
	Plan *Plan `json:"plan,omitempty"`
	Done *Done `json:"done,omitempty"`
}

// ErrOther: the folder holds the journal of another restore, or something else.
var ErrOther = errors.New("the folder is in use for something else")

// openJournal begins a journal in an empty folder, or reads the one of the same plan.
func openJournal(into string, plan Plan) (*journal, error) {
	j := &journal{path: filepath.Join(into, journalName), plan: plan, done: map[string]Done{}}
	lines, whole, err := readLines(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := checkEmpty(into); err != nil {
			return nil, err
		}
		return j, j.append(line{Plan: &plan})
	}
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || lines[0].Plan == nil || lines[0].Plan.ID != plan.ID {
		return nil, fmt.Errorf("%s: %w", into, ErrOther)
	}
	// What is added must not follow on a line that was cut off.
	if err := os.Truncate(j.path, whole); err != nil {
		return nil, fmt.Errorf("mend the journal: %w", err)
	}
	j.plan = *lines[0].Plan
	for _, l := range lines[1:] {
		if l.Done != nil {
			j.done[l.Done.Step] = *l.Done
		}
	}
	return j, nil
}

// Resumable reads the plan of the restore that was begun in a folder; ok is false when
// there is none.
func Resumable(into string) (plan Plan, ok bool, err error) {
	lines, _, err := readLines(filepath.Join(into, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return Plan{}, false, nil
	}
	if err != nil || len(lines) == 0 || lines[0].Plan == nil {
		return Plan{}, false, err
	}
	return *lines[0].Plan, true, nil
}

func checkEmpty(into string) error {
	entries, err := os.ReadDir(into)
	if err != nil {
		return fmt.Errorf("look at the folder to restore into: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: %w: it is not empty, and nothing is ever restored over what is there", into, ErrOther)
	}
	return nil
}

// readLines leaves out a last line that a crash cut off: its step is done again. It
// tells how many bytes are whole lines.
func readLines(path string) (lines []line, whole int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read the journal: %w", err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for written := range bytes.Lines(text) {
		var l line
		if err := json.Unmarshal(written, &l); err != nil {
			return nil, 0, fmt.Errorf("read the journal %s: %w", path, err)
		}
		lines = append(lines, l)
	}
	return lines, int64(len(text)), nil
}

func (j *journal) record(d Done) error {
	if err := j.append(line{Done: &d}); err != nil {
		return err
	}
	j.done[d.Step] = d
	return nil
}

// append returns once the line is on disk.
func (j *journal) append(l line) (err error) {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	file, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return objects.Sync(filepath.Dir(j.path))
}
