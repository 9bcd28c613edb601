package weaviate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Weaviate binds its gRPC port and the API between nodes to all interfaces and has no setting for it. The latter
// would be open to the neighbourhood: its paths that join and remove nodes and commit backups ask for no credentials,
// not even with the cluster's password set. So the server is built from a copy of its module in which both bind to
// loopback. Go allows no overlay on the module cache, hence the copy.

// replacement is one exact change of a source file.
type replacement struct{ old, new string }

// toLoopback lists every place where the server would listen on all interfaces.
var toLoopback = map[string]replacement{
	"adapters/handlers/grpc/server.go": {
		old: `net.Listen("tcp", fmt.Sprintf(":%d",`,
		new: `net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d",`,
	},
	"adapters/handlers/rest/clusterapi/serve.go": {
		old: `fmt.Sprintf(":%d", port),`,
		new: `fmt.Sprintf("127.0.0.1:%d", port),`,
	},
}

// copyFolder holds the changed copy of the module, beside the go.mod that points to it.
const copyFolder = "module"

// copyModule makes workshop a module that is the pinning one but builds Weaviate from a copy of original.
func copyModule(pin, original, workshop string) error {
	if err := os.CopyFS(filepath.Join(workshop, copyFolder), os.DirFS(original)); err != nil {
		return fmt.Errorf("copy the module's source: %w", err)
	}
	for name, addition := range map[string]string{
		"go.mod": fmt.Sprintf("\nreplace %s => ./%s\n", module, copyFolder),
		"go.sum": "",
	} {
		text, err := os.ReadFile(filepath.Join(pin, name))
		if err != nil {
			return fmt.Errorf("read the pinning module: %w", err)
		}
		if err := os.WriteFile(filepath.Join(workshop, name), append(text, addition...), 0o600); err != nil {
			return fmt.Errorf("write the module to build: %w", err)
		}
	}
	return nil
}

// patch changes the one place it knows. A version of Weaviate in which that place looks different must be looked at
// by a person, so anything but exactly one occurrence is an error.
func patch(file string, change replacement) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read what is to listen on loopback: %w", err)
	}
	if n := strings.Count(string(text), change.old); n != 1 {
		return fmt.Errorf("%s has %d places like %q instead of one: this version of Weaviate listens differently, see where and adapt the change", file, n, change.old)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), change.old, change.new, 1)), 0o600)
}
