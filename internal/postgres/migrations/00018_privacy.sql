-- What people's rights need of everybody's tables: a name for a person that may be kept
-- after their erasure, restriction of processing, and the register of requests.

-- +goose Up

-- alias is the HMAC of the person's id, under the system's key (package internal/alias):
-- ledger, certificates and the register name a person by it, so that nothing that is kept
-- holds the id itself. It is filled in when it is needed first.
alter table subjects
  add column alias         bytea unique check (octet_length(alias) = 32),
  add column restricted_at timestamptz; -- stored, not used, since then
grant update (alias, restricted_at) on subjects to meai_app;

-- Who is erased, from the ledger. A database that was restored finds them here again.
create table erased_people (
  alias     bytea primary key check (octet_length(alias) = 32),
  erasure   uuid not null,
  erased_at timestamptz not null
);
grant select, insert on erased_people to meai_app;
grant select on erased_people to meai_reader;

-- Requests of people for one of their rights, with the time that the law gives. No words.
create table privacy_requests (
  id           uuid primary key,
  person_id    uuid, -- null once the person is erased; the table is nobody's own, so not subject_id
  alias        bytea not null check (octet_length(alias) = 32),
  kind         text not null check (kind in ('access', 'erasure', 'rectification', 'restriction', 'opt_out')),
  law          text not null check (law in ('gdpr', 'ccpa')),
  state        text not null default 'open' check (state in ('open', 'completed', 'cancelled', 'refused')),
  received_at  timestamptz not null,
  confirmed_at timestamptz, -- when the person was told that it has arrived
  due_at       timestamptz not null check (due_at > received_at),
  -- The law allows for one extension, of which the person is told.
  extended_at  timestamptz,
  reason       text check (reason ~ '^[a-z][a-z_]{0,39}$'), -- of an extension or a refusal
  ended_at     timestamptz,
  check ((state = 'open') = (ended_at is null)),
  check (extended_at is null or reason is not null)
);
create index privacy_requests_open on privacy_requests (due_at) where state = 'open';
create index privacy_requests_by_person on privacy_requests (person_id, received_at) where person_id is not null;
create index privacy_requests_by_time on privacy_requests (received_at, id);
grant select, insert on privacy_requests to meai_app;
grant update (person_id, state, confirmed_at, due_at, extended_at, reason, ended_at) on privacy_requests to meai_app;
grant select on privacy_requests to meai_reader;
