#!/bin/sh
# Writes the secrets that the local overlay's pods read, with random passwords, to standard output: pipe it to
# "kubectl apply -f -", once. In regions the organisation's secrets manager has them (components/secrets).
set -eu

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

secret() { # name key=value...
	printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: meai}\nstringData:\n' "$1"
	shift
	for pair; do
		printf '  %s: "%s"\n' "${pair%%=*}" "${pair#*=}"
	done
}

role() { # name: sets password
	password=$(random)
	secret "role-$(echo "$1" | tr _ -)" "username=$1" "password=$password"
}
url() { printf 'postgres://%s:%s@postgres.meai.svc:5432/%s?sslmode=require' "$1" "$2" "$3"; }

role meai_owner
owner=$password
secret postgres-owner "value=$(url meai_owner "$owner" meai)"
role meai_app
secret postgres-app "value=$(url meai_app "$password" meai)"
role meai_reader
role meai_backup
secret postgres-backup "value=$(url meai_backup "$password" meai)"
role temporal
secret postgres-temporal "value=$password"
secret postgres-maintenance "value=$(url meai_owner "$owner" meai) $(url temporal "$password" temporal) $(url temporal "$password" temporal_visibility)"

secret weaviate-api-key "value=$(random)"
secret weaviate-nodes "value=$(random)"
valkey=$(random)
secret valkey-password "value=$valkey"
secret valkey-url "value=redis://:$valkey@valkey.meai.svc:6379"
secret keyring-kek "value=file:///var/lib/meai/kek.key"
for level in 1 2 3; do
	secret "escalation-l$level" "value="
done
secret privacy-notify "value="
