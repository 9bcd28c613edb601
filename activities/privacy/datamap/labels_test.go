package datamap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/datamap"
	"meai/internal/telemetry"
)

// TestEveryMetricLabelIsInTheMap reads the product's source. Labels that libraries make
// are looked at where they run, by a test of cmd/meai.
func TestEveryMetricLabelIsInTheMap(t *testing.T) {
	var labels []string
	for _, room := range []string{"activities", "api", "cmd", "internal", "workers", "workflows"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", "..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, name := range attributes(file) {
				// The others are of spans.
				if !slices.Contains(telemetry.SpanAttributes(), name) && !slices.Contains(labels, name) {
					labels = append(labels, name)
				}
			}
			return nil
		}))
	}
	require.Subset(t, labels, []string{"limit", "outcome", "use"}, "labels are recognised")
	m := load(t)
	s, found := m.Store("metrics")
	require.True(t, found)
	for _, name := range s.Names() {
		if !slices.Contains(labels, name) {
			labels = append(labels, name) // a library's
		}
	}
	require.NoError(t, m.Compare(datamap.Metrics, datamap.Found{"metrics": labels}))
	require.ErrorContains(t, m.Compare(datamap.Metrics, datamap.Found{"metrics": append(labels, "mood")}), "metrics metrics has mood, which the data map does not know")
}

// attributes are the constant keys of OpenTelemetry's attributes.
func attributes(file *ast.File) []string {
	var keys []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver, isPackage := method.X.(*ast.Ident)
		key, isLiteral := call.Args[0].(*ast.BasicLit)
		if !isPackage || receiver.Name != "attribute" || !isLiteral {
			return true
		}
		if name, err := strconv.Unquote(key.Value); err == nil {
			keys = append(keys, name)
		}
		return true
	})
	return keys
}
