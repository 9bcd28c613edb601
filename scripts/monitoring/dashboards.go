package main

// A dashboard is a page of panels, in the order in which they are read.
type dashboard struct {
	id, title, what string
	panels          []panel
}

// A panel shows one or more queries over time, in a unit that Grafana knows.
type panel struct {
	title, what, unit string
	queries           []query
	// limits are lines at the thresholds of the alerts, the lower one first.
	limits []float64
}

// A query is PromQL, and what its lines are called.
type query struct{ expr, legend string }

const (
	seconds  = "s"
	percent  = "percentunit"
	perS     = "reqps"
	counted  = "short"
	bytes    = "bytes"
	yesNo    = "bool"
	currency = "currencyUSD"
)

func one(expr, legend string) []query { return []query{{expr, legend}} }

// quantiles of a histogram in seconds.
func quantiles(metric, labels string) []query {
	q := func(of string) string {
		return "histogram_quantile(" + of + ", sum by (le) (rate(" + metric + "_bucket{" + labels + "}[5m])))"
	}
	return []query{{q("0.5"), "half are faster"}, {q("0.95"), "95 % are faster"}}
}

var dashboards = []dashboard{
	{"overview", "MeAi: overview", "Are people served, how fast, and how much of what the month allows is used up?", []panel{
		{"Available", "1 while MeAi is there for people.", yesNo, one("meai:overall:up", "MeAi"), nil},
		{"Time to an answer", "From acceptance to the moment from which it can be read.", seconds, quantiles("meai_interaction_duration_seconds", ""), []float64{0.8, 2}},
		{"Answers", "By whether they went without a part.", perS, one("sum by (outcome) (rate(meai_interaction_duration_seconds_count[5m]))", "{{outcome}}"), nil},
		{"Messages overdue", "Accepted more than a minute ago, and not done with.", counted, one(`max(meai_workflow_overdue{workflow_type="Interaction"})`, "messages"), []float64{1}},
		{"Requests that fail", "Of the Synthesis API.", percent, one("meai:synthesis_errors:ratio", "failed"), []float64{0.01, 0.05}},
		{"Requests' latency", "Of the Synthesis API, without those that wait on purpose.", seconds, one("meai:synthesis_latency_seconds:p95", "95 % are faster"), []float64{0.2, 0.5}},
		{"Longest queues", "Tasks that no worker has taken.", counted, one("meai:queue_backlog:max", "{{task_queue}}"), []float64{100, 500}},
		{"Engines", "1 while an engine answers.", yesNo, one("meai:store_up:max", "{{store}}"), nil},
		{"What is left of the month's budget", "1: nothing of what the availability targets allow is used; 0: all of it.", percent, one("meai:slo_budget:left", "{{slo}}"), []float64{0}},
		{"Alerts", "Alerts that fire now.", counted, one("count by (severity) (ALERTS{alertstate=\"firing\"})", "{{severity}}"), nil},
	}},
	{"api", "MeAi: API", "Every route: rate, latency, errors.", []panel{
		{"Requests", "By route.", perS, one("sum by (http_route) (rate(http_server_request_duration_seconds_count{http_route!=\"\"}[5m]))", "{{http_route}}"), nil},
		{"Latency", "95 % are faster; by route, without requests that wait on purpose.", seconds, one(`histogram_quantile(0.95, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket{http_route!="", waited=""}[5m])))`, "{{http_route}}"), []float64{0.2, 0.5}},
		{"Answers by status", "Of all routes.", perS, one("sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count[5m]))", "{{http_response_status_code}}"), nil},
		{"Share that fails", "Status 500 and above, of all requests.", percent, one(`meai:slo_errors:ratio5m{slo="api"}`, "failed"), []float64{0.01, 0.05}},
		{"Requests by process", "At 50 a second another instance is due.", perS, one(`sum by (instance) (rate(http_server_request_duration_seconds_count[5m]))`, "{{instance}}"), []float64{50}},
		{"Decisions of the rate limiter", "By limit and outcome.", perS, one("sum by (limit, outcome) (rate(meai_rate_limit_decisions_total[5m]))", "{{limit}} {{outcome}}"), nil},
	}},
	{"queues", "MeAi: queues and workers", "Every task queue: what waits, how long work takes, what fails.", []panel{
		{"Backlog", "Tasks that no worker has taken.", counted, one("meai:queue_backlog:max", "{{task_queue}}"), []float64{100, 500}},
		{"Age of the backlog", "How long the first task has waited.", seconds, one("meai:queue_backlog_age_seconds:max", "{{task_queue}}"), nil},
		{"Processing time", "95 % of the steps are faster; by queue.", seconds, one("meai:activity_latency_seconds:p95", "{{task_queue}}"), []float64{0.3, 1}},
		{"Processing time by step", "95 % are faster.", seconds, one("histogram_quantile(0.95, sum by (le, activity_type) (rate(temporal_activity_execution_latency_seconds_bucket[5m])))", "{{activity_type}}"), nil},
		{"Steps", "By queue.", perS, one("sum by (task_queue) (rate(temporal_activity_execution_latency_seconds_count[5m]))", "{{task_queue}}"), nil},
		{"Share of steps that fail", "Each try counts.", percent, one("meai:activity_errors:ratio", "{{task_queue}}"), []float64{0.01, 0.05}},
		{"Waiting for a worker", "95 % of the steps wait shorter.", seconds, one("histogram_quantile(0.95, sum by (le, task_queue) (rate(temporal_activity_schedule_to_start_latency_seconds_bucket[5m])))", "{{task_queue}}"), nil},
		{"Free slots", "Of all workers of a queue.", counted, one(`sum by (task_queue, worker_type) (temporal_worker_task_slots_available)`, "{{task_queue}} {{worker_type}}"), nil},
		{"Workers that ask for work", "0: nobody serves the queue.", counted, one("meai:queue_pollers:max", "{{task_queue}}"), nil},
		{"Processors in use", "By process.", percent, one("rate(process_cpu_seconds_total[5m]) / on (job, instance) max by (job, instance) (go_processor_limit)", "{{job}} {{instance}}"), []float64{0.7}},
	}},
	{"memory", "MeAi: memory", "PostgreSQL with the memory graph, and the vector index.", []panel{
		{"Query latency", "Of queries to PostgreSQL.", seconds, quantiles("db_client_operation_duration_seconds", `pgx_operation_type=~"query|batch"`), []float64{0.1, 0.25}},
		{"Queries", "By kind.", perS, one("sum by (pgx_operation_type) (rate(db_client_operation_duration_seconds_count[5m]))", "{{pgx_operation_type}}"), nil},
		{"Found in memory", "Blocks that PostgreSQL did not have to read.", percent, one("meai:database_cache_hits:ratio", "hits"), []float64{0.6, 0.8}},
		{"Found in a process's caches", "Keys, and who callers are.", percent, one(`sum by (cache) (rate(meai_cache_lookups_total{outcome="hit"}[5m])) / sum by (cache) (rate(meai_cache_lookups_total[5m]))`, "{{cache}}"), nil},
		{"Connections", "Of all processes, and how many there may be.", counted, []query{{"max(meai_postgres_connections)", "open"}, {"max(meai_postgres_connections_limit)", "allowed"}}, nil},
		{"Connections of pools", "In use and idle, of all processes.", counted, []query{{"sum(pgxpool_acquired_connections)", "in use"}, {"sum(pgxpool_idle_connections)", "idle"}}, nil},
		{"Waiting for a connection", "Seconds a second that callers wait for the pool.", seconds, one("sum(rate(pgxpool_acquire_duration_nanoseconds_total[5m])) / 1e9", "waiting"), nil},
		{"Weaviate's latency", "Of calls that search or write.", seconds, quantiles("http_client_request_duration_seconds", `http_request_method="POST"`), []float64{0.05}},
		{"Steps of memory", "95 % are faster.", seconds, one(`histogram_quantile(0.95, sum by (le, activity_type) (rate(temporal_activity_execution_latency_seconds_bucket{task_queue="memory"}[5m])))`, "{{activity_type}}"), nil},
		{"Size of the database", "On disk.", bytes, one("max(meai_postgres_size_bytes)", "database"), nil},
		{"Probes", "How long engines take to say that they are there.", seconds, one(`histogram_quantile(0.95, sum by (le, store) (rate(meai_store_probe_seconds_bucket[5m])))`, "{{store}}"), nil},
	}},
	{"backups", "MeAi: backups", "What would be lost now, and how long would it take to bring everything back?", []panel{
		{"Lost at most (RPO)", "Age of the newest commit that was found again in the archive.", seconds, one("max(meai_backup_archive_lag_seconds)", "log"), []float64{300}},
		{"Restorable up to", "Age of the newest moment of each store of which everything can be restored.", seconds, one("max by (store) (meai_backup_recovery_point_age_seconds)", "{{store}}"), nil},
		{"Age of the newest proven backup", "By kind.", seconds, one("min by (kind) (meai_backup_proven_age_seconds)", "{{kind}}"), []float64{26 * 3600}},
		{"Back within (RTO)", "How long the restore of the last proof took.", seconds, one("max by (kind) (meai_backup_restore_duration_seconds)", "{{kind}}"), []float64{1800}},
		{"Problems of the newest backup", "By kind.", counted, one("max by (kind) (meai_backup_problems)", "{{kind}}"), []float64{1}},
	}},
	{"regions", "MeAi: two regions", "Which region serves, and how far the other one is behind. Of use only where there are two.", []panel{
		{"Lost with a region (RPO)", "Were the region that serves lost now.", seconds, one("max(meai_replication_rpo_seconds)", "worst"), []float64{5}},
		{"Behind, by store", "", seconds, one("max by (store) (meai_replication_lag_seconds)", "{{store}}"), nil},
		{"Log not received", "", bytes, one("max(meai_replication_lag_bytes)", "log"), []float64{134217728}},
		{"Missing in the other region", "", counted, one("max by (store) (meai_replication_missing)", "{{store}}"), nil},
		{"A region serves", "", yesNo, one("max(meai_region_primary)", "primary"), nil},
		{"Agents", "", yesNo, one("max by (region) (meai_region_agent)", "{{region}}"), nil},
		{"Observers", "", counted, one("max(meai_region_observers)", "observers"), []float64{3}},
		{"Left of the lease", "", seconds, one("min(meai_region_lease_left_seconds)", "lease"), []float64{2}},
		{"Since the last drill", "", seconds, one("min(meai_drill_age_seconds)", "drill"), []float64{35 * 86400}},
	}},
	{"privacy", "MeAi: privacy", "Are people's requests met in time, and is what has to go gone?", []panel{
		{"Requests of people", "Open ones, by how their time stands.", counted, one("sum by (standing) (max by (kind, standing) (meai_privacy_requests))", "{{standing}}"), nil},
		{"Requests by kind", "Open ones.", counted, one("sum by (kind) (max by (kind, standing) (meai_privacy_requests))", "{{kind}}"), nil},
		{"Erasures", "That ended within a day.", counted, one("sum(increase(meai_erasure_duration_seconds_count[1d]))", "erasures"), nil},
		{"Late erasures", "Of processes that run: one is too many.", counted, one("sum(meai_erasure_late_total)", "late"), []float64{1}},
		{"How long erasures took", "Promised are 72 hours.", seconds, one("sum(meai_erasure_duration_seconds_sum) / sum(meai_erasure_duration_seconds_count)", "on average"), []float64{72 * 3600}},
		{"Since retention", "What is old enough is deleted each night.", seconds, one("min(meai_retention_age_seconds)", "since"), []float64{2 * 86400}},
		{"Deleted for their age", "By the last run of retention.", counted, one("max by (rule) (meai_retention_deleted)", "{{rule}}"), nil},
		{"Since encryption was verified", "Each week.", seconds, one("min(meai_encryption_age_seconds)", "since"), []float64{9 * 86400}},
		{"What lies in the open", "Findings of the last look.", counted, one("max(meai_encryption_findings)", "findings"), []float64{1}},
	}},
	{"cost", "MeAi: cost", "What is used of what is paid for.", []panel{
		{"Processors in use", "Of all processes of a job.", counted, one("sum by (job) (rate(process_cpu_seconds_total[5m]))", "{{job}}"), nil},
		{"Memory in use", "Of all processes of a job.", bytes, one("sum by (job) (process_resident_memory_bytes)", "{{job}}"), nil},
		{"Processes", "By job.", counted, one("count by (job) (up)", "{{job}}"), nil},
		{"Processor time of an answer", "All processes' processor time over all answers.", seconds, one("sum(rate(process_cpu_seconds_total[5m])) / sum(rate(meai_interaction_duration_seconds_count[5m]))", "an answer"), nil},
		{"Size of the database", "On disk.", bytes, one("max(meai_postgres_size_bytes)", "database"), nil},
		{"Cost of the language model", "In an hour, at the prices that are configured.", currency, one("sum by (use) (rate(meai_language_model_cost_total[5m])) * 3600", "{{use}}"), nil},
		{"Tokens", "By use and direction.", counted, one("sum by (use, direction) (rate(meai_language_model_tokens_total[5m]))", "{{use}} {{direction}}"), nil},
		{"Calls of the language model", "By outcome.", perS, one("sum by (outcome) (rate(meai_language_model_duration_seconds_count[5m]))", "{{outcome}}"), nil},
	}},
}
