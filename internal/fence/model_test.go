package fence

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	troubled = 25 * time.Second // how long things go wrong
	healing  = 90 * time.Second // by when a write must be acknowledged after everything healed
)

// schedule runs one schedule and returns the world at its end.
func schedule(seed, no uint64, planted faults, trace func(string)) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, no)), timings: NewTimings(8 * time.Second), faults: planted, trace: trace}
	w.lines, w.sync = lines(no%uint64(linesCount)), w.rng.IntN(2) == 0
	server := w.clock()
	w.register = NewMemory(server.read, server.read)
	w.control, w.peers = &link{w: w}, &link{w: w}
	mode := Async
	if w.sync {
		mode = Sync
	}
	if err := w.register.Begin(background, names[0], mode); err != nil {
		panic(err)
	}
	for no := range w.machines {
		w.machines[no], w.clients[no] = w.machine(no), w.client(no)
	}
	for no := range w.machines {
		w.machines[no].start()
		w.clients[no].read()
		w.clients[no].write()
	}
	w.say("lines %d, synchronous %v, clocks %.2f %.2f, register %.2f", w.lines, w.sync, w.machines[0].clock.rate, w.machines[1].clock.rate, server.rate)
	for range 1 + w.rng.IntN(5) {
		w.after(w.between(3*time.Second, troubled), w.mishap)
	}
	for range w.rng.IntN(3) {
		w.after(w.between(3*time.Second, troubled), w.failover)
	}
	w.run(troubled, func() bool { return false })
	w.now = max(w.now, troubled)
	w.heal()
	w.run(troubled+healing, func() bool { return w.history.served })
	if w.lines != secondLine && !w.history.served {
		w.history.find("no write was acknowledged after everything healed")
	}
	return w
}

// setting is a number that the environment may give: MEAI_FENCE_SCHEDULES runs more of them, MEAI_FENCE_SEED others.
func setting(t *testing.T, variable string, usual uint64) uint64 {
	t.Helper()
	wanted := os.Getenv(variable)
	if wanted == "" {
		return usual
	}
	n, err := strconv.ParseUint(wanted, 10, 64)
	require.NoError(t, err, variable)
	return n
}

// lazily lets garbage pile up: schedules make much of it, and none lives long.
func lazily(t *testing.T) {
	t.Helper()
	usual := debug.SetGCPercent(3000)
	t.Cleanup(func() { debug.SetGCPercent(usual) })
}

func TestNoScheduleBreaksTheProtocol(t *testing.T) {
	lazily(t)
	n, seed := setting(t, "MEAI_FENCE_SCHEDULES", 250_000), setting(t, "MEAI_FENCE_SEED", 9)
	var acked, epochs, events, modes int
	for no := range n {
		w := schedule(seed, no, faults{}, nil)
		if w.history.found != "" {
			schedule(seed, no, faults{}, func(line string) { t.Log(line) })
			require.Empty(t, w.history.found, "schedule %d", no)
		}
		acked, epochs, events, modes = acked+w.history.acked, epochs+len(w.history.opened), events+w.made, modes+w.history.modes
	}
	t.Logf("%d schedules: %d events, %d writes acknowledged, %d epochs opened, %d changes of the mode", n, events, acked, epochs, modes)
	require.Greater(t, epochs, int(n)*5/4, "there were failovers")
	require.Greater(t, acked, int(n)*5, "clients wrote")
	require.Greater(t, modes, int(n)/10, "standbys were absent")
}
