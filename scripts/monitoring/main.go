// Command monitoring writes what is too regular to be written by hand: the rules of the
// availability targets and the dashboards, into deploy/monitoring. Run it in the root of the
// repository. With a Prometheus it draws the dashboards' pictures for docs instead:
//
//	go run ./scripts/monitoring
//	go run ./scripts/monitoring pictures http://127.0.0.1:9090 docs/monitoring
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "monitoring: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 3 && args[0] == "pictures" {
		return pictures(args[1], args[2])
	}
	if len(args) != 0 {
		return fmt.Errorf("usage: monitoring [pictures URL FOLDER]")
	}
	files := map[string]string{"slo.yaml": slo()}
	for _, d := range dashboards {
		text, err := d.grafana()
		if err != nil {
			return err
		}
		files[filepath.Join("dashboards", d.id+".json")] = text
	}
	for name, text := range files {
		path := filepath.Join("deploy", "monitoring", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a file: %w", err)
		}
	}
	return nil
}
