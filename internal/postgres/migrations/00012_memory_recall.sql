-- What recall needs to stay fast, however much a person has told.

-- +goose Up

-- The newest memories about an entity, without reading all of them: for somebody whom a
-- person names every day those are tens of thousands.
create index memory_edges_about on memory_edges (subject_id, to_id, valid_from)
  where relation = 'about' and valid_to is null and retracted_at is null;
