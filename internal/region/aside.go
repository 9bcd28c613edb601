package region

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"meai/internal/objects"
	"meai/internal/pgserver"
)

// A cluster that is too damaged to be asked what it alone has is not thrown away: it is set
// aside whole, once a clone is there to take its place. One that has followed and nothing
// else has nothing of its own, and is replaced.

// errUnreadable: what is here alone cannot be read, because of what the cluster's files are.
var errUnreadable = errors.New("the cluster cannot be read")

// mostReads is how often in a row that is tried before the cluster is set aside.
const mostReads = 3

// insteadOf is what is done when an old cluster could not be compared with the other one,
// or what it alone has not be exported: it is tried again, and in the end kept whole.
func (a *Agent) insteadOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err // broken off, it tells nothing
	case !errors.Is(err, errUnreadable):
		a.unread = 0
		return err
	}
	if a.unread++; a.unread < mostReads {
		return err
	}
	return a.setAside(ctx, err)
}

// setAside has the cluster replaced by a clone, and kept where what diverged is.
func (a *Agent) setAside(ctx context.Context, why error) error {
	r := a.getRecord()
	if r.Aside == "" {
		r.Aside = a.cluster.path("diverged/" + wholePrefix + time.Now().UTC().Format("20060102T150405Z"))
		if err := a.keep(r); err != nil {
			return err
		}
	}
	a.unread = 0
	a.Logger.Error("what is here cannot be read, and is kept whole while it is cloned anew", "file", r.Aside, "error", why)
	return a.clone(ctx)
}

// wholePrefix begins the names of clusters that were set aside.
const wholePrefix = "cluster-"

// mayReplace refuses to put anything in the place of the cluster of a region that is to
// serve, or holds the right to.
func (a *Agent) mayReplace(ctx context.Context) error {
	read, err := a.Register.Read(ctx)
	if err != nil {
		return fmt.Errorf("ask whether what is here may be replaced: %w", err)
	}
	if read.Desired.Value.Region == a.Region || read.Primary.Exists() && read.Primary.Value.Region == a.Region {
		return errors.New("this region is to serve: what is here is not replaced")
	}
	return nil
}

// remains reports whether something is there that is no cluster: the file that says which
// version it is of is gone.
func (c *cluster) remains() (bool, error) {
	if exists, err := c.exists(); exists || err != nil {
		return false, err
	}
	files, err := os.ReadDir(c.data())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look at what is left of the cluster: %w", err)
	}
	return len(files) > 0, nil
}

// finishClone puts a complete clone in the place of what was there, which is removed or set
// aside as the record says. It does nothing when there is none, and can be repeated after
// it was broken off anywhere.
//
// finished: a clone is in place, and all that was left to do for it is done.
func (a *Agent) finishClone() (finished bool, err error) {
	c, r := a.cluster, a.getRecord()
	there, err := has(c.path("cloned"))
	if err != nil {
		return false, err
	}
	if !there {
		return a.noteAside()
	}
	if err := c.clear(r.Aside); err != nil {
		return false, err
	}
	if err := os.Rename(c.path("cloned"), c.data()); err != nil {
		return false, fmt.Errorf("put the clone in place: %w", err)
	}
	if err := objects.Sync(c.home); err != nil {
		return false, err
	}
	a.Reached("rejoin: clone in place")
	if r.Aside != "" {
		r.Exported = r.Aside
	}
	err = a.keep(record{Epoch: r.Epoch, Exported: r.Exported})
	return err == nil, err
}

// noteAside makes up for what was broken off right behind that: the old cluster is set
// aside, and nothing but the clone is in its place.
func (a *Agent) noteAside() (noted bool, err error) {
	r := a.getRecord()
	if r.Aside == "" {
		return false, nil
	}
	moved, err := has(r.Aside)
	if err != nil || !moved {
		return false, err
	}
	exists, err := a.cluster.exists()
	if err != nil || !exists { // the clone that was to take its place is gone
		return false, err
	}
	err = a.keep(record{Epoch: r.Epoch, Exported: r.Aside})
	return err == nil, err
}

// dropClone removes a complete clone that never came into its place: the region serves with
// what was there, and who put the clone in the place of that would lose it.
func (c *cluster) dropClone() error {
	if err := os.RemoveAll(c.path("cloned")); err != nil {
		return fmt.Errorf("remove a clone that is older than what serves: %w", err)
	}
	return nil
}

// clear moves what is in the cluster's place to another one, or removes it where none is
// named, or something is there already. What is being removed is out of the way first:
// half of it would look like a cluster.
func (c *cluster) clear(aside string) error {
	replaced := c.path("replaced")
	if err := os.RemoveAll(replaced); err != nil {
		return fmt.Errorf("remove the old cluster: %w", err)
	}
	there, err := has(c.data())
	if err != nil || !there {
		return err
	}
	kept := true
	if aside != "" {
		if kept, err = has(aside); err != nil {
			return err
		}
	}
	if kept {
		err := os.Rename(c.data(), replaced)
		if err = errors.Join(err, os.RemoveAll(replaced)); err != nil {
			return fmt.Errorf("remove the old cluster: %w", err)
		}
		return nil
	}
	if err := end(c.data(), c.Timings); err != nil { // nobody may go on in there
		return err
	}
	now := time.Now() // its time begins now
	if err := errors.Join(os.Chtimes(c.data(), now, now), os.Rename(c.data(), aside)); err != nil {
		return fmt.Errorf("set the old cluster aside: %w", err)
	}
	return errors.Join(objects.Sync(filepath.Dir(aside)), objects.Sync(c.home))
}

func has(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", filepath.Base(path), err)
	}
	return true, nil
}

// spare is what must be free beside a copy of the other region's cluster, for the log that
// is written while it is made.
const spare = 256 << 20

// room fails unless a copy of the other region's cluster fits beside what is here. Nothing
// of that is given up before the copy is complete: it may be the last one.
func (c *cluster) room(ctx context.Context) error {
	var needed int64
	if err := c.askPeer(ctx, "select sum(pg_database_size(oid))::bigint from pg_database", nil, &needed); err != nil {
		return fmt.Errorf("ask the other region how large it is: %w", err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(c.home, &disk); err != nil {
		return fmt.Errorf("ask how much room there is: %w", err)
	}
	return fits(needed+spare, int64(disk.Bavail)*int64(disk.Bsize))
}

// fits compares sizes in bytes; its error has them rounded, and so is the same for a while.
func fits(needed, free int64) error {
	const gib = 1 << 30
	if free >= needed {
		return nil
	}
	return fmt.Errorf("there is no room for a clone beside what is here, which needs %.1f GiB where %.1f GiB are free: make room, "+
		"or move away what lies in the agent's folder under diverged", float64(needed)/gib, float64(free)/gib)
}

// startsAlone fails with errUnreadable when no server at all starts on the cluster: neither
// a port that is taken nor a full disk is the fault of its files.
func (c *cluster) startsAlone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.recoverWithin)
	defer cancel()
	s, err := c.launchAlone(ctx)
	if err == nil {
		s.Kill()
	}
	return err
}

// launchAlone starts a server that nobody else reaches, and returns once it answers. Where
// the cluster's files are what keeps it from that, it fails with errUnreadable.
func (c *cluster) launchAlone(ctx context.Context) (*pgserver.Server, error) {
	if err := c.end(); err != nil {
		return nil, err
	}
	// The process ids in there may be those of others by now.
	if err := os.Remove(filepath.Join(c.data(), "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove what a killed server left: %w", err)
	}
	s, err := pgserver.Start(ctx, c.Binaries, c.Account, c.data(), alone)
	return s, notRecovered(ctx, err)
}

// alone are settings of a server that nobody else reaches.
var alone = map[string]string{
	"archive_mode": "off", "synchronous_standby_names": "", "primary_conninfo": "", "autovacuum": "off", "shared_preload_libraries": "",
	"wal_keep_size":       "1TB", // pg_rewind goes back to a checkpoint from before the fork
	"restart_after_crash": "off", // one that a page brings down has ended: that is how it is known
}
