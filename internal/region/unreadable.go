package region

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/pgserver"
)

// What has failed with a cluster is the fault of its files only where something says so
// that has looked at them. All else, a tool that cannot be run or a file that cannot be
// opened, passes: it is tried again, and the cluster stays what it is.

// readWithin is how long a server may take to recover on a cluster before it counts as one
// on which none starts. Once it has, its tables are read for as long as that takes.
const readWithin = 30 * time.Minute

// passing are faults of the machine, as programs print them and as errors say them.
var passing = []string{
	syscall.ENOSPC.Error(), syscall.EDQUOT.Error(), syscall.EROFS.Error(), syscall.EACCES.Error(), syscall.EPERM.Error(),
	syscall.EMFILE.Error(), syscall.ENFILE.Error(), syscall.EAGAIN.Error(), syscall.ENOMEM.Error(),
	"terminated by signal 9", "(signal: killed)", // somebody did, or the kernel for want of memory
}

// unreadable says so of what has failed because of the cluster's files, unless a fault of
// the machine is behind it.
func unreadable(ctx context.Context, err error) error {
	said := strings.ToLower(err.Error())
	for _, fault := range passing {
		if strings.Contains(said, fault) {
			return err
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

// refused says errUnreadable of what a tool has failed with that ran and said no. Codes
// from 126 on are those of shells and of loaders: it did not get to the files.
func refused(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() < 126 {
		return unreadable(ctx, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr))))
	}
	return err
}

// notRecovered says errUnreadable of a server that was started and has ended, lets nobody
// in, or has not got far enough when its time was over.
func notRecovered(ctx context.Context, err error) error {
	if errors.Is(err, pgserver.ErrEnded) || errors.Is(err, pgserver.ErrDamaged) || err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return unreadable(ctx, err)
	}
	return err
}

// endsWithin is how long is waited for a server to end that has hung up.
const endsWithin = 5 * time.Second

// notRead says errUnreadable of what reading a recovered server's rows has failed with,
// where that was corrupt data, a failure to read a file, or has brought the server down. The
// connection is nil where there was none.
func notRead(ctx context.Context, s *pgserver.Server, conn *pgx.Conn, err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && (strings.HasPrefix(said.Code, "XX") || strings.HasPrefix(said.Code, "58")) {
		return unreadable(ctx, err)
	}
	if conn != nil && !conn.IsClosed() {
		return err
	}
	select {
	case <-s.Exited():
		return unreadable(ctx, fmt.Errorf("%w: %w: %s", pgserver.ErrEnded, err, s.Log()))
	case <-ctx.Done():
	case <-time.After(endsWithin):
	}
	return err
}
