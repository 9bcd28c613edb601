-- The write epoch, and quarantine: what keeps a database that was restored, or failed
-- over to, from being worked with before the ledger has told it what happened since.

-- +goose Up

-- The one row of what this copy of the database is allowed to do. Whoever begins a
-- transaction reads it, and so holds a lock on the table until its end.
create table cluster_state (
  only_row        boolean primary key default true check (only_row),
  -- Goes up with each restore or failover that was taken into service. A process works
  -- in the epoch that it started in.
  epoch           bigint not null default 1 check (epoch > 0),
  state           text not null default 'serving' check (state in ('serving', 'quarantined')),
  since           timestamptz not null default now(),
  reason          text not null default 'new' check (reason ~ '^[a-z][a-z_]{0,31}$'),
  -- The restore or failover that has put it into quarantine last, and the approval of it.
  restore_id      text check (restore_id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
  approval_id     uuid,
  restored_to_lsn text check (restored_to_lsn ~ '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$'),
  restored_to     timestamptz,
  -- How many entries of the audit log are those of every earlier copy: the rest is lost.
  audit_kept      bigint check (audit_kept >= 0),
  -- The restore or failover that has begun the epoch; null for the first.
  begun_by        text check (begun_by ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
  check (state = 'serving' or restore_id is not null)
);
insert into cluster_state default values;
grant select on cluster_state to meai_app, meai_reader;

-- +goose StatementBegin
create function meai_one_cluster_state() returns trigger language plpgsql as $$
begin
  if tg_op <> 'UPDATE' then
    raise exception 'the state of the cluster is one row' using errcode = 'insufficient_privilege';
  end if;
  if new.epoch < old.epoch then
    raise exception 'the write epoch does not go back' using errcode = 'check_violation';
  end if;
  return new;
end $$;

-- meai_quarantine_begin puts the database into quarantine and says whether it was
-- not there before. The same restore may repeat it: nothing changes, not even once its
-- quarantine was ended. It waits for the transactions that have read the state, so when
-- it has committed, none of them is under way, and every later one sees it.
create function meai_quarantine_begin(why text, restore text, approval uuid, lsn text, to_time timestamptz) returns boolean
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  already boolean;
begin
  lock table cluster_state in access exclusive mode;
  select restore_id is not distinct from restore into strict already from cluster_state;
  if already then
    return false;
  end if;
  update cluster_state set state = 'quarantined', since = clock_timestamp(), reason = why, restore_id = restore,
    approval_id = approval, restored_to_lsn = lsn, restored_to = to_time,
    audit_kept = (select coalesce(max(leaf_index) + 1, 0) from audit_log);
  return true;
end $$;

-- meai_epoch_begun applies an epoch of the ledger. Whoever begins one keeps so many
-- entries of the audit log, and no other copy can have more in common with it. A
-- database that serves when it learns of an epoch was left behind by whoever has begun
-- it: it goes into quarantine.
create function meai_epoch_begun(begun bigint, by text, kept bigint) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update cluster_state set
    epoch = greatest(epoch, begun), begun_by = by,
    audit_kept = case when state = 'serving' then kept else least(audit_kept, kept) end,
    since = case when state = 'serving' then clock_timestamp() else since end,
    reason = case when state = 'serving' then 'left_behind' else reason end,
    restore_id = case when state = 'serving' then 'left-' || begun else restore_id end,
    approval_id = case when state = 'serving' then null else approval_id end,
    restored_to_lsn = case when state = 'serving' then null else restored_to_lsn end,
    restored_to = case when state = 'serving' then null else restored_to end,
    state = 'quarantined';
end $$;

-- meai_quarantine_end lets the database serve in the epoch that its restore has begun.
create function meai_quarantine_end(restore text) returns boolean
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update cluster_state set state = 'serving', since = clock_timestamp()
    where state = 'quarantined' and restore_id = restore and begun_by = restore;
  return found;
end $$;
-- +goose StatementEnd
create trigger one_row before insert or update or delete on cluster_state
  for each row execute function meai_one_cluster_state();
create trigger append_only before truncate on cluster_state
  for each statement execute function meai_append_only();
-- The application learns of epochs from the ledger; quarantine begins and ends by its owner alone.
grant execute on function meai_epoch_begun(bigint, text, bigint) to meai_app;

-- After a restore the audit log goes on from an earlier entry. Each such loss is a note
-- that the log's key has signed; checkpoints of an earlier epoch that cover more entries
-- than it keeps are of a log that is lost.
create table audit_losses (
  epoch      bigint not null check (epoch > 1),
  kept       bigint not null check (kept >= 0),
  note       text not null check (length(note) between 1 and 2048),
  created_at timestamptz not null default now(),
  primary key (epoch, kept)
);
create trigger append_only before update or delete or truncate on audit_losses
  for each statement execute function meai_append_only();
grant select, insert on audit_losses to meai_app;
grant select on audit_losses to meai_reader;

alter table audit_checkpoints add column epoch bigint not null default 1 check (epoch > 0);
alter table audit_checkpoints drop constraint audit_checkpoints_pkey, add primary key (epoch, size);

-- Who was told of an escalation, in which epoch: what was told in an earlier one is not
-- told again. The ledger has it as well.
create table escalation_told (
  case_id uuid not null,
  epoch   bigint not null check (epoch > 0),
  level   smallint not null check (level between 1 and 3),
  round   integer not null check (round >= 0),
  target  integer not null check (target >= 0),
  told_at timestamptz not null,
  primary key (case_id, level, round, target, epoch)
);
create trigger append_only before update or delete or truncate on escalation_told
  for each statement execute function meai_append_only();
grant select, insert on escalation_told to meai_app;
grant select on escalation_told to meai_reader;
