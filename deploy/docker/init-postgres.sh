#!/bin/sh
# The postgres image runs this once, on an empty volume. It makes the same roles and databases as meai-local, from the
# same files.
set -eu

sql=${MEAI_SQL:-/meai-sql}
user=${POSTGRES_USER:-postgres}

run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$user" --dbname "${2:-postgres}" --file "$1"; }

# The files take the passwords from the session's settings; they are hexadecimal, so nothing needs quoting.
PGOPTIONS="-c meai.owner_password=$MEAI_OWNER_PASSWORD -c meai.app_password=$MEAI_APP_PASSWORD -c meai.reader_password=$MEAI_READER_PASSWORD -c meai.backup_password=$MEAI_BACKUP_PASSWORD -c meai.observer_password=$MEAI_OBSERVER_PASSWORD -c meai.temporal_password=$MEAI_TEMPORAL_PASSWORD"
export PGOPTIONS
run "$sql/01_roles.sql"
run "$sql/02_databases.sql"
for database in meai temporal temporal_visibility; do
  run "$sql/03_maintenance.sql" "$database"
done

# The image lets replication in from its own loopback only; backups are taken from another container.
rules=$(psql --no-psqlrc --tuples-only --no-align --username "$user" --dbname postgres --command 'show hba_file')
echo 'host replication meai_backup all scram-sha-256' >>"$rules"
