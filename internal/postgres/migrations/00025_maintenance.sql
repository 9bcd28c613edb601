-- Physical clean-ups: what was deleted is made to leave the files (package
-- activities/privacy/residue). Nothing of a person's; the owner alone writes here.

-- +goose Up

-- A run covers every deletion that had been committed when it began.
create table maintenance_runs (
  id       bigint generated always as identity primary key,
  began_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz check (ended_at >= began_at), -- null unless it did all that it should
  report   jsonb not null default '{}' check (jsonb_typeof(report) = 'object')
);
create index maintenance_runs_complete on maintenance_runs (began_at) where ended_at is not null;
grant select on maintenance_runs to meai_app, meai_reader;

-- What the server had counted of a table when its rewriting began, and since when it
-- counts: a table of which it counts the same today holds nothing that was deleted since.
create table maintenance_tables (
  database      name not null,
  relation      text not null, -- with its schema, quoted
  counted_since timestamptz not null,
  changes       bigint not null,
  vacuums       bigint not null,
  cleaned_at    timestamptz not null default clock_timestamp(),
  primary key (database, relation)
);
