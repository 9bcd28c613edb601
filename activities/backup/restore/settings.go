package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"meai/internal/pgserver"
)

// replaying are the settings for replaying the log. They are given to this one start
// and written nowhere: the cluster keeps its own for the time after.
func (run *Run) replaying(ctx context.Context, b pgserver.Binaries) (map[string]string, error) {
	if strings.ContainsAny(run.archive(), "'\\%") {
		return nil, errors.New("the path to restore into must not contain quotes, backslashes or percent signs")
	}
	settings, err := run.own(ctx, b)
	if err != nil {
		return nil, err
	}
	settings["restore_command"] = "cp '" + run.archive() + "/%f' '%p'"
	settings["recovery_target_timeline"] = strconv.FormatUint(uint64(run.Plan().To.Timeline), 10)
	settings["recovery_target_action"] = "promote"
	switch t := run.Plan().Target; {
	case !t.Time.IsZero():
		// As a number: abbreviations of time zones, and Z is one, are not known yet when
		// PostgreSQL reads this.
		settings["recovery_target_time"] = t.Time.UTC().Format("2006-01-02 15:04:05.999999-07:00")
	case run.Plan().Mark != nil || t.LSN != "":
		settings["recovery_target_lsn"] = run.Plan().To.LSN.String()
		settings["recovery_target_inclusive"] = "off"
	default:
		// To the end of the archive. No record begins there that could be stopped at, so the
		// check looks afterwards whether it was reached.
	}
	return settings, nil
}

// own are the settings of a server that is not the one which the cluster was made for:
// it archives nothing, waits for no standby, and needs little memory. Sizes without which
// recovery refuses to begin come from the control file, because the cluster's own may
// have been given on its command line.
func (run *Run) own(ctx context.Context, b pgserver.Binaries) (map[string]string, error) {
	if err := run.configure(); err != nil {
		return nil, err
	}
	settings := map[string]string{
		"archive_mode": "off", "synchronous_standby_names": "", "primary_conninfo": "", "shared_preload_libraries": "",
		"shared_buffers": "64MB", "huge_pages": "off",
	}
	if runtime.GOOS == "linux" {
		// The files are durable since they were unpacked: one call of the system says so
		// sooner than opening each of them.
		settings["recovery_init_sync_method"] = "syncfs"
	}
	control, err := run.control(ctx, b)
	if err != nil {
		return nil, err
	}
	for label, name := range sizes {
		if value, ok := control[label]; ok {
			settings[name] = value
		}
	}
	return settings, nil
}

// control is what the cluster's control file says, by the labels of pg_controldata.
func (run *Run) control(ctx context.Context, b pgserver.Binaries) (map[string]string, error) {
	out, err := b.Command(ctx, run.r.Account, "pg_controldata", "-D", run.data()).Output()
	if err != nil {
		return nil, fmt.Errorf("read the cluster's control file: %w", err)
	}
	says := map[string]string{}
	for line := range strings.Lines(string(out)) {
		label, value, _ := strings.Cut(line, ":")
		says[strings.TrimSpace(label)] = strings.TrimSpace(value)
	}
	return says, nil
}

// sizes are settings by the labels that pg_controldata gives them.
var sizes = map[string]string{
	"max_connections setting": "max_connections", "max_worker_processes setting": "max_worker_processes",
	"max_wal_senders setting": "max_wal_senders", "max_prepared_xacts setting": "max_prepared_transactions",
	"max_locks_per_xact setting": "max_locks_per_transaction",
}

// configure makes an empty configuration where the cluster has none in its folder, as on
// systems that keep it elsewhere.
func (run *Run) configure() error {
	for _, name := range []string{"postgresql.conf", "pg_ident.conf"} {
		path := filepath.Join(run.data(), name)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if err := errors.Join(file.Close(), run.r.Account.Own(path)); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
	}
	return nil
}
