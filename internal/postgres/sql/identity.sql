-- The first id that is recorded for an account stays.
-- name: CreatePrincipal :exec
insert into principals (identity_hmac, id) values ($1, $2) on conflict do nothing;

-- name: Principal :one
select p.id, (select coalesce(array_agg(distinct g.role order by g.role), '{}')::text[] from role_grants g
              where g.principal_id = p.id and g.expires_at > now() and g.revoked_at is null
                and not exists (select from revocations r where r.kind = 'role_grant' and r.id = g.id::text)) as granted
from principals p where p.identity_hmac = $1;

-- name: CreateAPIKey :one
insert into api_keys (id, principal_id, secret_hmac, roles, scopes, expires_at)
values (@id, @principal_id, @secret_hmac, @roles, @scopes, now() + make_interval(secs => @lifetime_seconds))
returning created_at, expires_at;

-- A key that still works. What the ledger says of revocations outweighs the row,
-- which may come from a restored backup.
-- name: LiveAPIKey :one
select principal_id, secret_hmac, roles, scopes from api_keys k
where k.id = $1 and k.revoked_at is null and k.expires_at > now()
  and not exists (select from revocations r where r.kind = 'api_key' and r.id = k.id::text);

-- name: APIKeys :many
select id, roles, scopes, created_at, expires_at, revoked_at from api_keys
where principal_id = @principal_id and id < @before order by id desc limit @page;

-- name: RevokeAPIKey :one
update api_keys set revoked_at = coalesce(revoked_at, now()) where principal_id = $1 and id = $2
returning id, roles, scopes, created_at, expires_at, revoked_at;

-- name: APIKey :one
select revoked_at from api_keys where principal_id = $1 and id = $2;
