package requests

import "time"

// Clock sets the store's clock.
func (s *Store) Clock(now func() time.Time) { s.now = now }
