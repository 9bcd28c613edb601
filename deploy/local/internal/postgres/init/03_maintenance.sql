-- What an erasure needs beyond what a table's owner may do, in each database of a MeAi cluster: run it as the superuser,
-- connected to the database. It may run again.
--
-- Statistics hold values: the most common ones of a column, and the bounds of its histogram. ANALYZE replaces them, but
-- not those of a table that has become empty, and nothing that its owner may do removes those. (PostgreSQL 18 has
-- pg_clear_relation_stats.)

create schema if not exists maintenance;

-- forget_statistics removes the statistics of tables and of their indexes, and says of how many columns. It does so for
-- tables of the role that has logged in alone. What it deletes is in the files of pg_statistic until that is rewritten.
create or replace function maintenance.forget_statistics(tables regclass[]) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  n bigint;
begin
  delete from pg_statistic s using pg_class c
    where c.oid = s.starelid and pg_has_role(session_user, c.relowner, 'usage')
      and (c.oid = any (tables) or c.oid in (select indexrelid from pg_index where indrelid = any (tables)));
  get diagnostics n = row_count;
  return n;
end
$$;

revoke all on schema maintenance from public;
revoke all on function maintenance.forget_statistics(regclass[]) from public;
grant usage on schema maintenance to meai_owner, temporal;
grant execute on function maintenance.forget_statistics(regclass[]) to meai_owner, temporal;

-- The segment of the write-ahead log that is being written holds what was erased until it is left for the next.
grant execute on function pg_catalog.pg_switch_wal() to meai_owner;
