// Package product knows the configuration file of the meai binary, as far as its engines decide it.
package product

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"meai/deploy/local/internal/folder"
)

// Config is the part of the configuration of the meai binary that its engines decide.
type Config struct {
	Postgres struct {
		URL       string `yaml:"url"`
		OwnerURL  string `yaml:"owner_url"`
		ReaderURL string `yaml:"reader_url"`
	} `yaml:"postgres"`
	Temporal struct {
		Address   string `yaml:"address"`
		Namespace string `yaml:"namespace"`
		UIURL     string `yaml:"ui_url"`
		// Declaration is temporal.yaml, for who is not started in its folder.
		Declaration string `yaml:"declaration,omitempty"`
	} `yaml:"temporal"`
	Codec struct {
		Origins string `yaml:"cors_origins"`
	} `yaml:"codec"`
	API struct {
		Listen string `yaml:"listen,omitempty"`
	} `yaml:"api,omitempty"`
	Weaviate struct {
		URL    string `yaml:"url"`
		APIKey string `yaml:"api_key"`
	} `yaml:"weaviate"`
	Keyring struct {
		Bucket   string `yaml:"bucket"`
		Region   string `yaml:"region,omitempty"`
		Replicas string `yaml:"replicas,omitempty"`
		KEK      string `yaml:"kek"`
	} `yaml:"keyring"`
	Ledger struct {
		Buckets string `yaml:"buckets"`
	} `yaml:"ledger"`
	Backup struct {
		PostgresURL    string `yaml:"postgres_url"`
		WeaviateBucket string `yaml:"weaviate_bucket"`
		WeaviateBinary string `yaml:"weaviate_binary"`
	} `yaml:"backup"`
	Privacy struct {
		MaintenanceURLs string `yaml:"maintenance_urls"`
		Exports         string `yaml:"exports,omitempty"`
	} `yaml:"privacy"`
	Regions Regions `yaml:"regions,omitempty"`
}

// Regions is for one of two regions.
type Regions struct {
	Name     string   `yaml:"name,omitempty"`
	Etcd     []string `yaml:"etcd,omitempty"`
	Postgres []string `yaml:"postgres,omitempty"` // region=URL
	Data     string   `yaml:"data,omitempty"`
	Mode     string   `yaml:"mode,omitempty"`
}

// Write puts the configuration into a file, in one step. It holds passwords: only its owner may read it.
func (c Config) Write(path string) error {
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	return folder.WriteWhole(path, append([]byte("# Written by meai-local at every start; changes here are lost.\n"), text...))
}

// Declaration finds temporal.yaml above a program of the product's or above the working folder; "" where there is none.
func Declaration(program string) string {
	working, _ := os.Getwd() // without one there is one place less to look
	for _, start := range []string{filepath.Dir(program), working} {
		for dir := start; ; dir = filepath.Dir(dir) {
			candidate := filepath.Join(dir, "temporal.yaml")
			if _, err := os.Stat(candidate); err == nil {
				return candidate
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}

// Bucket is the URL of a folder that holds objects and is made when it is first written to.
func Bucket(folder string) string { return "file://" + filepath.ToSlash(folder) + "?create_dir=true" }
