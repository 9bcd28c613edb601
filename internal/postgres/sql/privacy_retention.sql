-- name: RetentionRules :many
select * from retention_rules order by place;

-- Why nothing of a person goes for its age; "" when it does.
-- name: RetentionReason :one
select coalesce(meai_retention_reason(@subject_id), '')::text as reason;

-- The rules by which anything of the transaction's person is old enough.
-- name: RetentionDue :many
select rule::text as rule from meai_retention_due(@as_of) rule;

-- Deletes a page of what a rule says is old enough; -1: nothing of this person goes.
-- name: Retain :one
select meai_retain(@rule, @as_of, @run::uuid, @spare::uuid[], @page::int)::bigint as deleted;

-- Counts what a rule says is old enough.
-- name: CountDue :one
select meai_retain(@rule, @as_of, null, @spare::uuid[], null)::bigint as due;

-- name: CountRetained :exec
insert into retention_counts as c (run, rule, deleted) values (@run, @rule, @deleted)
on conflict (run, rule) do update set deleted = c.deleted + excluded.deleted;

-- name: RetentionCounts :many
select rule, deleted from retention_counts where run = @run;

-- name: DropRetentionCounts :exec
delete from retention_counts where run = @run;

-- name: DuePartitions :many
select rule::text as rule, part::text as part from meai_retention_partitions(@as_of);

-- name: DropPartition :one
select meai_drop_partition(@rule, @part, @as_of, @run)::bigint as dropped;

-- name: RetentionForecast :many
select day::date as day, due::bigint as due, coalesce(reason, '')::text as reason from meai_retention_forecast(@rule, @days);

-- Holds whose alias names nobody here: a person's is filled in when it is needed first.
-- name: HoldsOfNobody :many
select distinct h.alias from legal_holds h
where h.released_at is null and h.expires_at > now() and not exists (select from subjects s where s.alias = h.alias);

-- name: CountInactive :one
select count(*) from subjects where state <> 'active';

-- name: InsertRetentionReport :execrows
insert into retention_reports (id, dry_run, state, began_at, ended_at, counts, note)
values (@id, @dry_run, @state, @began_at, @ended_at, @counts, @note) on conflict do nothing;

-- name: RetentionReport :one
select * from retention_reports where id = $1;

-- Newest first.
-- name: RetentionReports :many
select r.* from retention_reports r
where @first::boolean or (r.began_at, r.id) < (select b.began_at, b.id from retention_reports b where b.id = @before)
order by r.began_at desc, r.id desc limit @page;

-- name: InsertEncryptionReport :execrows
insert into encryption_reports (id, state, began_at, ended_at, counts, note)
values (@id, @state, @began_at, @ended_at, @counts, @note) on conflict do nothing;

-- name: EncryptionReport :one
select * from encryption_reports where id = $1;

-- name: EncryptionReports :many
select r.* from encryption_reports r
where @first::boolean or (r.began_at, r.id) < (select b.began_at, b.id from encryption_reports b where b.id = @before)
order by r.began_at desc, r.id desc limit @page;

-- name: ClassCheck :one
select seen::bigint as seen, bad::bigint as bad from meai_class_check(@table_name, @column_name, @class, @most);

-- Memories that are old enough, oldest first, after a place in that order.
-- name: ExpiredMemories :many
select id, kind, interaction_id, said_at from memory_nodes
where subject_id = @subject_id and kind in ('turn', 'marker', 'vault') and said_at < @before and recorded_at < @before
  and (said_at, id) > (@after_time::timestamptz, @after_id::uuid)
  and not id = any(@spare::uuid[]) and not coalesce(interaction_id = any(@spare::uuid[]), false)
order by said_at, id
limit @page;

-- Those of the given memories that stay: they are not old enough, or spared.
-- name: StayingMemories :many
select id from memory_nodes
where subject_id = @subject_id and id = any(@nodes::uuid[]) and (
  (kind in ('turn', 'marker', 'vault') and (said_at >= @before or recorded_at >= @before))
  or id = any(@spare::uuid[]) or coalesce(interaction_id = any(@spare::uuid[]), false));

-- What the given patterns rest on.
-- name: EvidenceOfPatterns :many
select distinct (case when e.from_id = n.id then e.to_id else e.from_id end)::uuid as id
from memory_nodes n
join memory_edges e on e.subject_id = @subject_id and (e.from_id = n.id or e.to_id = n.id)
where n.subject_id = @subject_id and n.id = any(@nodes::uuid[]) and n.kind in ('echo', 'storyline');

-- People who have asked to be erased, and whether anything of them is held.
-- name: ErasuresToCome :many
select q.person_id, q.received_at, exists (select from legal_holds h
  where h.alias = q.alias and h.released_at is null and h.expires_at > now()) as held
from privacy_requests q where q.kind = 'erasure' and q.state = 'open' and q.person_id is not null
order by q.received_at limit 10000;

-- name: BackupsThatLast :many
select id, ended_at, held from backups where state <> 'expired' order by ended_at;

