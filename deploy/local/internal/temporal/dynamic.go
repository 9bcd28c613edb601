package temporal

import (
	_ "embed"
	"errors"
	"fmt"

	"go.temporal.io/server/common/dynamicconfig"
)

//go:embed dynamic.yaml
var dynamicYAML []byte

// dynamic reads a dynamic configuration. A key that this version of the server does not know is an error:
// a setting that silently stopped working would only be noticed by its slowness.
func dynamic(text []byte) (dynamicconfig.Client, error) {
	loaded := dynamicconfig.LoadYamlFile(text)
	if err := errors.Join(append(loaded.Errors, loaded.Warnings...)...); err != nil {
		return nil, fmt.Errorf("read the dynamic configuration: %w", err)
	}
	client := dynamicconfig.StaticClient{}
	for key, values := range loaded.Map {
		client[key] = values
	}
	return client, nil
}
