-- The candidates of a recall, and the newest memories that the vector index lacks.
-- name: CandidateMemories :many
select n.* from memory_nodes n where n.subject_id = @subject_id and n.id = any(@ids::uuid[])
union all
(select f.* from memory_nodes f
 where f.subject_id = @subject_id and f.indexed_at is null and f.kind in ('turn', 'marker', 'echo', 'storyline')
 order by f.recorded_at desc
 limit @freshest);

-- How many memories hold each of the terms, and how many there are, both counted
-- up to a bound so that the cost does not grow with what a person has told.
-- name: TermFrequencies :many
select q.term::bigint as term,
  (select count(*) from (
    select 1 from memory_terms t where t.subject_id = @subject_id and t.term = q.term limit @most_held) held)::int as held_by,
  (select count(*) from (
    select 1 from memory_nodes n where n.subject_id = @subject_id limit @most_total) told)::int as total
from unnest(@terms::bigint[]) as q (term);

-- The lexical arm: the memories that hold most of the terms, each term weighed by
-- how rare it is among this person's memories (Robertson and Spaerck Jones' idf).
-- The filters look at the best thousand, because looking up all that share a
-- common word costs more than everything else.
-- name: LexicalMatches :many
with total as (
  select count(*)::float8 as nodes from memory_nodes where subject_id = @subject_id
), matched as (
  select t.node_id, count(*) over (partition by t.term) as held_by
  from memory_terms t
  where t.subject_id = @subject_id and t.term = any(@terms::bigint[])
), ranked as (
  select m.node_id, sum(ln(1 + (total.nodes - m.held_by + 0.5) / (m.held_by + 0.5))) as weight
  from matched m cross join total
  group by m.node_id
  order by weight desc
  limit 1000
)
select r.node_id
from ranked r
join memory_nodes n on n.subject_id = @subject_id and n.id = r.node_id
where n.kind = any(@kinds::text[])
  and (sqlc.narg(said_from)::timestamptz is null or n.said_at >= sqlc.narg(said_from))
  and (sqlc.narg(said_to)::timestamptz is null or n.said_at < sqlc.narg(said_to))
order by r.weight desc, n.said_at desc
limit @at_most;

-- name: RecentMemories :many
select id from memory_nodes
where subject_id = @subject_id and kind = any(@kinds::text[])
  and (sqlc.narg(said_from)::timestamptz is null or said_at >= sqlc.narg(said_from))
  and (sqlc.narg(said_to)::timestamptz is null or said_at < sqlc.narg(said_to))
order by said_at desc
limit @at_most;

-- Memories that are about any of the entities, newest first.
-- name: MemoriesAbout :many
select n.id
from memory_nodes n
where n.subject_id = @subject_id and n.kind = any(@kinds::text[])
  and (sqlc.narg(said_from)::timestamptz is null or n.said_at >= sqlc.narg(said_from))
  and (sqlc.narg(said_to)::timestamptz is null or n.said_at < sqlc.narg(said_to))
  and exists (
    select 1 from memory_edges e
    where e.subject_id = @subject_id and e.from_id = n.id and e.relation = 'about'
      and e.to_id = any(@entities::uuid[]) and e.valid_to is null and e.retracted_at is null)
order by n.said_at desc
limit @at_most;
