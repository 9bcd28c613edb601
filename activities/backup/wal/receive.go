package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"meai/internal/child"
)

// receiver is how pg_receivewal is run.
type receiver struct {
	connection string // without a password
	password   string
}

// passed are the parameters of a URL that libpq knows as well; others are pgx's own.
var passed = []string{
	"host", "hostaddr", "port", "user", "dbname", "passfile", "connect_timeout", "target_session_attrs", "options",
	"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslsni", "channel_binding", "gssencmode", "krbsrvname",
}

// receiver takes the password out of the URL: everybody on the machine can read
// arguments. A server that went away without a word is noticed within half a minute.
func (a *Archiver) receiver() (receiver, error) {
	u, err := url.Parse(a.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return receiver{}, errors.New("the server of the write-ahead log is named by a postgres:// URL") // which is not quoted
	}
	given, kept := u.Query(), url.Values{}
	password, _ := u.User.Password()
	if given.Has("password") {
		password = given.Get("password")
	}
	for name := range given {
		if slices.Contains(passed, name) {
			kept.Set(name, given.Get(name))
		}
	}
	for name, value := range map[string]string{
		"application_name": a.Slot, "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "30000",
	} {
		kept.Set(name, value)
	}
	if !kept.Has("connect_timeout") {
		kept.Set("connect_timeout", "10")
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.Fragment = kept.Encode(), ""
	return receiver{connection: u.String(), password: password}, nil
}

// receive runs pg_receivewal until the context ends, again after each failure.
func (a *Archiver) receive(ctx context.Context, r receiver) {
	for pause := firstPause; ; {
		began := time.Now()
		err := a.prepare(ctx)
		if err == nil {
			err = a.runReceiver(ctx, r)
		}
		if ctx.Err() != nil {
			return
		}
		a.note(ReceiverDown, err)
		if time.Since(began) > calm {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// errEnded: pg_receivewal ended by itself, which it should not.
var errEnded = errors.New("pg_receivewal ended")

func (a *Archiver) runReceiver(ctx context.Context, r receiver) error {
	// It is not killed by the context: it is given the time to write what it has.
	cmd := a.Binaries.Command(context.WithoutCancel(ctx), a.Account, "pg_receivewal",
		"-d", r.connection, "-D", a.Staging, "-S", a.Slot, "--synchronous", "--no-loop", "-w")
	if r.password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+r.password)
	}
	if file := os.Getenv("PGPASSFILE"); file != "" {
		cmd.Env = append(cmd.Env, "PGPASSFILE="+file)
	}
	printed := &lastOutput{}
	cmd.Stdout, cmd.Stderr = printed, printed
	ended, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("start pg_receivewal: %w", err)
	}
	a.update(func(s *Status) { s.Receiving = true })
	err = a.await(ctx, cmd, ended)
	a.update(func(s *Status) { s.Receiving = false })
	select {
	case a.changed <- struct{}{}:
	default: // it has not been looked at since the last time
	}
	if err == nil {
		err = errEnded
	}
	return fmt.Errorf("pg_receivewal: %w: %s", err, printed)
}

// steadyAfter is when a receiver that runs has not failed to start.
const steadyAfter = 3 * time.Second

func (a *Archiver) await(ctx context.Context, cmd *exec.Cmd, ended <-chan error) error {
	steady := time.After(steadyAfter)
	for {
		select {
		case err := <-ended:
			a.update(func(s *Status) { s.Restarts++ })
			return err
		case <-steady:
			a.note(ReceiverDown, nil)
		case <-ctx.Done():
			return stop(cmd, ended)
		}
	}
}

// stopWithin is how long pg_receivewal may take to end.
const stopWithin = 10 * time.Second

func stop(cmd *exec.Cmd, ended <-chan error) error {
	_ = cmd.Process.Signal(syscall.SIGINT) // it has ended when this fails
	select {
	case err := <-ended:
		return err
	case <-time.After(stopWithin):
		_ = cmd.Process.Kill()
		return <-ended
	}
}

// lastOutput keeps the end of what a tool printed.
type lastOutput struct {
	mu  sync.Mutex
	buf []byte
}

const keptOutput = 1000

func (l *lastOutput) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	l.buf = l.buf[max(0, len(l.buf)-keptOutput):]
	return len(p), nil
}

// String is the end of the output.
func (l *lastOutput) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.buf))
}

// prepare sees to it that pg_receivewal goes on where it should: after what is in the
// staging folder; without anything there, from the tip of the archive; where the server
// does not have that any more, as early as it can, and the gap is told.
func (a *Archiver) prepare(ctx context.Context) error {
	server, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer server.close()
	if err := a.sameSystem(server.Source); err != nil {
		return err
	}
	if err := a.mend(server.Source); err != nil {
		return err
	}
	files, err := server.staged(a.Staging)
	if err != nil {
		return err
	}
	newest, some := newest(files)
	if !some { // the bucket is not needed otherwise: one that fails stops nothing here
		if err := a.learnTip(ctx, server.Source); err != nil {
			return err
		}
	}
	slot, err := a.ensureSlot(ctx, server, some || a.Status().Tip != Position{})
	if err != nil {
		return err
	}
	var wanted Position
	if some {
		if wanted, err = a.leave(ctx, server, files, server.next(newest)); err != nil {
			return err
		}
	}
	begin, err := a.available(ctx, server, wanted, slot)
	if err != nil || some && begin == server.next(newest) {
		return err
	}
	return a.seed(server.Source, begin)
}

// sameSystem compares the server with what is in the staging folder.
func (a *Archiver) sameSystem(server Source) error {
	known, err := a.source()
	if errors.Is(err, errUnwritten) {
		a.update(func(s *Status) { s.Source = server })
		return nil
	}
	if err == nil && known != server {
		err = fmt.Errorf("the staging folder %s holds the write-ahead log of system %s, the server is system %s", a.Staging, known.System, server.System)
	}
	return err
}

// mend empties files that pg_receivewal was killed over while it filled them with zeros,
// which it does before it writes to them: it refuses them otherwise.
func (a *Archiver) mend(s Source) error {
	files, err := s.staged(a.Staging)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(a.Staging, f.name)
		if !f.partial || f.left {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() == 0 || info.Size() == s.SegmentSize {
			continue
		}
		if content, err := os.ReadFile(path); err != nil || len(bytes.Trim(content, "\x00")) > 0 {
			return errors.Join(fmt.Errorf("%s has %d bytes", path, info.Size()), err)
		}
		if err := os.Truncate(path, 0); err != nil {
			return fmt.Errorf("empty a file that was being made: %w", err)
		}
	}
	return nil
}

// leave finds out whether the server has left the timeline that was received before the
// place that was received: a standby that was promoted had less of it. What it never had
// is put aside, and receiving goes on where it left.
func (a *Archiver) leave(ctx context.Context, server *server, files []received, begin Position) (Position, error) {
	left, err := server.left(ctx, begin.Timeline)
	if err != nil || left == 0 || begin.LSN <= left {
		return begin, err
	}
	for _, f := range files {
		if f.history || f.left || f.timeline > begin.Timeline || f.number < server.number(left) {
			continue
		}
		path := filepath.Join(a.Staging, f.name)
		if err := os.Rename(path, path+leftSuffix); err != nil {
			return Position{}, fmt.Errorf("put aside what the server never had: %w", err)
		}
	}
	a.Logger.Warn("the server went on from an earlier place on another timeline than was received", "file", server.name(server.at(begin)))
	return Position{server.timeline, server.start(server.at(Position{LSN: left}))}, nil
}

// available finds the first place that the server still has: the one that is wanted,
// unless it is zero, or where the archive ends, or where the slot begins.
func (a *Archiver) available(ctx context.Context, server *server, wanted Position, slot Slot) (Position, error) {
	if wanted != (Position{}) {
		if has, err := server.has(ctx, wanted.LSN); err != nil || has {
			return wanted, err
		}
		if err := a.learnTip(ctx, server.Source); err != nil {
			return Position{}, err
		}
	}
	tip := a.Status().Tip
	for _, place := range []Position{tip, {server.timeline, slot.Restart}} {
		if place == (Position{}) {
			continue
		}
		place.LSN = server.start(server.at(place))
		has, err := server.has(ctx, place.LSN)
		if err != nil {
			return Position{}, err
		}
		if !has {
			continue
		}
		if before := later(tip, wanted); before != (Position{}) && before.LSN < place.LSN {
			a.lost(Gap{From: before, To: place, Found: time.Now()})
		}
		return place, nil
	}
	return Position{}, fmt.Errorf("the server does not have the write-ahead log from %s on, where its slot begins", slot.Restart)
}

// lost tells of a gap. It stays until the archiver ends: only a base backup closes it.
func (a *Archiver) lost(gap Gap) {
	a.update(func(s *Status) { s.Gap = &gap })
	a.note(GapInLog, fmt.Errorf("the write-ahead log from %s to %s is lost; take a base backup", gap.From, gap.To))
}

// seed makes an empty file, after which pg_receivewal goes on at its beginning.
func (a *Archiver) seed(s Source, begin Position) error {
	path := filepath.Join(a.Staging, s.name(s.at(begin))+partialSuffix)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("begin to receive: %w", err)
	}
	return errors.Join(file.Close(), a.Account.Own(path))
}
