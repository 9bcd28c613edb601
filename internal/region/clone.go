package region

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"meai/internal/child"
	"meai/internal/fence"
)

// clone makes the cluster a copy of the other region's.
func (a *Agent) clone(ctx context.Context) error {
	a.setRole(fence.RoleCloning)
	c := a.cluster
	if err := errors.Join(c.configure(false), os.RemoveAll(c.path("cloning"))); err != nil {
		return err
	}
	if err := c.room(ctx); err != nil {
		return err
	}
	if err := c.makeSlotAtPeer(ctx); err != nil {
		return err
	}
	if err := c.Account.MakeFolder(c.path("cloning")); err != nil {
		return err
	}
	a.Logger.Info("clones the other region")
	err := c.tool(ctx, c.path("cloning"), nil, "pg_basebackup", "-D", c.path("cloning"), "-X", "stream", "-c", "fast",
		"-S", slot(a.Region), "-d", c.peer.libpq(a.Region+"_clone", c.path(passFile)), "--no-password")
	if err != nil {
		return err
	}
	a.Reached("rejoin: cloned")
	if err := c.signalStandby(c.path("cloning")); err != nil {
		return err
	}
	if err := os.Rename(c.path("cloning"), c.path("cloned")); err != nil {
		return fmt.Errorf("put the clone in place: %w", err)
	}
	a.Reached("rejoin: clone complete")
	_, err = a.finishClone()
	return err
}

// signalStandby has the cluster in a folder start as a standby.
func (c *cluster) signalStandby(dir string) error {
	path := filepath.Join(dir, standbySignal)
	if err := replaceFile(path, nil, c.Account); err != nil {
		return fmt.Errorf("make the cluster a standby: %w", err)
	}
	return nil
}

// tool runs one of PostgreSQL's tools in a folder; out gets what it prints. It ends with
// the context and with the agent.
func (c *cluster) tool(ctx context.Context, dir string, out io.Writer, name string, args ...string) error {
	cmd := c.Binaries.Command(ctx, c.Account, name, args...)
	cmd.Dir = dir // it is found and ended as PostgreSQL is
	cmd.Env = append(cmd.Env, "PGPASSFILE="+c.path(passFile))
	last := &child.Tail{}
	cmd.Stdout, cmd.Stderr = out, last
	ended, err := child.Start(cmd, syscall.SIGKILL)
	if err == nil {
		err = <-ended
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, last)
	}
	return nil
}
