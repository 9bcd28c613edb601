package wal

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Alarm names something that is wrong now.
type Alarm string

// The alarms. Of those marked with a page somebody must be woken.
const (
	ReceiverDown      Alarm = "receiver_down"      // pg_receivewal ended and is started again
	UploadFailing     Alarm = "upload_failing"     // the bucket does not take what was received
	ServerUnreachable Alarm = "server_unreachable" // the slot cannot be looked at
	SlotUnreserved    Alarm = "slot_unreserved"    // the server is about to give up the slot
	SlotLost          Alarm = "slot_lost"          // page: the server gave up the slot
	SlotMissing       Alarm = "slot_missing"       // page: somebody dropped the slot
	StandbyAbsent     Alarm = "standby_absent"     // page: commits wait for the archive, and it is not there
	GapInLog          Alarm = "gap"                // page: part of the log is lost, a new base backup is needed
	Conflict          Alarm = "conflict"           // page: another server archives under this one's name
)

// Slot is what the server says of the replication slot (pg_replication_slots).
type Slot struct {
	// State is wal_status (reserved, extended, unreserved, lost), or "missing".
	State string `json:"state"`
	// Restart is from where the server keeps the log for the archiver.
	Restart LSN `json:"restart"`
	// Spare is how many more bytes the server can write before it gives the slot up,
	// negative when there is no limit.
	Spare int64 `json:"spare"`
}

// Gap is a part of the log that was lost before it was archived. What was written before
// it can be restored from older base backups, what came after it needs a newer one.
type Gap struct {
	From  Position  `json:"from"`
	To    Position  `json:"to"`
	Found time.Time `json:"found"`
}

// Status is how archiving goes.
type Status struct {
	Source Source `json:"source"`
	// Tip is the newest position that is durable in the bucket, and TipAt when
	// everything that had been received was last found to be.
	Tip   Position  `json:"tip"`
	TipAt time.Time `json:"tip_at"`
	// Server is what the server had flushed when it was last asked, and Lag how many
	// bytes of that are not in the bucket.
	Server LSN   `json:"server"`
	Lag    int64 `json:"lag"`
	// Waiting are closed segments that are not in the bucket.
	Waiting   int  `json:"waiting"`
	Receiving bool `json:"receiving"`
	Restarts  int  `json:"restarts"` // of pg_receivewal, after failures
	Slot      Slot `json:"slot"`
	SlotsLost int  `json:"slots_lost"`    // how often it was found lost or missing, and made again
	Gap       *Gap `json:"gap,omitempty"` // the last that was found in this life
	// Alarms are what is wrong now, by name, with the reason.
	Alarms map[Alarm]string `json:"alarms"`
	// LastError stays after the trouble is over.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Alarmed are the names of the alarms, in order.
func (s Status) Alarmed() []Alarm { return slices.Sorted(maps.Keys(s.Alarms)) }

// Status tells how archiving goes.
func (a *Archiver) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Alarms = maps.Clone(a.alarms)
	s.Lag = max(0, int64(s.Server)-int64(s.Tip.LSN))
	if s.Gap != nil {
		gap := *s.Gap
		s.Gap = &gap
	}
	return s
}

func (a *Archiver) update(change func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
}

// note raises an alarm for an error, or ends it. What begins and what changes is logged.
func (a *Archiver) note(alarm Alarm, err error) {
	if alarm == UploadFailing {
		conflict := err
		if !errors.Is(err, ErrConflict) {
			conflict = nil
		}
		a.raise(Conflict, conflict)
	}
	a.raise(alarm, err)
}

func (a *Archiver) raise(alarm Alarm, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, raised := a.alarms[alarm]
	if err == nil {
		if delete(a.alarms, alarm); raised {
			a.Logger.Info("the archive of the write-ahead log recovered", "reason", string(alarm))
		}
		return
	}
	a.alarms[alarm] = err.Error()
	a.status.LastError, a.status.LastErrorAt = err.Error(), time.Now()
	if before != err.Error() {
		a.Logger.Warn("the archive of the write-ahead log is in trouble", "reason", string(alarm), "error", err)
	}
}
