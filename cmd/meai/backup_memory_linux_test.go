package main_test

import (
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

var residentMemory = regexp.MustCompile(`(VmHWM|RssAnon):\s+(\d+) kB`)

// needsLittleMemory has much log come at once, and looks at the archiver's memory. It may
// need what is asked of base backups, whatever their size. The pages of the program, whose
// models the archiver never reads, are shared and given back when others need the room.
func (b *backedUp) needsLittleMemory(t *testing.T) {
	cfg, err := config.Load(b.config, b.env)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), cfg.Postgres.OwnerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
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
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.log.cmd.Process.Pid))
	require.NoError(t, err)
	kib := map[string]int{}
	for _, found := range residentMemory.FindAllStringSubmatch(string(status), -1) {
		kib[found[1]], err = strconv.Atoi(found[2])
		require.NoError(t, err)
	}
	t.Logf("the archiver after %d MB of log at once: peak %d MB with the pages of the program, of its own %d MB", ballast, kib["VmHWM"]>>10, kib["RssAnon"]>>10)
	require.Positive(t, kib["RssAnon"])
	require.Less(t, kib["RssAnon"]>>10, mostMemory)
}
