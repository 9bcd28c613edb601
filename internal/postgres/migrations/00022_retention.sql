-- Retention: what goes for its age alone, the functions through which it goes, and the
-- reports of what went and what did not. Encryption is reported on in the same way.

-- +goose Up

-- The rules, in the order in which they are carried out. Only the owner writes here: whatever
-- the application asks for, nothing younger goes, and nothing that no rule names. The ages
-- are those of the data map, which a test holds them to.
create table retention_rules (
  place      smallint primary key,
  rule       text not null unique check (rule ~ '^[a-z][a-z_]{0,39}$'),
  table_name name not null,
  -- Rows of people are found by app.subject, a person at a time.
  persons    boolean not null,
  days       integer not null check (days > 0),
  -- Since when a row is kept, in SQL about a row t; null for a row that does not age.
  counted    text not null,
  which      text not null default 'true',
  -- What must have gone before, which a look ahead takes for granted.
  after      text not null default 'true',
  -- What an index or the bounds of a partition answer: true for everything from before $1.
  bound      text not null default 'true',
  -- The id by which a legal hold may name it.
  item       text,
  -- It goes by forgetting, which keeps the graph whole, and not row by row.
  forgotten  boolean not null default false
);
grant select on retention_rules to meai_app, meai_reader;

insert into retention_rules (place, rule, table_name, persons, days, counted, which, after, bound, item, forgotten) values
  (10, 'memories', 'memory_nodes', true, 2557, 'greatest(t.said_at, t.recorded_at)',
    $$t.kind in ('turn', 'marker', 'vault')$$, default, 't.said_at < $1', 't.id', true),
  (20, 'interaction_steps', 'interaction_steps', true, 90, 't.started_at',
    default, default, 't.interaction_id < meai_uuid_at($1)', 't.interaction_id', false),
  (21, 'escalations', 'escalations', true, 2557, 't.created_at', default, default, 't.interaction_id < meai_uuid_at($1)', 't.interaction_id', false),
  (22, 'interactions', 'interactions', true, 2557, 't.accepted_at', default, default, 't.id < meai_uuid_at($1)', 't.id', false),
  -- What is still remembered, as by a hold, keeps the mark that it was.
  (23, 'memory_writes', 'memory_writes', true, 2557, 't.accepted_at',
    default, 'not exists (select from memory_nodes n where n.subject_id = t.subject_id and n.interaction_id = t.id)', 't.accepted_at < $1', 't.id', false),
  (24, 'memory_imports', 'memory_imports', true, 2557, 't.accepted_at',
    default, 'not exists (select from memory_writes w where w.subject_id = t.subject_id and w.import_id = t.id)', default, default, false),
  (25, 'sessions', 'sessions', true, 2557, 't.expires_at',
    default, 'not exists (select from interactions i where i.subject_id = t.subject_id and i.session_id = t.id)', default, 't.id', false),
  (26, 'memory_forgettings', 'memory_forgettings', true, 2557, 't.forgotten_at', $$t.state = 'forgotten'$$, default, default, default, false),
  -- They hold ids of what somebody looked at, and have long expired.
  (27, 'forgetting_previews', 'memory_forgettings', true, 90, 't.expires_at', $$t.state = 'previewed'$$, default, default, default, false),
  (30, 'idempotency_keys', 'idempotency_keys', true, 90, 't.created_at', default, default, default, default, false),
  (31, 'filter_feedback', 'filter_feedback', true, 90, 't.rated_at', default, default, default, default, false),
  (40, 'vault_openings', 'memory_vault_openings', true, 366, 't.opened_at', default, default, default, default, false),
  (41, 'vault_accesses', 'memory_vault_accesses', true, 366, 't.at', default, default, 't.at < $1', default, false),
  (50, 'escalation_cases', 'escalation_cases', false, 366, 't.closed_at', $$t.state = 'closed'$$, default, default, default, false),
  (51, 'role_grants', 'role_grants', false, 366, 't.expires_at', default, default, default, default, false),
  (52, 'api_keys', 'api_keys', false, 366, 't.expires_at', default, default, default, default, false),
  -- A hold is proven by the approval that it was placed by.
  (60, 'approval_decisions', 'approval_decisions', false, 366, '(select a.decided_at from approvals a where a.id = t.approval_id)',
    'not exists (select from legal_holds h where h.id = t.approval_id)', default, default, default, false),
  (61, 'approvals', 'approvals', false, 366, 't.decided_at',
    default, 'not exists (select from approval_decisions d where d.approval_id = t.id)', default, default, false),
  (62, 'privacy_warnings', 'privacy_warnings', false, 1096, '(select greatest(q.ended_at, t.told_at) from privacy_requests q where q.id = t.request_id)',
    default, default, default, default, false),
  (63, 'privacy_requests', 'privacy_requests', false, 1096, 't.ended_at',
    default, 'not exists (select from privacy_warnings w where w.request_id = t.id)', default, default, false),
  (64, 'legal_holds', 'legal_holds', false, 1096, 'least(t.released_at, t.expires_at)',
    't.settled_at is not null', 'not exists (select from legal_hold_items i where i.hold_id = t.id)', default, default, false),
  (70, 'backups', 'backups', false, 366, 't.expired_at', $$t.state = 'expired'$$, default, default, default, false),
  (71, 'retention_counts', 'retention_counts', false, 90, 't.began_at', default, default, default, default, false),
  (72, 'retention_reports', 'retention_reports', false, 2557, 't.ended_at', default, default, default, default, false),
  (73, 'encryption_reports', 'encryption_reports', false, 2557, 't.ended_at', default, default, default, default, false);

-- What a run has deleted so far, written with each deletion: whatever is killed when, the
-- report counts each row once.
create table retention_counts (
  run      uuid not null,
  rule     text not null check (rule ~ '^[a-z][a-z_]{0,39}$'),
  deleted  bigint not null check (deleted >= 0),
  began_at timestamptz not null default now(),
  primary key (run, rule)
);
grant select, insert, update, delete on retention_counts to meai_app;
grant select on retention_counts to meai_reader;

-- +goose StatementBegin
-- meai_codes_alone is true of JSON whose texts are codes, ids and times: nothing that a
-- person could have said.
create function meai_codes_alone(value jsonb) returns boolean language sql immutable strict as $$
  select not jsonb_path_exists(value, '$.** ? (@.type() == "string" && !(@ like_regex "^[A-Za-z0-9_.:+-]{0,100}$"))')
$$;
-- +goose StatementEnd

-- How runs ended. note is the same as counts and times, signed.
create table retention_reports (
  id       uuid primary key, -- of the run
  dry_run  boolean not null,
  state    text not null check (state in ('completed', 'cancelled', 'failed')),
  began_at timestamptz not null,
  ended_at timestamptz not null,
  counts   jsonb not null check (jsonb_typeof(counts) = 'object' and meai_codes_alone(counts)),
  note     text not null check (length(note) between 1 and 1048576)
);
create index retention_reports_by_time on retention_reports (began_at, id);
create table encryption_reports (
  id       uuid primary key,
  state    text not null check (state in ('sound', 'unsound', 'cancelled', 'failed')),
  began_at timestamptz not null,
  ended_at timestamptz not null,
  counts   jsonb not null check (jsonb_typeof(counts) = 'object' and meai_codes_alone(counts)),
  note     text not null check (length(note) between 1 and 1048576)
);
create index encryption_reports_by_time on encryption_reports (began_at, id);
grant execute on function meai_codes_alone(jsonb) to meai_app;
grant select, insert on retention_reports, encryption_reports to meai_app;
grant select on retention_reports, encryption_reports to meai_reader;

-- What a person's writes are asked for by their time, as lists of them do.
create index memory_writes_by_time on memory_writes (subject_id, accepted_at, id);

-- +goose StatementBegin
-- meai_retention_protected tells of whom nothing goes for its age, and why; of whom whole is
-- false, some things do not. A hold on an alias that no person has yet is nobody's here.
create function meai_retention_protected() returns table (subject_id uuid, whole boolean, reason text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, not h.listed, 'legal_hold'
    from legal_holds h join subjects s on s.alias = h.alias
    where h.released_at is null and h.expires_at > now()
  union all select q.person_id, true, 'open_request'
    from privacy_requests q where q.state = 'open' and q.person_id is not null
  union all select s.id, true, 'processing_restricted'
    from subjects s where s.restricted_at is not null
$$;

-- meai_retention_reason is why nothing of a person goes for its age; null when it does.
create function meai_retention_reason(person uuid) returns text
  language sql stable security definer set search_path = public, pg_temp as $$
  select case
    when exists (select from subjects s join legal_holds h on h.alias = s.alias
      where s.id = person and h.released_at is null and h.expires_at > now() and not h.listed) then 'legal_hold'
    when exists (select from privacy_requests q where q.person_id = person and q.state = 'open') then 'open_request'
    when exists (select from subjects s where s.id = person and s.restricted_at is not null) then 'processing_restricted'
  end
$$;

-- meai_retention_due names the rules by which anything of the person of the transaction is
-- old enough.
create function meai_retention_due(as_of timestamptz) returns setof text
  language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  person uuid := nullif(current_setting('app.subject', true), '')::uuid;
  r      retention_rules;
  due    boolean;
begin
  for r in select * from retention_rules where persons order by place loop
    execute format('select exists (select from %I t where t.subject_id = $2 and %s < $1 and (%s) and (%s) and (%s))', r.table_name, r.counted, r.bound, r.which, r.after)
      into due using least(as_of, now()) - make_interval(days => r.days), person;
    if due then
      return next r.rule;
    end if;
  end loop;
end $$;

-- meai_retain deletes at most so many rows that a rule says are old enough, counts them for
-- the run, and says how many. Without a run it only counts. Rows of people are those of the
-- transaction's person alone; -1: nothing of this person goes for its age. Spare are ids that
-- a hold names.
create function meai_retain(which_rule text, as_of timestamptz, by_run uuid, spare uuid[], page integer) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  r      retention_rules;
  person uuid := nullif(current_setting('app.subject', true), '')::uuid;
  due    text;
  keys   name[];
  n      bigint;
begin
  select * into r from retention_rules x where x.rule = which_rule;
  if not found or r.persons <> (person is not null) then
    raise exception 'no rule of retention is called %, for these rows', which_rule using errcode = 'invalid_parameter_value';
  end if;
  if by_run is not null and r.forgotten then
    raise exception '% go by being forgotten', which_rule using errcode = 'invalid_parameter_value';
  end if;
  if by_run is not null and r.persons and meai_retention_reason(person) is not null then
    return -1;
  end if;
  due := format('%s < $1 and (%s) and (%s)', r.counted, r.bound, r.which);
  if r.persons then
    due := 't.subject_id = $2 and ' || due;
  end if;
  if r.item is not null then
    due := due || format(' and not coalesce(%s = any($3), false)', r.item);
  end if;
  if by_run is null then -- whatever it waits for
    execute format('select count(*) from (select from %I t where %s limit $4) c', r.table_name, due)
      into n using least(as_of, now()) - make_interval(days => r.days), person, spare, page;
    return n;
  end if;
  due := due || format(' and (%s)', r.after);
  select array_agg(a.attname) into keys from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = format('%I', r.table_name)::regclass and i.indisprimary;
  execute format('with due as (select %1$s from %2$I t where %3$s limit $4) delete from %2$I t using due where %4$s and %3$s',
    (select string_agg(format('t.%I as %I', k, 'due_' || k), ', ') from unnest(keys) k), r.table_name, due,
    (select string_agg(format('t.%I = due.%I', k, 'due_' || k), ' and ') from unnest(keys) k))
    using least(as_of, now()) - make_interval(days => r.days), person, spare, page;
  get diagnostics n = row_count;
  if n > 0 then
    insert into retention_counts as c (run, rule, deleted) values (by_run, which_rule, n)
      on conflict (run, rule) do update set deleted = c.deleted + n;
  end if;
  return n;
end $$;

-- meai_retention_partitions lists the partitions by time of which every row is old enough.
-- Those that meai_ensure_partitions would make again are left.
create function meai_retention_partitions(as_of timestamptz) returns table (rule text, part text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select r.rule, c.relname::text
  from retention_rules r
  join time_partitioned p on p.table_name = r.table_name
  cross join generate_series(0, 7) n
  join pg_inherits i on i.inhparent = format('%I', r.table_name || '_h' || n)::regclass
  join pg_class c on c.oid = i.inhrelid
  where r.persons and r.which = 'true' and r.after = 'true'
    and substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([0-9a-f-]{36})''\)')::uuid <=
      meai_uuid_at(least(least(as_of, now()) - make_interval(days => r.days), date_trunc('quarter', now() - interval '3 months', 'UTC')))
  order by r.place, c.relname
$$;

-- meai_drop_partition drops one of them with all of its rows and says how many there were,
-- counted for the run; -1: it holds rows of somebody of whom something is held. Others wait
-- for it while it makes sure of that, 5 seconds at most. Like who writes it locks the table
-- first, so that no mark of a backup is taken meanwhile; and while one is being counted it
-- fails: that reads the database as it was, and a dropped table is gone from there, too.
create function meai_drop_partition(which_rule text, which_part text, as_of timestamptz, by_run uuid) returns bigint
  language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
  parent regclass;
  top    name;
  held   boolean;
  n      bigint;
begin
  if not exists (select from meai_retention_partitions(as_of) p where p.rule = which_rule and p.part = which_part) then
    return 0; -- it is gone, or was never old enough
  end if;
  select i.inhparent::regclass into parent from pg_inherits i where i.inhrelid = format('%I', which_part)::regclass;
  select r.table_name into top from retention_rules r where r.rule = which_rule;
  execute format('select count(*) from %I', which_part) into n;
  execute format('lock table only %I in row exclusive mode', top);
  if not pg_try_advisory_xact_lock(hashtextextended('meai_drop_partition', 0)) then
    raise exception 'a mark of the database is being counted' using errcode = 'lock_not_available';
  end if;
  execute format('lock table only %s in access exclusive mode', parent);
  execute format('select exists (select from %I t join meai_retention_protected() p on p.subject_id = t.subject_id)', which_part) into held;
  if held then
    return -1;
  end if;
  execute format('drop table %I', which_part);
  if n > 0 then
    insert into retention_counts as c (run, rule, deleted) values (by_run, which_rule, n)
      on conflict (run, rule) do update set deleted = c.deleted + n;
  end if;
  return n;
end $$;

-- meai_retention_forecast counts, for everybody, the rows that a rule finds old enough on each
-- day from today (UTC), and those of whom nothing goes, by the reason.
create function meai_retention_forecast(which_rule text, days_ahead integer) returns table (day date, due bigint, reason text)
  language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  r     retention_rules;
  shard text;
begin
  select * into r from retention_rules x where x.rule = which_rule;
  if not found or days_ahead not between 1 and 3660 then
    raise exception 'no rule of retention is called %, or more than 3660 days', which_rule using errcode = 'invalid_parameter_value';
  end if;
  for n in 0..case when r.persons then 7 else 0 end loop
    -- The partitions are guarded from all but the owner.
    shard := case when r.persons then r.table_name || '_h' || n else r.table_name end;
    return query execute format(
      'select d.day, count(*), %5$s from (
         select (greatest(%1$s + make_interval(days => %2$s), now()) at time zone ''UTC'')::date as day, %6$s as subject_id
         from %3$I t where %1$s < $1 and (%4$s) and (%7$s)) d
       left join subjects s on s.id = d.subject_id
       left join (select p.subject_id, min(p.reason) as reason from meai_retention_protected() p where p.whole group by 1) p on p.subject_id = d.subject_id
       group by 1, 3',
      r.counted, r.days, shard, r.bound,
      'coalesce(p.reason, case when s.state <> ''active'' then ''being_erased'' end)', case when r.persons then 't.subject_id' else 'null::uuid' end, r.which)
      using now() + make_interval(days => days_ahead - r.days);
  end loop;
end $$;

-- meai_of_class tells whether a text is what its class says: codes and ids have no spaces, so
-- no sentence fits. A signed note has, and is known by its signature.
create function meai_of_class(value text, class text) returns boolean language sql immutable as $$
  select case when class in ('code', 'id', 'count', 'time', 'flag', 'blinded')
    then length(value) <= 300 and value ~ '^[A-Za-z0-9_.:/+=*@,-]*$' or value ~ E'\n\n— [A-Za-z0-9._-]+ [A-Za-z0-9+/=]+\n$'
    else true end
$$;

-- meai_bytes_of_class does so for bytes: what is sealed begins with a format byte and the
-- version of a key, and is longer than nonce and tag; what is blinded is no readable text.
create function meai_bytes_of_class(value bytea, class text) returns boolean language sql immutable as $$
  select case when class = 'sealed' then octet_length(value) >= 33 and get_byte(value, 0) = 1
    else octet_length(value) < 8 or encode(value, 'hex') !~ '^(09|0a|0d|[2-6][0-9a-f]|7[0-9a-e])*$' end
$$;

-- meai_class_check looks at a column, at about so many values of each of its shards that are
-- spread over the table, and counts those that are not of the class. It shows none of them.
create function meai_class_check(which_table text, which_column text, which_class text, most integer) returns table (seen bigint, bad bigint)
  language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  kind  regtype;
  parts text[];
  part  text;
  held  double precision;
  fits  text;
  n     bigint;
  m     bigint;
begin
  select a.atttypid::regtype, case when c.relkind = 'p' then array(select i.inhrelid::regclass::text from pg_inherits i where i.inhparent = c.oid)
      else array[c.oid::regclass::text] end into kind, parts
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relname = which_table and a.attname = which_column and not c.relispartition;
  if not found then
    raise exception 'there is no column %.%', which_table, which_column using errcode = 'invalid_parameter_value';
  end if;
  fits := case
    when kind = 'bytea'::regtype then 'meai_bytes_of_class(v, $1)'
    when kind = 'jsonb'::regtype then $f$not exists (select from (
        select s #>> '{}' as word from jsonb_path_query(v, '$.** ? (@.type() == "string")') s
        union all select s #>> '{}' from jsonb_path_query(v, '$.** ? (@.type() == "object").keyvalue().key') s) w
      where not meai_of_class(w.word, $1))$f$
    when kind = 'text[]'::regtype then '(select coalesce(bool_and(meai_of_class(w, $1)), true) from unnest(v) w)'
    else 'meai_of_class(v::text, $1)' end;
  seen := 0;
  bad := 0;
  -- The partitions are guarded from all but the owner, who asks them one by one.
  foreach part in array parts loop
    select sum(greatest(c.reltuples, 0)) into held from pg_partition_tree(part::regclass) t join pg_class c on c.oid = t.relid where t.isleaf;
    execute format('select count(*), count(*) filter (where not %s) from (select %I as v from %s tablesample system ($2) where %2$I is not null) s', fits, which_column, part)
      into n, m using which_class, least(100, 100.0 * most / greatest(held, 1));
    seen := seen + n;
    bad := bad + m;
  end loop;
  return next;
end $$;

-- An approval's decisions stay as they were given, until the approval's time is over.
create function meai_decisions_stay() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and exists (select from approvals a join retention_rules r on r.rule = 'approval_decisions'
      where a.id = old.approval_id and a.decided_at < now() - make_interval(days => r.days)) then
    return old;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
drop trigger append_only on approval_decisions;
create trigger append_only before update or delete on approval_decisions for each row execute function meai_decisions_stay();
create trigger never_emptied before truncate on approval_decisions for each statement execute function meai_append_only();

grant execute on function meai_retention_reason(uuid), meai_retention_due(timestamptz), meai_retain(text, timestamptz, uuid, uuid[], integer),
  meai_retention_partitions(timestamptz), meai_drop_partition(text, text, timestamptz, uuid), meai_retention_forecast(text, integer), meai_class_check(text, text, text, integer) to meai_app;
