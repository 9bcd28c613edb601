package main

import (
	"encoding/json"
	"fmt"
)

// The grid that Grafana lays panels out on is 24 columns wide.
const (
	panelWidth  = 12
	panelHeight = 8
)

// grafana is the dashboard as Grafana imports it (schema version 39, Grafana 10 and later).
func (d dashboard) grafana() (string, error) {
	panels := make([]map[string]any, len(d.panels))
	for i, p := range d.panels {
		panels[i] = p.grafana(i)
	}
	text, err := json.MarshalIndent(map[string]any{
		"uid": "meai-" + d.id, "title": d.title, "description": d.what, "tags": []string{"meai"},
		"schemaVersion": 39, "version": 1, "editable": false, "refresh": "30s", "timezone": "utc",
		"time":       map[string]string{"from": "now-6h", "to": "now"},
		"templating": map[string]any{"list": []any{datasource()}},
		"links":      []any{map[string]any{"type": "dashboards", "tags": []string{"meai"}, "title": "MeAi", "asDropdown": true}},
		"panels":     panels,
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write dashboard %s: %w", d.id, err)
	}
	return string(text) + "\n", nil
}

// datasource lets whoever imports the dashboard choose their Prometheus.
func datasource() map[string]any {
	return map[string]any{"name": "prometheus", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
}

func (p panel) grafana(i int) map[string]any {
	source := map[string]string{"type": "prometheus", "uid": "${prometheus}"}
	targets := make([]map[string]any, len(p.queries))
	for j, q := range p.queries {
		targets[j] = map[string]any{"refId": string(rune('A' + j)), "datasource": source, "expr": q.expr, "legendFormat": q.legend}
	}
	steps := []any{map[string]any{"color": "green", "value": nil}}
	for j, limit := range p.limits {
		steps = append(steps, map[string]any{"color": []string{"orange", "red"}[min(j, 1)], "value": limit})
	}
	lines := "off"
	if len(p.limits) > 0 {
		lines = "line"
	}
	return map[string]any{
		"id": i + 1, "type": "timeseries", "title": p.title, "description": p.what, "datasource": source, "targets": targets,
		"gridPos": map[string]int{"x": i % 2 * panelWidth, "y": i / 2 * panelHeight, "w": panelWidth, "h": panelHeight},
		"fieldConfig": map[string]any{
			"overrides": []any{},
			"defaults": map[string]any{
				"unit": p.unit, "min": 0, "thresholds": map[string]any{"mode": "absolute", "steps": steps},
				"custom": map[string]any{"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "thresholdsStyle": map[string]string{"mode": lines}},
			},
		},
		"options": map[string]any{
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": map[string]string{"mode": "multi", "sort": "desc"},
		},
	}
}
