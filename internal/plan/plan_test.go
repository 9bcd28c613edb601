package plan

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a measurement to plan with.
func sample() Measured {
	var answers []float64
	for i := range 100 {
		answers = append(answers, 60+float64(i))
	}
	return Measured{
		On: "a machine", At: "2026-01-01", Messages: 100, Cores: 2, Answer: NewTimes(answers), AnswerCPU: 50,
		CPU: map[string]float64{
			"api": 2, "queue synthesis": 4, "queue mirror": 16, "queue truthfilter": 20, "queue memory": 6, "queue batch": 0,
			"engine postgresql": 20, "engine temporal": 15, "engine weaviate": 5,
		},
		Steps: []Step{{Name: "mirror.Analyze", Queue: "mirror", PerMessage: 1, Times: NewTimes([]float64{15, 16, 17})}},
		Bytes: map[string]float64{"graph": 8000, "records": 6000, "vectors": 8000, "temporal": 30000, "wal": 60000},
	}
}

// asked are 100,000 people who write ten messages a day.
func asked() Input {
	in := Defaults()
	in.Users, in.InteractionsPerUser = 100_000, 10
	return in
}

func made(t *testing.T, in Input, bounds map[string]Bounds) Plan {
	t.Helper()
	r, err := Tables()
	require.NoError(t, err)
	prices, err := ReadPrices(nil)
	require.NoError(t, err)
	p, err := Make(in, sample(), r, prices, bounds)
	require.NoError(t, err)
	return p
}

func (p Plan) component(t *testing.T, id string) Component {
	t.Helper()
	for _, c := range p.Components {
		if c.ID == id {
			return c
		}
	}
	require.Fail(t, "no component "+id)
	return Component{}
}

// TestTheBuiltInTablesAreWhole: as many rows as the document has, and the sums that it gives.
func TestTheBuiltInTablesAreWhole(t *testing.T) {
	r, err := Tables()
	require.NoError(t, err)
	named := 0
	for _, c := range r.Components {
		if c.Named != "" {
			named++
		}
		require.True(t, c.Instances[0] >= 1 && c.Instances[0] <= c.Instances[1] && c.Instances[1] <= c.Instances[2], c.ID)
		require.True(t, c.VCPUs > 0 && c.MemoryGB > 0, c.ID)
	}
	require.Equal(t, 12, named, "the three compute tables have twelve rows")
	require.Len(t, r.Stores, 5)
	require.Len(t, r.Budget, 5)
	total := Cost{}
	for _, b := range r.Budget {
		for _, phase := range Phases {
			total.Phases[phase].Budget[0] += b.at(phase)[0]
			total.Phases[phase].Budget[1] += b.at(phase)[1]
		}
	}
	require.Equal(t, [2]float64{10000, 17000}, total.Phases[0].Budget)
	require.Equal(t, [2]float64{21000, 33000}, total.Phases[1].Budget)
	require.Equal(t, [2]float64{46000, 75000}, total.Phases[2].Budget)
}

// TestSizesFollowFromTheLoad works one component out by hand.
func TestSizesFollowFromTheLoad(t *testing.T) {
	p := made(t, asked(), nil)
	// 10^6 messages a day, times 4 at the peak, are 46.3 a second; 20 ms of TruthFilter's CPU for each keep 0.93 cores busy.
	require.InDelta(t, 46.3, p.Load[0].Peak, 0.01)
	filter := p.component(t, "truthfilter")
	require.InDelta(t, 0.926, filter.Phases[0].Cores, 0.001)
	require.Equal(t, 1, filter.Phases[0].Needed)
	require.Equal(t, []int{2, 3, 3}, []int{filter.Phases[0].Instances, filter.Phases[1].Instances, filter.Phases[2].Instances}, "no fewer than the table's")

	in := asked()
	in.Users *= 100 // 92.6 cores of instances with 8, of which 70 % may be busy: 16.5 instances
	large := made(t, in, nil).component(t, "truthfilter").Phases[0]
	require.Equal(t, 17, large.Instances)
	require.True(t, large.Beyond, "the table's most is 15")
	in.CoreSpeed = 2
	require.Equal(t, 9, made(t, in, nil).component(t, "truthfilter").Phases[0].Instances)
	in.CoreSpeed, in.Headroom = 1, 1
	require.Equal(t, 12, made(t, in, nil).component(t, "truthfilter").Phases[0].Instances)

	// The API is bound by requests: 4 a message, 50 a second for each instance.
	require.Equal(t, 4, made(t, asked(), nil).component(t, "synthesis-api").Phases[0].Instances)
}

// TestOneInstanceTakesAllWrites: more of them do not help, larger ones do.
func TestOneInstanceTakesAllWrites(t *testing.T) {
	in := asked()
	in.Users *= 10 // 9.26 cores of PostgreSQL; one of 8, 70 % of it, is too small
	writer := made(t, in, nil).component(t, "postgresql").Phases[0]
	require.Equal(t, 2.0, writer.Larger)
	require.Equal(t, 3, writer.Instances)
	require.False(t, writer.Beyond)
	in.Users *= 10
	require.True(t, made(t, in, nil).component(t, "postgresql").Phases[0].Beyond)
}

func TestBoundsOfTheDeclarationCount(t *testing.T) {
	c := made(t, asked(), map[string]Bounds{"mirror": {Least: 4, Most: 7, VCPUs: 2, MemoryGB: 4}}).component(t, "mirror")
	require.Equal(t, 4, c.Phases[0].Instances)
	require.Equal(t, 7, c.Most)
	require.Equal(t, 2.0, c.VCPUs)
	require.Equal(t, "temporal.yaml", c.Source)
}

// TestTheFirstBottleneckComesFirst and holds what it says: at its users the component is at its most.
func TestTheFirstBottleneckComesFirst(t *testing.T) {
	p := made(t, asked(), nil)
	require.Equal(t, "PostgreSQL", p.Bottlenecks[1].Component)
	require.Equal(t, "Synthesis API", p.Bottlenecks[0].Component)
	for i := 1; i < len(p.Bottlenecks); i++ {
		require.LessOrEqual(t, p.Bottlenecks[i-1].PerSecond, p.Bottlenecks[i].PerSecond)
	}
	in := asked()
	in.Users = math.Floor(p.Bottlenecks[0].Users)
	require.False(t, made(t, in, nil).component(t, "synthesis-api").Phases[0].Beyond)
	in.Users *= 1.01
	require.True(t, made(t, in, nil).component(t, "synthesis-api").Phases[0].Beyond)
}

func TestStorageAddsUp(t *testing.T) {
	in := asked()
	in.GrowthYear1, in.GrowthYear3 = 1, 1
	p := made(t, in, nil)
	graph := p.Storage[0]
	require.InEpsilon(t, 1e6*365*8000/1e9, graph.GB[Year1], 1e-9)
	require.InEpsilon(t, 3*1e6*365*8000/1e9, graph.GB[Year3], 1e-9)
	logs := p.Storage[3]
	require.InEpsilon(t, logs.GB[0], logs.GB[2], 1e-9, "logs are kept for 30 days")

	growing := made(t, asked(), nil).Storage[0]
	require.Greater(t, growing.GB[Year1], graph.GB[Year1])
	require.Less(t, growing.GB[Year1], 2*graph.GB[Year1])
}

func TestCostsFollowPrices(t *testing.T) {
	p := made(t, asked(), nil)
	total := p.Cost[len(p.Cost)-1]
	sum := 0.0
	for _, c := range p.Cost[:len(p.Cost)-1] {
		sum += c.Phases[0].Dollars
	}
	require.InDelta(t, sum, total.Phases[0].Dollars, 1e-6)

	r, err := Tables()
	require.NoError(t, err)
	prices, err := ReadPrices([]byte("vcpu: 44\nmemory_gb: 6\n"))
	require.NoError(t, err)
	dear, err := Make(asked(), sample(), r, prices, nil)
	require.NoError(t, err)
	require.InEpsilon(t, 2*p.Cost[0].Phases[0].Dollars, dear.Cost[0].Phases[0].Dollars, 1e-9)
	require.Equal(t, p.Cost[1], dear.Cost[1])

	alone := asked()
	alone.Regions = 1
	require.Less(t, made(t, alone, nil).Cost[0].Phases[0].Dollars, p.Cost[0].Phases[0].Dollars)
}

func TestAvailabilityIsWhatTheModelSays(t *testing.T) {
	require.InDelta(t, 0.9, enough(1, 1, 1, 0.9, 1), 1e-12)
	require.InDelta(t, 0.99, enough(2, 1, 1, 0.9, 1), 1e-12)
	require.InDelta(t, 0.81, enough(2, 2, 1, 0.9, 1), 1e-12)
	require.InDelta(t, 0.9, enough(3, 1, 1, 1, 0.9), 1e-12, "all in one zone go with it")
	require.InDelta(t, 1-0.001, enough(3, 1, 3, 1, 0.9), 1e-12, "one of three zones suffices")
	require.InDelta(t, 0.972, enough(3, 2, 3, 1, 0.9), 1e-12)
	require.Less(t, enough(4, 3, 3, 1, 0.9), enough(3, 2, 3, 1, 0.9), "two lie in one zone, which may be the one that goes")

	p := made(t, asked(), nil)
	writer := p.component(t, "postgresql").Phases[0].Availability
	in := asked()
	in.Takeover = 300
	slow := made(t, in, nil).component(t, "postgresql").Phases[0].Availability
	require.InEpsilon(t, 10, (1-slow)/(1-writer), 0.01)
	for _, a := range p.Availability {
		require.True(t, a.Phases[0] > 0.99 && a.Phases[0] <= 1, a.Name)
	}
}

// TestWhatCannotBeIsNamed: every wrong flag, price and measurement, all at once and by its name.
func TestWhatCannotBeIsNamed(t *testing.T) {
	r, err := Tables()
	require.NoError(t, err)
	prices, err := ReadPrices(nil)
	require.NoError(t, err)
	in := Input{Users: -1, InteractionsPerUser: math.NaN(), GrowthYear1: 3, GrowthYear3: 2, Headroom: 1.5, Regions: 3, CoreSpeed: math.Inf(1)}
	_, err = Make(in, sample(), r, prices, nil)
	for _, name := range []string{"users", "interactions-per-day", "growth-year3", "peak-factor", "headroom", "requests", "regions", "zones", "instance-availability", "zone-availability", "core-speed", "backup-ratio"} {
		require.ErrorContains(t, err, name+":")
	}
	for text, want := range map[string]string{
		"vcpu: -1": "the price vcpu: 0 or more, not -1", "cpu: 3": "field cpu not found", "reserved: 2": "the price reserved: a part of 1",
		"security: [1, 2]": "want 3 elements but got 2", "vcpu: much": "cannot unmarshal", "monitoring: [1, -2, 3]": "the price monitoring",
	} {
		_, err := ReadPrices([]byte(text))
		require.ErrorContains(t, err, want[:min(len(want), 60)], text)
	}
	_, err = ReadMeasured([]byte(`{"cores": 0}`))
	require.ErrorContains(t, err, `no CPU time of "queue mirror"`)
	require.ErrorContains(t, err, "no distribution of the answer's time")
}

func TestTextJSONAndPageSayTheSame(t *testing.T) {
	p := made(t, asked(), nil)
	var text, page bytes.Buffer
	require.NoError(t, p.Write(&text))
	require.NoError(t, p.WriteHTML(&page))
	for _, line := range []string{"46.3", "TruthFilter Workers", "not built", "Bottlenecks", "--peak-factor", "assumed", "measured 2026-01-01", "one instance takes all writes"} {
		require.Contains(t, text.String(), line)
		require.Contains(t, page.String(), line)
	}
	require.Equal(t, 4, strings.Count(page.String(), "<svg"))
	require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)=|@import|url\(|https?://`), page.String(), "the page loads nothing")
	require.NotContains(t, page.String(), "NaN")
	require.NotContains(t, page.String(), "ZgotmplZ")

	raw, err := json.Marshal(p)
	require.NoError(t, err)
	var again Plan
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, p.Cost, again.Cost)
}

// TestTheBuiltInMeasurementIsSound and small numbers of people make plans, too.
func TestTheBuiltInMeasurementIsSound(t *testing.T) {
	m, err := Built()
	require.NoError(t, err)
	written, err := os.ReadFile(filepath.Join(".", "measured.json"))
	require.NoError(t, err)
	require.NotContains(t, string(written), "/tmp")
	r, err := Tables()
	require.NoError(t, err)
	prices, err := ReadPrices(nil)
	require.NoError(t, err)
	for _, users := range []float64{1, 1000, 1e6, 1e8} {
		in := asked()
		in.Users = users
		p, err := Make(in, m, r, prices, nil)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, p.Write(&out))
		require.NoError(t, p.WriteHTML(&out))
		require.NotContains(t, out.String(), "NaN")
	}
}
