#!/bin/sh
# Puts the settings into the templates beside this file and starts nginx in the foreground. What is not set stops it here.
set -eu
here=$(dirname "$0")
rules=$MEAI_WAF_FOLDER/rules
program=
for setting in LISTEN API BEHIND RATE BURST WORKERS FOLDER; do
	eval "value=\${MEAI_WAF_$setting:?is not set}"
	program="$program;s|\${MEAI_WAF_$setting}|$value|g"
done
mkdir -p "$rules"
for file in "$here"/*.conf "$here"/*.inc "$here"/nginx.conf.template; do
	name=$(basename "$file" .template)
	sed "${program#;};s|\${MEAI_WAF_RULES}|$rules|g" "$file" >"$rules/$name"
done
# Debian puts nginx where only the administrator's PATH leads.
PATH=$PATH:/usr/sbin
exec nginx -p "$MEAI_WAF_FOLDER" -e "$MEAI_WAF_FOLDER/error.log" -c "$rules/nginx.conf" -g "daemon off;${MEAI_WAF_DIRECTIVES-}"
