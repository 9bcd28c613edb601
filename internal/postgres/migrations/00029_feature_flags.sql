-- Feature flags: what of MeAi is switched off while everything runs.

-- +goose Up

-- One row for each change; the newest of a name counts. A name without a row is on.
create table feature_flags (
  serial     bigint generated always as identity primary key,
  name       text not null check (name ~ '^[a-z][a-z_.]{0,63}$'),
  enabled    boolean not null,
  reason     text not null check (reason ~ '^[a-z][a-z0-9_]{0,39}$'),
  changed_by text not null check (changed_by ~ '^[A-Za-z0-9._:/=+-]{1,100}$'),
  changed_at timestamptz not null default now()
);
create index feature_flags_newest on feature_flags (name, serial desc);
create trigger append_only before update or delete or truncate on feature_flags
  for each statement execute function meai_append_only();
grant select on feature_flags to meai_app, meai_reader;
grant insert (name, enabled, reason, changed_by) on feature_flags to meai_app;
