package failover

import (
	"slices"
	"time"
)

// Mode is how commits reach the standby.
type Mode string

// The modes.
const (
	// Asynchronous: a commit is told to the client before the standby has it.
	Asynchronous Mode = "async"
	// Synchronous: it is told once the standby has applied it.
	Synchronous Mode = "sync"
	// Degraded: it should be synchronous, and the standby was away for so long that the
	// agent went on without it.
	Degraded Mode = "degraded"
)

// Reason is why the gate says no, or what a failover would cost.
type Reason string

// The reasons.
const (
	// ReasonSilent: the agent beside the standby shows no sign of life.
	ReasonSilent Reason = "standby_silent"
	// ReasonRole: the server to promote is no standby.
	ReasonRole Reason = "standby_role"
	// ReasonBehind: it is a standby of a primary from before the last one, and its agent
	// would not let it take over.
	ReasonBehind Reason = "standby_behind"
	// ReasonIll: it is to be handed over, and an observer calls the region ill: as soon as it
	// served, it would be taken for lost.
	ReasonIll Reason = "standby_ill"
	// ReasonTimeline: the standby follows another history than the primary wrote.
	ReasonTimeline Reason = "timeline"
	// ReasonReceiver: the standby did not receive when the primary was last known to write.
	ReasonReceiver Reason = "receiver"
	// ReasonLag: what it lacks is more than may be lost.
	ReasonLag Reason = "lag"
	// ReasonUnknownLag: nobody knows what it lacks.
	ReasonUnknownLag Reason = "lag_unknown"
	// ReasonDegraded: clients were told of commits that the standby may lack, although
	// the mode promises that there are none.
	ReasonDegraded Reason = "degraded"
	// ReasonUnconfirmed: the observers do not say that the primary is lost.
	ReasonUnconfirmed Reason = "unconfirmed"
	// ReasonReplay: what it has received and not applied yet takes too long to apply.
	ReasonReplay Reason = "replay"
)

// final are the reasons that no approval overrides: there is nothing to promote.
var final = []Reason{ReasonSilent, ReasonRole, ReasonBehind}

// Standby is what is known of the server that is to be promoted.
type Standby struct {
	// Present: its agent shows signs of life.
	Present   bool `json:"present"`
	IsStandby bool `json:"is_standby"`
	// Behind: it has not followed the last primary.
	Behind bool `json:"behind,omitempty"`
	// Ill: an observer calls its region ill. That counts for a handover alone: where the
	// primary is lost there is no better region.
	Ill      bool `json:"ill,omitempty"`
	Timeline int  `json:"timeline"`
	// Streaming: it receives, or did at the last moment at which the primary was known to be well.
	Streaming bool `json:"streaming"`
	// Received and Replayed are positions in bytes.
	Received uint64 `json:"received"`
	Replayed uint64 `json:"replayed"`
	// Lag is how far behind the primary it was, in seconds, when that was last known;
	// negative for unknown.
	Lag float64 `json:"lag"`
}

// Upstream is what is known of the primary.
type Upstream struct {
	// Alive: it is being left, not lost (a switchover).
	Alive bool `json:"alive"`
	// Timeline and Flushed are those that it told of last; 0 for unknown.
	Timeline int    `json:"timeline"`
	Flushed  uint64 `json:"flushed"`
}

// Limits are what a failover may cost without being asked about.
type Limits struct {
	// RPO is the most that may be lost.
	RPO time.Duration `json:"rpo"`
	// Replay is the most that may be received and not applied yet, in bytes.
	Replay uint64 `json:"replay"`
}

// Look is everything that the gate judges by.
type Look struct {
	Mode     Mode     `json:"mode"`
	Standby  Standby  `json:"standby"`
	Upstream Upstream `json:"upstream"`
	Limits   Limits   `json:"limits"`
	// Unconfirmed: nobody has planned to leave the primary, and the observers do not say
	// that it is lost.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// Judgement is what the gate says.
type Judgement struct {
	// Passes: nothing speaks against it. Final: something does that nobody can override.
	Passes bool `json:"passes"`
	Final  bool `json:"final,omitempty"`
	// Lossless: no commit that a client was told of can be missing.
	Lossless bool     `json:"lossless"`
	Reasons  []Reason `json:"reasons,omitempty"`
	// Loss is the most that is lost, in seconds; negative for unknown.
	Loss float64 `json:"loss"`
}

// Judge decides whether the standby may be promoted. Where it does not know, it says no:
// two persons may still say yes.
func Judge(l Look) Judgement {
	j := Judgement{Loss: l.Standby.Lag}
	add := func(is bool, r Reason) {
		if is {
			j.Reasons = append(j.Reasons, r)
		}
	}
	add(!l.Standby.Present, ReasonSilent)
	add(l.Standby.Present && !l.Standby.IsStandby, ReasonRole)
	add(l.Standby.Present && l.Standby.Behind, ReasonBehind)
	add(l.Upstream.Alive && l.Standby.Ill, ReasonIll)
	add(l.Unconfirmed, ReasonUnconfirmed)
	add(l.Upstream.Timeline != 0 && l.Standby.Timeline != l.Upstream.Timeline, ReasonTimeline)
	add(!l.Standby.Streaming, ReasonReceiver)
	add(l.Mode == Degraded, ReasonDegraded)
	add(l.Standby.Received > l.Standby.Replayed+l.Limits.Replay, ReasonReplay)
	// In a switchover the old primary writes nothing more, and hands over only once the
	// standby has all of it. Then, and in synchronous mode, no commit is lost at whatever
	// lag: a late standby costs time.
	j.Lossless = l.Upstream.Alive || l.Mode == Synchronous
	if j.Lossless {
		j.Loss = 0
	} else {
		add(l.Standby.Lag < 0, ReasonUnknownLag)
		add(l.Standby.Lag > l.Limits.RPO.Seconds(), ReasonLag)
	}
	// Of a server on another history, or one that was not receiving, nothing is promised.
	if slices.Contains(j.Reasons, ReasonTimeline) || slices.Contains(j.Reasons, ReasonReceiver) {
		j.Lossless = false
		j.Loss = -1
	}
	j.Passes = len(j.Reasons) == 0
	j.Final = slices.ContainsFunc(j.Reasons, func(r Reason) bool { return slices.Contains(final, r) })
	return j
}
