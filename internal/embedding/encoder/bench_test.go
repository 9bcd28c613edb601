package encoder

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// words is running text; benchmarks take its first n words.
const words = `Since the move I have not met anyone and the flat is quiet in the evenings so I talk to the plants
which is funny and also a little sad when I think about it because back home my sister would drop by with soup
and gossip and we would sit on the kitchen floor until midnight and now I scroll through pictures of people who
seem to have all the time in the world while I answer emails at ten and tell myself that it gets better after
the next deadline although there is always a next one and I wonder who I am doing this for`

func BenchmarkEncode(b *testing.B) {
	for _, k := range kernels() {
		e, err := load(weights, k)
		require.NoError(b, err)
		for _, n := range []int{12, 40, 100} {
			text := strings.Join(strings.Fields(words)[:n], " ")
			b.Run(fmt.Sprintf("%s/words=%d", k.name(), n), func(b *testing.B) {
				b.ReportAllocs()
				b.ReportMetric(float64(len(e.Tokens(text))), "tokens")
				for b.Loop() {
					if _, err := e.Encode(e.Tokens(text)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
