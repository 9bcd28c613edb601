-- Exports: what a person asked to be given of all that is kept of them, and what they
-- brought along from elsewhere. Ids, times, counts and codes; no words, no passphrases.

-- +goose Up

create table privacy_exports (
  subject_id   uuid not null,
  id           uuid not null,
  request_hmac bytea not null check (octet_length(request_hmac) = 32),
  -- What opens it: a key of the person's own, or a passphrase that is kept nowhere.
  lock         text not null check (lock in ('recipient', 'passphrase')),
  formats      text[] not null,
  state        text not null default 'queued' check (state in ('queued', 'writing', 'ready', 'failed', 'deleted', 'expired')),
  requested_at timestamptz not null,
  started_at   timestamptz,
  -- Rows to write, in all forms, and how many of them are written.
  rows_total   bigint not null default 0,
  rows_done    bigint not null default 0,
  finished_at  timestamptz,
  size         bigint, -- in bytes, encrypted
  sha256       bytea check (octet_length(sha256) = 32),
  expires_at   timestamptz,
  failure      text check (failure ~ '^[A-Za-z][A-Za-z_]{0,39}$'),
  ended_at     timestamptz, -- when it was deleted
  primary key (subject_id, id),
  check (state <> 'ready' or (finished_at is not null and size is not null and sha256 is not null and expires_at is not null)),
  check ((state = 'failed') = (failure is not null)),
  check ((state in ('deleted', 'expired')) = (ended_at is not null))
) partition by hash (subject_id);
-- One at a time.
create unique index privacy_exports_running on privacy_exports (subject_id) where state in ('queued', 'writing');
create index privacy_exports_by_time on privacy_exports (subject_id, requested_at, id);
select meai_shard('privacy_exports');
select meai_protect('privacy_exports');

create table privacy_imports (
  subject_id   uuid not null,
  id           uuid not null,
  state        text not null default 'receiving' check (state in ('receiving', 'received', 'importing', 'indexing', 'done', 'failed')),
  requested_at timestamptz not null,
  received_at  timestamptz,
  parts        integer not null default 0, -- that it lies in, sealed, until it ends
  size         bigint not null default 0,  -- in bytes
  rows_total   bigint not null default 0,
  rows_done    bigint not null default 0,
  -- The export that it is, once that is known.
  export_id    uuid,
  failure      text check (failure ~ '^[A-Za-z][A-Za-z_]{0,39}$'),
  ended_at     timestamptz,
  primary key (subject_id, id),
  check ((state = 'failed') = (failure is not null)),
  check ((state in ('done', 'failed')) = (ended_at is not null))
) partition by hash (subject_id);
create unique index privacy_imports_running on privacy_imports (subject_id) where state not in ('done', 'failed');
select meai_shard('privacy_imports');
select meai_protect('privacy_imports');
