package region

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"meai/internal/objects"
	"meai/internal/pgserver"
)

// record is what the agent knows of its cluster and the cluster does not say itself. It
// is durable before what it tells of is begun.
type record struct {
	// Epoch is the newest in which the cluster was to serve, or follows.
	Epoch int64 `json:"epoch"`
	// Serves: it was to serve in that epoch. Lossless says how, and Begun that epoch or
	// quarantine are in the database, so the product's roles may connect.
	Serves   bool `json:"serves,omitempty"`
	Lossless bool `json:"lossless,omitempty"`
	Begun    bool `json:"begun,omitempty"`
	// Broken: what is there is neither the old cluster nor a copy of another, because a
	// rewind has begun. A new clone is what helps.
	Broken bool `json:"broken,omitempty"`
	// Aside is where the cluster goes, whole, when a clone takes its place: nobody could read
	// what it alone has. Empty: it is removed then.
	Aside string `json:"aside,omitempty"`
	// Exported is the newest file with what was written here and nowhere else, or the
	// cluster that was set aside.
	Exported string `json:"exported,omitempty"`
}

func readRecord(path string) (r record, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("read what the agent knows of its cluster: %w", err)
	}
	return r, nil
}

// write replaces the record; it is on the disk when it returns.
func (r record) write(path string) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = replaceFile(path, append(text, '\n'), pgserver.Account{})
	}
	if err != nil {
		return fmt.Errorf("write what the agent knows of its cluster: %w", err)
	}
	return nil
}

// replaceFile puts a private file of the account in the place of another, whole or not at
// all, also when the machine stops.
func replaceFile(path string, text []byte, owner pgserver.Account) error {
	fresh := path + ".new"
	file, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, owner.Own(fresh), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return objects.Sync(filepath.Dir(path))
}
