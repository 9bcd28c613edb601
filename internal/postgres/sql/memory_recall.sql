-- The candidates of a recall, and the newest memories that the vector index lacks. Their
-- vectors are most of what there is to read: those of other models are left where they are,
-- and those that the index has compared already.
-- name: CandidateMemories :many
with wanted as (
  select unnest(@ids::uuid[]) as id
  union
  (select f.id from memory_nodes f
   where f.subject_id = @subject_id and f.indexed_at is null and f.kind in ('turn', 'marker', 'echo', 'storyline') and f.retracted_at is null
   order by f.recorded_at desc
   limit @freshest)
)
select n.id, n.kind, n.interaction_id, n.session_id, n.text_sealed, n.emotion_sealed,
  (case when n.model = @model::text and (n.indexed_at is not null and n.id = any(@compared::uuid[])) is not true
    then n.vector_sealed end)::bytea as vector_sealed,
  n.model, n.terms, n.importance, n.said_at, n.recorded_at, n.origin, n.entity_type, n.about_from, n.about_to, n.pinned_at,
  n.valid_to, n.closed_at, n.retracted_at, n.reason
from memory_nodes n
join wanted on wanted.id = n.id
where n.subject_id = @subject_id and n.retracted_at is null;

-- The turns before and after each of some places in sessions, by their numbers; those after
-- it up to another place.
-- name: Conversation :many
with place as (
  select unnest(@sessions::uuid[]) as session_id, unnest(@said_at::timestamptz[]) as said_at, unnest(@ids::uuid[]) as id,
    unnest(@until::timestamptz[]) as until, unnest(@until_ids::uuid[]) as until_id,
    unnest(@before::int[]) as before, unnest(@after::int[]) as after
)
select w.id::uuid as id, p.session_id::uuid as session_id, w.said_at::timestamptz as said_at, w.terms::bigint[] as terms
from place p
cross join lateral (
  (select b.id, b.said_at, b.terms from memory_nodes b
   where b.subject_id = @subject_id and b.session_id = p.session_id and b.kind = 'turn' and b.retracted_at is null
     and (b.said_at, b.id) < (p.said_at, p.id)
   order by b.said_at desc, b.id desc
   limit p.before)
  union all
  (select a.id, a.said_at, a.terms from memory_nodes a
   where a.subject_id = @subject_id and a.session_id = p.session_id and a.kind = 'turn' and a.retracted_at is null
     and (a.said_at, a.id) > (p.said_at, p.id) and (a.said_at, a.id) < (p.until, p.until_id)
   order by a.said_at, a.id
   limit p.after)
) w;

-- How many memories hold each of the terms, and how many there are, both counted
-- up to a bound so that the cost does not grow with what a person has told.
-- name: TermFrequencies :many
select q.term::bigint as term,
  (select count(*) from (
    select 1 from memory_terms t where t.subject_id = @subject_id and t.term = q.term limit @most_held) held)::int as held_by,
  (select count(*) from (
    select 1 from memory_nodes n where n.subject_id = @subject_id limit @most_total) told)::int as total
from unnest(@terms::bigint[]) as q (term);

-- The lexical arm without the vector index: the memories that hold most of the terms, by
-- weights that say how rare each is among this person's memories. Of a term that very
-- many hold only so many are looked at, because it weighs little and looking up all of
-- them would cost more than everything else.
-- name: LexicalMatches :many
with asked as (
  select unnest(@terms::bigint[]) as term, unnest(@weights::float8[]) as weight
), matched as (
  select held.node_id, sum(a.weight) as weight
  from asked a
  cross join lateral (
    select t.node_id from memory_terms t
    where t.subject_id = @subject_id and t.term = a.term
    limit @most_held) held
  group by held.node_id
  order by weight desc
  limit 1000
)
select m.node_id
from matched m
join memory_nodes n on n.subject_id = @subject_id and n.id = m.node_id
where n.kind = any(@kinds::text[]) and n.retracted_at is null
  and (sqlc.narg(said_from)::timestamptz is null or n.said_at >= sqlc.narg(said_from))
  and (sqlc.narg(said_to)::timestamptz is null or n.said_at < sqlc.narg(said_to))
order by m.weight desc, n.said_at desc
limit @at_most;

-- The newest of each kind, so that no kind is read to its end, and of these the newest.
-- name: RecentMemories :many
with wanted as (select unnest(@kinds::text[]) as kind)
select newest.id
from wanted
cross join lateral (
  select n.id, n.said_at from memory_nodes n
  where n.subject_id = @subject_id and n.kind = wanted.kind and n.retracted_at is null
    and (sqlc.narg(said_from)::timestamptz is null or n.said_at >= sqlc.narg(said_from))
    and (sqlc.narg(said_to)::timestamptz is null or n.said_at < sqlc.narg(said_to))
  order by n.said_at desc
  limit @at_most) newest
order by newest.said_at desc
limit @at_most;

-- What speaks of a time, though it was told at another. What began before the earliest is
-- left out, though it might reach into the time.
-- name: MemoriesOfTime :many
select id from memory_nodes
where subject_id = @subject_id and kind = any(@kinds::text[]) and retracted_at is null
  and about_from >= (@earliest)::timestamptz and about_from < (@until)::timestamptz and about_to > (@since)::timestamptz
  and (sqlc.narg(said_from)::timestamptz is null or said_at >= sqlc.narg(said_from))
  and (sqlc.narg(said_to)::timestamptz is null or said_at < sqlc.narg(said_to))
order by about_from desc
limit @at_most;

-- The entities beside some in the graph: those that one is an instance of or that a fact
-- joins to one, in both directions.
-- name: EntitiesBeside :many
with named as (select unnest(@entities::uuid[]) as id)
select distinct beside.id::uuid as id, named.id::uuid as named
from named
cross join lateral (
  (select o.to_id as id from memory_edges o
   where o.subject_id = @subject_id and o.from_id = named.id and o.relation in ('instance_of', 'fact')
     and o.valid_to is null and o.retracted_at is null
   limit @at_most)
  union all
  (select i.from_id from memory_edges i
   where i.subject_id = @subject_id and i.to_id = named.id and i.relation in ('instance_of', 'fact')
     and i.valid_to is null and i.retracted_at is null
   limit @at_most)
) beside;

-- The newest memories about each of the entities, those about most of them first.
-- name: MemoriesAbout :many
with named as (select unnest(@entities::uuid[]) as id)
select n.id, array_agg(newest.entity)::uuid[] as entities
from (
  select e.from_id, named.id as entity
  from named
  cross join lateral (
    select e.from_id from memory_edges e
    where e.subject_id = @subject_id and e.to_id = named.id and e.relation = 'about' and e.valid_to is null and e.retracted_at is null
      and (sqlc.narg(said_from)::timestamptz is null or e.valid_from >= sqlc.narg(said_from))
      and (sqlc.narg(said_to)::timestamptz is null or e.valid_from < sqlc.narg(said_to))
    order by e.valid_from desc
    limit @at_most) e
) newest
join memory_nodes n on n.subject_id = @subject_id and n.id = newest.from_id
where n.kind = any(@kinds::text[]) and n.retracted_at is null
group by n.id, n.said_at
order by count(*) desc, n.said_at desc
limit @at_most;
