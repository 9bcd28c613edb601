package plan

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

//go:embed requirements.yaml
var requirementsFile []byte

//go:embed prices.yaml
var pricesFile []byte

// Requirements are the tables that the planner reads.
type Requirements struct {
	// Source is the document they are of.
	Source     string             `yaml:"source"`
	Components []ComponentRow     `yaml:"components"`
	Stores     []StoreRow         `yaml:"stores"`
	Budget     []BudgetRow        `yaml:"budget"`
	Targets    map[string]float64 `yaml:"targets"`
	Kept       map[string]float64 `yaml:"kept"`
}

// ComponentRow is a row of the compute tables; requirements.yaml says what the fields mean.
type ComponentRow struct {
	ID                  string   `yaml:"id"`
	Named               string   `yaml:"named"`
	Tier                string   `yaml:"tier"`
	VCPUs               float64  `yaml:"vcpus"`
	MemoryGB            float64  `yaml:"memory_gb"`
	StorageGB           float64  `yaml:"storage_gb"`
	Instances           [3]int   `yaml:"instances"`
	Serves              []string `yaml:"serves"`
	Needed              bool     `yaml:"needed"`
	Writer              bool     `yaml:"writer"`
	Larger              float64  `yaml:"larger"`
	Spot                bool     `yaml:"spot"`
	Out                 bool     `yaml:"out"`
	Target              string   `yaml:"target"`
	RequestsPerInstance float64  `yaml:"requests_per_instance"`
	Note                string   `yaml:"note"`
}

// StoreRow is a row of the data scaling table, in GB.
type StoreRow struct {
	ID      string  `yaml:"id"`
	Named   string  `yaml:"named"`
	Initial float64 `yaml:"initial"`
	Year1   float64 `yaml:"year1"`
	Year3   float64 `yaml:"year3"`
	Copies  float64 `yaml:"copies"`
	Kind    string  `yaml:"kind"`
}

func (s StoreRow) at(p Phase) float64 { return []float64{s.Initial, s.Year1, s.Year3}[p] }

// BudgetRow is a row of the estimated costs, in dollars a month.
type BudgetRow struct {
	ID      string     `yaml:"id"`
	Named   string     `yaml:"named"`
	Initial [2]float64 `yaml:"initial"`
	Year1   [2]float64 `yaml:"year1"`
	Year3   [2]float64 `yaml:"year3"`
}

func (b BudgetRow) at(p Phase) [2]float64 { return [][2]float64{b.Initial, b.Year1, b.Year3}[p] }

// Tables are the requirements that are built in.
func Tables() (Requirements, error) {
	var r Requirements
	if err := strictly(requirementsFile, &r); err != nil {
		return r, fmt.Errorf("the built-in requirements: %w", err)
	}
	return r, nil
}

// Prices are what things cost a month, in dollars; prices.yaml says of what.
type Prices struct {
	VCPU             float64    `yaml:"vcpu"`
	MemoryGB         float64    `yaml:"memory_gb"`
	SSD              float64    `yaml:"ssd_gb"`
	HDD              float64    `yaml:"hdd_gb"`
	Object           float64    `yaml:"object_gb"`
	Egress           float64    `yaml:"egress_gb"`
	BetweenRegions   float64    `yaml:"between_regions_gb"`
	NetworkFixed     float64    `yaml:"network_fixed"`
	Reserved         float64    `yaml:"reserved"`
	Spot             float64    `yaml:"spot"`
	SecurityPhases   [3]float64 `yaml:"security"`
	MonitoringPhases [3]float64 `yaml:"monitoring"`
}

// DefaultPrices are those that are built in, as a file to edit.
func DefaultPrices() string { return string(pricesFile) }

// ReadPrices reads a file of prices. Whatever it leaves out costs what it does by default; a name
// that is unknown is an error.
func ReadPrices(file []byte) (Prices, error) {
	var p Prices
	if err := strictly(pricesFile, &p); err != nil {
		return p, fmt.Errorf("the built-in prices: %w", err)
	}
	if err := strictly(file, &p); err != nil {
		return p, err
	}
	return p, p.check()
}

func (p Prices) check() error {
	var problems []error
	for name, value := range map[string]float64{
		"vcpu": p.VCPU, "memory_gb": p.MemoryGB, "ssd_gb": p.SSD, "hdd_gb": p.HDD, "object_gb": p.Object, "egress_gb": p.Egress,
		"between_regions_gb": p.BetweenRegions, "network_fixed": p.NetworkFixed, "security": min(p.SecurityPhases[0], p.SecurityPhases[1], p.SecurityPhases[2]),
		"monitoring": min(p.MonitoringPhases[0], p.MonitoringPhases[1], p.MonitoringPhases[2]),
	} {
		if !(value >= 0) {
			problems = append(problems, fmt.Errorf("the price %s: 0 or more, not %g", name, value))
		}
	}
	for name, value := range map[string]float64{"reserved": p.Reserved, "spot": p.Spot} {
		if !(value > 0 && value <= 1) {
			problems = append(problems, fmt.Errorf("the price %s: a part of 1, not %g", name, value))
		}
	}
	return errors.Join(problems...)
}

// strictly reads YAML in which every name is known; an empty file says nothing.
func strictly(file []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(file))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
