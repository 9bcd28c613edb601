-- name: MemoryNode :one
select * from memory_nodes where subject_id = $1 and id = $2;

-- A page of what was so at one time, as it was known at another, in the order of ids.
-- name: NodesAsOf :many
select * from memory_nodes n
where n.subject_id = @subject_id and n.id > @after::uuid and n.kind <> 'vault'
  and n.said_at <= @at::timestamptz and (n.valid_to is null or n.valid_to > @at::timestamptz or n.closed_at > @known::timestamptz)
  and n.recorded_at <= @known::timestamptz and (n.retracted_at is null or n.retracted_at > @known::timestamptz)
order by n.id
limit @page;

-- The edges that begin at the given nodes, by the same two times.
-- name: EdgesAsOf :many
select sqlc.embed(e),
  array(select v.turn_id from memory_evidence v where v.subject_id = @subject_id and v.edge_id = e.id order by v.turn_id)::uuid[] as evidence
from memory_edges e
join memory_nodes t on t.subject_id = @subject_id and t.id = e.to_id and t.kind <> 'vault'
where e.subject_id = @subject_id and e.from_id = any(@nodes::uuid[])
  and e.valid_from <= @at::timestamptz and (e.valid_to is null or e.valid_to > @at::timestamptz or e.closed_at > @known::timestamptz)
  and e.recorded_at <= @known::timestamptz and (e.retracted_at is null or e.retracted_at > @known::timestamptz)
order by e.id
limit @at_most;

-- name: PinMemory :execrows
update memory_nodes set pinned_at = coalesce(pinned_at, @at)
where subject_id = @subject_id and id = @id and retracted_at is null and kind <> 'vault';

-- name: UnpinMemory :execrows
update memory_nodes set pinned_at = null
where subject_id = @subject_id and id = @id and retracted_at is null and kind <> 'vault';

-- Takes a turn and its moment back, because another is put in its place, and names them.
-- name: RetractTurn :many
update memory_nodes n set retracted_at = @at, reason = 'corrected', indexed_at = null
where n.subject_id = @subject_id and n.retracted_at is null
  and ((n.id = @turn_id and n.kind = 'turn') or (n.kind = 'marker' and exists (
    select 1 from memory_edges e
    where e.subject_id = @subject_id and e.from_id = n.id and e.to_id = @turn_id and e.relation = 'part_of')))
returning n.id;

-- The edges of what is taken back are taken back as well, but for those that tell the story of the correction.
-- name: RetractEdges :exec
update memory_edges e set retracted_at = @at, reason = 'corrected'
where e.subject_id = @subject_id and e.retracted_at is null and e.relation in ('about', 'contradicts', 'part_of', 'instance_of')
  and e.from_id = any(@nodes::uuid[]);

-- Facts that rest on the turn alone were never right.
-- name: RetractFacts :many
update memory_edges e set retracted_at = @at, reason = 'corrected'
where e.subject_id = @subject_id and e.relation = 'fact' and e.retracted_at is null
  and exists (select 1 from memory_evidence v where v.subject_id = @subject_id and v.edge_id = e.id and v.turn_id = @turn_id)
  and not exists (select 1 from memory_evidence v
    join memory_nodes t on t.subject_id = @subject_id and t.id = v.turn_id
    where v.subject_id = @subject_id and v.edge_id = e.id and v.turn_id <> @turn_id and t.retracted_at is null)
returning e.id;

-- name: RetractFact :execrows
update memory_edges set retracted_at = coalesce(retracted_at, @at), reason = case when retracted_at is null then 'corrected' else reason end
where subject_id = @subject_id and id = @id and relation = 'fact';

-- What the given facts or turns had closed.
-- name: FactsClosedBy :many
select e.* from memory_edges e
where e.subject_id = @subject_id and e.closed_by = any(@closers::uuid[]) and e.retracted_at is null
order by e.valid_from, e.id;

-- name: FactsByID :many
select * from memory_edges where subject_id = @subject_id and id = any(@ids::uuid[]) and relation = 'fact';

-- A fact holds again as a version of its own, on the same evidence; what was believed
-- meanwhile stays to be seen in the old one.
-- name: ReopenFact :exec
with old as (
  update memory_edges e set retracted_at = @at, reason = 'corrected'
  where e.subject_id = @subject_id and e.id = @id
  returning e.*
), again as (
  insert into memory_edges (subject_id, id, from_id, to_id, relation, strength, label_sealed, slot_hmac, valid_from, inferred,
    valid_to, closed_at, closed_by, reason)
  select o.subject_id, @again::uuid, o.from_id, o.to_id, o.relation, o.strength, @label_sealed, o.slot_hmac, o.valid_from, o.inferred,
    sqlc.narg(valid_to)::timestamptz, sqlc.narg(closed_at)::timestamptz, sqlc.narg(closed_by)::uuid, sqlc.narg(reason)::text from old o
  on conflict do nothing
  returning subject_id, id
)
insert into memory_evidence (subject_id, edge_id, turn_id)
select a.subject_id, a.id, v.turn_id from again a
join memory_evidence v on v.subject_id = @subject_id and v.edge_id = @id;

-- The turn that was corrected, and its moment.
-- name: TakenBack :many
select n.id from memory_nodes n
where n.subject_id = @subject_id and n.retracted_at is not null
  and (n.id = @turn_id or (n.kind = 'marker' and exists (
    select 1 from memory_edges e
    where e.subject_id = @subject_id and e.from_id = n.id and e.to_id = @turn_id and e.relation = 'part_of')))
order by n.id;
