package fence

// Act is what an agent has to do.
type Act string

// The acts.
const (
	// Stay: all is as it should be, or there is nothing to do until [Action.Until].
	Stay Act = "stay"
	// Stop PostgreSQL at once: SIGQUIT to its first process, SIGKILL to all of them soon after. It ends within [Timings.Kill].
	Stop Act = "stop"
	// ShutDown shuts PostgreSQL down in order, and waits for its standby; the lease is renewed meanwhile. When that takes
	// too long the lease's deadline stops it as always.
	ShutDown Act = "shut down"
	// Release calls [Register.Release] for [Action.Holder]: PostgreSQL takes no writes. Where it was shut down in order the proof says so.
	Release Act = "release"
	// Acquire takes a lease and calls [Register.Acquire] with what was read.
	Acquire Act = "acquire"
	// Promote makes PostgreSQL the primary in [Action.Epoch]: promotes a standby, starts what was primary when it stopped.
	// The watchdog must have the lease's deadline before.
	Promote Act = "promote"
	// Follow makes PostgreSQL the standby of [Action.Region]: starts, rewinds or clones it, or leaves it as it is.
	Follow Act = "follow"
)

// Action is what [Decide] says.
type Action struct {
	Act Act
	// Until is when to decide again at the latest, even if nothing new is known; zero for "when something is".
	Until Instant
	// Region is whom to follow.
	Region string
	// Epoch and Lossless belong to Promote. What is not lossless begins in quarantine.
	Epoch    int64
	Lossless bool
	// Holder is whom to release.
	Holder Holder
	// Reason says why, for people and logs; it is one of few fixed texts.
	Reason string
}

// Postgres is an agent's own PostgreSQL.
type Postgres struct {
	Role Role
	// Received is the end of its log.
	Received LSN
	// Clean says, of one that is stopped, that it was shut down in order after it was primary.
	Clean bool
}

// View is all that an agent knows when it decides.
type View struct {
	Now      Instant
	Region   string
	Timings  Timings
	Postgres Postgres
	// Lease and Holder are what the agent took last; zero where it has none. An agent that starts has none, whatever the
	// register says of its region.
	Lease  Lease
	Holder Holder
	// Seen is what the register said last.
	Seen Seen
}

// Seen is what an agent read last, and for how long it has known some of it. The zero value has read nothing.
type Seen struct {
	Snapshot
	// Known says that anything was read.
	Known bool
	// GoneAt is when it first learned that the last holder's key is gone; it counts only while that is so.
	GoneAt Instant
	// DesiredAt is when it first learned of the desired record as it is.
	DesiredAt Instant
}

// Read is what is known after the register answered at the given moment: the moment the answer came, not when it was
// asked for. An answer that is older than what is known changes nothing.
func (s Seen) Read(snapshot Snapshot, answered Instant) Seen {
	return s
}

// Decide is what an agent has to do. It is a pure function.
func Decide(v View) Action {
	return Action{Act: Stay}
}
