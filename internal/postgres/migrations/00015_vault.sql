-- The vault: openings for one session, and every access, for its owner to see.

-- +goose Up

create table memory_vault_openings (
  subject_id uuid not null,
  id         uuid not null,
  session_id uuid not null,
  opened_at  timestamptz not null,
  expires_at timestamptz not null,
  closed_at  timestamptz,
  primary key (subject_id, id),
  check (expires_at > opened_at)
) partition by hash (subject_id);
create index memory_vault_openings_session on memory_vault_openings (subject_id, session_id, expires_at);
select meai_shard('memory_vault_openings');
select meai_protect('memory_vault_openings');

create table memory_vault_accesses (
  subject_id uuid not null,
  id         uuid not null,
  at         timestamptz not null,
  act        text not null check (act in ('stored', 'listed', 'read', 'recalled', 'deleted', 'opened', 'closed')),
  -- Null where it was of the vault as a whole.
  node_id    uuid,
  session_id uuid,
  primary key (subject_id, id)
) partition by hash (subject_id);
create index memory_vault_accesses_time on memory_vault_accesses (subject_id, at, id);
select meai_shard('memory_vault_accesses');
select meai_protect('memory_vault_accesses');
-- What was accessed is not rewritten.
revoke update on memory_vault_accesses from meai_app;
