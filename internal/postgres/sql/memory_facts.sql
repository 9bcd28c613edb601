-- What a slot holds and held, oldest first.
-- name: FactsOfSlot :many
select id, to_id, strength, label_sealed, valid_from, valid_to, inferred from memory_edges
where subject_id = @subject_id and from_id = @from_id and slot_hmac = @slot_hmac and relation = 'fact' and retracted_at is null
order by valid_from, id;

-- name: InsertFact :exec
with made as (
  insert into memory_edges (subject_id, id, from_id, to_id, relation, strength, label_sealed, slot_hmac, valid_from, valid_to, closed_at, closed_by, reason, inferred)
  values (@subject_id, @id, @from_id, @to_id, 'fact', @strength, @label_sealed, @slot_hmac, @valid_from, sqlc.narg(valid_to),
    case when sqlc.narg(valid_to)::timestamptz is not null then now() end, sqlc.narg(closed_by), sqlc.narg(reason), @inferred)
  on conflict do nothing
  returning subject_id, id
)
insert into memory_evidence (subject_id, edge_id, turn_id)
select m.subject_id, m.id, @turn_id from made m;

-- One more turn says so; the earliest tells since when.
-- name: ConfirmFact :exec
with told as (
  insert into memory_evidence (subject_id, edge_id, turn_id) values (@subject_id, @id, @turn_id)
  on conflict do nothing
  returning edge_id
)
update memory_edges e set strength = @strength, valid_from = least(e.valid_from, @valid_from::timestamptz)
from told t
where e.subject_id = @subject_id and e.id = t.edge_id;

-- Ends a fact, or lets one end earlier that had an end, and names the turns that it rests on.
-- name: CloseFact :many
with closed as (
  update memory_edges e set valid_to = @valid_to::timestamptz, closed_at = now(), reason = @reason::text, closed_by = @closed_by::uuid
  where e.subject_id = @subject_id and e.id = @id and e.retracted_at is null
  returning e.id
)
select v.turn_id from memory_evidence v join closed c on c.id = v.edge_id
where v.subject_id = @subject_id
order by v.turn_id;

-- The facts that held at one time, as they were known at another. Those without an object
-- in the graph do not exist.
-- name: FactsAsOf :many
select sqlc.embed(e), s.text_sealed as subject_sealed, o.text_sealed as object_sealed,
  array(select v.turn_id from memory_evidence v where v.subject_id = @subject_id and v.edge_id = e.id order by v.turn_id)::uuid[] as evidence
from memory_edges e
join memory_nodes s on s.subject_id = @subject_id and s.id = e.from_id
join memory_nodes o on o.subject_id = @subject_id and o.id = e.to_id
where e.subject_id = @subject_id and e.relation = 'fact'
  and e.valid_from <= @at::timestamptz and (e.valid_to is null or e.valid_to > @at::timestamptz or e.closed_at > @known::timestamptz)
  and e.recorded_at <= @known::timestamptz and (e.retracted_at is null or e.retracted_at > @known::timestamptz)
  and (sqlc.narg(entity)::uuid is null or e.from_id = sqlc.narg(entity) or e.to_id = sqlc.narg(entity))
order by e.valid_from desc, e.id
limit @at_most;
