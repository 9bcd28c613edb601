-- What the owner of a database needs for erasing people from its files, and PostgreSQL leaves to a superuser. Run it in
-- every database of the cluster; it may be run again.

-- Drops what the server remembers of values in the columns of one table: ANALYZE leaves the statistics of an empty table
-- as they are. From PostgreSQL 18 on the server has a function of its own for it.
create or replace function public.meai_clear_statistics(relation regclass) returns bigint
  language sql security definer set search_path = pg_catalog, pg_temp as $$
    with cleared as (
      delete from pg_statistic s using pg_class c
      where s.starelid = $1 and c.oid = $1 and pg_has_role(session_user, c.relowner, 'usage') returning 1)
    select count(*) from cleared
$$;

revoke execute on function public.meai_clear_statistics(regclass) from public;

do $$
begin
  execute format('grant execute on function public.meai_clear_statistics(regclass) to %I',
    (select pg_get_userbyid(datdba) from pg_database where datname = current_database()));
  -- The file of the log that has the deleted rows is left for a new one.
  if current_database() = 'meai' then
    grant execute on function pg_switch_wal() to meai_owner;
  end if;
end $$;
