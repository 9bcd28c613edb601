-- What a person has told, for its patterns: a page, in the order of time.
-- name: TurnsForPatterns :many
select id, said_at, text_sealed, emotion_sealed from memory_nodes
where subject_id = @subject_id and kind = 'turn' and retracted_at is null
  and said_at >= @since and (said_at, id) > (@after::timestamptz, @after_id::uuid)
order by said_at, id
limit @at_most;

-- The newest significant moments, with the turn that each is part of.
-- name: MarkersForPatterns :many
select n.id, e.to_id as turn_id, n.said_at, n.importance, n.emotion_sealed, n.vector_sealed
from memory_nodes n
join memory_edges e on e.subject_id = @subject_id and e.from_id = n.id and e.relation = 'part_of' and e.valid_to is null and e.retracted_at is null
join memory_nodes t on t.subject_id = @subject_id and t.id = e.to_id and t.kind = 'turn' and t.retracted_at is null
where n.subject_id = @subject_id and n.kind = 'marker' and n.retracted_at is null and n.emotion_sealed is not null
order by n.said_at desc, n.id
limit @at_most;

-- Whom and what turns and markers are about, but for the person themselves.
-- name: SpokenOf :many
select e.from_id, e.to_id as entity
from memory_edges e
join memory_nodes n on n.subject_id = @subject_id and n.id = e.to_id and n.kind = 'entity'
  and n.retracted_at is null and n.entity_type is distinct from 'self'
where e.subject_id = @subject_id and e.from_id = any(@ids::uuid[]) and e.relation = 'about' and e.valid_to is null and e.retracted_at is null
order by e.from_id, e.to_id;

-- name: NamesForPatterns :many
select id, text_sealed from memory_nodes
where subject_id = @subject_id and kind = 'entity' and retracted_at is null and entity_type is distinct from 'self';

-- All echoes and storylines, those that have ceased to hold included.
-- name: Patterns :many
select id, kind, text_sealed, details_sealed, importance, said_at, about_from, about_to, recorded_at, valid_to, retracted_at
from memory_nodes
where subject_id = @subject_id and kind in ('echo', 'storyline')
order by kind, id;

-- What echoes and storylines rest on and are about, now and before.
-- name: PatternEdges :many
select e.id, e.from_id, e.to_id, e.relation, e.retracted_at, t.said_at, t.retracted_at as source_retracted_at
from memory_edges e
join memory_nodes p on p.subject_id = @subject_id and p.kind in ('echo', 'storyline')
  and p.id = case e.relation when 'about' then e.from_id else e.to_id end
join memory_nodes t on t.subject_id = @subject_id and t.id = e.from_id
where e.subject_id = @subject_id and e.relation in ('instance_of', 'part_of', 'about')
order by t.said_at, e.id;

-- name: InsertPattern :exec
with node as (
  insert into memory_nodes (subject_id, id, kind, origin, name_hmac, name_version, text_sealed, emotion_sealed, details_sealed,
    terms, terms_version, importance, said_at, about_from, about_to)
  values (@subject_id, @id, @kind, 'inferred', @name_hmac::bytea, @name_version::text, @text_sealed, sqlc.narg(emotion_sealed), @details_sealed::bytea,
    @terms::bigint[], @terms_version, @importance, @said_at, @about_from::timestamptz, @about_to::timestamptz)
  on conflict do nothing
  returning subject_id, id, terms
)
insert into memory_terms (subject_id, term, node_id)
select subject_id, unnest(terms), id from node;

-- name: DropTerms :exec
delete from memory_terms t using memory_nodes n
where n.subject_id = @subject_id and n.id = @node_id
  and t.subject_id = @subject_id and t.term = any(n.terms) and t.node_id = n.id;

-- A pattern that goes on: its words, if they changed, are embedded and indexed again.
-- name: UpdatePattern :exec
with node as (
  update memory_nodes n set text_sealed = @text_sealed, emotion_sealed = sqlc.narg(emotion_sealed), details_sealed = @details_sealed::bytea,
    terms = @terms::bigint[], terms_version = @terms_version, importance = @importance, said_at = @said_at,
    about_from = @about_from::timestamptz, about_to = @about_to::timestamptz,
    vector_sealed = case when @reworded::bool then null else n.vector_sealed end,
    model = case when @reworded::bool then null else n.model end,
    indexed_at = null
  where n.subject_id = @subject_id and n.id = @id
  returning n.subject_id, n.id, n.terms
)
insert into memory_terms (subject_id, term, node_id)
select subject_id, unnest(terms), id from node;

-- A pattern that has ceased to hold: it held until it was last seen.
-- name: ClosePattern :exec
update memory_nodes set valid_to = said_at, retracted_at = @retracted_at::timestamptz, reason = 'superseded', indexed_at = null
where subject_id = @subject_id and id = @id;

-- name: DeletePattern :exec
delete from memory_nodes where subject_id = @subject_id and id = @id and kind in ('echo', 'storyline');

-- name: RetractInferredEdges :exec
update memory_edges set retracted_at = @retracted_at::timestamptz, reason = 'superseded'
where subject_id = @subject_id and id = any(@ids::uuid[]);

-- name: InsertInferredEdges :exec
insert into memory_edges (subject_id, id, from_id, to_id, relation, valid_from, inferred)
select @subject_id, e.id, e.from_id, e.to_id, e.relation, e.valid_from, true
from jsonb_to_recordset(@edges::jsonb) as e (id uuid, from_id uuid, to_id uuid, relation text, valid_from timestamptz)
on conflict do nothing;

-- Deletes the echoes and storylines that rest on any of the memories, now or
-- before: on the turn itself, its marker, an entity that the pattern is about, or an
-- echo that goes with it.
-- name: DissolvePatterns :many
with evidence as (
  select g.id from unnest(@ids::uuid[]) as g (id)
  union
  select e.from_id from memory_edges e
  where e.subject_id = @subject_id and e.to_id = any(@ids::uuid[]) and e.relation = 'part_of'
), resting as (
  select e.to_id as id from memory_edges e
  where e.subject_id = @subject_id and e.from_id in (select id from evidence) and e.relation in ('instance_of', 'part_of')
  union
  select e.from_id from memory_edges e
  where e.subject_id = @subject_id and e.to_id in (select id from evidence) and e.relation = 'about'
), patterns as (
  select n.id from memory_nodes n
  where n.subject_id = @subject_id and n.id in (select id from resting) and n.kind in ('echo', 'storyline')
), storylines as (
  select n.id from memory_edges e
  join memory_nodes n on n.subject_id = @subject_id and n.id = e.to_id and n.kind = 'storyline'
  where e.subject_id = @subject_id and e.from_id in (select id from patterns) and e.relation = 'part_of'
)
delete from memory_nodes n
where n.subject_id = @subject_id and n.id in (select id from patterns union select id from storylines)
returning n.id;
