-- The audit log, its signed checkpoints, and what the database has applied of the
-- ledger. All of it is appended to and never changed.

-- +goose Up

-- +goose StatementBegin
-- meai_append_only refuses to change what is there, to the owner of a table too.
create function meai_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd

-- One row is one leaf of a Merkle tree (RFC 6962, section 2) with the hashes that
-- it completes: its own, then that of each subtree whose last leaf it is, from the
-- bottom up. A leaf is its index and its time (microseconds since 1970), 8 bytes
-- each in network order, and the entry as package audit encodes it.
create table audit_log (
  leaf_index bigint primary key check (leaf_index >= 0),
  leaf       bytea not null check (octet_length(leaf) between 81 and 2048),
  hashes     bytea not null check (octet_length(hashes) > 0 and octet_length(hashes) % 32 = 0)
);
-- What an auditor asks most: what was done to this object? Its HMAC lies behind
-- index, time and the encoding's version; zeros stand for none.
create index audit_log_by_object on audit_log (substring(leaf from 18 for 32), leaf_index)
  where substring(leaf from 18 for 32) <> '\x0000000000000000000000000000000000000000000000000000000000000000';
create trigger append_only before update or delete or truncate on audit_log
  for each statement execute function meai_append_only();

-- A signed checkpoint commits to the first size entries.
create table audit_checkpoints (
  size       bigint primary key check (size > 0),
  note       text not null check (length(note) between 1 and 2048),
  created_at timestamptz not null default now()
);
create trigger append_only before update or delete or truncate on audit_checkpoints
  for each statement execute function meai_append_only();

-- +goose StatementBegin
-- meai_audit_append adds one entry and returns its index. It is the only way in for
-- the application, which so can neither choose an index nor write a false hash.
--
-- Appending transactions take turns from here until they end: indexes have no gaps,
-- and no entry can be seen before those below it. Hence append last. A transaction
-- whose snapshot is older than the lock meets the primary key and fails.
create function meai_audit_append(entry bytea) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  n       bigint;
  leaf    bytea;
  hash    bytea;
  sibling bytea;
  hashes  bytea;
  level   integer := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('meai_audit_log', 0));
  select coalesce(max(a.leaf_index) + 1, 0) into n from audit_log a;
  leaf := int8send(n) || int8send((extract(epoch from clock_timestamp()) * 1000000)::bigint) || entry;
  hash := sha256('\x00'::bytea || leaf);
  hashes := hash;
  -- Each trailing one in n completes a subtree, whose left half is there already.
  while (n >> level) & 1 = 1 loop
    select substring(a.hashes from level * 32 + 1 for 32) into sibling
      from audit_log a where a.leaf_index = ((n >> level) << level) - 1;
    if sibling is null or octet_length(sibling) <> 32 then
      raise exception 'the audit log is damaged below entry %: run meai audit verify', n using errcode = 'data_corrupted';
    end if;
    hash := sha256('\x01'::bytea || sibling || hash);
    hashes := hashes || hash;
    level := level + 1;
  end loop;
  insert into audit_log values (n, leaf, hashes);
  return n;
end $$;
-- +goose StatementEnd

grant select on audit_log to meai_app, meai_reader;
grant execute on function meai_audit_append(bytea) to meai_app;
grant select, insert on audit_checkpoints to meai_app;
grant select on audit_checkpoints to meai_reader;

-- The entries of the ledger that this database holds the effects of. Numbers go up
-- by one, and each is written in the transaction that applies the entry: whatever
-- point in time a restore returns to, the rest is known.
create table ledger_applied (
  number     bigint primary key check (number > 0),
  entry_hash bytea not null check (octet_length(entry_hash) = 32),
  applied_at timestamptz not null default now()
);
create trigger append_only before update or delete or truncate on ledger_applied
  for each statement execute function meai_append_only();
grant select, insert on ledger_applied to meai_app;
grant select on ledger_applied to meai_reader;

-- Keys and grants that are no longer valid, whatever an older row says of them.
create table revocations (
  id         text not null check (length(id) between 1 and 128),
  kind       text not null check (length(kind) between 1 and 64),
  revoked_at timestamptz not null,
  primary key (kind, id)
);
create trigger append_only before update or delete or truncate on revocations
  for each statement execute function meai_append_only();
grant select, insert on revocations to meai_app;
grant select on revocations to meai_reader;
