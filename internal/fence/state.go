package fence

// State is what an agent remembers between two decisions. The zero value is that of an agent that just started: it
// holds nothing, whatever the register says of its region.
type State struct {
	// Lease and Holder are what the agent took last; zero where it has none.
	Lease  Lease
	Holder Holder
	Seen
}

// Seen is what an agent read last, and since when it has known some of it.
type Seen struct {
	Snapshot
	// Known says that anything was read.
	Known bool
	// GoneAt is when it learned that the last holder's key is gone; it counts only while that is so.
	GoneAt Instant
	// DesiredAt is when it learned of the desired record as it is.
	DesiredAt Instant
}

// Read is what is known once the register answered, at the moment the answer came. One that is older than what is known
// already changes nothing.
func (s Seen) Read(snapshot Snapshot, answered Instant) Seen {
	if s.Known && snapshot.Revision < s.Revision {
		return s
	}
	next := Seen{Snapshot: snapshot, Known: true, GoneAt: s.GoneAt, DesiredAt: s.DesiredAt}
	if !s.Known || s.Desired.Revision != snapshot.Desired.Revision {
		next.DesiredAt = answered
	}
	if !s.Known || s.Primary.Exists() || s.Last.Value.Holder != snapshot.Last.Value.Holder {
		next.GoneAt = answered
	}
	return next
}

// Saw takes in what was read.
func (s *State) Saw(snapshot Snapshot, answered Instant) { s.Seen = s.Read(snapshot, answered) }

// Acquired takes in that [Register.Acquire] succeeded.
func (s *State) Acquired(lease Lease, holder Holder, snapshot Snapshot, answered Instant) {
	s.Lease, s.Holder = lease, holder
	s.Saw(snapshot, answered)
}

// Renewed takes in that [Register.Renew] succeeded. Answers may come in any order, and after the lease was given up.
func (s *State) Renewed(lease Lease, snapshot Snapshot, answered Instant) {
	if s.Lease.ID == lease.ID && s.Lease.Sent < lease.Sent {
		s.Lease = lease
	}
	s.Saw(snapshot, answered)
}

// Lost takes in that the lease is gone: released, or [ErrLost].
func (s *State) Lost(lease Lease) {
	if s.Lease.ID == lease.ID {
		s.Lease, s.Holder = Lease{}, Holder{}
	}
}
