package main

import "strings"

// document is where a table comes from.
type document string

// The two documents of the requirements.
const (
	infrastructure document = "Infrastructure"
	companion      document = "The companion"
)

// documents in the order of the page.
var documents = []document{infrastructure, companion}

// table is one table, list or section of the requirements with a word for each of its rows, in their order.
// Together they are the inventory that docs/requirements.yaml is held against: nobody drops a row there unnoticed.
type table struct {
	document document
	id       string
	title    string
	rows     []string
}

func rows(words string) []string { return strings.Fields(words) }

var tables = []table{
	{infrastructure, "components", "Components of the architecture", rows("load-balancer synthesis bridge mirror truthfilter memory-graph vectors blobs log-storage metrics logging identity secrets")},
	{infrastructure, "deployment", "Deployment architecture", rows("regions zones services containers terraform gitops")},
	{infrastructure, "application-tier", "Compute: application tier", rows("synthesis bridge gateway web")},
	{infrastructure, "processing-tier", "Compute: processing tier", rows("mirror truthfilter memory-analysis batch")},
	{infrastructure, "data-tier", "Compute: data tier", rows("memory-graph vectors redis postgresql")},
	{infrastructure, "storage", "Persistent storage", rows("graph vectors relational objects logs")},
	{infrastructure, "recovery", "Backup and recovery", rows("graph vectors relational objects people")},
	{infrastructure, "bandwidth", "Bandwidth and latency of the network", rows("user-balancer balancer-application application-processing application-data regions external")},
	{infrastructure, "network-security", "Network security", rows("firewall waf segmentation ddos gateway mesh")},
	{infrastructure, "data-protection", "Data protection", rows("content graph authentication logs backups")},
	{infrastructure, "access", "Identity and access", rows("users services administration api")},
	{infrastructure, "compliance", "Compliance", rows("gdpr hipaa soc2 ccpa")},
	{infrastructure, "horizontal-scaling", "Horizontal scaling", rows("synthesis mirror graph vectors")},
	{infrastructure, "vertical-scaling", "Vertical scaling", rows("graph batch vectors")},
	{infrastructure, "data-scaling", "Data scaling", rows("graph vectors people logs")},
	{infrastructure, "load-balancing", "Load balancing", rows("users api internal")},
	{infrastructure, "availability", "Availability", rows("interface api data overall")},
	{infrastructure, "disaster-recovery", "Disaster recovery", rows("component zone region everything")},
	{infrastructure, "resilience", "Resilience patterns", rows("breaker bulkhead retry degradation flags")},
	{infrastructure, "key-metrics", "Key metrics", rows("synthesis mirror graph overall")},
	{infrastructure, "logging", "Logging", rows("application security metrics activity")},
	{infrastructure, "alerting", "Alerting", rows("critical warning informational")},
	{infrastructure, "economy", "Use of resources", rows("autoscaling spot reserved right-sizing tenancy")},
	{infrastructure, "costs", "Estimated costs a month", rows("compute storage network security monitoring total")},
	{infrastructure, "phases", "Phases of deployment", rows("core data services readiness")},
	{infrastructure, "practices", "Practices", rows("code integration deployment monitoring chaos scanning")},

	{companion, "synthesis", "Synthesis", rows("sessions interactions responses composition")},
	{companion, "mirror", "Mirror", rows("emotions needs prompts patterns crisis")},
	{companion, "truthfilter", "TruthFilter", rows("relevance honesty safety resonance learning verdict targets")},
	{companion, "bridge", "Bridge", rows("search details related discovery")},
	{companion, "memory", "Memory", rows("markers echoes storylines vault relations query forgetting")},
	{companion, "consent", "Consent", rows("scope decisions enforcement")},
	{companion, "acceptance", "Acceptance figures", rows("primary secondary intensity explicit implicit routing time-patterns deletion")},
	{companion, "latency", "Latency and rate", rows("synthesis mirror memory bridge")},
	{companion, "limits", "Rate limits for each person", rows("synthesis memory bridge mirror")},
}
