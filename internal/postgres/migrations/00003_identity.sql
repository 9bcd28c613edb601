-- Who calls: accounts of identity providers, roles that were granted for a time,
-- and API keys. No row names anybody; a provider's own ids are blinded under the
-- system's key.

-- +goose Up

-- An account and the opaque id that stands for it. Deleting the row unlinks them
-- for good: the same account gets another id when it comes again.
create table principals (
  identity_hmac bytea primary key check (octet_length(identity_hmac) = 32),
  id            uuid not null unique,
  created_at    timestamptz not null default now()
);
grant select, insert on principals to meai_app;
grant select on principals to meai_reader;

-- A role for a bounded time, which a second person approved. It is never deleted.
create table role_grants (
  id           uuid primary key,
  principal_id uuid not null,
  role         text not null check (role in ('support', 'operator', 'privacy_officer', 'auditor', 'admin')),
  granted_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  revoked_at   timestamptz,
  check (expires_at > granted_at and expires_at <= granted_at + interval '12 hours')
);
create index role_grants_by_principal on role_grants (principal_id, expires_at);
grant select, insert on role_grants to meai_app;
grant update (revoked_at) on role_grants to meai_app;
grant select on role_grants to meai_reader;

create table api_keys (
  id           uuid primary key,
  principal_id uuid not null references principals (id) on delete cascade,
  secret_hmac  bytea not null check (octet_length(secret_hmac) = 32),
  roles        text[] not null,
  scopes       text[] not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null check (expires_at <= created_at + interval '366 days'),
  revoked_at   timestamptz
);
create index api_keys_by_principal on api_keys (principal_id, id);
grant select, insert on api_keys to meai_app;
grant update (revoked_at) on api_keys to meai_app;
-- An operator's read-only access needs no HMACs of secrets.
grant select (id, principal_id, roles, scopes, created_at, expires_at, revoked_at) on api_keys to meai_reader;
