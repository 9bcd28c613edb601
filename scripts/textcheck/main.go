// Command textcheck reports what no compiler sees in the repository's files: files that are
// too long, words that mark unfinished work, tests that can be skipped, and secrets. Run it
// in the root of the repository; it exits 1 when it reports anything.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

func main() {
	findings, err := checkRepository()
	if err != nil {
		fmt.Fprintf(os.Stderr, "textcheck: %v\n", err)
		os.Exit(1)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}

// checkRepository looks at every file that git tracks or would add.
func checkRepository() ([]finding, error) {
	list, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("list the files of the repository: %w", err)
	}
	var findings []finding
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		content, err := os.ReadFile(string(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and the removal is not committed yet
		}
		if err != nil {
			return nil, err
		}
		findings = append(findings, check(string(name), content)...)
	}
	return findings, nil
}
