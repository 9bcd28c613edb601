//go:build !linux

package fence

import "time"

var processStarted = time.Now()

// BootClock is this process's monotonic clock: for development alone, because a watchdog needs a clock that it shares with its agent.
func BootClock() Instant { return Instant(time.Since(processStarted)) }
