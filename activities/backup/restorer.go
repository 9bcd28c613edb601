package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"meai/activities/backup/restore"
	"meai/internal/audit"
	"meai/internal/failure"
)

// RestoreInput is one step of a restore.
type RestoreInput struct {
	Plan restore.Plan `json:"plan"`
	// Into is the name of the folder, below the one for restores.
	Into string `json:"into"`
	Step string `json:"step"`
}

// Restores does restores that workflows ask for, step by step, in folders of this
// machine. Every exported method is an activity that can run twice without harm: the
// journal in the folder knows what is done.
type Restores struct {
	Restorer *restore.Restorer
	// Folder is where new folders are made.
	Folder string
	Trail  Recorder
}

var folderForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Plan looks what a restore needs and whether it is all there.
func (r *Restores) Plan(ctx context.Context, t restore.Target) (restore.Plan, error) {
	if r.Restorer == nil {
		return restore.Plan{}, errNone
	}
	plan, err := r.Restorer.Plan(ctx, t)
	return plan, final(err)
}

// Step does one step of a restore.
func (r *Restores) Step(ctx context.Context, in RestoreInput) (_ restore.Done, err error) {
	if !folderForm.MatchString(in.Into) {
		return restore.Done{}, failure.New(failure.InvalidInput, "the folder's name is 1 to 63 of a-z, 0-9 and dash", nil)
	}
	if r.Restorer == nil {
		return restore.Done{}, errNone
	}
	if r.Restorer.Keys == nil {
		return restore.Done{}, errors.New("two custodians' keys are needed on this machine (backup.custodian_identities)")
	}
	if err := r.Trail.Record(ctx, audit.BackupOpened, in.Plan.Backup); err != nil {
		return restore.Done{}, err
	}
	run, err := r.Restorer.Begin(in.Plan, filepath.Join(r.Folder, in.Into))
	if errors.Is(err, restore.ErrOther) {
		return restore.Done{}, failure.New(failure.InvalidInput, fmt.Sprintf("the folder %s is in use for something else", in.Into), err)
	}
	if err != nil {
		return restore.Done{}, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	done, err := run.Do(ctx, in.Step, newBeats(ctx, in.Plan.Backup, in.Step).progress)
	return done, final(err)
}

// final makes an error that no other try mends permanent.
func final(err error) error {
	if err != nil && damage(err) {
		return failure.New(failure.Unsound, err.Error(), err)
	}
	return err
}
