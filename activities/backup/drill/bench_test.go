package drill_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/backup"
	"meai/activities/backup/drill"
	"meai/activities/backup/restore"
	"meai/internal/pgserver"
)

// rows are about 900 MB, of which a third is text and two thirds are encrypted; later is
// what is written after the backup, for recovery to replay.
const (
	rows = "create table memories as select n, now() + n * interval '7 s' as at, repeat(md5(n::text) || ' ', 8) as body," +
		" (select string_agg(sha512((random() + (w + n) * 0)::text::bytea), '') from generate_series(1, 8) w) as sealed" +
		" from generate_series(1, 1000000) n"
	later = "insert into memories select n, now(), repeat(md5(n::text) || ' ', 8)," +
		" (select string_agg(sha512((random() + (w + n) * 0)::text::bytea), '') from generate_series(1, 8) w)" +
		" from generate_series(1, 200000) n"
)

// BenchmarkRestore restores a cluster of about 1 GB until it can be written to, beside what
// an administrator would type: unpack a tar and replay the log from a folder. Both lay out
// the same cluster and replay to the same point, in turns. It needs zstd and tar:
//
//	go test -vet=off -run '^$' -bench Restore -benchtime 5x ./activities/backup/drill
//
// Ours is given once without what only looks ("verify"), as the
// recovery time objective counts, and once with them: a plain restore looks at nothing.
func BenchmarkRestore(b *testing.B) {
	s := newScene(b)
	require.NoError(b, s.Exec(b.Context(), "postgres", rows, "create index on memories (at)", "vacuum analyze", "checkpoint"))
	taken, err := s.Activities().Take(b.Context(), backup.TakeInput{Kind: "postgres"})
	require.NoError(b, err)
	plain := filepath.Join(b.TempDir(), "base.tar.zst")
	shell(b, s.Binaries.Dir+"/pg_basebackup -d '"+s.URL()+"' -D - -Ft -X none -c fast | zstd -3 -q -o "+plain)
	require.NoError(b, s.Exec(b.Context(), "postgres", later, "select pg_switch_wal()"))
	marked, err := s.Activities().Mark(b.Context(), struct{}{})
	require.NoError(b, err)
	arrived(b, s)
	s.StopArchive()

	target := restore.Target{Backup: taken.Backup, Mark: marked.At}
	var back, whole, typed []time.Duration
	for b.Loop() {
		run := restoring(b, s, target)
		log := filepath.Join(s.Dir, "archive")
		shell(b, "rm -rf "+log+" && cp -a "+filepath.Join(s.Dir, "ours", "wal")+" "+log)
		all := 0.0
		for _, done := range run.Done() {
			all += done.Seconds
			b.Log(done.Step, done.Seconds)
		}
		back, whole = append(back, seconds(run.Seconds())), append(whole, seconds(all))
		require.NoError(b, run.Close())
		require.NoError(b, os.RemoveAll(filepath.Join(s.Dir, "ours")))
		typed = append(typed, plainly(b, s, plain, log, marked.LSN))
	}
	for name, took := range map[string][]time.Duration{"brought back": back, "brought back and looked at": whole} {
		slices.Sort(took)
		slices.Sort(typed)
		middle := len(took) / 2
		fmt.Printf("restore  %-28s best %6.2f s, middle %6.2f s; tar and recovery %6.2f s, %6.2f s: %.2f and %.2f times as long\n", name,
			took[0].Seconds(), took[middle].Seconds(), typed[0].Seconds(), typed[middle].Seconds(),
			took[0].Seconds()/typed[0].Seconds(), took[middle].Seconds()/typed[middle].Seconds())
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// restoring restores until the cluster can be written to.
func restoring(b *testing.B, s *drill.Scene, target restore.Target) *restore.Run {
	plan, err := s.Restorer().Plan(b.Context(), target)
	require.NoError(b, err)
	shell(b, "sync")
	run, err := s.Restorer().Begin(plan, filepath.Join(s.Dir, "ours"))
	require.NoError(b, err)
	for _, step := range restore.Steps() {
		done, err := run.Do(b.Context(), step, nil)
		require.NoError(b, err)
		require.Empty(b, done.Problems)
		if step == "recover" {
			break
		}
	}
	return run
}

// plainly unpacks a tar and replays the log in a folder, and returns how long it took.
func plainly(b *testing.B, s *drill.Scene, base, log, lsn string) time.Duration {
	into := filepath.Join(s.Dir, "theirs")
	require.NoError(b, s.Account.MakeFolder(into))
	shell(b, "sync")
	begun := time.Now()
	shell(b, "zstd -dcq "+base+" | tar -x -C "+into+" && touch "+into+"/recovery.signal && chown -R --reference="+s.Data()+" "+into+" && sync -f "+into)
	server, err := pgserver.Start(b.Context(), s.Binaries, s.Account, into, map[string]string{
		"restore_command": "cp '" + log + "/%f' '%p'", "recovery_target_lsn": lsn, "recovery_target_inclusive": "off",
		"recovery_target_action": "promote", "archive_mode": "off", "shared_buffers": "64MB", "max_locks_per_transaction": "256", "max_wal_senders": "10",
	})
	require.NoError(b, err)
	require.NoError(b, server.AwaitRecovery(b.Context()))
	took := time.Since(begun)
	server.Kill()
	require.NoError(b, os.RemoveAll(into))
	return took
}

func shell(b *testing.B, command string) {
	b.Helper()
	out, err := exec.Command("bash", "-c", "set -o pipefail; "+command).CombinedOutput()
	require.NoError(b, err, string(out))
}
