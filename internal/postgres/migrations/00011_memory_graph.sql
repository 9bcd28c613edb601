-- The memory graph in two times, with what it rests on; what is on its way into it;
-- and what a person has had forgotten.

-- +goose Up

-- said_at is when a node begins to hold, valid_to when it ceased to; recorded_at is when
-- MeAi learnt of it, closed_at when it learnt of the end, retracted_at when it learnt that
-- the node was never right. Edges know the same.
alter table memory_nodes
  add column origin       text not null default 'told' check (origin in ('told', 'stored', 'imported', 'inferred')),
  -- What an entity is, as far as the text says.
  add column entity_type  text check (entity_type in ('self', 'person', 'animal', 'place', 'organisation', 'activity', 'thing')),
  -- The time that the text speaks of, when it names one.
  add column about_from   timestamptz,
  add column about_to     timestamptz,
  add column pinned_at    timestamptz,
  add column valid_to     timestamptz,
  add column closed_at    timestamptz,
  add column retracted_at timestamptz,
  add column reason       text check (reason in ('superseded', 'denied', 'corrected')),
  add constraint memory_nodes_about check ((about_from is null) = (about_to is null) and about_to >= about_from),
  add constraint memory_nodes_valid check (valid_to >= said_at),
  add constraint memory_nodes_reason check (reason is null or valid_to is not null or retracted_at is not null);
-- A corrected turn stays beside its correction.
drop index memory_nodes_turn;
create unique index memory_nodes_turn on memory_nodes (subject_id, interaction_id) where kind = 'turn' and retracted_at is null;
create index memory_nodes_about_time on memory_nodes (subject_id, about_from) where about_from is not null;
create index memory_nodes_retracted on memory_nodes (subject_id, retracted_at) where retracted_at is not null;

-- What an interaction left is asked for whenever one is remembered.
create index memory_nodes_interaction on memory_nodes (subject_id, interaction_id) where interaction_id is not null;

-- Terms go with their node, by the node's own list of them: a foreign key would look for
-- each node among all of the person's terms, because the key begins with the term.
alter table memory_terms drop constraint memory_terms_subject_id_node_id_fkey;
-- +goose StatementBegin
create function meai_drop_terms() returns trigger language plpgsql as $$
begin
  delete from memory_terms where subject_id = old.subject_id and term = any(old.terms) and node_id = old.id;
  return null;
end $$;
-- +goose StatementEnd
create trigger memory_nodes_terms after delete on memory_nodes for each row execute function meai_drop_terms();

-- A fact is an edge between two entities that says what holds between them. Its words
-- are sealed; the slot, blinded, is where a newer fact takes an older one's place.
alter table memory_edges
  drop constraint memory_edges_relation_check,
  add constraint memory_edges_relation_check check (relation in
    ('reinforces', 'contradicts', 'instance_of', 'part_of', 'follows', 'about', 'replaces', 'fact')),
  add column inferred     boolean not null default false,
  add column closed_at    timestamptz,
  add column label_sealed bytea,
  add column slot_hmac    bytea check (octet_length(slot_hmac) = 32),
  add column reason       text check (reason in ('superseded', 'denied', 'corrected')),
  -- The edge that took this one's place, or the turn that denied it.
  add column closed_by    uuid,
  add constraint memory_edges_fact check ((relation = 'fact') = (label_sealed is not null and slot_hmac is not null));
drop index memory_edges_current;
create unique index memory_edges_current on memory_edges (subject_id, from_id, relation, to_id)
  where valid_to is null and retracted_at is null and relation <> 'fact';
create unique index memory_edges_fact on memory_edges (subject_id, from_id, slot_hmac, to_id)
  where valid_to is null and retracted_at is null and relation = 'fact';
create index memory_edges_closed on memory_edges (subject_id, closed_by) where closed_by is not null;

-- The turns that a fact rests on. Without any it is gone.
create table memory_evidence (
  subject_id  uuid not null,
  edge_id     uuid not null,
  turn_id     uuid not null,
  recorded_at timestamptz not null default now(),
  primary key (subject_id, edge_id, turn_id),
  foreign key (subject_id, edge_id) references memory_edges (subject_id, id) on delete cascade,
  foreign key (subject_id, turn_id) references memory_nodes (subject_id, id) on delete cascade
) partition by hash (subject_id);
create index memory_evidence_turn on memory_evidence (subject_id, turn_id);
select meai_shard('memory_evidence');
select meai_protect('memory_evidence');

-- Past conversations that a person brings along.
create table memory_imports (
  subject_id  uuid not null,
  id          uuid not null,
  body_hmac   bytea not null check (octet_length(body_hmac) = 32),
  total       int not null check (total > 0),
  accepted_at timestamptz not null,
  primary key (subject_id, id)
) partition by hash (subject_id);
select meai_shard('memory_imports');
select meai_protect('memory_imports');

-- What is on its way into memory: queued, stored in the graph, searchable in the
-- vector index; failed, and to be tried again by hand; or forgotten, and never to come
-- back, whatever is repeated.
create table memory_writes (
  subject_id     uuid not null,
  id             uuid not null,
  session_id     uuid not null,
  origin         text not null check (origin in ('told', 'stored', 'imported')),
  import_id      uuid,
  position       int,
  state          text not null default 'queued' check (state in ('queued', 'stored', 'searchable', 'failed', 'forgotten')),
  failure        text,
  -- Null for an interaction, whose words are in its own row, and once stored.
  content_sealed bytea,
  body_hmac      bytea check (octet_length(body_hmac) = 32),
  -- The turn that it corrects.
  replaces       uuid,
  -- It belongs into the vault, and is in no list of writes.
  vault          boolean not null default false,
  said_at        timestamptz not null,
  accepted_at    timestamptz not null,
  -- When it came into the state it is in.
  changed_at     timestamptz not null,
  primary key (subject_id, id),
  foreign key (subject_id, import_id) references memory_imports (subject_id, id) on delete cascade,
  check ((import_id is null) = (position is null)),
  check ((state = 'failed') = (failure is not null))
) partition by hash (subject_id);
create unique index memory_writes_import on memory_writes (subject_id, import_id, position) where import_id is not null;
create index memory_writes_open on memory_writes (subject_id, state, accepted_at, id) where state in ('queued', 'stored', 'failed');
select meai_shard('memory_writes');
select meai_protect('memory_writes');

-- What a person has had forgotten: ids and counts, no content. Seen beforehand as
-- 'previewed', which expires.
create table memory_forgettings (
  subject_id   uuid not null,
  id           uuid not null,
  state        text not null default 'previewed' check (state in ('previewed', 'confirmed', 'forgotten')),
  nodes        uuid[] not null,
  -- The interactions and writes that the memories came with.
  sources      uuid[] not null,
  counts       jsonb not null,
  previewed_at timestamptz not null,
  expires_at   timestamptz not null,
  confirmed_at timestamptz,
  forgotten_at timestamptz,
  receipt      jsonb,
  primary key (subject_id, id),
  check ((state = 'forgotten') = (receipt is not null))
) partition by hash (subject_id);
select meai_shard('memory_forgettings');
select meai_protect('memory_forgettings');

-- To forget is to delete. Only memory is deleted row by row; row-level security
-- confines it to the person's own.
grant delete on memory_nodes, memory_terms, memory_edges, memory_evidence to meai_app;
