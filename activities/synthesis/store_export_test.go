package synthesis

import "time"

// SetClock turns the store's clock.
func (s *Store) SetClock(now func() time.Time) { s.now = now }
