package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// diskPerMessage is what a message takes in both stores together, with the log of
// PostgreSQL and what Weaviate has yet to merge: a third more than was measured.
const diskPerMessage = 24 << 10

// checkDisk says how much room the run needs, and refuses to begin without.
func (b *bench) checkDisk() error {
	messages := b.Texts + int(b.Fractions[len(b.Fractions)-1]*float64(b.People*b.Memories+b.One))
	need := uint64(messages) * diskPerMessage
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(b.Config), &disk); err != nil {
		return fmt.Errorf("look how much room there is: %w", err)
	}
	free := disk.Bavail * uint64(disk.Bsize)
	fmt.Fprintf(os.Stderr, "%d messages need about %.1f GB of disk; %.1f GB are free\n", messages, gigabytes(need), gigabytes(free))
	if free < need {
		return errors.New("there is too little room on the disk")
	}
	return nil
}

func gigabytes[N int64 | uint64](bytes N) float64 { return float64(bytes) / (1 << 30) }

// machine says what the figures were measured on.
func machine() string {
	memory := "unknown"
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(raw)); len(fields) > 1 {
			if kb, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				memory = fmt.Sprintf("%.0f GB", gigabytes(kb<<10))
			}
		}
	}
	return fmt.Sprintf("%d cores, %s of memory, %s/%s; engines, workers, API and the measuring client together", runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH)
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// process is what the kernel says of one; fields of /proc/PID/stat.
type process struct {
	name        string
	parent      int
	own, reaped time.Duration
	resident    int64
}

// tick is the unit of CPU times in /proc, the same on all of Linux's platforms.
const tick = 10 * time.Millisecond

// processes are those of Linux; none elsewhere.
func processes() map[int]process {
	all := map[int]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		begin, end := strings.IndexByte(string(raw), '('), strings.LastIndexByte(string(raw), ')')
		fields := strings.Fields(string(raw[end+1:]))
		if begin < 0 || len(fields) < 22 {
			continue
		}
		number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n } // the kernel writes numbers
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		all[pid] = process{
			name: string(raw[begin+1 : end]), parent: int(number(1)),
			own: time.Duration(number(11)+number(12)) * tick, reaped: time.Duration(number(13)+number(14)) * tick,
			resident: number(21) * int64(os.Getpagesize()),
		}
	}
	return all
}

// engines finds the processes of PostgreSQL and Weaviate that keep their data beside
// the configuration.
func (b *bench) engines(all map[int]process) (postgres, weaviate []process) {
	folder := filepath.Dir(b.Config)
	postmaster := 0
	if raw, err := os.ReadFile(filepath.Join(folder, "postgres", "data", "postmaster.pid")); err == nil {
		postmaster, _ = strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	}
	for pid, p := range all {
		switch {
		case pid == postmaster || (p.parent == postmaster && postmaster != 0):
			postgres = append(postgres, p)
		case strings.HasPrefix(p.name, "weaviate"):
			if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && strings.Contains(string(raw), folder) {
				weaviate = append(weaviate, p)
			}
		}
	}
	return postgres, weaviate
}

// spent is CPU time by who took it: MeAi or this process, PostgreSQL with what its ended
// processes took, and Weaviate.
type spent struct{ own, postgres, weaviate time.Duration }

func (s spent) since(before spent) spent {
	return spent{own: s.own - before.own, postgres: s.postgres - before.postgres, weaviate: s.weaviate - before.weaviate}
}

// spentHere is what this process and the engines have taken.
func (b *bench) spentHere() spent {
	s := b.spentThere()
	s.own = ownCPU()
	return s
}

// spentThere is what MeAi's process, API and workers, and the engines have taken.
func (b *bench) spentThere() (s spent) {
	all := processes()
	meai := all[b.product.cmd.Process.Pid]
	s.own = meai.own + meai.reaped
	postgres, weaviate := b.engines(all)
	for _, p := range postgres {
		s.postgres += p.own + p.reaped
	}
	for _, p := range weaviate {
		s.weaviate += p.own + p.reaped
	}
	return s
}

// weigh reads the sizes of the stores.
func (b *bench) weigh(ctx context.Context, s *stage) error {
	conn, err := pgx.Connect(ctx, b.cfg.Postgres.OwnerURL)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // it has only read
	rows, err := conn.Query(ctx, `
		select c.relname as name, sum(pg_total_relation_size(t.relid))::bigint as bytes, sum(pg_indexes_size(t.relid))::bigint as indexes
		from pg_class c cross join lateral pg_partition_tree(c.oid) t
		where c.relnamespace = 'public'::regnamespace and c.relkind = 'p' and not c.relispartition and c.relname like 'memory\_%'
		group by c.relname order by bytes desc`)
	if err != nil {
		return fmt.Errorf("read the sizes of the tables: %w", err)
	}
	if s.tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tableSize]); err != nil {
		return fmt.Errorf("read the sizes of the tables: %w", err)
	}
	whole, err := folderSize(b.weaviateFolder())
	if err != nil {
		return err
	}
	s.weaviate = whole - b.before
	_, weaviate := b.engines(processes())
	for _, p := range weaviate {
		s.weaviateResident += p.resident
	}
	return nil
}

// folderSize sums the files of a folder; those that go meanwhile do not count.
func folderSize(folder string) (size int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		size += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("weigh %s: %w", folder, err)
	}
	return size, nil
}
