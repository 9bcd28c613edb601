package memory

import "time"

// DissolvePatterns is what forgetting calls.
var DissolvePatterns = dissolvePatterns

// SetClock has the activities take a time for now.
func (a *Activities) SetClock(now time.Time) { a.now = func() time.Time { return now } }
