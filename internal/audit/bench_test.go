package audit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/internal/audit"
	"meai/internal/postgres"
)

// BenchmarkAppend measures acts that do nothing but record themselves, from as many
// processes as a small installation has.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(map[int]string{1: "alone", 8: "8 at once"}[writers], func(b *testing.B) {
			s := newSite(b)
			db, err := postgres.Open(b.Context(), postgres.Options{URL: s.urls.App, MaxConns: int32(writers)})
			require.NoError(b, err)
			defer db.Close()
			log := audit.New(audit.Options{DB: db, Keys: s.keys})
			var n atomic.Int64
			var group sync.WaitGroup
			for range 4 * writers { // every connection is made before the clock runs
				group.Go(func() {
					if _, err := log.Record(context.Background(), entry(0)); err != nil {
						b.Error(err)
					}
				})
			}
			group.Wait()
			b.SetParallelism(writers) // times GOMAXPROCS; the pool is the limit
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := log.Record(context.Background(), entry(int(n.Add(1)))); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkVerify reads 100,000 entries from the database and computes all anew.
func BenchmarkVerify(b *testing.B) {
	const entries = 100_000
	s := newSite(b)
	conn := s.connect(b, s.urls.App)
	_, err := s.log.Record(b.Context(), entry(0))
	require.NoError(b, err)
	exec(b, conn, "select count(meai_audit_append(e)) from (select substring(leaf from 17) as e from audit_log, generate_series(2, $1::int)) as t", entries)
	s.checkpoint(b)
	for b.Loop() {
		report := s.verify(b)
		require.True(b, report.Intact())
		require.EqualValues(b, entries, report.Signed)
	}
	b.ReportMetric(entries*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
