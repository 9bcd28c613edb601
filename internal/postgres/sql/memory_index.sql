-- What the vector index takes of the given memories, and, when asked, with a turn
-- the one it follows, because that has a new neighbour now.
-- name: IndexableMemories :many
select n.* from memory_nodes n
where n.subject_id = @subject_id and n.kind in ('turn', 'marker', 'echo', 'storyline') and n.retracted_at is null
  and n.id in (
    select unnest(@ids::uuid[])
    union
    select e.to_id from memory_edges e
    where @with_followed::boolean and e.subject_id = @subject_id and e.from_id = any(@ids::uuid[]) and e.relation = 'follows'
      and e.valid_to is null and e.retracted_at is null);

-- Memories that the vector index lacks or holds by another model, oldest first; with
-- embedded, those alone that have a vector by the model.
-- name: MemoriesToIndex :many
select id from memory_nodes
where subject_id = @subject_id and kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null
  and (indexed_at is null or model is distinct from @model::text)
  and (not @embedded::boolean or model = @model::text)
order by recorded_at
limit @at_most;

-- name: CountIndexed :one
select count(*) from memory_nodes
where subject_id = @subject_id and kind in ('turn', 'marker', 'echo', 'storyline') and retracted_at is null and indexed_at is not null;

-- The turns right before and after each of the given ones in their sessions.
-- name: TurnsBeside :many
select t.id as turn_id, w.terms::bigint[] as terms
from memory_nodes t
cross join lateral (
  (select b.terms from memory_nodes b
   where b.subject_id = @subject_id and b.session_id = t.session_id and b.kind = 'turn' and b.retracted_at is null
     and (b.said_at, b.id) < (t.said_at, t.id)
   order by b.said_at desc, b.id desc
   limit 1)
  union all
  (select a.terms from memory_nodes a
   where a.subject_id = @subject_id and a.session_id = t.session_id and a.kind = 'turn' and a.retracted_at is null
     and (a.said_at, a.id) > (t.said_at, t.id)
   order by a.said_at, a.id
   limit 1)
) w
where t.subject_id = @subject_id and t.kind = 'turn' and t.id = any(@ids::uuid[]);

-- name: StoreVector :exec
update memory_nodes set vector_sealed = @vector_sealed::bytea, model = @model::text, indexed_at = null
where subject_id = @subject_id and id = @id;

-- name: MarkIndexed :execrows
with marked as (
  update memory_nodes n set indexed_at = @indexed_at::timestamptz
  where n.subject_id = @subject_id and n.id = any(@ids::uuid[])
  returning n.id, n.kind, n.interaction_id
), searchable as (
  update memory_writes w set state = 'searchable', changed_at = @indexed_at::timestamptz
  where w.subject_id = @subject_id and w.state = 'stored'
    and w.id in (select m.interaction_id from marked m where m.kind = 'turn')
)
select m.id from marked m;