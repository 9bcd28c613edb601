package monitoring_test

import "fmt"

const (
	synthesisRoute = `job="meai-api", instance="a", http_route="/v1/sessions/:session_id/interactions"`
	mirrorSteps    = "temporal_activity_execution_latency_seconds"
	mirrorLabels   = `task_queue="mirror", activity_type="mirror.Analyze"`
)

// failing is a route with a thousand requests a minute, of which some fail. Of those of memory,
// whose routes begin alike, all do.
func failing(calm, broken float64) map[string]string {
	of := func(status string) string {
		return fmt.Sprintf(`http_server_request_duration_seconds_count{%s, http_response_status_code="%s"}`, synthesisRoute, status)
	}
	return map[string]string{
		of("200"): counter(1000-calm, 1000-broken), of("503"): counter(calm, broken),
		`http_server_request_duration_seconds_count{job="meai-api", instance="a", http_route="/v1/memory/query", http_response_status_code="503"}`: counter(9000, 9000),
	}
}

var apiScenarios = []scenario{
	{
		// Memory, whose routes begin alike, is slow all along.
		alert: "SynthesisSlow",
		series: together(latency("http_server_request_duration_seconds", synthesisRoute, 0.15, 0.2, 0.2, 0.25), map[string]string{
			`http_server_request_duration_seconds_bucket{job="meai-api", instance="a", http_route="/v1/memory/query", le="+Inf"}`:        counter(6000, 6000),
			`http_server_request_duration_seconds_bucket{job="meai-api", instance="a", http_route="/v1/memories/:memory_id", le="+Inf"}`: counter(6000, 6000),
		}),
		says: "One in 20 requests to the Synthesis API takes longer than 247.5ms; it may be 200 ms",
	},
	{
		// What waits because it was asked to is not slow.
		alert: "SynthesisVerySlow",
		series: together(latency("http_server_request_duration_seconds", synthesisRoute, 0.3, 0.5, 0.5, 0.8),
			map[string]string{fmt.Sprintf(`http_server_request_duration_seconds_bucket{%s, waited="true", le="+Inf"}`, synthesisRoute): counter(6000, 6000)}),
		says: "One in 20 requests to the Synthesis API takes longer than 785ms; it may be 500 ms",
	},
	{alert: "SynthesisFailing", series: failing(10, 11), says: "1.1% of the requests to the Synthesis API fail"},
	{alert: "SynthesisFailingOften", series: failing(50, 51), says: "5.1% of the requests to the Synthesis API fail"},
	{
		alert:  "ApiGone",
		series: map[string]string{`up{job="meai-api", instance="a"}`: phases(1, 0), `up{job="meai-api", instance="b"}`: steady(0, calmFor+brokenFor+calmAgain)},
		says:   "No process of the API answers; nobody is served",
	},
	{
		alert: "ProcessGone", series: map[string]string{`up{job="meai-worker", instance="w"}`: phases(1, 0)},
		labels: map[string]string{"job": "meai-worker", "instance": "w"},
		says:   "The process w of meai-worker does not answer",
	},
	{
		alert: "LimiterUnsure",
		series: map[string]string{`meai_rate_limit_decisions_total{limit="reading", outcome="failed_open"}`: counter(0, 1),
			`meai_rate_limit_decisions_total{limit="reading", outcome="refused"}`: counter(5, 5)},
		labels: map[string]string{"outcome": "failed_open"},
		says:   "The rate limiter cannot be asked; its decisions are failed_open",
	},
	{alert: "Watchdog", always: true, says: "Alerts are evaluated and delivered"},
	{
		alert: "AnswersSlow", series: latency("meai_interaction_duration_seconds", `outcome="whole"`, 0.5, 0.8, 0.8, 1),
		says: "One in 20 people waits longer than 990ms for an answer; it may be 800 ms",
	},
	{
		alert: "AnswersVerySlow", series: latency("meai_interaction_duration_seconds", `outcome="whole"`, 1.5, 2, 2, 3),
		says: "One in 20 people waits longer than 2.95s for an answer; it may be 2 s",
	},
	{
		alert: "AnswersOverdue", series: map[string]string{`meai_workflow_overdue{workflow_type="Interaction", instance="a"}`: phases(0, 1)},
		says: "1 messages that were accepted more than a minute ago are not answered",
	},
	{
		alert: "AnswersDegraded",
		series: map[string]string{`meai_interaction_duration_seconds_count{outcome="whole"}`: counter(90, 89),
			`meai_interaction_duration_seconds_count{outcome="degraded"}`: counter(10, 11)},
		says: "11% of the answers go without a part",
	},
	{
		alert:  "LanguageModelFailing",
		series: map[string]string{`meai_language_model_duration_seconds_count{use="answers", outcome="ok"}`: counter(80, 79), `meai_language_model_duration_seconds_count{use="answers", outcome="timeout"}`: counter(20, 21)},
		says:   "21% of the calls of the language model fail; people get built-in answers",
	},
}

var workerScenarios = []scenario{
	{alert: "MirrorSlow", series: latency(mirrorSteps, mirrorLabels, 0.25, 0.3, 0.3, 0.5), labels: queue("mirror"), says: "One in 20 analyses of Mirror takes longer than 490ms; it may be 300 ms"},
	{alert: "MirrorVerySlow", series: latency(mirrorSteps, mirrorLabels, 0.8, 1, 1, 2), labels: queue("mirror"), says: "One in 20 analyses of Mirror takes longer than 1.95s; it may be 1 s"},
	{alert: "MirrorFailing", series: steps(10, 11), labels: queue("mirror"), says: "1.1% of the steps on queue mirror fail"},
	{alert: "MirrorFailingOften", series: steps(50, 51), labels: queue("mirror"), says: "5.1% of the steps on queue mirror fail"},
	{alert: "QueueLong", series: backlog("mirror", 100, 101), labels: queue("mirror"), says: "101 tasks wait on queue mirror; it may be 100"},
	{alert: "QueueVeryLong", series: backlog("synthesis", 500, 501), labels: queue("synthesis"), says: "501 tasks wait on queue synthesis; it may be 500"},
	{
		alert: "OperationsWait", series: map[string]string{`meai_queue_backlog_age_seconds{task_queue="operations", kind="activity"}`: phases(60, 61)},
		labels: queue("operations"), says: "A task on queue operations, which calls people for help, has waited for 1m 1s",
	},
	{
		alert: "BatchWaits", series: map[string]string{`meai_queue_backlog_age_seconds{task_queue="privacy", kind="activity"}`: phases(3600, 3661)},
		labels: queue("privacy"), says: "A task on queue privacy has waited for 1h 1m 1s",
	},
	{
		alert: "QueueWithoutWorkers",
		series: map[string]string{`meai_queue_pollers{task_queue="mirror", kind="activity", instance="a"}`: phases(1, 0), `meai_queue_pollers{task_queue="mirror", kind="workflow", instance="a"}`: phases(0, 0),
			`meai_queue_pollers{task_queue="proving", kind="activity", instance="a"}`: phases(0, 0)},
		labels: queue("mirror"), says: "Nobody works on queue mirror",
	},
	{alert: "QueuesNotMeasured", series: map[string]string{`meai_queue_backlog{task_queue="mirror", kind="activity"}`: gone(0)}, says: "Nobody knows how long the queues are; does Temporal answer?"},
	{
		// Ten days at 12 s a step, then more than 120 % of that.
		alert: "BatchSlower", step: "60m",
		series: map[string]string{
			mirrorSteps + `_sum{task_queue="batch", activity_type="memory.Consolidate"}`:   slower(120, 150),
			mirrorSteps + `_count{task_queue="batch", activity_type="memory.Consolidate"}`: slower(10, 10),
		},
		says: "A step of batch work took 14.88s on average today, more than 120 % of what it took in the week before",
	},
	{
		alert:  "ProcessBusy",
		series: map[string]string{`process_cpu_seconds_total{job="meai-worker", instance="w"}`: counter(83, 90), `go_processor_limit{job="meai-worker", instance="w", otel_scope_name="x"}`: phases(2, 2)},
		labels: map[string]string{"job": "meai-worker", "instance": "w"}, says: "w of meai-worker uses 75% of its processors",
	},
	{
		alert:  "ApiInstanceBusy",
		series: map[string]string{`http_server_request_duration_seconds_count{job="meai-api", instance="a", http_response_status_code="200"}`: counter(3000, 3060)},
		labels: map[string]string{"instance": "a"}, says: "a serves 51 requests a second; another instance is due at 50",
	},
}

func queue(name string) map[string]string { return map[string]string{"task_queue": name} }

// steps are a thousand a minute, of which some fail.
func steps(calm, broken float64) map[string]string {
	return map[string]string{
		mirrorSteps + `_count{task_queue="mirror", activity_type="mirror.Analyze"}`:                          counter(1000, 1000),
		`temporal_activity_execution_failed_total{task_queue="mirror", activity_type="mirror.Analyze"}`:      counter(calm, broken),
		`temporal_activity_execution_failed_total{task_queue="truthfilter", activity_type="mirror.Analyze"}`: counter(900, 900),
	}
}

// backlog waits for workflows and activities both; two processes measure the same.
func backlog(queue string, calm, broken float64) map[string]string {
	all := map[string]string{}
	for _, instance := range []string{"a", "b"} {
		all[fmt.Sprintf(`meai_queue_backlog{task_queue=%q, kind="activity", instance=%q}`, queue, instance)] = phases(calm-10, broken-10)
		all[fmt.Sprintf(`meai_queue_backlog{task_queue=%q, kind="workflow", instance=%q}`, queue, instance)] = phases(10, 10)
	}
	return all
}

// slower is a counter that grows by one amount, and by another in the last day of what is
// broken: calm alone is too short for a week.
func slower(calm, broken float64) string {
	const day = 24
	before := calmFor + brokenFor - day
	return rising(0, calm, before) + " " + rising(calm*float64(before), broken, day) + " " + rising(calm*float64(before)+broken*day, calm, calmAgain)
}

// probes of a store, so many a step by each of two processes; the others are answered.
func probes(store, required string, calm, broken float64) map[string]string {
	all := map[string]string{}
	for _, instance := range []string{"a", "b"} {
		of := func(outcome string) string {
			return fmt.Sprintf(`meai_store_probe_seconds_count{store=%q, required=%q, instance=%q, outcome=%q}`, store, required, instance, outcome)
		}
		all[of("ok")], all[of("failed")] = counter(calm, broken), counter(0, calm-broken)
	}
	return all
}

var storeScenarios = []scenario{
	{
		alert: "DatabaseSlow", series: latency("db_client_operation_duration_seconds", `pgx_operation_type="query"`, 0.05, 0.1, 0.1, 0.15),
		says: "One in 20 queries to PostgreSQL takes longer than 147.5ms; at 100 ms read replicas are due",
	},
	{
		alert: "DatabaseVerySlow", series: latency("db_client_operation_duration_seconds", `pgx_operation_type="batch"`, 0.2, 0.25, 0.25, 0.3),
		says: "One in 20 queries to PostgreSQL takes longer than 297.5ms; it may be 250 ms",
	},
	{alert: "CacheCold", series: blocks(81, 79), says: "PostgreSQL finds 79% of what it needs in its memory; it should be 80 %"},
	{alert: "CacheVeryCold", series: blocks(61, 59), says: "PostgreSQL finds 59% of what it needs in its memory; it should be 80 %"},
	{
		alert:  "ConnectionsFew",
		series: map[string]string{`meai_postgres_connections{instance="a"}`: phases(80, 81), `meai_postgres_connections_limit{instance="a"}`: phases(100, 100)},
		says:   "81% of the connections that PostgreSQL allows are in use",
	},
	{
		alert: "VectorsSlow", series: latency("http_client_request_duration_seconds", `http_request_method="POST"`, 0.025, 0.05, 0.05, 0.1),
		says: "One in 20 calls of Weaviate takes longer than 97.5ms; at 50 ms shards or replicas are due",
	},
	{
		alert: "StoreDown", series: probes("postgresql", "true", 12, 0),
		labels: map[string]string{"store": "postgresql", "required": "true"}, says: "postgresql does not answer; people are not served",
	},
	{
		alert: "IndexDown", series: probes("weaviate", "false", 12, 0),
		labels: map[string]string{"store": "weaviate", "required": "false"}, says: "weaviate does not answer; answers go without it",
	},
	{
		// The processes that had answers are gone, and the new one begins without any.
		alert: "IndexDown", when: "a process never had an answer",
		series: map[string]string{
			`meai_store_probe_seconds_count{store="weaviate", required="false", instance="a", outcome="ok"}`:     rising(0, 12, calmFor) + " stale",
			`meai_store_probe_seconds_count{store="weaviate", required="false", instance="b", outcome="failed"}`: fmt.Sprintf("_x%d %s %s", calmFor, rising(12, 12, brokenFor), steady(12*brokenFor, calmAgain)),
			`meai_store_probe_seconds_count{store="weaviate", required="false", instance="b", outcome="ok"}`:     fmt.Sprintf("_x%d %s", calmFor+brokenFor, rising(12, 12, calmAgain)),
		},
		labels: map[string]string{"store": "weaviate", "required": "false"}, says: "weaviate does not answer; answers go without it",
	},
	{
		alert: "StoreMemoryFull",
		series: map[string]string{`container_memory_working_set_bytes{container="meai", pod="postgres-0"}`: phases(80, 81), `container_spec_memory_limit_bytes{container="meai", pod="postgres-0"}`: phases(100, 100),
			`container_memory_working_set_bytes{container="weaviate", pod="weaviate-0"}`: phases(80, 80), `container_spec_memory_limit_bytes{container="weaviate", pod="weaviate-0"}`: phases(0, 0)},
		labels: map[string]string{"pod": "postgres-0"}, says: "postgres-0 uses 81% of its memory; a larger instance is due at 80 %",
	},
	{
		alert:  "StoreDiskFull",
		series: map[string]string{`kubelet_volume_stats_available_bytes{persistentvolumeclaim="data"}`: phases(15, 14), `kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="data"}`: phases(100, 100)},
		labels: map[string]string{"persistentvolumeclaim": "data"}, says: "data has 14% of its disk left",
	},
}

// blocks are a hundred that PostgreSQL needs in a minute, of which it has some in its memory;
// another server has all of them.
func blocks(calm, broken float64) map[string]string {
	return map[string]string{
		`meai_postgres_blocks_total{outcome="hit", instance="a"}`:  counter(calm, broken),
		`meai_postgres_blocks_total{outcome="read", instance="a"}`: counter(100-calm, 100-broken),
		`meai_postgres_blocks_total{outcome="hit", instance="b"}`:  counter(100, 100),
	}
}

var privacyScenarios = []scenario{
	{
		alert: "RequestDueSoon", series: map[string]string{`meai_privacy_requests{kind="access", standing="due_soon"}`: phases(0, 2)},
		labels: map[string]string{"kind": "access"}, says: "2 requests of people for access have to be met soon",
	},
	{
		alert: "RequestOverdue", series: map[string]string{`meai_privacy_requests{kind="erasure", standing="overdue"}`: phases(0, 1), `meai_privacy_requests{kind="erasure", standing="open"}`: phases(4, 4)},
		labels: map[string]string{"kind": "erasure"}, says: "1 requests of people for erasure were not met in time",
	},
	{
		alert: "RequestsNotWatched", step: "10m", series: map[string]string{`meai_privacy_requests{kind="access", standing="open"}`: gone(0)},
		says: "Nobody looks at the times of people's requests; does the schedule privacy-deadlines run?",
	},
	{
		// A single one; later the process begins anew, at 0.
		alert: "ErasureLate", step: "40m", series: map[string]string{`meai_erasure_late_total{instance="a"}`: phases(0, 1), `meai_erasure_late_total{instance="b"}`: phases(0, 0)},
		says: "Within a day an erasure ended that took longer than the 72 hours that were promised",
	},
	{
		// The process has ended it before it was scraped for the first time.
		alert: "ErasureLate", when: "a series begins above 0", step: "40m",
		series: map[string]string{
			`meai_erasure_late_total{instance="a"}`: phases(0, 0),
			`meai_erasure_late_total{instance="c"}`: fmt.Sprintf("_x%d %s", calmFor, steady(1, brokenFor+calmAgain)),
		},
		says: "Within a day an erasure ended that took longer than the 72 hours that were promised",
	},
	{alert: "RetentionLate", step: "3m", series: ages("meai_retention_age_seconds", 2), says: "What is old enough was last deleted 2d 0h 1m 0s ago"},
	{alert: "EncryptionFindings", series: map[string]string{`meai_encryption_findings`: phases(0, 3)}, says: "The last look at encryption has found 3 things that are not as they should be"},
	{alert: "EncryptionNotVerified", step: "3m", series: ages("meai_encryption_age_seconds", 9), says: "Whether everything is sealed was last looked at 9d 0h 1m 0s ago"},
}

// ages are, while something is broken, a minute over so many days; another process has an
// older one.
func ages(metric string, days float64) map[string]string {
	return map[string]string{
		metric + `{instance="a"}`: phases(days*86400, days*86400+60),
		metric + `{instance="b"}`: phases(40*86400, 40*86400),
	}
}

// sloScenarios are both alerts of each availability target.
func sloScenarios() []scenario {
	// Of 100,000 requests an hour: at 14.4 times the allowed share, and below it.
	requests := func(calm, broken float64) map[string]string {
		answered := func(status string) string {
			return fmt.Sprintf(`http_server_request_duration_seconds_count{job="meai-api", http_route="/v1/memory/query", http_response_status_code="%s"}`, status)
		}
		return map[string]string{answered("200"): counter(100000-calm, 100000-broken), answered("500"): counter(calm, broken)}
	}
	const fast, slow = "within days", "before the month is over"
	says := func(what, target, when string) string {
		return fmt.Sprintf("%s; at this rate what %s %% allow for a month is used up %s", what, target, when)
	}
	of := func(slo string) map[string]string { return map[string]string{"slo": slo} }
	const people, every, store, overall = " of the requests from interfaces of people failed", " of the requests to the API failed",
		"A store that people need did not answer %s of the probes", "MeAi was not there for people 100% of the time"
	down := map[string]string{`up{job="meai-api", instance="a"}`: phases(1, 0)}
	const hour, threeHours = "60m", "180m"
	return []scenario{
		{alert: "InterfaceBudgetBurnsFast", step: "3m", labels: of("interface"), series: requests(90, 1500), says: says("1.5%"+people, "99.9", fast)},
		{alert: "InterfaceBudgetBurns", step: threeHours, labels: of("interface"), series: requests(90, 110), says: says("0.11%"+people, "99.9", slow)},
		{alert: "ApiBudgetBurnsFast", step: "3m", labels: of("api"), series: requests(45, 750), says: says("0.75%"+every, "99.95", fast)},
		{alert: "ApiBudgetBurns", step: threeHours, labels: of("api"), series: requests(45, 60), says: says("0.06%"+every, "99.95", slow)},
		{
			alert: "DataBudgetBurnsFast", step: "3m", labels: of("data"), series: together(probes("postgresql", "true", 1000, 998), probes("keyring", "true", 1000, 1000)),
			says: says(fmt.Sprintf(store, "0.2%"), "99.99", fast),
		},
		{
			alert: "DataBudgetBurns", step: threeHours, labels: of("data"), series: together(probes("temporal", "true", 100000, 99988), probes("keyring", "true", 100000, 100000)),
			says: says(fmt.Sprintf(store, "0.012%"), "99.99", slow),
		},
		{alert: "OverallBudgetBurnsFast", step: "3m", labels: of("overall"), series: down, says: says(overall, "99.9", fast)},
		{alert: "OverallBudgetBurns", step: threeHours, labels: of("overall"), series: down, says: says(overall, "99.9", slow)},
		{alert: "AvailabilityLow", step: hour, series: down, says: "Within a day MeAi was available 0% of the time; it should be 99.9 %"},
		{alert: "AvailabilityVeryLow", step: hour, series: down, says: "Within a day MeAi was available 0% of the time; it should be 99.9 %"},
	}
}
