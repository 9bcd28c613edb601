package canary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder scans every regular file in and below a folder, and the files' names. A
// link to a folder is followed once. A file that goes away meanwhile is left out;
// everything else that cannot be read is an error, because what was not looked at
// is not clean.
func (s *Scanner) Folder(root string) (Report, error) {
	begin := time.Now()
	report := Report{excuse: s.excuse}
	err := s.walk(&report, root, map[string]bool{})
	report.Took = time.Since(begin)
	return report, err
}

func (s *Scanner) walk(report *Report, root string, seen map[string]bool) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("follow %s: %w", root, err)
	}
	if seen[real] {
		return nil
	}
	seen[real] = true
	return filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look into %s: %w", path, err)
		}
		if err := s.name(report, path, entry.Name()); err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return s.link(report, path, seen)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		return s.file(report, path)
	})
}

func (s *Scanner) link(report *Report, path string, seen map[string]bool) error {
	target, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("follow %s: %w", path, err)
	case target.IsDir():
		return s.walk(report, path, seen)
	case target.Mode().IsRegular():
		return s.file(report, path)
	default:
		return nil
	}
}

func (s *Scanner) name(report *Report, path, name string) error {
	got, err := s.Bytes("the name of "+path, strings.NewReader(name), int64(len(name)))
	for _, f := range got.Findings {
		report.note(f)
	}
	return err
}

// File scans one file.
func (s *Scanner) File(path string) (Report, error) {
	begin := time.Now()
	report := Report{excuse: s.excuse}
	err := s.file(&report, path)
	report.Took = time.Since(begin)
	return report, err
}

func (s *Scanner) file(report *Report, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open a file to scan: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	got, err := s.Bytes(path, f, info.Size())
	report.add(got)
	return err
}
