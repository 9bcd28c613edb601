// Package erasure deletes everything of a person, everywhere, and proves it.
//
// An erasure is a row that goes one way: asked for, waiting (cooling-off, a legal hold),
// prepared, and from the destruction of the person's keys on, which is the point of no
// return, unstoppable: deleted in every store, cleaned up after, searched for, certified.
// The row decides; workflows and signals only carry on. What a restore must not undo is in
// the ledger first.
//
// Nothing that is kept names the person by their id: rows, ledger and certificates have
// their alias. The id itself is in the row, sealed under the system's key, until nothing is
// left.
package erasure

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
)

// State is how far an erasure is.
type State string

// The states, in their order but for the last.
const (
	// Requested: it waits until its cooling-off is over.
	Requested State = "requested"
	// Held: a legal hold keeps it waiting.
	Held State = "held"
	// Freezing: nothing is written for the person any more.
	Freezing State = "freezing"
	// Counting: what every store holds is counted and sampled.
	Counting State = "inventory"
	// Ending: the person's workflows are ended.
	Ending State = "ending"
	// Destroying: the keys are destroyed. There is no way back from here.
	Destroying State = "destroying"
	// Deleting: every store is emptied.
	Deleting State = "deleting"
	// Cleaning: what deletion leaves in files is cleared.
	Cleaning State = "cleaning"
	// Scanning: stores and files are searched for what should be gone.
	Scanning State = "scanning"
	// Certified: nothing was found.
	Certified State = "certified"
	// Cancelled: the person has taken it back.
	Cancelled State = "cancelled"
)

var order = []State{Requested, Held, Freezing, Counting, Ending, Destroying, Deleting, Cleaning, Scanning, Certified}

// before reports whether s comes before t.
func (s State) before(t State) bool { return slices.Index(order, s) < slices.Index(order, t) }

// Revocable reports whether it can still be cancelled.
func (s State) Revocable() bool { return s != Cancelled && s.before(Destroying) }

// Law is what an erasure goes by.
type Law string

// The laws.
const (
	GDPR Law = "gdpr"
	CCPA Law = "ccpa"
)

// Origin is who asked.
type Origin string

// The origins.
const (
	// ByPerson: they asked themselves.
	ByPerson Origin = "person"
	// ByStaff: two others have approved it.
	ByStaff Origin = "staff"
	// BySweep: something was found of a person who is erased.
	BySweep Origin = "sweep"
)

// Erasure is one erasure as it is shown.
type Erasure struct {
	ID    uuid.UUID   `json:"id"`
	Alias alias.Alias `json:"-"`
	State State       `json:"state"`
	Law   Law         `json:"law"`
	By    Origin      `json:"by"`
	// Approval is that of an erasure by staff; zero otherwise.
	Approval    uuid.UUID `json:"approval,omitzero"`
	RequestedAt time.Time `json:"requested_at"`
	// CoolingUntil is until when it waits.
	CoolingUntil time.Time `json:"cooling_until"`
	// The times are zero for what has not happened.
	UnreadableAt time.Time `json:"unreadable_at,omitzero"`
	ErasedAt     time.Time `json:"erased_at,omitzero"`
	ScannedAt    time.Time `json:"scanned_at,omitzero"`
	EndedAt      time.Time `json:"ended_at,omitzero"`
	// Counts are what each store held.
	Counts map[string]int64 `json:"counts"`
}

// Ref names an erasure.
type Ref struct {
	ID uuid.UUID `json:"erasure"`
}

// WorkflowID is the id of an erasure's workflow. It names nobody.
func WorkflowID(id uuid.UUID) string { return "privacy/erasure/" + id.String() }
