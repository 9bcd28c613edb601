package failover

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Acknowledged is one line of the ledger of acknowledgements: an interaction of which a
// client was told that it was accepted. There is nothing of a person in it.
type Acknowledged struct {
	// Key is the idempotency key of the request, or its digest.
	Key         string    `json:"key"`
	Interaction uuid.UUID `json:"interaction"`
	// At is when the client had the answer, by its own clock.
	At time.Time `json:"at"`
}

// Acknowledgements is a ledger that a client, or a gateway in front of the API, writes:
// one JSON object in a line, in the file of a machine in no region that may be lost. It is
// safe for concurrent use.
type Acknowledgements struct {
	mu   sync.Mutex
	file *os.File
}

// OpenAcknowledgements adds to the file at a path, which is made if it is not there. A last
// line that a crash has cut off is taken away: nothing may follow on it.
func OpenAcknowledgements(path string) (*Acknowledgements, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger of acknowledgements: %w", err)
	}
	if err := mend(file); err != nil {
		return nil, errors.Join(fmt.Errorf("mend the ledger of acknowledgements: %w", err), file.Close())
	}
	return &Acknowledgements{file: file}, nil
}

// longestLine is more than any line takes.
const longestLine = 4096

func mend(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	end := make([]byte, min(longestLine, info.Size()))
	from := info.Size() - int64(len(end))
	if _, err := file.ReadAt(end, from); err != nil {
		return err
	}
	return file.Truncate(from + int64(bytes.LastIndexByte(end, '\n')) + 1)
}

// Note writes one acknowledgement down.
func (a *Acknowledgements) Note(line Acknowledged) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write an acknowledgement: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write an acknowledgement: %w", err)
	}
	return nil
}

// Close closes the file.
func (a *Acknowledgements) Close() error { return a.file.Close() }

// ErrAcknowledgements: a line of the ledger cannot be read, so what is missing is not known.
var ErrAcknowledgements = errors.New("failover: the ledger of acknowledgements cannot be read")

// ReadAcknowledgements reads a ledger in pages of at most so many lines. A last line that
// a crash has cut off was told to nobody as written down, and is left out; any other that
// cannot be read is an error.
func ReadAcknowledgements(r io.Reader, page int, each func([]Acknowledged) error) error {
	lines := bufio.NewReader(r)
	var read []Acknowledged
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the ledger of acknowledgements: %w", err)
		}
		whole := err == nil
		if text = bytes.TrimSpace(text); len(text) > 0 {
			var line Acknowledged
			switch bad := json.Unmarshal(text, &line); {
			case bad == nil && line.Interaction != uuid.Nil:
				read = append(read, line)
			case whole:
				return fmt.Errorf("%w: line %d", ErrAcknowledgements, number)
			}
		}
		if !whole || len(read) == page {
			if len(read) > 0 {
				if err := each(read); err != nil {
					return err
				}
			}
			read = nil
		}
		if !whole {
			return nil
		}
	}
}

// mostNamed bounds how many missing interactions are named; all are counted.
const mostNamed = 1000

// Missing is what clients were told of and the new primary does not have.
type Missing struct {
	// Known is whether there was a ledger to compare with.
	Known        bool `json:"known"`
	Acknowledged int  `json:"acknowledged"`
	Count        int  `json:"count"`
	// First are at most 1000 of them.
	First []Acknowledged `json:"first,omitempty"`
}

// add counts those of a page that are not among the ids which are there.
func (m *Missing) add(page []Acknowledged, there map[uuid.UUID]bool) {
	m.Acknowledged += len(page)
	for _, a := range page {
		if there[a.Interaction] {
			continue
		}
		if m.Count++; m.Count <= mostNamed {
			m.First = append(m.First, a)
		}
	}
}
