package region

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	fork, err := c.findFork(ctx)
	if err != nil {
		return err
	}
	beyond, err := c.readBeyond(ctx, fork)
	if err != nil {
		return err
	}
	r := a.getRecord()
	if len(beyond.commits) > 0 {
		if r.Exported, err = c.export(ctx, fork, beyond); err != nil {
			return err
		}
		if err := a.keep(r); err != nil {
			return err
		}
		a.Logger.Warn("what was committed here and nowhere else is kept in a file", "file", r.Exported, "commits", len(beyond.commits))
	}
	a.Reached("rejoin: exported")
	switch {
	case !fork.ancestor:
		return a.clone(ctx)
	case beyond.records > 0 || a.remedyIs(rewinding):
		return a.rewind(ctx)
	}
	// Nothing was written here after the other region took over.
	r.Serves, r.Begun, r.Lossless = false, false, false
	return errors.Join(c.signalStandby(c.data()), a.keep(r))
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
	// ancestor: the other's history has the own timeline, and left it there. Otherwise both
	// were promoted without knowing of each other, and all of the own timeline is foreign.
	ancestor bool
}

// checkpointWithin is how long the other server may take for a checkpoint.
const checkpointWithin = 5 * time.Minute

// findFork compares the clusters' histories.
func (c *cluster) findFork(ctx context.Context) (fork, error) {
	own, history, err := c.ownHistory(ctx)
	if err != nil {
		return fork{}, err
	}
	var text *string
	err = c.askPeer(ctx, `select pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history', 0, 1000000, true)`, nil, &text)
	if err != nil {
		return fork{}, fmt.Errorf("ask the other region for its history: %w", err)
	}
	f := fork{timeline: own}
	if text != nil {
		for _, b := range parseHistory(*text) {
			if b.timeline == own {
				f.at, f.ancestor = b.at, true
			}
		}
	}
	if !f.ancestor && len(history) > 0 {
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

// ownHistory is the newest timeline of the stopped cluster, and what came before it. A
// server that ended soon after its promotion has not told its control file yet.
func (c *cluster) ownHistory(ctx context.Context) (timeline uint32, history []branch, err error) {
	says, err := c.Binaries.Control(ctx, c.Account, c.data())
	if err != nil {
		return 0, nil, err
	}
	newest, err := strconv.ParseUint(says["Latest checkpoint's TimeLineID"], 10, 32)
	if err != nil {
		return 0, nil, fmt.Errorf("read the cluster's timeline: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(c.data(), "pg_wal", "*.history"))
	if err != nil {
		return 0, nil, fmt.Errorf("look for the cluster's history: %w", err)
	}
	for _, file := range files {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(file), ".history"), 16, 32)
		if err == nil && n >= newest {
			text, err := os.ReadFile(file)
			if err != nil {
				return 0, nil, fmt.Errorf("read the cluster's history: %w", err)
			}
			newest, history = n, parseHistory(string(text))
		}
	}
	return uint32(newest), history, nil
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
