// Package backup takes backups, proves them by restoring them, keeps and deletes them.
// The steps are here; what they are made of lies in the packages below: repository
// (what is in the bucket), base, wal and index (how it gets there), marks (what was in
// the database), restore (the way back).
package backup

import (
	"time"

	"meai/activities/backup/repository"
)

// Ref names a backup.
type Ref struct {
	Backup string `json:"backup"`
	// Reason is a word for the report of holding and deleting.
	Reason string `json:"reason,omitempty"`
}

// TakeInput says what to take a backup of.
type TakeInput struct {
	Kind repository.Kind `json:"kind"`
	// MaxRate bounds how fast the cluster is read, in KiB/s; 0 for the configured rate.
	MaxRate int `json:"max_rate,omitempty"`
	// Run is the workflow run: a second attempt finds what the first one finished.
	Run string `json:"run,omitempty"`
}

// Taken is a backup that was taken.
type Taken struct {
	Backup  string  `json:"backup"`
	Bytes   int64   `json:"bytes"` // sealed
	Objects int     `json:"objects"`
	Seconds float64 `json:"seconds"`
}

// ProveInput says what to prove, and against what.
type ProveInput struct {
	Backup string `json:"backup"`
	// Mark is the time of the mark to restore to; zero for the newest that the archive
	// covers.
	Mark time.Time `json:"mark,omitzero"`
	Run  string    `json:"run,omitempty"`
}

// Outcome is what was found out about a backup.
type Outcome struct {
	Backup  string             `json:"backup"`
	State   repository.State   `json:"state"`
	Seconds map[string]float64 `json:"seconds,omitempty"`
	// Found are counts and sums by name.
	Found map[string]string `json:"found,omitempty"`
	// Problems name what is wrong. A backup with problems has failed.
	Problems []string `json:"problems,omitempty"`
}

// Marked is a mark that was set.
type Marked struct {
	At   time.Time `json:"at"`
	LSN  string    `json:"lsn"`
	Rows int64     `json:"rows"`
}

// ArchiveInput says how much of the archive to check.
type ArchiveInput struct {
	// Deep reads and compares every object, not the names alone.
	Deep bool `json:"deep,omitempty"`
	// Until waits for the archive to have come so far, in PostgreSQL's notation.
	Until string `json:"until,omitempty"`
}

// ArchiveState is how whole the archive of the write-ahead log is.
type ArchiveState struct {
	From     string `json:"from"`
	Tip      string `json:"tip"`
	Segments int    `json:"segments"`
	// Behind is the age of the newest commit that is not in the bucket yet, at most.
	Behind   float64  `json:"behind_seconds"`
	Problems []string `json:"problems,omitempty"`
}

// Kept counts what a round of keeping did.
type Kept struct {
	Backups   int      `json:"backups"` // that there are
	Expired   []string `json:"expired,omitempty"`
	Discarded []string `json:"discarded,omitempty"` // taking them was broken off
	Segments  int      `json:"segments"`            // of write-ahead log that were deleted
	Marks     int      `json:"marks"`
	// Held are backups that would have expired.
	Held []string `json:"held,omitempty"`
}
