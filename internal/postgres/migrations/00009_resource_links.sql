-- Where the resources of the library point to, as the weekly check found it. Nothing
-- of a person's.

-- +goose Up

create table resource_links (
  resource   text primary key,     -- its id in the library
  url        text not null,        -- what was checked; another one in the library counts anew
  state      text not null check (state in ('ok', 'moved', 'gone', 'unreachable')),
  code       text not null,        -- why, such as 404 or timeout
  location   text not null default '' check (length(location) <= 2000), -- where it has moved to
  since      timestamptz not null, -- the first check in a row that found this state
  in_a_row   integer not null check (in_a_row > 0),
  checked_at timestamptz not null
);
grant select, insert, update, delete on resource_links to meai_app;
grant select on resource_links to meai_reader;
