package telemetry

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
)

// numbers are keys that hold numbers wherever they are logged; those pass under
// any key.
var numbers = []string{"status", "bytes", "ms", "held", "given", "steps", "milliseconds", "partitions"}

// TestEveryLoggedKeyIsKnown reads the product's source: a key that is missing from
// knownKeys would be withheld in every line, which its author should learn here.
func TestEveryLoggedKeyIsKnown(t *testing.T) {
	found := 0
	for _, room := range []string{"activities", "api", "cmd", "internal", "workers", "workflows"} {
		require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for key := range loggedKeys(file) {
				found++
				if knownKeys[key] == withheld && !slices.Contains(numbers, key) {
					t.Errorf("%s logs %q: list the key in known.go, or leave it out of the log", path, key)
				}
			}
			return nil
		}))
	}
	require.Greater(t, found, 20, "the log's calls are recognised")
}

// levels are the methods of a logger, with how many arguments stand before the
// pairs; attributes are the functions that make one.
var (
	levels     = map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2}
	attributes = []string{"String", "Any", "Int", "Int64", "Float64", "Bool", "Duration", "Time", "Group"}
)

// loggedKeys collects the constant keys of log calls: pairs behind a message, and
// slog's attributes.
func loggedKeys(file *ast.File) map[string]bool {
	keys := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		before, isLevel := levels[method.Sel.Name]
		receiver, isPackage := method.X.(*ast.Ident)
		switch {
		case isPackage && receiver.Name == "slog" && slices.Contains(attributes, method.Sel.Name):
			note(keys, call.Args[0])
		case isLevel && len(call.Args) > before && literal(call.Args[before-1]) != "":
			for i := before; i < len(call.Args); i += 2 {
				note(keys, call.Args[i])
			}
		}
		return true
	})
	return keys
}

func note(keys map[string]bool, argument ast.Expr) {
	if key := literal(argument); key != "" {
		keys[key] = true
	}
}

// literal is the value of a constant string; "" for anything else.
func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}
