package autoscale_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/internal/autoscale"
	"meai/internal/cluster"
)

func scaling(t *testing.T, queue string) cluster.Scaling {
	t.Helper()
	d, err := cluster.Load("../../temporal.yaml")
	require.NoError(t, err)
	if queue == "api" {
		return d.API.Scaling
	}
	return d.TaskQueues[queue].Scaling
}

func TestTheLargerOfWhatIsAskedForCounts(t *testing.T) {
	s := scaling(t, "mirror") // 3 to 20, 25 waiting for each, 70 % of CPU
	for _, c := range []struct {
		ready   int
		waiting float64
		cpu     float64
		want    int
	}{
		{3, 0, 0, 3},
		{3, 0, 70, 3},
		{3, 0, 76, 3},    // within a tenth of the target nothing changes
		{3, 0, 140, 6},   // twice the target, twice as many
		{3, 80, 0, 3},    // a tenth again
		{3, 200, 0, 8},   // 25 each
		{3, 200, 210, 9}, // CPU asks for more
		{3, 500, 0, 20},  // the requirements' critical mark asks for all
		{3, 9000, 0, 20},
		{20, 0, 3, 3},
	} {
		require.Equal(t, c.want, autoscale.Wanted(s, c.ready, autoscale.Load{Waiting: c.waiting, CPUPercent: c.cpu}), "%+v", c)
	}
	api := scaling(t, "api")
	require.Equal(t, 10, autoscale.Wanted(api, 3, autoscale.Load{Waiting: 500}), "50 requests a second for each")
	require.Equal(t, 7, autoscale.Wanted(api, 5, autoscale.Load{Waiting: 250, CPUPercent: 95}), "70 % of CPU")
}

func TestItGoesUpAtOnceAndDownWithPatience(t *testing.T) {
	s := autoscale.NewScaler(scaling(t, "mirror"))
	busy, calm := autoscale.Load{Waiting: 9000}, autoscale.Load{}
	require.Equal(t, 7, s.Look(0, 3, busy), "four more, which is more than as many again")
	require.Equal(t, 7, s.Look(15*time.Second, 3, busy), "not again within half a minute")
	require.Equal(t, 14, s.Look(30*time.Second, 7, busy), "as many again")
	require.Equal(t, 20, s.Look(time.Minute, 14, busy), "no more than there may be")
	cooldown := 300 * time.Second
	require.Equal(t, 20, s.Look(2*time.Minute, 20, calm))
	require.Equal(t, 20, s.Look(cooldown+59*time.Second, 20, calm), "it was busy within the cooldown")
	require.Equal(t, 15, s.Look(cooldown+61*time.Second, 20, calm), "a quarter in a minute")
	require.Equal(t, 15, s.Look(cooldown+90*time.Second, 15, calm))
	require.Equal(t, 12, s.Look(cooldown+122*time.Second, 15, calm))
}

func day(t *testing.T) func(time.Duration) float64 {
	t.Helper()
	shape, err := autoscale.Shape()
	require.NoError(t, err)
	require.InDelta(t, 1, shape(21*time.Hour), 0, "the evening is the busiest")
	require.InDelta(t, shape(2*time.Hour), shape(26*time.Hour), 1e-9)
	return shape
}

// mirror is slower than it is, at the requirements' warning mark, and computes all the time.
var mirror = autoscale.Work{Slots: 8, Takes: 300 * time.Millisecond, CPU: 300 * time.Millisecond, Begins: 90 * time.Second}

var prices = autoscale.Prices{Core: 0.04, GiB: 0.005}

const busiest = 300 // tasks a second

// secondDay has a first one behind it, so that it does not begin with too few.
func secondDay(s cluster.Scaling, load func(time.Duration) float64) []autoscale.Second {
	return autoscale.Day(s, mirror, 48*time.Hour, func(at time.Duration) float64 { return load(at % (24 * time.Hour)) })[24*60*60:]
}

func TestADayIsFollowed(t *testing.T) {
	s, shape := scaling(t, "mirror"), day(t)
	sum := autoscale.Sum(secondDay(s, func(at time.Duration) float64 { return busiest * shape(at) }), s, prices)
	t.Logf("%+v", sum)
	require.Less(t, sum.MostWaiting, 100.0, "never at the requirements' warning mark")
	require.Equal(t, 3, sum.Least, "the night needs no more than the least")
	require.GreaterOrEqual(t, sum.Most, 16, "300 a second at 70 %% of 26.7 for each")
	require.Less(t, sum.Changes, 100, "it does not go up and down all the time")
	most := 24 * 20.0
	require.Less(t, sum.Hours, 0.65*most, "and costs much less than the most all day")
}

func TestARushIsWorkedOff(t *testing.T) {
	s, shape := scaling(t, "mirror"), day(t)
	const begin, length = 10 * time.Hour, 10 * time.Minute
	rush := func(at time.Duration) float64 {
		if at >= begin && at < begin+length {
			return 500 // twenty replicas do 533
		}
		return busiest * shape(at)
	}
	made := secondDay(s, rush)
	sum := autoscale.Sum(made, s, prices)
	t.Logf("%+v", sum)
	require.Equal(t, 20, sum.Most)
	second := func(at time.Duration) autoscale.Second { return made[int(at.Seconds())] }
	require.Greater(t, second(begin+2*time.Minute).Backlog, 500.0, "nobody is there as fast as a rush is")
	require.Equal(t, 20, second(begin+3*time.Minute).Replicas)
	require.Zero(t, second(begin+length+10*time.Minute).Backlog, "ten minutes after it nothing waits")
	require.Less(t, second(begin+length+time.Hour).Replicas, 20, "an hour after it they are gone")
}

// A backlog alone calls for replicas when it is late, and sends them home when they have
// done their work: the CPU keeps them as long as there is some.
func TestWithoutTheCPUItWouldSwing(t *testing.T) {
	s, shape := scaling(t, "mirror"), day(t)
	load := func(at time.Duration) float64 { return busiest * shape(at) }
	both := autoscale.Sum(secondDay(s, load), s, prices)
	s.CPUPercent = 100000
	alone := autoscale.Sum(secondDay(s, load), s, prices)
	t.Logf("both %+v\nalone %+v", both, alone)
	require.Less(t, both.MostWaiting, 100.0)
	require.Greater(t, alone.MostWaiting, 500.0)
	require.Greater(t, alone.Changes, 10*both.Changes)
}
