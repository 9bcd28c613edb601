package fence

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// BootClock is the machine's clock that runs while it sleeps (CLOCK_BOOTTIME): the same for all its processes.
func BootClock() Instant {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		// Every Linux since 2.6.39 has it, and nothing is safe without it.
		panic(fmt.Sprintf("read the clock: %v", err))
	}
	return Instant(t.Nano())
}
