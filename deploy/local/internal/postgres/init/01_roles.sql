-- The roles of a MeAi database cluster. Passwords come as settings of the session that runs this file
-- (meai.owner_password, meai.app_password, meai.reader_password, meai.backup_password, meai.observer_password,
-- meai.temporal_password), so that none is written here. Running it again sets the passwords and attributes anew and changes nothing else.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      -- owns the schema, runs migrations, creates databases for tests
      ('meai_owner',  'login nosuperuser nobypassrls createdb   nocreaterole noreplication', current_setting('meai.owner_password')),
      -- the application: row-level security always applies to it
      ('meai_app',    'login nosuperuser nobypassrls nocreatedb nocreaterole noreplication', current_setting('meai.app_password')),
      -- reports and people with a question
      ('meai_reader', 'login nosuperuser nobypassrls nocreatedb nocreaterole noreplication', current_setting('meai.reader_password')),
      -- takes backups: base backups and the write-ahead log by replication, counts and sums of every row by reading
      ('meai_backup', 'login nosuperuser bypassrls   nocreatedb nocreaterole replication',   current_setting('meai.backup_password')),
      -- asks whether a server is there, for those who watch two regions; it may connect to the database postgres, no more
      ('meai_observer', 'login nosuperuser nobypassrls nocreatedb nocreaterole noreplication connection limit 20', current_setting('meai.observer_password')),
      -- the Temporal server's own persistence
      ('temporal',    'login nosuperuser nobypassrls nocreatedb nocreaterole noreplication', current_setting('meai.temporal_password'))
    ) as roles (name, attributes, password)
  loop
    if not exists (select from pg_roles where rolname = wanted.name) then
      execute format('create role %I', wanted.name);
    end if;
    execute format('alter role %I with %s password %L', wanted.name, wanted.attributes, wanted.password);
  end loop;
end
$$;

-- It cleans up after an erasure: it writes checkpoints, and sees whether an older snapshot still keeps what was deleted.
grant pg_checkpoint, pg_read_all_stats to meai_owner;
grant pg_read_all_stats to temporal;

-- It reads whatever there is and is told the state of the server; it writes nothing.
grant pg_read_all_data, pg_monitor to meai_backup;

alter role meai_reader set default_transaction_read_only = on;
