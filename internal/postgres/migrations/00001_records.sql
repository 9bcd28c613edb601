-- Records: subjects, sessions, interactions. Forward only: a mistake is mended by
-- the next migration, because a step back would drop people's data.
--
-- Columns named *_sealed hold ciphertext and *_hmac blinded values (see package
-- keyring); everything else is plain and holds ids, times, counts and codes only.
-- Run as meai_owner; meai_app and meai_reader must exist.

-- +goose Up

-- +goose StatementBegin
do $$
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    raise exception 'migrations run as the owner role, not as a superuser: its SECURITY DEFINER functions would inherit that power';
  end if;
  if (select count(*) from pg_roles where rolname in ('meai_app', 'meai_reader')) <> 2 then
    raise exception 'create the roles meai_app and meai_reader first (login, no superuser, no bypassrls)';
  end if;
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to meai_app, meai_reader', current_database());
end $$;
-- +goose StatementEnd

revoke all on schema public from public;
grant usage on schema public to meai_app, meai_reader;

-- Subjects are the registry of people: an opaque id and whether it may be written
-- to. It is no per-person table, because batch work must list it.
create table subjects (
  id         uuid primary key,
  state      text not null default 'active' check (state in ('active', 'freezing', 'erased')),
  created_at timestamptz not null default now()
);
grant select, insert on subjects to meai_app;
-- The state for erasure, and because "for share" asks for an update right.
grant update (state) on subjects to meai_app;
grant select on subjects to meai_reader;

-- +goose StatementBegin
create function meai_subject_state_changes() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and (old.state, new.state) not in
     (('active', 'freezing'), ('freezing', 'active'), ('freezing', 'erased')) then
    raise exception 'subject cannot go from % to %', old.state, new.state using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger state_changes before update on subjects
  for each row execute function meai_subject_state_changes();

-- Settings that must not change under a running system, checked at every start.
create table settings (
  key         text primary key,
  value       text not null,
  recorded_at timestamptz not null default now()
);
grant select, insert on settings to meai_app;
grant select on settings to meai_reader;

-- Tables whose hash partitions are cut by time as well (meai_ensure_partitions).
create table time_partitioned (
  table_name name primary key
);

-- +goose StatementBegin
-- meai_protect puts a per-person table under row-level security and grants the
-- parent alone. The subject comes from app.subject, which a transaction sets for
-- itself; without it no row is seen and none can be written. An empty text is
-- what PostgreSQL leaves behind after a transaction that had set it.
create function meai_protect(parent regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security, force row level security', parent);
  execute format('create policy own_subject on %s'
    ' using (subject_id = nullif(current_setting(''app.subject'', true), '''')::uuid)'
    ' with check (subject_id = nullif(current_setting(''app.subject'', true), '''')::uuid)', parent);
  execute format('grant select, insert, update on %s to meai_app', parent);
  execute format('grant select on %s to meai_reader', parent);
end $$;

-- meai_shard makes the 8 hash partitions of a per-person table. They carry no
-- grants, and row-level security without a policy should one ever be granted.
-- With by_time each is partitioned once more, by range of the id column, into a
-- default partition; meai_ensure_partitions adds the quarters.
create function meai_shard(parent regclass, by_time name default null) returns void language plpgsql as $$
declare
  shard text;
begin
  for n in 0..7 loop
    shard := format('%s_h%s', parent, n);
    execute format('create table %I partition of %s for values with (modulus 8, remainder %s) %s',
      shard, parent, n, case when by_time is null then '' else format('partition by range (%I)', by_time) end);
    execute format('alter table %I enable row level security', shard);
    if by_time is not null then
      execute format('create table %I partition of %I default', shard || '_rest', shard);
      execute format('alter table %I enable row level security', shard || '_rest');
    end if;
  end loop;
  if by_time is not null then
    insert into time_partitioned values (parent::text);
  end if;
end $$;

-- meai_uuid_at is the least UUIDv7 of an instant: its first 48 bits are the
-- milliseconds since 1970 (RFC 9562, section 5.7).
create function meai_uuid_at(at timestamptz) returns uuid language sql immutable strict as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- meai_ensure_partitions makes the quarterly partitions from the last quarter
-- until the given time, at most 5 years ahead, and says how many were new. A
-- quarter is filled from the default partition first, then attached, so the
-- parent is never locked against readers and writers. The default partition is,
-- for a moment: the wait for it is bounded, as others queue up behind it.
create function meai_ensure_partitions(until timestamptz) returns integer
  language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
  t       record;
  shard   text;
  part    text;
  quarter timestamptz;
  created integer := 0;
begin
  if until > now() + interval '5 years' then
    raise exception 'partitions are made at most 5 years ahead';
  end if;
  perform pg_advisory_xact_lock(hashtext('meai_ensure_partitions'));
  for t in
    select p.table_name, a.attname as key
    from time_partitioned p
    join pg_partitioned_table pt on pt.partrelid = format('%I_h0', p.table_name)::regclass
    join pg_attribute a on a.attrelid = pt.partrelid and a.attnum = pt.partattrs[0]
  loop
    for n in 0..7 loop
      shard := format('%s_h%s', t.table_name, n);
      quarter := date_trunc('quarter', now() - interval '3 months', 'UTC');
      while quarter < until loop
        part := format('%s_%s', shard, to_char(quarter at time zone 'UTC', 'YYYY"q"Q'));
        if to_regclass(format('%I', part)) is null then
          execute format('create table %I (like %I including defaults including constraints including storage)', part, shard);
          execute format('alter table %I enable row level security', part);
          execute format('with moved as (delete from %1$I where %2$I >= %3$L and %2$I < %4$L returning *) insert into %5$I select * from moved',
            shard || '_rest', t.key, meai_uuid_at(quarter), meai_uuid_at(quarter + interval '3 months'), part);
          execute format('alter table %I attach partition %I for values from (%L) to (%L)',
            shard, part, meai_uuid_at(quarter), meai_uuid_at(quarter + interval '3 months'));
          created := created + 1;
        end if;
        quarter := quarter + interval '3 months';
      end loop;
    end loop;
  end loop;
  return created;
end $$;
-- +goose StatementEnd
revoke execute on all functions in schema public from public;
alter default privileges revoke execute on functions from public;
grant execute on function meai_ensure_partitions(timestamptz) to meai_app;

create table sessions (
  subject_id       uuid not null,
  id               uuid not null,
  ended_at         timestamptz,
  created_at       timestamptz not null,
  expires_at       timestamptz not null,
  interactions     integer not null default 0,
  last_interaction uuid,
  emotion_sealed   bytea,
  device_sealed    bytea,
  primary key (subject_id, id)
) partition by hash (subject_id);
select meai_shard('sessions');
select meai_protect('sessions');

create table interactions (
  subject_id     uuid not null,
  id             uuid not null,
  session_id     uuid not null,
  workflow_id    text not null,
  state          text not null check (state in ('received', 'accepted', 'answered')),
  accepted_at    timestamptz not null,
  answered_at    timestamptz,
  words_sealed   bytea,
  context_sealed bytea,
  answer_sealed  bytea,
  primary key (subject_id, id),
  check (state <> 'answered' or (answered_at is not null and words_sealed is not null
    and context_sealed is not null and answer_sealed is not null))
) partition by hash (subject_id);
-- Ciphertext does not compress; PostgreSQL need not try.
alter table interactions
  alter column words_sealed set storage external,
  alter column context_sealed set storage external,
  alter column answer_sealed set storage external;
create index interactions_by_session on interactions (subject_id, session_id, id);
select meai_shard('interactions', by_time => 'id');
select meai_protect('interactions');

create table interaction_steps (
  subject_id     uuid not null,
  interaction_id uuid not null,
  step           text not null,
  state          text not null check (state in ('started', 'completed', 'degraded', 'skipped')),
  started_at     timestamptz not null,
  completed_at   timestamptz,
  reason         text not null default '',
  primary key (subject_id, interaction_id, step)
) partition by hash (subject_id);
select meai_shard('interaction_steps', by_time => 'interaction_id');
select meai_protect('interaction_steps');

-- Kept longer than Temporal retains histories, so that a late repeat of a request
-- still finds its interaction.
create table idempotency_keys (
  subject_id     uuid not null,
  key_hmac       bytea not null check (octet_length(key_hmac) = 32),
  body_hmac      bytea not null check (octet_length(body_hmac) = 32),
  interaction_id uuid not null,
  created_at     timestamptz not null,
  primary key (subject_id, key_hmac)
) partition by hash (subject_id);
select meai_shard('idempotency_keys');
select meai_protect('idempotency_keys');
revoke update on idempotency_keys from meai_app;

create table escalations (
  subject_id        uuid not null,
  interaction_id    uuid not null,
  state             text not null default 'open' check (state in ('open', 'acknowledged', 'closed')),
  created_at        timestamptz not null,
  acknowledged_at   timestamptz,
  closed_at         timestamptz,
  assessment_sealed bytea not null,
  primary key (subject_id, interaction_id)
) partition by hash (subject_id);
select meai_shard('escalations', by_time => 'interaction_id');
select meai_protect('escalations');
