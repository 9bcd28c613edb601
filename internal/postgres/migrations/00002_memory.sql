-- The memory graph: nodes, the terms that find them, and the edges between them.
-- It is the source of truth; the vector index is a copy that can be made again
-- from these rows alone, without embedding anything a second time.
--
-- Partitioned by hash of the subject only: a memory has no end of life by age,
-- and a unique entity name spans all time.

-- +goose Up

create table memory_nodes (
  subject_id     uuid not null,
  id             uuid not null,
  kind           text not null check (kind in ('turn', 'marker', 'echo', 'storyline', 'entity', 'vault')),
  -- Where it comes from; a pattern comes from no single interaction.
  interaction_id uuid,
  session_id     uuid,
  -- What makes an entity or an echo the same one, with the version of the rules
  -- that brought the name into its normal form.
  name_hmac      bytea check (octet_length(name_hmac) = 32),
  name_version   text,
  text_sealed    bytea not null,
  -- What Mirror read from the text. It is metadata, never something the person said.
  emotion_sealed bytea,
  -- Little-endian 32-bit floats, and what made them. Both absent until embedded.
  vector_sealed  bytea,
  model          text,
  -- Blinded stems, each once, and the version of the rules that cut them.
  terms          bigint[] not null default '{}',
  terms_version  text not null,
  importance     real not null check (importance between 0 and 1),
  said_at        timestamptz not null,
  recorded_at    timestamptz not null default now(),
  -- When the vector index last received it; null when it has yet to.
  indexed_at     timestamptz,
  primary key (subject_id, id),
  check ((name_hmac is null) = (name_version is null)),
  check ((vector_sealed is null) = (model is null)),
  check (kind <> 'turn' or (interaction_id is not null and session_id is not null))
) partition by hash (subject_id);
-- Ciphertext does not compress: trying costs time on every write.
alter table memory_nodes alter column text_sealed set storage external;
alter table memory_nodes alter column vector_sealed set storage external;

create unique index memory_nodes_name on memory_nodes (subject_id, kind, name_hmac) where name_hmac is not null;
-- An interaction is remembered once, whatever ran twice.
create unique index memory_nodes_turn on memory_nodes (subject_id, interaction_id) where kind = 'turn';
create index memory_nodes_session on memory_nodes (subject_id, session_id, said_at, id) where kind = 'turn';
create index memory_nodes_time on memory_nodes (subject_id, kind, said_at);
create index memory_nodes_unindexed on memory_nodes (subject_id, recorded_at)
  where indexed_at is null and kind in ('turn', 'marker', 'echo', 'storyline');
select meai_shard('memory_nodes');
select meai_protect('memory_nodes');

-- The lexical arm: an inverted index over the nodes' terms. It is a table because
-- an index of the array itself would never be used: under row-level security
-- PostgreSQL takes only leakproof operators into an index condition, and array
-- overlap is not one, while the equality of numbers is.
create table memory_terms (
  subject_id uuid not null,
  term       bigint not null,
  node_id    uuid not null,
  primary key (subject_id, term, node_id),
  foreign key (subject_id, node_id) references memory_nodes (subject_id, id) on delete cascade
) partition by hash (subject_id);
select meai_shard('memory_terms');
select meai_protect('memory_terms');

-- Edges know two times: when something held (valid_*), and when it was known to
-- MeAi (recorded_at, retracted_at). Nothing is overwritten, so what was believed
-- at any moment can be told.
create table memory_edges (
  subject_id   uuid not null,
  id           uuid not null,
  from_id      uuid not null,
  to_id        uuid not null,
  relation     text not null check (relation in ('reinforces', 'contradicts', 'instance_of', 'part_of', 'follows', 'about')),
  strength     real not null default 1 check (strength between 0 and 1),
  valid_from   timestamptz not null,
  valid_to     timestamptz,
  recorded_at  timestamptz not null default now(),
  retracted_at timestamptz,
  primary key (subject_id, id),
  foreign key (subject_id, from_id) references memory_nodes (subject_id, id) on delete cascade,
  foreign key (subject_id, to_id) references memory_nodes (subject_id, id) on delete cascade,
  check (from_id <> to_id),
  check (valid_to >= valid_from)
) partition by hash (subject_id);
create unique index memory_edges_current on memory_edges (subject_id, from_id, relation, to_id)
  where valid_to is null and retracted_at is null;
create index memory_edges_to on memory_edges (subject_id, to_id, relation);
select meai_shard('memory_edges');
select meai_protect('memory_edges');
