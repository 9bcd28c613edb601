package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/activities/backup"
	"meai/internal/config"
)

const (
	ballast    = 256 // MB of write-ahead log at once
	mostMemory = 150 // MB
)

var ownMemory = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// needsLittleMemory has much log come at once, and looks at the archiver's memory. It may
// need what is asked of base backups, whatever their size. The pages of the program, whose
// models the archiver never reads, are shared and given back when others need the room.
func (b *backedUp) needsLittleMemory(t *testing.T) {
	cfg, err := config.Load(b.config, b.env)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), cfg.Postgres.OwnerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	peak := mostOwn(watching, b.log.cmd.Process.Pid)
	for _, statement := range []string{
		"create table ballast (words text)", "alter table ballast alter words set storage external",
		fmt.Sprintf("insert into ballast select repeat(md5(n::text), 1 << 15) from generate_series(1, %d) n", ballast),
		"drop table ballast",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	written := time.Now()
	var told []byte
	defer func() {
		if t.Failed() {
			t.Logf("the last status: %s", told)
		}
	}()
	require.Eventually(t, func() bool {
		told, _ = b.command("backup", "status", "--json").Output() // a problem is a status of its own
		var status backup.Status
		return json.Unmarshal(told, &status) == nil && status.Points[backup.StorePostgres].After(written)
	}, 2*time.Minute, time.Second, "all of it is archived")
	stop()
	most := <-peak
	t.Logf("the archiver, while %d MB of log came at once: %d MB of its own", ballast, most>>10)
	require.Positive(t, most)
	require.Less(t, most>>10, mostMemory)
}

// mostOwn looks again and again, until the context ends, how much memory a process has of
// its own, and tells the most that it saw, in KiB.
func mostOwn(ctx context.Context, process int) <-chan int {
	told := make(chan int, 1)
	go func() {
		most := 0
		for ctx.Err() == nil {
			if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process)); err == nil {
				if found := ownMemory.FindStringSubmatch(string(status)); found != nil {
					kib, _ := strconv.Atoi(found[1]) // digits
					most = max(most, kib)
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		told <- most
	}()
	return told
}
