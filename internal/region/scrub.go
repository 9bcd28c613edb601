package region

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A standby's pages are read by nobody until it serves, and may have rotted by then. So all
// of them are read when it begins to follow, and once a day, and held against their
// checksums, slowly enough to disturb nobody.
const (
	scrubEvery = 24 * time.Hour
	scrubAgain = 10 * time.Minute // after one that was not completed
	scrubRate  = "64M"            // a second
)

// errRotten: pages of the standby are not what was written to them.
var errRotten = errors.New("pages of the standby do not fit their checksums")

// errEnded: PostgreSQL ended by itself.
var errEnded = errors.New("PostgreSQL ended")

// mostEnds is how often in a row a standby may end before it is mended: one that comes upon
// a page in its recovery which it cannot read ends each time.
const mostEnds = 3

// scrubbing reads all pages again and again, until ctx ends or one is found that is rotten.
func (a *Agent) scrubbing(ctx context.Context, found chan<- error) {
	for {
		pause := scrubEvery
		err := a.scrub(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && strings.Contains(err.Error(), "checksum error"):
			found <- err
			return
		case err != nil:
			a.Logger.Warn("not all pages of the standby could be read", "error", err)
			pause = scrubAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// scrub takes a backup to nowhere, which holds every page against its checksum.
func (a *Agent) scrub(ctx context.Context) error {
	c := a.cluster
	server := c.running()
	if server == nil {
		return errEnded
	}
	return c.tool(ctx, c.data(), nil, "pg_basebackup", "-D", "-", "-F", "tar", "-X", "none", "--no-manifest", "-c", "fast",
		"--max-rate", scrubRate, "-d", server.URL(c.own.user, "postgres"), "--no-password")
}

// rotten notes that the cluster is good for nothing: it is never promoted, and cloned.
func (a *Agent) rotten(why error) error {
	r := a.getRecord()
	r.Broken = true
	if err := a.keep(r); err != nil {
		return err
	}
	a.Logger.Error("the standby is corrupt and is cloned anew", "error", why)
	return fmt.Errorf("%w: %w", errRotten, why)
}

func (a *Agent) endedBefore() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ends
}

// remedyFor says what is tried next with a standby that failed.
func (a *Agent) remedyFor(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.Is(err, errEnded) {
		a.ends++
	}
	if errors.Is(err, errStuck) || a.ends >= mostEnds {
		a.remedy, a.ends = min(a.remedy+1, cloning), 0
	}
}
