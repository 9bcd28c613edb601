#!/bin/sh
# Brings both of Temporal's databases to the schema of the server's version: a new one gets every version in turn, an
# older one the missing versions, a current one nothing. The connection comes from the SQL_* variables.
set -eu

for database in temporal temporal_visibility; do
	case $database in
	temporal) schema=postgresql/v12/temporal ;;
	*) schema=postgresql/v12/visibility ;;
	esac
	# Makes the version tables when they are missing, and leaves a version that is there alone.
	temporal-sql-tool --database "$database" setup-schema --version 0.0
	temporal-sql-tool --database "$database" update-schema --schema-name "$schema"
done
