-- Serialises what writes one person's memories, until the transaction ends.
-- name: LockMemories :exec
select pg_advisory_xact_lock(hashtext('meai_memory'), hashtext((@subject_id::uuid)::text));

-- Makes a node with its terms. False: it, or one of the same name, exists.
-- name: InsertMemoryNode :one
with node as (
  insert into memory_nodes (subject_id, id, kind, interaction_id, session_id, name_hmac, name_version,
    text_sealed, emotion_sealed, vector_sealed, model, terms, terms_version, importance, said_at)
  values (@subject_id, @id, @kind, sqlc.narg(interaction_id), sqlc.narg(session_id), sqlc.narg(name_hmac), sqlc.narg(name_version),
    @text_sealed, sqlc.narg(emotion_sealed), sqlc.narg(vector_sealed), sqlc.narg(model), @terms::bigint[], @terms_version, @importance, @said_at)
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
   where b.subject_id = @subject_id and b.session_id = @session_id and b.kind = 'turn' and (b.said_at, b.id) < (@said_at::timestamptz, @id::uuid)
   order by b.said_at desc, b.id desc limit 1)::uuid as previous,
  (select a.id from memory_nodes a
   where a.subject_id = @subject_id and a.session_id = @session_id and a.kind = 'turn' and (a.said_at, a.id) > (@said_at::timestamptz, @id::uuid)
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

-- What the vector index takes of the given memories, and with a turn the one it
-- follows, because that has a new neighbour now.
-- name: IndexableMemories :many
select n.* from memory_nodes n
where n.subject_id = @subject_id and n.kind in ('turn', 'marker', 'echo', 'storyline')
  and n.id in (
    select unnest(@ids::uuid[])
    union
    select e.to_id from memory_edges e
    where e.subject_id = @subject_id and e.from_id = any(@ids::uuid[]) and e.relation = 'follows'
      and e.valid_to is null and e.retracted_at is null);

-- The candidates of a recall, and the newest memories that the vector index lacks.
-- name: CandidateMemories :many
select n.* from memory_nodes n where n.subject_id = @subject_id and n.id = any(@ids::uuid[])
union all
(select f.* from memory_nodes f
 where f.subject_id = @subject_id and f.indexed_at is null and f.kind in ('turn', 'marker', 'echo', 'storyline')
 order by f.recorded_at desc
 limit @freshest);

-- Memories that the vector index lacks or holds by another model, oldest first.
-- name: MemoriesToIndex :many
select id from memory_nodes
where subject_id = @subject_id and kind in ('turn', 'marker', 'echo', 'storyline')
  and (indexed_at is null or model is distinct from @model::text)
order by recorded_at
limit @at_most;

-- name: CountIndexed :one
select count(*) from memory_nodes where subject_id = @subject_id and indexed_at is not null;

-- The vector index has lost this person's memories: all are to be copied again.
-- name: MarkUnindexed :execrows
update memory_nodes set indexed_at = null where subject_id = @subject_id and indexed_at is not null;

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

-- The turns around each of the given ones in their sessions, with their distance
-- in turns: -1 is the turn before, 1 the turn after.
-- name: Conversation :many
select t.id as turn_id, w.distance::int as distance, w.terms::bigint[] as terms
from memory_nodes t
cross join lateral (
  (select -row_number() over (order by b.said_at desc, b.id desc) as distance, b.terms
   from memory_nodes b
   where b.subject_id = @subject_id and b.session_id = t.session_id and b.kind = 'turn' and (b.said_at, b.id) < (t.said_at, t.id)
   order by b.said_at desc, b.id desc
   limit @reach)
  union all
  (select row_number() over (order by a.said_at, a.id), a.terms
   from memory_nodes a
   where a.subject_id = @subject_id and a.session_id = t.session_id and a.kind = 'turn' and (a.said_at, a.id) > (t.said_at, t.id)
   order by a.said_at, a.id
   limit @reach)
) w
where t.subject_id = @subject_id and t.kind = 'turn' and t.id = any(@ids::uuid[]);

-- name: StoreVector :exec
update memory_nodes set vector_sealed = @vector_sealed::bytea, model = @model::text, indexed_at = null
where subject_id = @subject_id and id = @id;

-- name: MarkIndexed :execrows
update memory_nodes set indexed_at = @indexed_at::timestamptz
where subject_id = @subject_id and id = any(@ids::uuid[]);

-- Entities that came up in several interactions on several days.
-- name: RecurringEntities :many
with recurring as (
  select e.to_id as entity, max(n.said_at) as last_said,
    count(distinct n.interaction_id) as times, array_agg(distinct n.id) as turns
  from memory_edges e
  join memory_nodes n on n.subject_id = @subject_id and n.id = e.from_id and n.kind = 'turn'
  where e.subject_id = @subject_id and e.relation = 'about' and e.valid_to is null and e.retracted_at is null
    and n.said_at >= @since
  group by e.to_id
  having count(distinct n.interaction_id) >= @least_times::int
    and count(distinct date_trunc('day', n.said_at, 'UTC')) >= @least_days::int
)
select r.entity, r.last_said::timestamptz as last_said, r.times::int as times, r.turns::uuid[] as turns, n.text_sealed
from recurring r
join memory_nodes n on n.subject_id = @subject_id and n.id = r.entity
order by r.entity;

-- name: EmotionsSince :many
select id, interaction_id::uuid as interaction_id, said_at, emotion_sealed from memory_nodes
where subject_id = @subject_id and kind = 'turn' and said_at >= @since and emotion_sealed is not null
order by said_at;

-- The index has to learn the new time.
-- name: StrengthenEcho :exec
update memory_nodes set importance = @importance, said_at = greatest(said_at, @said_at), indexed_at = null
where subject_id = @subject_id and id = @id;

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
where r.depth > 0
order by r.id, r.depth, r.strength desc;
