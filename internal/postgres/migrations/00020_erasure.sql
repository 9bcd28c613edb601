-- Erasures of people: how far each is, what proves it, and the only way to delete rows
-- of a person. It works for people who are erased, and for nobody else.

-- +goose Up

-- One row is one erasure. It is nobody's own table: who it is about is an alias, and the
-- id sealed under the system's key for as long as something of them may be left.
create table erasures (
  id             uuid primary key,
  alias          bytea not null check (octet_length(alias) = 32),
  person_sealed  bytea,
  state          text not null default 'requested' check (state in ('requested', 'held', 'freezing', 'inventory', 'ending',
    'destroying', 'deleting', 'cleaning', 'scanning', 'certified', 'cancelled')),
  law            text not null check (law in ('gdpr', 'ccpa')),
  -- Who asked: the person, staff with the approval of two others, or the nightly sweep
  -- that found something of a person who is erased.
  origin         text not null check (origin in ('person', 'staff', 'sweep')),
  approval_id    uuid,
  requested_at   timestamptz not null,
  cooling_until  timestamptz not null check (cooling_until >= requested_at),
  changed_at     timestamptz not null default now(), -- when it came into its state
  unreadable_at  timestamptz, -- a quorum of the keyring had the tombstone
  erased_at      timestamptz, -- no store held anything, and the registry of people neither; later when something came after it
  scanned_at     timestamptz, -- the residual scan found nothing
  searched       boolean not null default false, -- files were searched as well
  ended_at       timestamptz,
  settled_at     timestamptz, -- every stage has its certificate
  counts         jsonb not null default '{}', -- what each store held
  samples_sealed bytea,       -- what the residual scan looks for, under the system's key
  check ((origin = 'staff') = (approval_id is not null)),
  check (erased_at is null or unreadable_at is not null),
  check (scanned_at is null or erased_at is not null),
  check (ended_at is null or (person_sealed is null and samples_sealed is null and state in ('certified', 'cancelled'))),
  check (state <> 'certified' or (scanned_at is not null and ended_at is not null)),
  check (settled_at is null or state = 'certified')
);
create unique index erasures_open on erasures (alias) where state not in ('certified', 'cancelled');
create index erasures_unended on erasures (requested_at) where ended_at is null;
create index erasures_unsettled on erasures (ended_at) where state = 'certified' and settled_at is null;
grant select on erasures to meai_app;
grant insert (id, alias, person_sealed, state, law, origin, approval_id, requested_at, cooling_until) on erasures to meai_app;
grant update (person_sealed, state, cooling_until, unreadable_at, erased_at, scanned_at, searched, ended_at, settled_at, counts, samples_sealed)
  on erasures to meai_app;
grant select (id, alias, state, law, origin, approval_id, requested_at, cooling_until, changed_at, unreadable_at, erased_at,
  scanned_at, searched, ended_at, settled_at, counts) on erasures to meai_reader;

-- +goose StatementBegin
-- An erasure goes one way. Until the keys are destroyed it can be cancelled or held; from
-- 'destroying' on it only goes on. Whom the ledger knows as erased goes there at once:
-- that was in a database that is lost, or something of them was found.
create function meai_erasure_changes() returns trigger language plpgsql as $$
declare
  known boolean := exists (select from erased_people where alias = new.alias);
begin
  if tg_op = 'INSERT' then
    if new.state <> 'requested' and not (new.state = 'destroying' and known) then
      raise exception 'an erasure begins with its request' using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if new.state <> old.state then
    if (old.state, new.state) not in (
       ('requested', 'held'), ('requested', 'freezing'), ('requested', 'cancelled'), ('held', 'requested'), ('held', 'cancelled'),
       ('freezing', 'inventory'), ('freezing', 'held'), ('freezing', 'cancelled'),
       ('inventory', 'ending'), ('inventory', 'held'), ('inventory', 'cancelled'),
       ('ending', 'destroying'), ('ending', 'held'), ('ending', 'cancelled'),
       ('destroying', 'deleting'), ('deleting', 'cleaning'), ('cleaning', 'scanning'),
       ('scanning', 'deleting'), ('scanning', 'cleaning'), ('scanning', 'certified'))
       and not (known and new.state = 'destroying' and old.state in ('requested', 'held', 'freezing', 'inventory')) then
      raise exception 'an erasure cannot go from % to %', old.state, new.state using errcode = 'check_violation';
    end if;
    new.changed_at := now();
  end if;
  if new.cooling_until <> old.cooling_until and old.state not in ('requested', 'held') then
    raise exception 'cooling-off is over' using errcode = 'check_violation';
  end if;
  if new.person_sealed is distinct from old.person_sealed and new.person_sealed is not null then
    raise exception 'who is erased does not change' using errcode = 'check_violation';
  end if;
  if (old.unreadable_at is not null and new.unreadable_at is distinct from old.unreadable_at)
     or (old.settled_at is not null and new.settled_at is distinct from old.settled_at)
     or (old.ended_at is not null and (new.ended_at, new.erased_at, new.scanned_at, new.searched, new.counts)
         is distinct from (old.ended_at, old.erased_at, old.scanned_at, old.searched, old.counts)) then
    raise exception 'what has happened stays so' using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger erasure_changes before insert or update on erasures
  for each row execute function meai_erasure_changes();

-- What an erasure has come to, in stages: a signed note for each.
create table erasure_certificates (
  erasure   uuid not null references erasures (id),
  stage     text not null check (stage in ('live', 'logs', 'backups')),
  note      text not null check (length(note) between 1 and 65536),
  issued_at timestamptz not null,
  primary key (erasure, stage)
);
create trigger append_only before update or delete or truncate on erasure_certificates
  for each statement execute function meai_append_only();
grant select, insert on erasure_certificates to meai_app;
grant select on erasure_certificates to meai_reader;

-- +goose StatementBegin
create function meai_certificate_allowed() returns trigger language plpgsql as $$
begin
  if not exists (select from erasures where id = new.erasure and state = 'certified') then
    raise exception 'no certificate before the residual scan has found nothing' using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger certificate_allowed before insert on erasure_certificates
  for each row execute function meai_certificate_allowed();

-- +goose StatementBegin
-- meai_table_of_people is the table of that name that holds rows of people.
create function meai_table_of_people(store text) returns regclass language plpgsql stable as $$
declare
  place regclass;
begin
  select c.oid into place from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id' and not a.attisdropped
    where c.relname = store and c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition;
  if place is null then
    raise exception 'there is no such table of people' using errcode = 'undefined_table';
  end if;
  return place;
end $$;

-- meai_erase_page deletes at most so many rows of one person who is erased from one table,
-- and says how many. Pages of one person take turns: deleting a memory deletes what hangs
-- on it in other tables.
create function meai_erase_page(store text, person uuid, page integer) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  place   regclass := meai_table_of_people(store);
  before  text := current_setting('app.subject', true);
  deleted bigint;
begin
  if exists (select from subjects where id = person and state <> 'erased') then
    raise exception 'rows are deleted of people who are erased, and of nobody else' using errcode = 'check_violation';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('meai_erase/' || person, 0));
  perform set_config('app.subject', person::text, true);
  execute format('with page as (select tableoid, ctid from %1$s where subject_id = $1 limit $2)'
    ' delete from %1$s t using page where t.subject_id = $1 and t.tableoid = page.tableoid and t.ctid = page.ctid', place)
    using person, page;
  get diagnostics deleted = row_count;
  perform set_config('app.subject', coalesce(before, ''), true);
  return deleted;
end $$;

-- meai_remove_person takes a person who is erased out of the registry, last of all, and
-- says whether they were in it. It fails while any table holds a row of theirs.
create function meai_remove_person(person uuid) returns boolean
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  place  regclass;
  before text := current_setting('app.subject', true);
  rest   boolean;
begin
  if exists (select from subjects where id = person and state <> 'erased') then
    raise exception 'the person is not erased' using errcode = 'check_violation';
  end if;
  perform set_config('app.subject', person::text, true);
  for place in
    select c.oid::regclass from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  loop
    execute format('select exists (select from %s where subject_id = $1)', place) into rest using person;
    if rest then
      raise exception '% holds rows of the person', place using errcode = 'check_violation';
    end if;
  end loop;
  perform set_config('app.subject', coalesce(before, ''), true);
  delete from subjects where id = person;
  return found;
end $$;

-- meai_strangers are people of whom one eighth of a table holds rows although they are
-- erased or not registered. It goes from person to person along the key.
create function meai_strangers(store text, shard integer) returns setof uuid
  language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  leaf regclass;
begin
  for leaf in
    select t.relid from pg_partition_tree(format('%I', meai_table_of_people(store)::text || '_h' || shard)::regclass) t where t.isleaf
  loop
    return query execute format(
      'with recursive people as ('
      '  (select subject_id from %1$s order by subject_id limit 1)'
      '  union all'
      '  select (select n.subject_id from %1$s n where n.subject_id > p.subject_id order by n.subject_id limit 1)'
      '  from people p where p.subject_id is not null)'
      ' select subject_id from people p where subject_id is not null'
      ' and not exists (select from subjects s where s.id = p.subject_id and s.state <> ''erased'')', leaf);
  end loop;
end $$;
-- +goose StatementEnd
revoke execute on function meai_table_of_people(text), meai_erase_page(text, uuid, integer), meai_remove_person(uuid),
  meai_strangers(text, integer), meai_erasure_changes(), meai_certificate_allowed() from public;
grant execute on function meai_erase_page(text, uuid, integer), meai_remove_person(uuid), meai_strangers(text, integer) to meai_app;
