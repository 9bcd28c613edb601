-- name: RecordResourceLink :exec
-- One check of a link. The same check again changes nothing.
insert into resource_links as l (resource, url, state, code, location, since, in_a_row, checked_at)
values (@resource, @url, @state, @code, @location, @checked_at, 1, @checked_at)
on conflict (resource) do update set
  url = excluded.url, state = excluded.state, code = excluded.code, location = excluded.location, checked_at = excluded.checked_at,
  since = case when l.url = excluded.url and l.state = excluded.state then l.since else excluded.since end,
  in_a_row = case when l.url = excluded.url and l.state = excluded.state then l.in_a_row + 1 else 1 end
where l.checked_at < excluded.checked_at;

-- name: ResourceLink :one
select * from resource_links where resource = $1;

-- name: ResourceLinks :many
select * from resource_links order by resource;

-- name: KeepResourceLinks :exec
delete from resource_links where resource <> all(@resources::text[]);
