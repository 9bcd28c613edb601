-- Backups: a copy of the catalogue that lies beside them in the bucket, heartbeats by
-- which the archive's age is measured, and the lock under which it is written down what
-- the database holds at one point of its write-ahead log.

-- +goose Up

-- +goose StatementBegin
do $$
begin
  if not exists (select from pg_roles where rolname = 'meai_backup') then
    raise exception 'create the role meai_backup first (login, replication, bypassrls, no superuser; member of pg_read_all_data and pg_monitor): deploy/local/internal/postgres/init/01_roles.sql may be run again';
  end if;
  execute format('grant connect on database %I to meai_backup', current_database());
end $$;
-- +goose StatementEnd

-- What the bucket says counts; this is for lists and pages. Nothing of a person's.
create table backups (
  id          text primary key check (id ~ '^\d{8}T\d{6}Z-[a-z]{1,16}-[0-9a-f]{8}$'), -- sorts by time
  kind        text not null check (kind ~ '^[a-z]{1,16}$'),
  state       text not null check (state in ('taken', 'verified', 'proven', 'failed', 'expired')),
  started_at  timestamptz not null,
  ended_at    timestamptz not null,
  bytes       bigint not null check (bytes >= 0), -- of all objects, sealed
  objects     integer not null check (objects >= 0),
  -- Of a cluster of PostgreSQL; WAL from start to end makes it consistent.
  timeline    bigint,
  start_lsn   text check (start_lsn ~ '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$'),
  end_lsn     text check (end_lsn ~ '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$'),
  held        boolean not null,
  verified_at timestamptz,
  proven_at   timestamptz,
  expired_at  timestamptz,
  -- How many the newest report names, and the seconds by step of the newest that tells any.
  problems    integer not null check (problems >= 0),
  seconds     jsonb not null default '{}'
    check (jsonb_typeof(seconds) = 'object' and not jsonb_path_exists(seconds, '$.* ? (@.type() != "number")'))
);
grant select, insert, update, delete on backups to meai_app;
grant select on backups to meai_reader;

-- The heartbeats of a day, one every ten seconds; the oldest gives way. Whatever was
-- acknowledged before at lies in the write-ahead log before lsn.
create table backup_heartbeats (
  slot   smallint primary key,
  number bigint not null,
  at     timestamptz not null,
  lsn    pg_lsn not null
);
grant select on backup_heartbeats to meai_app, meai_reader;
create sequence backup_heartbeat_numbers;

-- +goose StatementBegin
-- meai_heartbeat commits something, however idle the database is, and returns since when
-- that is so. The time is taken before the position: a transaction whose commit was
-- acknowledged by then had written it by then.
create function meai_heartbeat(out at timestamptz, out lsn pg_lsn)
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  n bigint := nextval('backup_heartbeat_numbers');
begin
  at := clock_timestamp();
  lsn := pg_current_wal_insert_lsn();
  insert into backup_heartbeats values (n % 8640, n, at, lsn)
    on conflict (slot) do update set number = excluded.number, at = excluded.at, lsn = excluded.lsn;
end $$;

-- meai_lock_for_mark holds up all writing until the transaction ends, and says of how
-- many tables. Who has written to one of them holds its lock until the commit is both in
-- the write-ahead log and visible: between the two nobody is now, so that what a snapshot
-- sees is exactly what recovery to this point of the log leads to.
--
-- Parents alone are locked, for who writes to a partition locks its parent first; a
-- vacuum of the partitions goes on. Rows that meai_ensure_partitions moves stay rows of
-- the same parent.
create function meai_lock_for_mark() returns integer
  language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
  -- Those that are written to at the end of transactions come at the end.
  tables   regclass[] := array(select c.oid from pg_class c where c.relnamespace = 'public'::regnamespace
    and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p' order by c.relname = 'audit_log', c.relname);
  deadline timestamptz;
  parent   regclass;
begin
  -- Against a vacuum, which may take minutes: this lock holds up nobody who writes, and
  -- waits long enough for PostgreSQL to call an automatic one off.
  foreach parent in array tables loop
    execute format('lock table only %s in share update exclusive mode', parent);
  end loop;
  -- Every transaction that writes for a person begins by locking their row here. Those
  -- that have begun end undisturbed; those that would begin wait, and hold nothing yet.
  perform set_config('lock_timeout', '2s', true);
  lock table only subjects in exclusive mode;
  -- Of the others, one might wait for a table that is locked here and hold one that is
  -- waited for. This gives up before PostgreSQL looks for a deadlock, after its whole
  -- deadlock_timeout: it is never the writer that has to give way.
  deadline := clock_timestamp() + (select setting::integer * 0.8 from pg_settings where name = 'deadlock_timeout') * interval '1 millisecond';
  foreach parent in array tables loop
    perform set_config('lock_timeout', greatest(extract(epoch from deadline - clock_timestamp()) * 1000, 1)::integer::text, true);
    execute format('lock table only %s in share mode', parent);
  end loop;
  -- A caller that stands still does not hold up writing any longer.
  perform set_config('idle_in_transaction_session_timeout', '2s', true);
  return cardinality(tables);
end $$;
-- +goose StatementEnd
grant execute on function meai_heartbeat(), meai_lock_for_mark() to meai_backup;
