package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"meai/internal/mcp"
)

// DiscoveryFile is the file that bridge.discovery names: which servers are asked for
// resources that the library lacks.
type DiscoveryFile struct {
	// Budget is how long a search waits for all of them together; 0 means 800 ms.
	Budget time.Duration `yaml:"budget"`
	// Servers are asked all at once.
	Servers []DiscoveryServer `yaml:"servers"`
}

// DiscoveryServer is one server with how much of what it finds is looked at.
type DiscoveryServer struct {
	mcp.Server `yaml:",inline"`
	// MostResults of one tool are looked at; 0 means 5.
	MostResults int `yaml:"most_results"`
}

const (
	standardBudget, longestBudget    = 800 * time.Millisecond, 2 * time.Second
	standardResults, greatestResults = 5, 20
	// mostServers bounds what one search sets in motion.
	mostServers = 8
)

// ReadDiscovery reads and checks the file; the error joins every problem found, with
// the place of each. Values are not quoted: the file holds secrets.
func ReadDiscovery(path string) (DiscoveryFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return DiscoveryFile{}, fmt.Errorf("read the discovery file: %w", err)
	}
	var f DiscoveryFile
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil {
		return DiscoveryFile{}, fmt.Errorf("parse %s: %w", path, withoutValues(err))
	}
	if err := f.validate(); err != nil {
		return DiscoveryFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return f.withDefaults(), nil
}

func (f DiscoveryFile) validate() error {
	var problems []error
	if f.Budget < 0 || f.Budget > longestBudget {
		problems = append(problems, errors.New("/budget: must be at most 2s"))
	}
	if len(f.Servers) == 0 || len(f.Servers) > mostServers {
		problems = append(problems, fmt.Errorf("/servers: must be 1 to %d", mostServers))
	}
	seen := map[string]bool{}
	for i, s := range f.Servers {
		at := fmt.Sprintf("/servers/%d", i)
		problems = append(problems, s.Validate(at)...)
		if s.MostResults < 0 || s.MostResults > greatestResults {
			problems = append(problems, fmt.Errorf("%s/most_results: must be at most %d", at, greatestResults))
		}
		if seen[s.Name] {
			problems = append(problems, fmt.Errorf("%s/name: is there twice", at))
		}
		seen[s.Name] = true
	}
	return errors.Join(problems...)
}

func (f DiscoveryFile) withDefaults() DiscoveryFile {
	if f.Budget == 0 {
		f.Budget = standardBudget
	}
	for i := range f.Servers {
		if f.Servers[i].MostResults == 0 {
			f.Servers[i].MostResults = standardResults
		}
	}
	return f
}

var (
	unknownField = regexp.MustCompile(`^(line \d+: field \S+ not found) in type .*$`)
	wrongType    = regexp.MustCompile(`^(line \d+: ).*$`)
)

// withoutValues keeps the line and drops what stands there.
func withoutValues(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return errors.New("it is not YAML with a list of servers")
	}
	var problems []error
	for _, text := range typed.Errors {
		switch {
		case unknownField.MatchString(text):
			problems = append(problems, errors.New(unknownField.ReplaceAllString(text, "$1")))
		default:
			problems = append(problems, errors.New(wrongType.ReplaceAllString(text, "${1}the value is not of the setting's type")))
		}
	}
	return errors.Join(problems...)
}
