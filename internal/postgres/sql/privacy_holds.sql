-- Whoever places a hold on a person waits for the transactions that have looked for one, and
-- these for it.
-- name: AwaitHolds :exec
select pg_advisory_xact_lock_shared(hashtextextended('meai_hold:' || encode(@alias::bytea, 'hex'), 0));

-- name: LockHolds :exec
select pg_advisory_xact_lock(hashtextextended('meai_hold:' || encode(@alias::bytea, 'hex'), 0));

-- The hold on everything of a person that lasts longest.
-- name: HoldOnPerson :one
select id, reason, placed_at, expires_at, told from legal_holds
where alias = @alias and released_at is null and expires_at > now() and not listed
order by expires_at desc, id limit 1;

-- The hold on anything of a person that lasts longest.
-- name: HoldOnAnything :one
select id, reason, placed_at, expires_at, told from legal_holds
where alias = @alias and released_at is null and expires_at > now()
order by expires_at desc, id limit 1;

-- name: HeldItems :many
select distinct i.item_id from legal_holds h join legal_hold_items i on i.hold_id = h.id
where h.alias = @alias and h.released_at is null and h.expires_at > now() and h.listed
order by 1;

-- name: PlaceHold :exec
insert into legal_holds (id, alias, reason, digest, told, placed_at, expires_at)
values (@id, @alias, @reason, sqlc.narg('digest'), @told, @placed_at, @expires_at) on conflict do nothing;

-- name: ReleaseHold :execrows
update legal_holds set released_at = @released_at::timestamptz where id = @id and released_at is null;

-- name: NoteHold :exec
update legal_holds set note_sealed = @note where id = @id and note_sealed is null;

-- name: ListHeld :exec
insert into legal_hold_items (hold_id, item_id) select @hold_id, unnest(@items::uuid[]) on conflict do nothing;

-- name: HoldListed :exec
update legal_holds set listed = true where id = @id and digest is not null;

-- Holds, newest first: of one person or of all, or one.
-- name: LegalHolds :many
select h.*, s.id as subject,
  (select count(*) from legal_hold_items i where i.hold_id = h.id) as items
from legal_holds h left join subjects s on s.alias = h.alias
where (@first::boolean or (h.placed_at, h.id) < (select b.placed_at, b.id from legal_holds b where b.id = @before))
  and (sqlc.narg('alias')::bytea is null or h.alias = sqlc.narg('alias'))
  and (sqlc.narg('only')::uuid is null or h.id = sqlc.narg('only'))
  and (not @told_only::boolean or h.told)
order by h.placed_at desc, h.id desc limit @page;

-- Holds that are over while what waited for that does not know.
-- name: UnsettledHolds :many
select id, alias, released_at, expires_at from legal_holds
where settled_at is null and (released_at is not null or expires_at <= now()) order by expires_at limit @page;

-- name: SettleHold :execrows
update legal_holds set settled_at = now() where id = @id and settled_at is null;

-- name: DropHeldItems :exec
delete from legal_hold_items where hold_id = @hold_id;

-- How many of the given memories and messages are the person's.
-- name: CountHoldable :one
select count(distinct i.id) from unnest(@items::uuid[]) as i (id)
where exists (select from memory_nodes n where n.subject_id = @subject_id and n.id = i.id)
  or exists (select from interactions m where m.subject_id = @subject_id and m.id = i.id);
