package drill

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/failover"
	"meai/internal/fence"
)

// What is broken inside of a site: its disk, its clock, its pages, and who runs a failover.

// cluster is the folder of a region's PostgreSQL.
func (l *Lab) cluster(region string) string {
	return filepath.Join(l.Sites[region].Folder, "postgres", "data")
}

// full is where the file system without room of a region lies.
func (l *Lab) full(region string) string { return filepath.Join(l.Data, "full-"+region) }

// fillDisk lays a file system that has no room over the log's: what is there can be read, and
// nothing can be written. PostgreSQL has its present segment open, and meets it at the next.
func fillDisk(ctx context.Context, d *Drill, o *Outcome) error {
	log, full := filepath.Join(d.Lab.cluster(o.Serving), "pg_wal"), d.Lab.full(o.Serving)
	owner, err := os.Stat(log)
	if err != nil {
		return fmt.Errorf("find the log: %w", err)
	}
	if err := os.Mkdir(full, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a small disk: %w", err)
	}
	if err := syscall.Mount("drill", full, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		return fmt.Errorf("make a small disk (needs root): %w", err)
	}
	upper, work := filepath.Join(full, "upper"), filepath.Join(full, "work")
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("make a small disk: %w", err)
		}
		is := owner.Sys().(*syscall.Stat_t) // of this platform, on which there is a lab
		if err := os.Chown(dir, int(is.Uid), int(is.Gid)); err != nil {
			return fmt.Errorf("make a small disk: %w", err)
		}
	}
	if err := syscall.Mount("drill", log, "overlay", 0, "lowerdir="+log+",upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("lay the small disk over the log's: %w", err)
	}
	ballast, err := os.Create(filepath.Join(full, "ballast"))
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	for err = error(nil); err == nil; {
		_, err = ballast.Write(make([]byte, 4096))
	}
	if closing := ballast.Close(); !errors.Is(err, syscall.ENOSPC) || closing != nil {
		return fmt.Errorf("fill the disk: %w", errors.Join(err, closing))
	}
	return d.switchLog(ctx, o.Serving)
}

// switchLog has a region's PostgreSQL begin another segment of its log.
func (d *Drill) switchLog(ctx context.Context, region string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.Servers[region])
	if err != nil {
		return fmt.Errorf("reach region %s: %w", region, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server may have ended
	for range 3 {
		if _, err := conn.Exec(ctx, "select pg_switch_wal()"); err != nil {
			return nil // it has met the end of its disk
		}
		if _, err := conn.Exec(ctx, "select pg_create_restore_point('drill')"); err != nil {
			return nil
		}
	}
	return nil // it will soon
}

// emptyDisk takes the small disk away, from both regions.
func emptyDisk(_ context.Context, d *Drill, _ *Outcome) (err error) {
	for _, region := range []string{A, B} {
		for _, at := range []string{filepath.Join(d.Lab.cluster(region), "pg_wal"), d.Lab.full(region)} {
			gone := syscall.Unmount(at, syscall.MNT_DETACH)
			if gone != nil && !errors.Is(gone, syscall.EINVAL) && !errors.Is(gone, fs.ErrNotExist) { // EINVAL: none is there
				err = errors.Join(err, fmt.Errorf("take the small disk away: %w", gone))
			}
		}
	}
	return err
}

// clockFile says, to the lab, how many seconds the clock of a site's agent is ahead.
func (l *Lab) clockFile(site string) string { return filepath.Join(l.Sites[site].Folder, "clock") }

// jumpClock ends the agent, which the lab starts anew with its clock a day ahead.
func jumpClock(ctx context.Context, d *Drill, o *Outcome) error {
	if err := os.WriteFile(d.Lab.clockFile(o.Serving), []byte("86400\n"), 0o600); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return d.Lab.endAgent(ctx, o.Serving)
}

// setClock puts the clocks right.
func setClock(ctx context.Context, d *Drill, _ *Outcome) (err error) {
	for _, region := range []string{A, B} {
		gone := os.Remove(d.Lab.clockFile(region))
		switch {
		case gone == nil:
			err = errors.Join(err, d.renewAgent(ctx, region))
		case !errors.Is(gone, fs.ErrNotExist):
			err = errors.Join(err, fmt.Errorf("set the clock: %w", gone))
		}
	}
	return err
}

// renewAgent ends an agent, and waits until the next one is at work.
func (d *Drill) renewAgent(ctx context.Context, region string) error {
	at := time.Now()
	if err := d.Lab.endAgent(ctx, region); err != nil {
		return err
	}
	return await(ctx, d.patience(), pause, "a new agent of region "+region, func(ctx context.Context) bool {
		agents, err := d.Register.Agents(ctx)
		return err == nil && agents[region].Since.After(at)
	}, d.state)
}

func (l *Lab) endAgent(ctx context.Context, region string) error {
	sites, err := l.sites(ctx)
	if err != nil {
		return err
	}
	pid := sites[region].Engines["agent"]
	if pid == 0 {
		return fmt.Errorf("region %s has no agent", region)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("end the agent of region %s: %w", region, err)
	}
	return nil
}

// rot ends the standby's region, spoils pages of every table of the product's, and has it
// come back. It waits until its agent has taken the cluster out of service.
func rot(ctx context.Context, d *Drill, o *Outcome) error {
	standby := Other(o.Serving)
	if err := d.Lab.Kill(ctx, standby); err != nil {
		return err
	}
	rotten, err := os.Stat(d.Lab.cluster(standby))
	if err != nil {
		return fmt.Errorf("find the standby: %w", err)
	}
	pages, err := spoil(d.Lab.cluster(standby))
	if err != nil {
		return err
	}
	if pages == 0 {
		return errors.New("the standby has no pages to spoil")
	}
	if err := d.Lab.Start(ctx, standby); err != nil {
		return err
	}
	begun := time.Now()
	err = await(ctx, d.patience(), pause, fmt.Sprintf("somebody to notice %d corrupt pages of region %s", pages, standby), func(ctx context.Context) bool {
		agents, err := d.Register.Agents(ctx)
		noticed := err == nil && agents[standby].Role == fence.RoleCloning
		if now, err := os.Stat(d.Lab.cluster(standby)); err == nil && !os.SameFile(rotten, now) {
			noticed = true // a clone may be over before anybody sees that one is made
		}
		return noticed
	}, d.state)
	if err != nil {
		return err
	}
	o.Noticed = time.Since(begun)
	return nil
}

// relation is a table's or an index's main file. Those of the catalog have lower numbers:
// a server that cannot even be asked is noticed by anybody.
var relation = regexp.MustCompile(`^[1-9][0-9]{4,}$`)

const page, firstOwn = 8192, 16384

// spoil overwrites a piece of each page of the relations in a cluster.
func spoil(cluster string) (pages int, err error) {
	noise := make([]byte, 64)
	_, _ = rand.Read(noise) // it does not fail
	err = filepath.WalkDir(filepath.Join(cluster, "base"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !relation.MatchString(entry.Name()) {
			return err
		}
		if number, err := strconv.Atoi(entry.Name()); err != nil || number < firstOwn {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		for at := int64(0); at < info.Size() && err == nil; at += page {
			_, err = file.WriteAt(noise, at+page/2)
			pages++
		}
		return errors.Join(err, file.Close())
	})
	if err != nil {
		return pages, fmt.Errorf("spoil the standby: %w", err)
	}
	return pages, nil
}

// brokenAt are the steps in which a handover loses its runner, in turns.
var brokenAt = []string{"fence", "await", "promote", "gate", "verify", "detect", "approve", "measure", "rejoin", "repair"}

// killRunner has the control site end in the middle of a handover, with whoever runs that,
// and come back; somebody goes on then.
func killRunner(ctx context.Context, d *Drill, o *Outcome) error {
	id, step := uuid.New(), brokenAt[(o.Run-1)%len(brokenAt)]
	if err := d.Lab.RunOnce(Control, "failover", "run", "--planned", "--to", Other(o.Serving), "--id", id.String()); err != nil {
		return err
	}
	err := await(ctx, d.patience(), 50*time.Millisecond, "the handover to come to its step "+step, func(ctx context.Context) bool {
		entries, err := d.Register.Entries(ctx, id.String())
		for name := range entries {
			if err == nil && strings.HasPrefix(name, "begun/") && strings.HasSuffix(name, "-"+step) {
				return true
			}
		}
		return false
	}, func(ctx context.Context) string {
		entries, err := d.Register.Entries(ctx, id.String())
		if err != nil {
			return "its journal is not known: " + err.Error()
		}
		return fmt.Sprintf("its journal has %s; %s", strings.Join(slices.Sorted(maps.Keys(entries)), ", "), d.state(ctx))
	})
	if err != nil {
		return err
	}
	if err := d.Lab.Kill(ctx, Control); err != nil {
		return err
	}
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	if err := d.Lab.Start(ctx, Control); err != nil {
		return err
	}
	// It fails where the failover has ended meanwhile: the journal says how it did.
	going, cancel := context.WithTimeoutCause(ctx, d.patience(), errWaited)
	defer cancel()
	said := d.Lab.Ask(going, Control, nil, "failover", "run", "--id", id.String())
	h, err := (&failover.Controller{Register: d.Register}).Look(ctx, id)
	if err != nil {
		return errors.Join(err, said)
	}
	if h.Result == nil || !slices.Contains([]string{failover.Completed, failover.RolledBack}, h.Result.State) {
		return errors.Join(fmt.Errorf("the handover whose runner ended in step %s is left half, at %s: %s", step, h.Next, d.state(ctx)), said)
	}
	o.Ended = h.Result.State + " after " + step
	return nil
}
