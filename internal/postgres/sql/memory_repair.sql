-- What the vector index ought to hold, in the order of the ids.
-- name: MemoriesToCompare :many
select id, kind, said_at, model, terms, indexed_at from memory_nodes
where subject_id = @subject_id and id > @after and kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null
order by id
limit @at_most;

-- Those of the ids that the vector index ought to hold.
-- name: MemoriesToHold :many
select id from memory_nodes
where subject_id = @subject_id and id = any(@ids::uuid[]) and kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null;
