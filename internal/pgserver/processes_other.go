//go:build !linux

package pgserver

import "errors"

// Processes fails: only Linux tells which processes work in a folder.
func Processes(string) ([]int, error) {
	return nil, errors.New("PostgreSQL's processes can be found on Linux alone")
}
