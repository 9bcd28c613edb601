package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// received is a file in the staging folder.
type received struct {
	name string // of the file
	segment
	partial bool
	history bool
	// left says that the server never had it: it went on from an earlier place on
	// another timeline. Such files are archived too, and removed.
	left bool
}

// leftSuffix hides a file from pg_receivewal.
const leftSuffix = ".left"

// staged lists the folder in the order of archiving: by timeline, its history first.
func (s Source) staged(dir string) ([]received, error) {
	names, err := listTwice(dir)
	if err != nil {
		return nil, fmt.Errorf("list the staging folder: %w", err)
	}
	var files []received
	for _, name := range names {
		f := received{name: name}
		stem, left := strings.CutSuffix(name, leftSuffix)
		stem, partial := strings.CutSuffix(stem, partialSuffix)
		if historyForm.MatchString(name) {
			f.history, f.timeline = true, uint32(fromHex(name[:8]))
			files = append(files, f)
		} else if g, ok := s.parse(stem); ok {
			f.segment, f.partial, f.left = g, partial, left
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b received) int {
		// A history's number is 0. Of a part and a whole segment the whole one counts.
		return cmp.Or(cmp.Compare(a.timeline, b.timeline), cmp.Compare(a.number, b.number), -cmp.Compare(rank(a), rank(b)))
	})
	return files, nil
}

// listTwice lists a folder until it reads the same names twice. A file that is renamed
// while a folder is read may be listed under both names or under none, and what follows
// it must not be archived before it.
func listTwice(dir string) ([]string, error) {
	var before []string
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(entries))
		for i, entry := range entries {
			names[i] = entry.Name()
		}
		if before != nil && slices.Equal(names, before) {
			return names, nil
		}
		before = names
	}
}

func rank(f received) int {
	switch {
	case f.history:
		return 2
	case f.partial:
		return 1
	}
	return 0
}

// newest is the file after which pg_receivewal goes on: that of the highest number, of
// several the one of the highest timeline. False without any.
func newest(files []received) (newest received, found bool) {
	for _, f := range files {
		if !f.history && !f.left && (!found || cmp.Or(cmp.Compare(f.number, newest.number), cmp.Compare(f.timeline, newest.timeline)) >= 0) {
			newest, found = f, true
		}
	}
	return newest, found
}

// next is where pg_receivewal goes on after its newest file.
func (s Source) next(newest received) Position {
	if newest.partial {
		return Position{newest.timeline, s.start(newest.segment)}
	}
	return Position{newest.timeline, s.end(newest.segment)}
}

// occasion is why the staging folder is looked at.
type occasion int

const (
	routine     occasion = iota
	interrupted          // the receiver broke off, and will go on
	ended                // the receiver ended
)

// archive brings what is in the staging folder into the bucket, in order, up to the
// first failure: what is in the bucket has no gaps.
func (a *Archiver) archive(ctx context.Context, why occasion) error {
	s, err := a.source()
	if errors.Is(err, errUnwritten) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.learnTip(ctx, s); err != nil {
		return err
	}
	began := time.Now()
	files, err := s.staged(a.Staging)
	if err != nil {
		return err
	}
	newest, _ := newest(files)
	a.count(files)
	for _, f := range files {
		if a.durable[f.name] || f == newest && f.partial && why == routine && began.Sub(a.partAt) < a.PartialEvery {
			continue
		}
		end, err := a.archiveOne(ctx, s, f, f == newest, why)
		if errors.Is(err, errRenamed) {
			return nil // the next look finds it
		}
		if err != nil {
			return err
		}
		if f == newest && end > s.start(f.segment) {
			a.update(func(status *Status) { status.TipAt = began })
		}
		if end > 0 {
			a.partAt = began
			a.update(func(status *Status) { status.Tip = later(status.Tip, Position{f.timeline, end}) })
		}
	}
	a.count(files)
	return a.tidy(files, newest)
}

// source is whose log is in the staging folder.
func (a *Archiver) source() (Source, error) {
	if known := a.Status().Source; known != (Source{}) {
		return known, nil
	}
	s, err := sourceIn(a.Staging)
	if err == nil {
		a.update(func(status *Status) { status.Source = s })
	}
	return s, err
}

// learnTip finds out, once, how far the log was archived before.
func (a *Archiver) learnTip(ctx context.Context, s Source) error {
	a.learning.Lock()
	defer a.learning.Unlock()
	if a.learned {
		return nil
	}
	tip, err := Tip(ctx, a.Repository, s, Position{})
	if err != nil {
		return err
	}
	a.update(func(status *Status) { status.Tip = later(status.Tip, tip) })
	a.learned = true
	return nil
}

// errRenamed: the file is no longer there under its name. It was closed, or put aside.
var errRenamed = errors.New("the file was renamed")

// archiveOne archives a file and returns how far its segment is in the bucket then.
func (a *Archiver) archiveOne(ctx context.Context, s Source, f received, newest bool, why occasion) (end LSN, err error) {
	ctx, cancel := context.WithTimeout(ctx, uploadWithin)
	defer cancel()
	path := filepath.Join(a.Staging, f.name)
	defer func() {
		if _, gone := os.Stat(path); err != nil && errors.Is(gone, os.ErrNotExist) {
			err = errRenamed
		}
	}()
	switch {
	case f.history:
		err := a.upload.history(ctx, s, path, f.name)
		a.durable[f.name] = err == nil
		return 0, err
	case f.partial:
		return a.archivePart(ctx, s, f, newest, why)
	default:
		end, err = a.upload.segment(ctx, path, s.name(f.segment))
		a.durable[f.name] = err == nil
		return end, err
	}
}

// settles is how long a write to a file may take.
const settles = time.Second

// archivePart archives what there is of a segment. One that is not the newest stays as
// it is: the log went on on another timeline, or after a gap.
func (a *Archiver) archivePart(ctx context.Context, s Source, f received, newest bool, why occasion) (LSN, error) {
	path := filepath.Join(a.Staging, f.name)
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	settled := why == ended || time.Since(info.ModTime()) > settles
	end, err := a.upload.partial(ctx, path, s.name(f.segment), settled)
	if errors.Is(err, errUnwritten) {
		end, err = 0, nil
	}
	if err != nil {
		return 0, err
	}
	if settled && !newest {
		a.durable[f.name] = true
	}
	if end == 0 && !settled {
		a.partAt = time.Time{} // the next look tells more
	}
	return end, nil
}

func (a *Archiver) count(files []received) {
	waiting := 0
	for _, f := range files {
		if !f.partial && !f.history && !a.durable[f.name] {
			waiting++
		}
	}
	a.update(func(s *Status) { s.Waiting = waiting })
}

// tidy removes what is in the bucket, but for the newest file, after which pg_receivewal
// goes on, and a few segments before it.
func (a *Archiver) tidy(files []received, newest received) error {
	kept := 0
	for _, f := range slices.Backward(files) {
		if f.history || f == newest || !a.durable[f.name] {
			continue
		}
		if !f.partial && !f.left {
			if kept++; kept <= a.Keep {
				continue
			}
		}
		if err := os.Remove(filepath.Join(a.Staging, f.name)); err != nil {
			return fmt.Errorf("remove what is archived: %w", err)
		}
	}
	// What is no longer there, under this name, is forgotten.
	maps.DeleteFunc(a.durable, func(name string, _ bool) bool {
		return !slices.ContainsFunc(files, func(f received) bool { return f.name == name })
	})
	return nil
}
