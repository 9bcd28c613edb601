package temporal

import (
	"fmt"
	"slices"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/tools/common/schema"
	"go.temporal.io/server/tools/sql"
)

// ApplySchema brings both databases to the schema that the embedded server needs, by the server's own schema tool:
// a new database gets every version in turn, an older one the missing versions, a current one nothing.
func ApplySchema(c Config) error {
	for database, name := range map[string]string{
		executions: "postgresql/v12/temporal",
		visibility: "postgresql/v12/visibility",
	} {
		if err := applySchema(c, database, name); err != nil {
			return fmt.Errorf("bring the database %s to the server's schema: %w", database, err)
		}
	}
	return nil
}

func applySchema(c Config, database, name string) error {
	// The tool logs every statement; its errors say enough.
	quiet := log.NewNoopLogger()
	conn, err := sql.NewConnection(c.database(database), quiet)
	if err != nil {
		return err
	}
	defer conn.Close()
	tables, err := conn.ListTables()
	if err != nil {
		return err
	}
	if !slices.Contains(tables, "schema_version") {
		setup := &schema.SetupConfig{InitialVersion: "0.0"}
		if err := schema.NewSetupSchemaTask(conn, setup, quiet).Run(); err != nil {
			return err
		}
	}
	update := &schema.UpdateConfig{DBName: database, SchemaName: name}
	return schema.NewUpdateSchemaTask(conn, update, quiet).Run()
}
