package region

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const settingsFile, accessFile, passFile = "postgresql.conf", "hba.conf", "pgpass"

// ownSettings come after those of the cluster, which go on to count for everything else.
// Timeouts are short: whoever waits for the other region is to notice that it is gone.
// So much log is kept that a primary which comes back soon can be rewound.
const ownSettings = `# Written by meai region agent; changes here are lost. The cluster's own settings come first.
include_if_exists '%s/postgresql.conf'
listen_addresses = '%s'
port = %s
unix_socket_directories = '%s'
unix_socket_permissions = 0700
hba_file = '%s'
logging_collector = off
log_destination = 'stderr'
wal_level = replica
wal_log_hints = on
full_page_writes = on
fsync = on
hot_standby = on
# A commit may wait for the standby to apply it: no query there is worth waiting for.
max_standby_streaming_delay = 200ms
max_standby_archive_delay = 200ms
max_wal_senders = 10
max_replication_slots = 10
wal_keep_size = 256MB
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
recovery_target_timeline = 'latest'
primary_slot_name = '%s'
primary_conninfo = '%s'
synchronous_commit = %s
synchronous_standby_names = '%s'
`

// slot is the replication slot that a region's standby uses on the other's server.
func slot(region string) string { return "region_" + region }

// configure writes the settings, for the next start or reload. Commits wait for the
// standby where awaited says so.
func (c *cluster) configure(awaited bool) error {
	quote := func(s string) string { return strings.ReplaceAll(s, "'", "''") }
	commit, standbys := "on", ""
	if awaited {
		commit, standbys = "remote_apply", awaitedStandbys(c.other())
	}
	text := fmt.Sprintf(ownSettings, c.data(), quote(c.own.host), c.own.port, c.path("run"), c.path(accessFile),
		slot(c.Region), quote(c.peer.libpq(c.Region, c.path(passFile))), commit, quote(standbys))
	for name, text := range map[string]string{settingsFile: text, passFile: c.peer.pass()} {
		if err := c.put(name, text); err != nil {
			return err
		}
	}
	return nil
}

func awaitedStandbys(region string) string { return `ANY 1 ("` + region + `")` }

// admit writes who may connect, for the next start or reload: everybody with a password,
// or the trusted roles alone.
func (c *cluster) admit(everybody bool) error {
	trusted := slices.Clone(c.Trusted)
	trusted = append(trusted, c.own.user, c.peer.user)
	slices.Sort(trusted)
	var names []string
	for _, role := range slices.Compact(trusted) {
		names = append(names, `"`+strings.ReplaceAll(role, `"`, `""`)+`"`)
	}
	// The socket lies in a folder that PostgreSQL's account alone can enter.
	text := "# Written by meai region agent; changes here are lost.\nlocal all,replication all trust\n" +
		"host all,replication " + strings.Join(names, ",") + " all scram-sha-256\n"
	if everybody {
		text += "host all all all scram-sha-256\n"
	}
	return c.put(accessFile, text)
}

// put writes a file that PostgreSQL's account reads.
func (c *cluster) put(name, text string) error {
	if err := replaceFile(c.path(name), []byte(text), c.Account); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

const reloadWithin = 10 * time.Second

// reload makes the running server take the settings, and returns once every new connection
// does. Should ALTER SYSTEM have set what the agent decides, that is an error.
func (c *cluster) reload(ctx context.Context, awaited bool) error {
	want := ""
	if awaited {
		want = awaitedStandbys(c.other())
	}
	if err := c.ask(ctx, "select pg_reload_conf()", nil, new(bool)); err != nil {
		return fmt.Errorf("have PostgreSQL read its settings: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	for {
		var is string
		err := c.ask(ctx, "select current_setting('synchronous_standby_names')", nil, &is)
		if err == nil && is == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("synchronous_standby_names is not what the agent has set: see postgresql.auto.conf"), err)
		case <-time.After(pollEvery):
		}
	}
}

// pollEvery is how often a change is looked for that should come soon.
const pollEvery = 50 * time.Millisecond
