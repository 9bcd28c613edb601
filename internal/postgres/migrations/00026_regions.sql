-- Failover without loss: the copy that takes over has all that the other one had, so who
-- was at work goes on in the new write epoch.

-- +goose Up

-- The oldest epoch whose work may go on in this one: nothing was lost since.
alter table cluster_state add column continues bigint not null default 1 check (continues > 0),
  add check (continues <= epoch);
-- Epochs that were begun before this were begun by quarantines.
update cluster_state set continues = epoch;

-- +goose StatementBegin
-- meai_epoch_continued raises the epoch of a database that serves, and leaves since when
-- it serves: no work is over. The other copy keeps the lower epoch, in which nobody who
-- has met the higher one works any more.
create function meai_epoch_continued(begun bigint, by text) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update cluster_state set epoch = begun, begun_by = by where state = 'serving' and epoch < begun;
end $$;

create or replace function meai_quarantine_end(restore text) returns boolean
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update cluster_state set state = 'serving', since = clock_timestamp(), continues = epoch
    where state = 'quarantined' and restore_id = restore and begun_by = restore;
  return found;
end $$;
-- +goose StatementEnd
revoke execute on function meai_epoch_continued(bigint, text) from public;
