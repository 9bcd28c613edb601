package monitoring_test

var backupScenarios = []scenario{
	{
		alert:  "BackupNotProven",
		series: map[string]string{`meai_backup_proven_age_seconds{kind="postgres"}`: phases(26*3600, 26*3600+60), `meai_backup_proven_age_seconds{kind="weaviate"}`: phases(50*3600, 50*3600)},
		labels: map[string]string{"kind": "postgres"}, says: "The newest proven backup of postgres is 1d 2h 1m 0s old",
	},
	{
		alert: "NoBackupProven", step: "60m", series: map[string]string{`meai_backup_proven_age_seconds{kind="postgres"}`: gone(3600), `meai_backup_proven_age_seconds{kind="weaviate"}`: phases(1, 1)},
		labels: map[string]string{"kind": "postgres"}, says: "No backup of PostgreSQL was ever proven, or nothing tells of it",
	},
	{
		alert: "BackupFailed", series: map[string]string{`meai_backup_problems{kind="postgres"}`: phases(0, 2)},
		labels: map[string]string{"kind": "postgres"}, says: "The newest look at a backup of postgres found 2 problems",
	},
	{
		alert: "RestoreTooSlow", series: map[string]string{`meai_backup_restore_duration_seconds{kind="postgres"}`: phases(1800, 1860), `meai_backup_restore_duration_seconds{kind="weaviate"}`: phases(7200, 7200)},
		labels: map[string]string{"kind": "postgres"}, says: "Restoring postgres took 31m 0s in the last proof, longer than it may",
	},
	{alert: "ArchiveBehind", series: map[string]string{`meai_backup_archive_lag_seconds`: phases(300, 301)}, says: "Commits of the last 5m 1s are not in the bucket yet"},
	{
		alert: "RecoveryPointTooOld",
		series: map[string]string{`meai_backup_recovery_point_age_seconds{store="objects"}`: phases(3600, 3660), `meai_backup_recovery_point_age_seconds{store="weaviate"}`: phases(24*3600, 24*3600),
			`meai_backup_recovery_point_age_seconds{store="postgres"}`: phases(4, 4000)},
		labels: map[string]string{"store": "objects"}, says: "Of objects what was stored in the last 1h 1m 0s cannot be restored",
	},
	{alert: "ArchiverGone", series: map[string]string{`meai_backup_archive_lag_seconds`: gone(3)}, says: "meai backup archive does not run; the replication slot holds the log back"},
	{
		alert: "ArchiverAlarm", series: map[string]string{`meai_backup_archive_alarms{alarm="slot_lost"}`: missing(1)},
		labels: map[string]string{"alarm": "slot_lost"}, says: "The archiver says: slot_lost",
	},
}

var regionScenarios = []scenario{
	{alert: "NoPrimary", series: map[string]string{`meai_region_primary`: phases(1, 0)}, says: "No region holds the lease under which it takes writes; nothing is served"},
	{
		alert: "AgentSilent", series: map[string]string{`meai_region_agent{region="b"}`: phases(1, 0), `meai_region_agent{region="a"}`: phases(1, 1)},
		labels: map[string]string{"region": "b"}, says: "The agent beside PostgreSQL in region b does not tell how it is; nothing can be promoted there",
	},
	{alert: "ObserversMissing", series: map[string]string{`meai_region_observers`: phases(3, 2)}, says: "Only 2 observers tell what they see; a lost region is noticed while more than half of all do"},
	{alert: "LeaseClose", series: map[string]string{`meai_region_lease_left_seconds`: phases(2, 1.5)}, says: "The primary renews its lease with 1.5s to go; at zero PostgreSQL is stopped. Look at etcd"},
	{alert: "FailoverStuck", series: map[string]string{`meai_region_failover`: phases(0, 1)}, says: "A failover does not come to its end"},
	{alert: "DivergedKept", series: map[string]string{`meai_region_diverged`: phases(0, 4)}, says: "4 files or clusters hold what was committed in one region alone; they are deleted after 30 days"},
	{alert: "ReplicationLossTooHigh", series: map[string]string{`meai_replication_rpo_seconds`: phases(5, 6)}, says: "Were the region lost now, the last 6s would be lost with it"},
	{alert: "ReplicationDegraded", series: map[string]string{`meai_replication_degraded`: phases(0, 1)}, says: "Commits should wait for the standby and do not, because it is away; a failover loses what it lacks"},
	{alert: "ReplicationNotMeasured", series: map[string]string{`meai_replication_unknown`: gone(0)}, says: "Nobody measures what would be lost; does meai region worker run, and does etcd have a majority?"},
	{alert: "ReplicationUnknown", series: map[string]string{`meai_replication_unknown`: phases(0, 1)}, says: "1 stores have a copy of which nobody knows how far it is behind"},
	{alert: "StandbyBehind", series: map[string]string{`meai_replication_lag_bytes`: phases(134217728, 146800640)}, says: "The standby has not received 140MiB of the log; at 256 MiB the gate refuses a failover"},
	{
		alert: "CopyIncomplete", series: map[string]string{`meai_replication_missing{store="keyring"}`: phases(0, 1), `meai_replication_missing{store="postgres"}`: phases(9, 9)},
		labels: map[string]string{"store": "keyring"}, says: "1 things in keyring are not in the other region",
	},
	{alert: "DrillOverdue", series: map[string]string{`meai_drill_age_seconds`: phases(35*86400, 35*86400+60)}, says: "The last handover for practice was 35d 0h 1m 0s ago"},
	{alert: "NoDrill", step: "60m", series: map[string]string{`meai_drill_age_seconds`: gone(60)}, says: "No handover was ever done for practice"},
	{alert: "DrillMissed", series: map[string]string{`meai_drill_missed`: phases(0, 1)}, says: "The last handover for practice has missed 1 targets: meai drill list --kept"},
}
