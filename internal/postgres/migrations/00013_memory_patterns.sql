-- What a pattern rests on in numbers, and the way from a memory along its edges.

-- +goose Up

-- What an echo or a storyline found, as JSON: how often, when, how sure, the arc.
alter table memory_nodes
  add column details_sealed bytea,
  add constraint memory_nodes_details check (details_sealed is null or kind in ('echo', 'storyline'));
alter table memory_nodes alter column details_sealed set storage external;

-- The current edges of a memory have an index; those that were closed are looked up
-- when it is forgotten, and by the foreign key that deletes them with it.
create index memory_edges_from on memory_edges (subject_id, from_id, relation);
