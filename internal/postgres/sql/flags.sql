-- name: FeatureFlags :many
-- The newest change of each flag.
select distinct on (name) * from feature_flags order by name, serial desc;

-- name: SetFeatureFlag :execrows
-- Nothing when the flag is so already; one that was never changed is on.
insert into feature_flags (name, enabled, reason, changed_by)
select @name, @enabled, @reason, @changed_by
where coalesce((select f.enabled from feature_flags f where f.name = @name order by f.serial desc limit 1), true) <> @enabled::boolean;

-- name: FeatureFlagChanges :many
-- The newest changes of one flag, or of all where no name is given.
select * from feature_flags where name = @name or @name = '' order by serial desc limit 1000;
