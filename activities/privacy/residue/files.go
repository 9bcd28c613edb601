package residue

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// Files are those of an installation, as its settings tell of them. What is not set up is
// left out.
type Files struct {
	CleanUpOptions
	// Folders are those that are scanned.
	Folders []string
	// Excuses makes [Options.Excuse] of a scan; nil for none.
	Excuses func(ctx context.Context) (func(Finding) bool, error)

	passes passes
}

// CleanUp is [CleanUp]; without a database to clean it does nothing.
func (f *Files) CleanUp(ctx context.Context, beat func(n int64)) error {
	if len(f.URLs) == 0 {
		return nil
	}
	_, err := CleanUp(ctx, f.CleanUpOptions, beat)
	return err
}

// Scan looks for a person's id and samples of what stores held of them, and counts by file
// and by what it is how often something was found; searched is false where there are no
// folders. Folders without any file are an error: nothing was searched. After it has found
// something the next clean-up trusts no counts. Who asks while files are read is served, with
// all who wait, by the next pass over them.
func (f *Files) Scan(ctx context.Context, subject uuid.UUID, samples map[string][][]byte, beat func(n int64)) (found map[string]int64, searched bool, err error) {
	if len(f.Folders) == 0 {
		return nil, false, nil
	}
	report, err := f.passes.scan(ctx, f, Patterns(subject, samples), beat)
	if err == nil && (report.Files == 0 || report.More && len(report.Findings) == 0) {
		err = errors.New("scan for what is left: there was nothing to search in the folders of privacy.scan_folders, or too much")
	}
	if err != nil {
		return nil, false, err
	}
	found = map[string]int64{}
	for _, finding := range report.Findings {
		found[finding.File+": "+finding.Pattern] += int64(finding.Times)
	}
	if len(found) > 0 {
		err = Distrust(ctx, f.CleanUpOptions)
	}
	return found, true, err
}
