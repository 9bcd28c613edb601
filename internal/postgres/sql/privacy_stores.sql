-- name: SampleAccount :many
-- Ids and blinded values of an account, for the search of raw files. Not what an identity
-- is blinded to: whoever was erased and signs in again has the same, as somebody new.
select sample::bytea from (
  select uuid_send(k.id) as sample from api_keys k where k.principal_id = @person::uuid
  union all select k.secret_hmac from api_keys k where k.principal_id = @person::uuid
  union all select uuid_send(g.id) from role_grants g where g.principal_id = @person::uuid) s
limit @page;
