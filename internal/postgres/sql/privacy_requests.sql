-- name: ReceiveRequest :execrows
insert into privacy_requests (id, person_id, alias, kind, law, state, received_at, confirmed_at, due_at, promised_at, ended_at)
values (@id, @person_id, @alias, @kind, @law, @state, @received_at, sqlc.narg('confirmed_at'), @due_at, sqlc.narg('promised_at'), sqlc.narg('ended_at'))
on conflict do nothing;

-- name: PrivacyRequest :one
select * from privacy_requests where id = $1;

-- name: FinishRequest :execrows
update privacy_requests set state = @state, ended_at = @ended_at::timestamptz, reason = coalesce(nullif(@reason::text, ''), reason)
where id = @id and state = 'open';

-- What an erased person had asked for besides is nobody's any more, and can be given to nobody.
-- name: DetachRequests :exec
update privacy_requests set person_id = null,
  state = case when state = 'open' and kind <> 'erasure' then 'cancelled' else state end,
  ended_at = case when state = 'open' and kind <> 'erasure' then now() else ended_at end
where person_id = @person_id::uuid;

-- name: ConfirmRequest :execrows
update privacy_requests set confirmed_at = @confirmed_at::timestamptz where id = @id and confirmed_at is null;

-- name: PromiseRequest :exec
update privacy_requests set promised_at = @promised_at::timestamptz where id = @id and state = 'open' and kind = 'erasure';

-- name: UnpromiseRequest :exec
update privacy_requests set promised_at = null where id = @id and state = 'open';

-- name: ExtendRequest :execrows
update privacy_requests set due_at = @due_at, extended_at = @extended_at::timestamptz, reason = @reason::text
where id = @id and state = 'open' and extended_at is null and due_at > @extended_at;

-- name: RequestsOfPerson :many
select * from privacy_requests
where person_id = @person_id::uuid
  and (@first::boolean or (received_at, id) < (select b.received_at, b.id from privacy_requests b where b.id = @before and b.person_id = @person_id))
order by received_at desc, id desc limit @page;

-- The register, newest first. Overdue and due soon are what the law or MeAi's promise says.
-- name: RequestRegister :many
select * from privacy_requests
where (@first::boolean or (received_at, id) < (select b.received_at, b.id from privacy_requests b where b.id = @before))
  and (@standing::text = '' or state = 'open' and case @standing::text
    when 'overdue' then due_at <= @now::timestamptz or promised_at <= @now
    when 'due_soon' then due_at > @now and coalesce(promised_at > @now, true) and (due_at <= @law_soon::timestamptz or promised_at <= @promise_soon::timestamptz)
    else true end)
order by received_at desc, id desc limit @page;

-- What a time limit may be near of, the nearest first.
-- name: RequestsToWatch :many
select * from privacy_requests
where state = 'open' and (least(due_at, promised_at) <= @soon::timestamptz or confirmed_at is null)
  and (due_at, id) > (@after_due::timestamptz, @after_id::uuid)
order by due_at, id limit @page;

-- name: CountRequests :many
select kind, case
  when due_at <= @now::timestamptz or promised_at <= @now then 'overdue'
  when due_at <= @law_soon::timestamptz or promised_at <= @promise_soon::timestamptz then 'due_soon'
  else 'open' end::text as standing, count(*) as requests
from privacy_requests where state = 'open' group by 1, 2;

-- Erasures of a person that may be waiting for the end of a hold. The register does not say:
-- a restore loses entries that the ledger does not have.
-- name: ErasuresWaiting :many
select id from erasures where alias = @alias and state in ('held', 'requested') order by requested_at;

-- name: NoteWarning :exec
insert into privacy_warnings (request_id, time_limit, ends_at, level, place)
values (@request_id, @time_limit, @ends_at, @level, @place) on conflict do nothing;

-- name: WarningsOf :many
select * from privacy_warnings where request_id = any(@requests::uuid[]);
