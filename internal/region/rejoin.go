package region

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/internal/fence"
)

// rejoin makes an old primary a standby of the one that serves now. What was committed
// here and nowhere else is exported first; then the cluster is rewound to where the other
// one left its history. Where that cannot be, it is cloned anew.
func (a *Agent) rejoin(ctx context.Context) error {
	a.setRole(fence.RoleRewinding)
	c := a.cluster
	if err := c.configure(false); err != nil { // the tools need the password file
		return err
	}
	fork, beyond, err := c.compare(ctx)
	if err == nil && len(beyond.commits) > 0 {
		err = a.exportBeyond(ctx, fork, beyond)
	}
	if err != nil {
		return a.insteadOf(ctx, err)
	}
	a.unread = 0
	a.Reached("rejoin: exported")
	r := a.getRecord()
	switch {
	case !fork.ancestor:
		a.Logger.Warn("is replaced by a clone: nothing is lost with what is here", "entries", len(beyond.commits))
		return a.clone(ctx)
	case beyond.records > 0 || a.remedyIs(rewinding):
		return a.rewind(ctx)
	}
	// Nothing was written here after the other region took over.
	r.Serves, r.Begun, r.Lossless = false, false, false
	return errors.Join(c.signalStandby(c.data()), a.keep(r))
}

// exportBeyond keeps what was committed here and nowhere else in a file.
func (a *Agent) exportBeyond(ctx context.Context, f fork, b beyond) (err error) {
	r := a.getRecord()
	if r.Exported, err = a.cluster.export(ctx, f, b); err != nil {
		return err
	}
	if err := a.keep(r); err != nil {
		return err
	}
	a.Logger.Warn("what was committed here and nowhere else is kept in a file", "file", r.Exported, "entries", len(b.commits))
	return nil
}

func (a *Agent) remedyIs(r remedy) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remedy == r
}

// rewind gives the cluster the other one's files where they differ.
func (a *Agent) rewind(ctx context.Context) error {
	c := a.cluster
	if err := c.makeSlotAtPeer(ctx); err != nil {
		return err
	}
	// pg_rewind reads the other's timeline from its control file, which a server that was
	// just promoted writes with its next checkpoint.
	if err := c.checkpointPeer(ctx); err != nil {
		return err
	}
	r := a.getRecord()
	r.Broken = true
	if err := a.keep(r); err != nil {
		return err
	}
	a.Reached("rejoin: rewind begins")
	a.Logger.Info("is rewound to where the other region took over")
	err := c.tool(ctx, c.data(), nil, "pg_rewind", "-D", c.data(), "--source-server", c.peer.libpq(a.Region+"_rewind", c.path(passFile)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.Logger.Warn("cannot be rewound and is cloned instead", "error", err)
		return a.clone(ctx)
	}
	a.Reached("rejoin: rewound")
	if err := c.signalStandby(c.data()); err != nil {
		return err
	}
	a.Reached("rejoin: standby")
	return a.keep(record{Epoch: r.Epoch, Exported: r.Exported})
}

// fork is where the histories of the two clusters part.
type fork struct {
	timeline uint32 // the own one
	at       fence.LSN
	// ancestor: the other's history has the own timeline, and left it there. Otherwise they
	// are both in the same one, as of a standby and its primary, and what is here alone is
	// what the other one has not written yet; or both were promoted without knowing of each
	// other, and all of the own timeline is foreign.
	ancestor bool
}

// checkpointWithin is how long the other server may take for a checkpoint.
const checkpointWithin = 5 * time.Minute

// compare finds out what the stopped cluster has that the other region's has not. It fails
// with errUnreadable when the cluster does not tell.
func (c *cluster) compare(ctx context.Context) (f fork, b beyond, err error) {
	if f, err = c.findFork(ctx); err != nil {
		return f, b, err
	}
	if f.at == 0 {
		return f, b, fmt.Errorf("%w: it has no history in common with the other region's", errUnreadable)
	}
	if b, err = c.readBeyond(ctx, f); err != nil {
		return f, b, err
	}
	_, last, err := c.lastCheckpoint(ctx)
	if err != nil {
		return f, b, refused(ctx, err)
	}
	if b.records == 0 && last > f.at {
		return f, b, fmt.Errorf("%w: its log is damaged at %s, and goes on to %s", errUnreadable, f.at, last)
	}
	return f, b, nil
}

// findFork compares the clusters' histories.
func (c *cluster) findFork(ctx context.Context) (fork, error) {
	own, history, err := c.ownHistory(ctx)
	if err != nil {
		return fork{}, err
	}
	var text *string
	var system, flushed, timeline string
	err = c.askPeer(ctx, `select (select system_identifier::text from pg_control_system()), pg_current_wal_flush_lsn()::text,
		substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
		pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history', 0, 1000000, true)`,
		nil, &system, &flushed, &timeline, &text)
	if err != nil {
		return fork{}, fmt.Errorf("ask the other region for its history: %w", err)
	}
	f := fork{timeline: own.timeline}
	var its []branch
	if text != nil {
		its = parseHistory(*text)
	}
	if system != own.system {
		return f, nil // it was never a copy of the other one
	}
	for _, b := range its {
		if b.timeline == own.timeline {
			f.at, f.ancestor = b.at, true
			return f, nil
		}
	}
	if timeline == fmt.Sprintf("%08X", own.timeline) && slices.Equal(its, history) {
		f.at = lsn(&flushed)
	} else if len(history) > 0 {
		f.at = history[len(history)-1].at
	}
	return f, nil
}

func (c *cluster) checkpointPeer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointWithin)
	defer cancel()
	conn, err := connectTo(ctx, c.peer)
	if err == nil {
		err = answer(ctx, conn, "checkpoint", nil)
	}
	if err != nil {
		return fmt.Errorf("have the other region write a checkpoint: %w", err)
	}
	return nil
}

// origin is what a stopped cluster says of where it comes from.
type origin struct {
	system   string // identifies the cluster and its copies
	timeline uint32 // the newest
}

// ownHistory is where the stopped cluster comes from, and what came before its newest
// timeline. A server that ended soon after its promotion has not told its control file yet.
func (c *cluster) ownHistory(ctx context.Context) (own origin, history []branch, err error) {
	says, err := c.Binaries.Control(ctx, c.Account, c.data())
	if err != nil {
		return own, nil, refused(ctx, err)
	}
	own.system = says["Database system identifier"]
	newest, err := strconv.ParseUint(says["Latest checkpoint's TimeLineID"], 10, 32)
	if err != nil {
		return own, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	files, err := filepath.Glob(filepath.Join(c.data(), "pg_wal", "*.history"))
	if err != nil {
		return own, nil, fmt.Errorf("look for the cluster's history: %w", err)
	}
	for _, file := range files {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(file), ".history"), 16, 32)
		if err == nil && n >= newest {
			text, err := os.ReadFile(file)
			if err != nil {
				return own, nil, fmt.Errorf("read the cluster's history: %w", err)
			}
			newest, history = n, parseHistory(string(text))
		}
	}
	own.timeline = uint32(newest)
	return own, history, nil
}

// branch is where a timeline was left for the next.
type branch struct {
	timeline uint32
	at       fence.LSN
}

// parseHistory reads a timeline's history file; other lines are comments.
func parseHistory(text string) (branches []branch) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		n, err := strconv.ParseUint(words[0], 10, 32)
		at, errAt := fence.ParseLSN(words[1])
		if err == nil && errAt == nil {
			branches = append(branches, branch{uint32(n), at})
		}
	}
	return branches
}
