package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"meai/activities/backup/drill"
)

type backupDrillCommand struct {
	JSON     bool   `help:"Print JSON."`
	Weaviate string `type:"path" help:"Weaviate's server, for the drills of the index; backup.weaviate_binary when left out." placeholder:"FILE"`
}

func (backupDrillCommand) Help() string {
	return `Makes a small cluster, a bucket and keys of its own below backup.scratch, takes a backup, proves it and restores it from the bucket
alone. Then it plants one thing after another (a missing segment, a flipped bit in every kind of object, a wrong key, a full disk,
kill -9 of each child …) and looks whether each is named, and none ends in a success. Nothing real is touched, and neither engines
nor the keyring are needed, only PostgreSQL's server binaries. It takes a few minutes.

Exit status: 0 all were detected, 2 something was not and is named, 1 could not drill.`
}

func (d backupDrillCommand) Run(ctx context.Context, c *cli) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if d.Weaviate == "" {
		d.Weaviate = cfg.Backup.WeaviateBinary
	}
	scratch, err := filepath.Abs(cfg.Backup.Scratch)
	if err != nil {
		return fmt.Errorf("backup.scratch: %w", err)
	}
	dir, err := drill.Folder(scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	upload, err := uploadCommand()
	if err != nil {
		return err
	}
	results, err := drill.Run(ctx, drill.Options{Dir: dir, Weaviate: d.Weaviate, Upload: upload, Logger: slog.New(slog.DiscardHandler)}, d.progress)
	if err != nil {
		return err
	}
	if err := d.print(results); err != nil {
		return err
	}
	return undetected(results)
}

// progress says on the error output what was done: the table comes at the end.
func (d backupDrillCommand) progress(r drill.Result) {
	fmt.Fprintf(os.Stderr, "%-11s %6.1f s  %s\n", detected(r), r.Seconds, r.Name)
}

func detected(r drill.Result) string {
	if r.Detected {
		return "detected"
	}
	return "UNDETECTED"
}

func (d backupDrillCommand) print(results []drill.Result) error {
	if d.JSON {
		return json.NewEncoder(os.Stdout).Encode(results)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	lines := []error{line(w, "drill\tseconds\tdetected by")}
	for _, r := range results {
		lines = append(lines, line(w, "%s\t%.1f\t%s", r.Name, r.Seconds, by(r)))
	}
	return errors.Join(append(lines, w.Flush())...)
}

// sentence is how many characters of what was said fit into the table.
const sentence = 240

func by(r drill.Result) string {
	said := []rune(r.By)
	if len(said) > sentence {
		said = append(said[:sentence], '…')
	}
	if !r.Detected {
		return "NOT DETECTED: " + string(said)
	}
	return string(said)
}

func undetected(results []drill.Result) error {
	if names := drill.Undetected(results); len(names) > 0 {
		return fmt.Errorf("%w: not detected: %s", errUnsound, strings.Join(names, ", "))
	}
	return nil
}

// backupUploadCommand is the process that a drill kills while it uploads.
type backupUploadCommand struct {
	Orders string `arg:"" help:"What to upload, as the drill says."`
}

func (u backupUploadCommand) Run(ctx context.Context) error { return drill.Upload(ctx, u.Orders) }

// uploadCommand has this program run [backupUploadCommand].
func uploadCommand() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return []string{self, "backup", "drill-upload"}, nil
}
