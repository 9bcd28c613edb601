#!/bin/sh
# Writes random passwords for docker-compose.yml, once. Nothing is overwritten: whoever loses this file has lost the
# way into the volumes.
set -eu

file=${1:-.local/compose.env}
if [ -e "$file" ]; then
	echo "$file is there already" >&2
	exit 1
fi
mkdir -p "$(dirname "$file")"
umask 077
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
{
	echo "# Made by deploy/docker/secrets.sh for docker-compose.yml."
	for name in POSTGRES_PASSWORD OWNER_PASSWORD APP_PASSWORD READER_PASSWORD BACKUP_PASSWORD OBSERVER_PASSWORD TEMPORAL_PASSWORD WEAVIATE_API_KEY WEAVIATE_INTERNAL_PASSWORD; do
		echo "MEAI_COMPOSE_$name=$(random)"
	done
} >"$file"
echo "$file written"
