-- What an erasure can prove: how long a legal hold kept it waiting, and what places that let
-- nothing go keep of the person, unreadable. And no partition is dropped beside a hold.

-- +goose Up

-- What is promised counts from the end of the last hold, where that is later than the end of
-- the cooling-off.
alter table erasures
  add column released_at timestamptz,
  add column kept jsonb not null default '{}'; -- by store: how much it does not let go, and until when
grant update (kept) on erasures to meai_app;
grant select (released_at, kept) on erasures to meai_reader;

-- +goose StatementBegin
-- An erasure goes one way, as before; the end of a hold is noted, and what is kept stays so.
create or replace function meai_erasure_changes() returns trigger language plpgsql as $$
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
    if old.state = 'held' then
      new.released_at := now();
    end if;
  end if;
  if new.cooling_until <> old.cooling_until and old.state not in ('requested', 'held') then
    raise exception 'cooling-off is over' using errcode = 'check_violation';
  end if;
  if new.person_sealed is distinct from old.person_sealed and new.person_sealed is not null then
    raise exception 'who is erased does not change' using errcode = 'check_violation';
  end if;
  if (old.unreadable_at is not null and new.unreadable_at is distinct from old.unreadable_at)
     or (old.settled_at is not null and new.settled_at is distinct from old.settled_at)
     or (old.ended_at is not null and (new.ended_at, new.erased_at, new.scanned_at, new.searched, new.counts, new.kept)
         is distinct from (old.ended_at, old.erased_at, old.scanned_at, old.searched, old.counts, old.kept)) then
    raise exception 'what has happened stays so' using errcode = 'check_violation';
  end if;
  return new;
end $$;

-- meai_drop_partition drops one of them with all of its rows and says how many there were,
-- counted for the run; -1: it holds rows of somebody of whom something is held. Others wait
-- for it while it makes sure of that, 5 seconds at most. Like who writes it locks the table
-- first, so that no mark of a backup is taken meanwhile; and while one is being counted it
-- fails: that reads the database as it was, and a dropped table is gone from there, too.
create or replace function meai_drop_partition(which_rule text, which_part text, as_of timestamptz, by_run uuid) returns bigint
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
  -- A hold that is being placed is waited for, and none is placed until the partition is gone.
  lock table legal_holds in share mode;
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
-- +goose StatementEnd
