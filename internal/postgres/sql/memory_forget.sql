-- What a person may point at: what exists, whatever its state, but for the vault.
-- name: ForgettableByID :many
select id from memory_nodes where subject_id = @subject_id and id = any(@ids::uuid[]) and kind <> 'vault' order by id;

-- name: ForgettableByTime :many
select id from memory_nodes
where subject_id = @subject_id and kind in ('turn', 'marker') and said_at >= @said_from and said_at < @said_to
order by id;

-- What is about an entity, and the entity.
-- name: ForgettableByEntity :many
select e.from_id as id from memory_edges e
join memory_nodes n on n.subject_id = @subject_id and n.id = e.from_id and n.kind in ('turn', 'marker')
where e.subject_id = @subject_id and e.to_id = @entity_id and e.relation = 'about'
union
select n.id from memory_nodes n where n.subject_id = @subject_id and n.id = @entity_id
order by id;

-- What holds all of the terms.
-- name: ForgettableByTerms :many
select t.node_id from memory_terms t
join memory_nodes n on n.subject_id = @subject_id and n.id = t.node_id and n.kind in ('turn', 'marker')
where t.subject_id = @subject_id and t.term = any(@terms::bigint[])
group by t.node_id
having count(distinct t.term) = cardinality(@terms::bigint[])
order by t.node_id;

-- The turns and moments that a pattern rests on, a moment with its turn, and the pattern.
-- What only other patterns that go with it rest on stays.
-- name: ForgettableByPattern :many
with pattern as (
  select p.id from memory_nodes p where p.subject_id = @subject_id and p.id = @pattern and p.kind = @kind
), resting as (
  select n.id, n.kind from pattern p
  join memory_edges e on e.subject_id = @subject_id and e.to_id = p.id and e.relation in ('instance_of', 'part_of') and e.retracted_at is null
  join memory_nodes n on n.subject_id = @subject_id and n.id = e.from_id and n.kind in ('turn', 'marker')
), turns as (
  select e.to_id as id from resting r
  join memory_edges e on e.subject_id = @subject_id and e.from_id = r.id and e.relation = 'part_of' and e.retracted_at is null
  join memory_nodes t on t.subject_id = @subject_id and t.id = e.to_id and t.kind = 'turn'
  where r.kind = 'marker'
)
select id from pattern union select id from resting union select id from turns order by id;

-- All that goes with the given memories: what was made of the same turns, versions that were
-- corrected, and the patterns that rest on them.
-- name: ForgettingClosure :many
with recursive gone as (
  select g.id from unnest(@ids::uuid[]) as g (id)
  union
  select case when e.from_id = g.id then e.to_id else e.from_id end
  from gone g
  join memory_nodes k on k.subject_id = @subject_id and k.id = g.id and k.kind in ('turn', 'marker')
  join memory_edges e on e.subject_id = @subject_id
    and ((e.to_id = g.id and k.kind = 'turn' and e.relation in ('part_of', 'replaces'))
      or (e.from_id = g.id and k.kind = 'turn' and e.relation = 'replaces'))
), patterns as (
  select n.id from gone g
  join memory_edges e on e.subject_id = @subject_id and (e.from_id = g.id or e.to_id = g.id)
  join memory_nodes n on n.subject_id = @subject_id and n.id in (e.from_id, e.to_id) and n.kind in ('echo', 'storyline')
)
select n.id, n.kind, n.interaction_id, n.session_id from memory_nodes n
where n.subject_id = @subject_id and n.id in (select id from gone union select id from patterns)
order by n.said_at, n.id;

-- Facts that rest on nothing else, or are about what goes.
-- name: ForgottenFacts :many
select e.id from memory_edges e
where e.subject_id = @subject_id and e.relation = 'fact'
  and (e.from_id = any(@nodes::uuid[]) or e.to_id = any(@nodes::uuid[]) or (
    exists (select 1 from memory_evidence v where v.subject_id = @subject_id and v.edge_id = e.id and v.turn_id = any(@nodes::uuid[]))
    and not exists (select 1 from memory_evidence v
      join memory_nodes t on t.subject_id = @subject_id and t.id = v.turn_id and t.retracted_at is null
      where v.subject_id = @subject_id and v.edge_id = e.id and v.turn_id <> all (@nodes::uuid[]))))
order by e.id;

-- name: DeleteEdges :execrows
delete from memory_edges where subject_id = @subject_id and id = any(@ids::uuid[]);

-- Terms, edges and evidence go with them.
-- name: DeleteNodes :execrows
delete from memory_nodes where subject_id = @subject_id and id = any(@ids::uuid[]);

-- Entities of whom nothing is told any more.
-- name: DeleteLonelyEntities :many
delete from memory_nodes n
where n.subject_id = @subject_id and n.kind = 'entity'
  and not exists (select 1 from memory_edges e
    where e.subject_id = @subject_id and e.relation in ('about', 'fact') and (e.from_id = n.id or e.to_id = n.id))
returning n.id;

-- The turns of sessions that lost one: their chain is to be closed, and the index holds
-- terms of the lost ones beside them.
-- name: TurnsOfSessions :many
select id, session_id::uuid as session_id, said_at from memory_nodes
where subject_id = @subject_id and session_id = any(@sessions::uuid[]) and kind = 'turn' and retracted_at is null
order by session_id, said_at, id;

-- name: MarkForIndexing :exec
update memory_nodes set indexed_at = null
where subject_id = @subject_id and id = any(@ids::uuid[]) and indexed_at is not null;

-- name: ForgetWrites :execrows
update memory_writes set state = 'forgotten', failure = null, content_sealed = null, changed_at = @at
where subject_id = @subject_id and id = any(@ids::uuid[]) and state <> 'forgotten';

-- The words of interactions give way to sealed nothing.
-- name: ForgetInteraction :execrows
update interactions set words_sealed = @words, context_sealed = @context, answer_sealed = @answer
where subject_id = @subject_id and id = @id and state = 'answered';

-- name: WorkflowsOfInteractions :many
select workflow_id from interactions where subject_id = @subject_id and id = any(@ids::uuid[]) order by id;

-- name: InsertForgetting :exec
insert into memory_forgettings (subject_id, id, nodes, sources, counts, previewed_at, expires_at)
values (@subject_id, @id, @nodes, @sources, @counts, @previewed_at, @expires_at);

-- name: Forgetting :one
select * from memory_forgettings where subject_id = $1 and id = $2;

-- name: ConfirmForgetting :one
update memory_forgettings set state = 'confirmed', confirmed_at = coalesce(confirmed_at, @at)
where subject_id = @subject_id and id = @id and (state = 'confirmed' or (state = 'previewed' and expires_at > @at))
returning *;

-- What turned out to go as well.
-- name: WidenForgetting :exec
update memory_forgettings set nodes = @nodes, sources = @sources where subject_id = @subject_id and id = @id;

-- name: ConcludeForgetting :exec
update memory_forgettings set state = 'forgotten', forgotten_at = @at, receipt = @receipt
where subject_id = @subject_id and id = @id and state = 'confirmed';

-- The given memories but for patterns that were found again since, under the same id.
-- name: StillGone :many
select g.id::uuid as id from unnest(@nodes::uuid[]) as g (id)
where not exists (select 1 from memory_nodes n
  where n.subject_id = @subject_id and n.id = g.id and n.kind in ('echo', 'storyline') and n.recorded_at > @since::timestamptz)
order by 1;

-- What has not been remembered of a time.
-- name: UnrememberedOfTime :many
select id from memory_writes
where subject_id = @subject_id and state in ('queued', 'failed') and not vault and said_at >= @said_from and said_at < @said_to
order by id;

-- The mood of a session whose last message is forgotten.
-- name: ForgetMoods :execrows
update sessions set emotion_sealed = null where subject_id = @subject_id and last_interaction = any(@interactions::uuid[]);

-- What is left in PostgreSQL of what was to go.
-- name: LeftOver :one
select
  (select count(*) from memory_nodes n where n.subject_id = @subject_id and n.id = any(@nodes::uuid[]))::int as nodes,
  (select count(*) from memory_terms t where t.subject_id = @subject_id and t.node_id = any(@nodes::uuid[]))::int as terms,
  (select count(*) from memory_edges e where e.subject_id = @subject_id and (e.from_id = any(@nodes::uuid[]) or e.to_id = any(@nodes::uuid[])))::int as edges,
  (select count(*) from memory_evidence v where v.subject_id = @subject_id and v.turn_id = any(@nodes::uuid[]))::int as evidence,
  (select count(*) from memory_writes w where w.subject_id = @subject_id and w.id = any(@sources::uuid[])
     and (w.state <> 'forgotten' or w.content_sealed is not null))::int as writes;

-- What the ledger says was forgotten: as confirmed, unless it is done. What is not known is added.
-- name: ForgetAsConfirmed :execrows
insert into memory_forgettings as f (subject_id, id, state, nodes, sources, counts, previewed_at, expires_at, confirmed_at)
values (@subject_id, @id, 'confirmed', @nodes, @sources, '{}', @at, @at, @at)
on conflict (subject_id, id) do update set
  state = 'confirmed', confirmed_at = coalesce(f.confirmed_at, excluded.confirmed_at),
  nodes = array(select distinct unnest(f.nodes || excluded.nodes)), sources = array(select distinct unnest(f.sources || excluded.sources))
where f.state <> 'forgotten' and not (f.state = 'confirmed' and f.nodes @> excluded.nodes and f.sources @> excluded.sources);

-- Confirmed forgettings that nobody has carried out, oldest first.
-- name: UnfinishedForgettings :many
select * from memory_forgettings where subject_id = @subject_id and state = 'confirmed' and confirmed_at < @before::timestamptz
order by confirmed_at, id limit @page;
