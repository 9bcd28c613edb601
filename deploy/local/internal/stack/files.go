package stack

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/product"
)

const (
	configFile = "meai.yaml"
	pidsFile   = "pids.json"
)

// writeConfig tells the meai binary where everything is. It holds passwords: only its owner may read it.
func (s *Stack) writeConfig() error {
	var c product.Config
	c.Postgres.URL, c.Postgres.OwnerURL, c.Postgres.ReaderURL = s.postgres.AppURL(), s.postgres.OwnerURL(), s.postgres.ReaderURL()
	c.Temporal.Address, c.Temporal.UIURL = s.temporalConfig().Address(), s.temporalConfig().UIURL()
	c.Temporal.Namespace = "meai"
	c.Codec.Origins = s.temporalConfig().UIURL()
	c.Weaviate.URL, c.Weaviate.APIKey = s.weaviateConfig().URL(), s.state.WeaviateAPIKey
	c.Keyring.Bucket = product.Bucket(filepath.Join(s.options.Data, "keyring"))
	c.Ledger.Buckets = product.Bucket(filepath.Join(s.options.Data, "ledger"))
	c.Keyring.KEK = "file://" + filepath.ToSlash(filepath.Join(s.options.Data, "kek.key"))
	c.Backup.PostgresURL, c.Backup.WeaviateBinary = s.postgres.BackupURL(), s.weaviate
	c.Backup.WeaviateBucket = product.Bucket(s.weaviateConfig().Backups())
	c.Privacy.MaintenanceURLs = strings.Join(s.postgres.MaintenanceURLs(), " ")
	return c.Write(s.ConfigPath())
}

// ConfigPath is the configuration file for the meai binary, complete once the stack is up.
func (s *Stack) ConfigPath() string { return filepath.Join(s.options.Data, configFile) }

// PIDs are the process ids of a running stack; zero for an engine that is down at the moment.
type PIDs struct {
	Supervisor int            `json:"supervisor"`
	Postgres   int            `json:"postgres"`
	Temporal   int            `json:"temporal"`
	Weaviate   int            `json:"weaviate"`
	Guards     map[string]int `json:"guards"` // by engine
}

// awaitPredecessor waits for what a killed supervisor left behind. Its guards are
// ending the engines, which until then hold ports and data.
func (s *Stack) awaitPredecessor(ctx context.Context) {
	left, err := readPIDs(s.options.Data)
	if err != nil {
		return // stopped in order, or never started
	}
	ctx, cancel := context.WithTimeout(ctx, predecessorWithin)
	defer cancel()
	pids := slices.AppendSeq([]int{left.Postgres, left.Temporal, left.Weaviate}, maps.Values(left.Guards))
	for _, pid := range pids {
		for pid != 0 && isEngine(ctx, pid) {
			select {
			case <-ctx.Done():
				s.report("supervisor", "what an earlier run left behind does not end; going on")
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// predecessorWithin is longer than any guard gives its engine.
const predecessorWithin = 40 * time.Second

// isEngine reports whether a process of an earlier run is still the one it was: after a restart of the machine its id
// may be somebody else's.
func isEngine(ctx context.Context, pid int) bool {
	out, err := exec.CommandContext(ctx, "ps", "-o", "state=,args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z") {
		return false
	}
	program := filepath.Base(os.Args[0])
	return slices.ContainsFunc([]string{program, "postgres", "weaviate"}, func(name string) bool { return strings.Contains(string(out), name) })
}

// writePIDs is called after every change. A failure is reported, not returned: the engines run regardless.
func (s *Stack) writePIDs() {
	s.files.Lock()
	defer s.files.Unlock()
	pids := PIDs{Supervisor: os.Getpid(), Guards: map[string]int{}}
	s.mu.Lock()
	for name, process := range s.processes {
		p := process.PIDs()
		pids.Guards[name] = p.Guard
		switch name {
		case "postgres":
			pids.Postgres = p.Engine
		case "temporal":
			pids.Temporal = p.Engine
		case "weaviate":
			pids.Weaviate = p.Engine
		}
	}
	s.mu.Unlock()
	if err := folder.WriteJSON(filepath.Join(s.options.Data, pidsFile), pids); err != nil {
		s.report("supervisor", err.Error())
	}
}

// removeRunFiles clears what describes a running stack only.
func (s *Stack) removeRunFiles() {
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(filepath.Join(s.options.Data, pidsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.report("supervisor", err.Error())
	}
}
