-- Legal holds: what must be kept although the person or its age says that it goes. And what
-- time limits of requests need besides what the law gives.

-- +goose Up

-- A hold names a person by their alias. It was placed, and is released, by an act in the
-- ledger that others than who asked for it have approved; it is over by itself when its time
-- is. What is held is everything of the person, or a list: the ids are here and nowhere else,
-- and go with the hold. A database that knows of the hold from the ledger alone lacks the
-- list, and holds everything until it is listed again.
create table legal_holds (
  id          uuid primary key, -- that of the approval it was placed by
  alias       bytea not null check (octet_length(alias) = 32),
  reason      text not null check (reason ~ '^[a-z][a-z_]{0,39}$'),
  note_sealed bytea,            -- why, in words of who asked for it, under the system's key
  digest      bytea check (octet_length(digest) = 32), -- SHA-256 of the list; null for everything
  listed      boolean not null default false,
  told        boolean not null, -- whether the person may know of it
  placed_at   timestamptz not null,
  expires_at  timestamptz not null,
  released_at timestamptz,
  settled_at  timestamptz,      -- since when what had waited for its end knows of it
  check (not listed or digest is not null)
);
create index legal_holds_by_person on legal_holds (alias, expires_at) where released_at is null;
create index legal_holds_unsettled on legal_holds (expires_at) where settled_at is null;
create index legal_holds_by_time on legal_holds (placed_at, id);
grant select, insert on legal_holds to meai_app;
grant update (note_sealed, listed, released_at, settled_at) on legal_holds to meai_app;
grant select (id, alias, reason, digest, listed, told, placed_at, expires_at, released_at, settled_at) on legal_holds to meai_reader;

-- Memories and messages that are held, by their ids.
create table legal_hold_items (
  hold_id uuid not null references legal_holds (id),
  item_id uuid not null,
  primary key (hold_id, item_id)
);
grant select, insert, delete on legal_hold_items to meai_app;
grant select on legal_hold_items to meai_reader;

-- +goose StatementBegin
-- A hold that was released stays so.
create function meai_hold_changes() returns trigger language plpgsql as $$
begin
  if old.released_at is not null and new.released_at is distinct from old.released_at then
    raise exception 'hold % is released', old.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger hold_changes before update on legal_holds
  for each row execute function meai_hold_changes();

-- What MeAi itself promises is earlier than what the law asks for.
alter table privacy_requests add column promised_at timestamptz;
grant update (promised_at) on privacy_requests to meai_app;
create index privacy_requests_by_alias on privacy_requests (alias) where state = 'open';

-- Where it was told that a time limit is near or over: each place once at each level. Place 0
-- is the log, the others are those of the configuration, in order.
create table privacy_warnings (
  request_id uuid not null references privacy_requests (id),
  time_limit text not null check (time_limit in ('confirm', 'promise', 'law')),
  ends_at    timestamptz not null, -- an extension begins anew
  level      smallint not null check (level between 1 and 3),
  place      smallint not null check (place >= 0),
  told_at    timestamptz not null default now(),
  primary key (request_id, time_limit, ends_at, level, place)
);
grant select, insert on privacy_warnings to meai_app;
grant select on privacy_warnings to meai_reader;
