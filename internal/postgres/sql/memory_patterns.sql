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
