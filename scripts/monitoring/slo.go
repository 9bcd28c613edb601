package main

import (
	"fmt"
	"strings"
)

// An objective is a share of the time, or of the requests, in which a part of the system has
// to do what it is there for, within a month.
type objective struct {
	name, alert string
	// said of the share that failed, which stands where %s is.
	said    string
	target  string // as the requirements have it, in percent
	allowed float64
	// errors is the share that failed within a window, which stands where %s is.
	errors string
}

// peoplesRoutes leaves out what operators, auditors and officers ask for.
const peoplesRoutes = `http_route!~"/v1/(operations|approvals|escalations|audit|backups|backup-runs|restores).*|/v1/privacy/(register|holds|people|retention|encryption).*"`

// objectives are the availability targets of the requirements.
var objectives = []objective{
	{
		name: "interface", alert: "Interface", target: "99.9", allowed: 0.001,
		said:   "%s of the requests from interfaces of people failed",
		errors: requests(peoplesRoutes),
	},
	{
		name: "api", alert: "Api", target: "99.95", allowed: 0.0005,
		said:   "%s of the requests to the API failed",
		errors: requests(`job="meai-api"`),
	},
	{
		name: "data", alert: "Data", target: "99.99", allowed: 0.0001,
		said: "A store that people need did not answer %s of the probes",
		// The worst store counts: each is needed.
		errors: `max(1 - (sum by (store) (rate(meai_store_probe_seconds_count{required="true", outcome="ok"}[%[1]s])) or 0 * sum by (store) (rate(meai_store_probe_seconds_count{required="true"}[%[1]s])))` +
			` / sum by (store) (rate(meai_store_probe_seconds_count{required="true"}[%[1]s])))`,
	},
	{
		name: "overall", alert: "Overall", target: "99.9", allowed: 0.001,
		said:   "MeAi was not there for people %s of the time",
		errors: `1 - avg_over_time(meai:overall:up[%[1]s])`,
	},
}

func requests(which string) string {
	return `(sum(rate(http_server_request_duration_seconds_count{` + which + `, http_response_status_code=~"5.."}[%[1]s])) or vector(0))` +
		` / sum(rate(http_server_request_duration_seconds_count{` + which + `}[%[1]s]))`
}

// windows are those over which shares are recorded; the last is the month that a target is of.
var windows = []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"}

// burns are how fast a month's budget may burn before somebody is told: within both windows,
// the long one so that it matters, the short one so that it is still so. At 14.4 times the
// allowed share 2 % of the month's budget are gone within an hour.
var burns = []struct {
	suffix, severity, within string
	pairs                    []burn
}{
	{"BudgetBurnsFast", "critical", "within days", []burn{{14.4, "1h", "5m"}, {6, "6h", "30m"}}},
	{"BudgetBurns", "warning", "before the month is over", []burn{{3, "1d", "2h"}, {1, "3d", "6h"}}},
}

type burn struct {
	times       float64
	long, short string
}

const sloHead = `# Made by scripts/monitoring: go run ./scripts/monitoring; change it there.
#
# Prometheus' rules for the availability targets of the requirements: how much of a month's allowed failures burns, and how fast.
groups:
  - name: availability
    rules:
      # 1 while MeAi is there for people: a process of the API answers, each store that people need answers, most requests to Synthesis do not
      # fail, and not more messages are overdue than are answered.
      - record: meai:overall:up
        expr: >-
          ((sum(up{job="meai-api"}) > bool 0) or vector(0))
          * (min(meai:store_up:max{required="true"}) or vector(1))
          * (1 - ((meai:synthesis_errors:ratio >= bool 0.5) or vector(0)))
          * (1 - (((max(meai_workflow_overdue{workflow_type="Interaction"}) > bool 2)
          * (max(meai_workflow_overdue{workflow_type="Interaction"}) > bool (sum(increase(meai_interaction_duration_seconds_count[5m])) or vector(0)))) or vector(0)))
`

// slo writes the file of rules.
func slo() string {
	var b strings.Builder
	b.WriteString(sloHead)
	for _, o := range objectives {
		fmt.Fprintf(&b, "  - name: slo-%s\n    rules:\n", o.name)
		for _, w := range windows {
			fmt.Fprintf(&b, "      - record: meai:slo_errors:ratio%s\n        expr: %s\n        labels: {slo: %s}\n", w, fmt.Sprintf(o.errors, w), o.name)
		}
		fmt.Fprintf(&b, "      - record: meai:slo_budget:left\n        expr: 1 - meai:slo_errors:ratio30d{slo=%q} / %g\n        labels: {slo: %s}\n", o.name, o.allowed, o.name)
		for _, of := range burns {
			alert(&b, o, of.suffix, of.severity, of.within, of.pairs)
		}
	}
	return b.String()
}

func alert(b *strings.Builder, o objective, suffix, severity, within string, pairs []burn) {
	fmt.Fprintf(b, "      - alert: %s%s\n        expr: >-\n", o.alert, suffix)
	for i, p := range pairs {
		or := ""
		if i > 0 {
			or = "or "
		}
		ratio := func(window string) string {
			return fmt.Sprintf("meai:slo_errors:ratio%s{slo=%q} > %g * %g", window, o.name, p.times, o.allowed)
		}
		fmt.Fprintf(b, "          %s(%s and %s)\n", or, ratio(p.long), ratio(p.short))
	}
	fmt.Fprintf(b, "        labels: {severity: %s, about: slo-%s}\n        annotations:\n", severity, o.name)
	share := fmt.Sprintf(o.said, "{{ $value | humanizePercentage }}")
	fmt.Fprintf(b, "          summary: '%s; at this rate what %s %% allow for a month is used up %s'\n", share, o.target, within)
	b.WriteString("          runbook: docs/runbooks/alerts.md#availability\n")
}
