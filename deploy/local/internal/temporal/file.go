package temporal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	schema "go.temporal.io/server/schema/sqlite"
)

// file stores everything in one file of this process's own: a server that must outlive every PostgreSQL that it is there
// to look after. A commit is on disk before it is acknowledged.
func (c Config) file() *config.SQL { return sqliteFile(c.SQLite, "wal") }

func sqliteFile(path, journal string) *config.SQL {
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      path,
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": journal, "synchronous": "2", "busy_timeout": "10000"},
	}
}

// MakeFile makes the file of a new server with a namespace in it; a file that is there is left alone.
func MakeFile(c Config, namespace string) error {
	if _, err := os.Stat(c.SQLite); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// An interrupted run leaves no half-made file under the final name. The server's library never closes a file, so what
	// is made must be in that file alone and not in a log beside it.
	making := sqliteFile(c.SQLite+".making", "delete")
	if err := os.Remove(making.DatabaseName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear an interrupted start: %w", err)
	}
	if err := schema.SetupSchema(making); err != nil {
		return fmt.Errorf("make the server's file: %w", err)
	}
	described, err := schema.NewNamespaceConfig(clusterName, namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describe the namespace %s: %w", namespace, err)
	}
	if err := schema.CreateNamespaces(making, described); err != nil {
		return fmt.Errorf("make the namespace %s: %w", namespace, err)
	}
	return os.Rename(making.DatabaseName, c.SQLite)
}
