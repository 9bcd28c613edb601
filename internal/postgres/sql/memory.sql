-- Serialises what writes one person's memories, until the transaction ends.
-- name: LockMemories :exec
select pg_advisory_xact_lock(hashtext('meai_memory'), hashtext((@subject_id::uuid)::text));

-- Makes a node with its terms. False: it, or one of the same name, exists.
-- name: InsertMemoryNode :one
with node as (
  insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, name_hmac, name_version,
    text_sealed, emotion_sealed, vector_sealed, model, terms, terms_version, importance, said_at,
    origin, entity_type, about_from, about_to)
  values (@subject_id, @id, @kind, sqlc.narg(interaction_id), sqlc.narg(session_id), sqlc.narg(name_hmac), sqlc.narg(name_version),
    @text_sealed, sqlc.narg(emotion_sealed), sqlc.narg(vector_sealed), sqlc.narg(model), @terms::bigint[], @terms_version, @importance, @said_at,
    @origin, sqlc.narg(entity_type), sqlc.narg(about_from), sqlc.narg(about_to))
  on conflict do nothing
  returning subject_id, id, terms
), found_by as (
  insert into memory_terms (subject_id, term, node_id)
  select subject_id, unnest(terms), id from node
)
select exists (select 1 from node) as inserted;

-- What Mirror read from a turn, once it could.
-- name: ReappraiseMemory :exec
update memory_nodes set emotion_sealed = @emotion_sealed::bytea, importance = @importance
where subject_id = @subject_id and id = @id;

-- Edges that exist already stay as they are. The edges are a JSON array.
-- name: InsertMemoryEdges :execrows
insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from)
select @subject_id, e.id, e.from_id, e.to_id, e.relation, e.valid_from
from jsonb_to_recordset(@edges::jsonb) as e (id uuid, from_id uuid, to_id uuid, relation text, valid_from timestamptz)
on conflict do nothing;

-- The turns of a session before and after a moment.
-- name: TurnsAround :one
select
  (select b.id from memory_nodes b
   where b.subject_id = @subject_id and b.session_id = @session_id and b.kind = 'turn' and b.retracted_at is null and (b.said_at, b.id) < (@said_at::timestamptz, @id::uuid)
   order by b.said_at desc, b.id desc limit 1)::uuid as previous,
  (select a.id from memory_nodes a
   where a.subject_id = @subject_id and a.session_id = @session_id and a.kind = 'turn' and a.retracted_at is null and (a.said_at, a.id) > (@said_at::timestamptz, @id::uuid)
   order by a.said_at, a.id limit 1)::uuid as next;

-- name: RepointFollows :execrows
update memory_edges set to_id = @to_id
where subject_id = @subject_id and from_id = @from_id and relation = 'follows';

-- name: MemoriesOfInteraction :many
select id from memory_nodes where subject_id = $1 and interaction_id = $2 order by id;

-- name: MemoriesByName :many
select id, name_hmac from memory_nodes
where subject_id = @subject_id and kind = @kind and name_hmac = any(@name_hmacs::bytea[]);

-- name: NamedMemories :many
select id, text_sealed from memory_nodes
where subject_id = @subject_id and kind = @kind
order by said_at desc
limit @at_most;

-- name: MemoriesByID :many
select * from memory_nodes where subject_id = @subject_id and id = any(@ids::uuid[]);

-- Everything within some steps of a node, nearest first. At each step only the
-- strongest edges of a node are followed.
-- name: RelatedMemories :many
with recursive reached as (
  select (@node_id)::uuid as id, 0 as depth, array[(@node_id)::uuid] as path, ''::text as relation, 1::real as strength
  union all
  select e.other, r.depth + 1, r.path || e.other, e.relation, e.strength
  from reached r
  cross join lateral (
    select x.other, x.relation, x.strength
    from (
      select o.to_id as other, o.relation, o.strength, o.valid_from from memory_edges o
      where o.subject_id = @subject_id and o.from_id = r.id and o.valid_to is null and o.retracted_at is null
      union all
      select i.from_id, i.relation, i.strength, i.valid_from from memory_edges i
      where i.subject_id = @subject_id and i.to_id = r.id and i.valid_to is null and i.retracted_at is null
    ) x
    where x.other <> all (r.path)
    order by x.strength desc, x.valid_from desc
    limit (@fanout)::int
  ) e
  where r.depth < (@depth)::int
)
select distinct on (r.id) r.id, r.depth, r.relation, r.strength
from reached r
join memory_nodes n on n.subject_id = @subject_id and n.id = r.id and n.retracted_at is null
where r.depth > 0
order by r.id, r.depth, r.strength desc;
