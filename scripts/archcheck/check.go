package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// module is the path that the imports inside the repository begin with.
const module = "meai"

// violation is one import that the house does not allow.
type violation struct {
	File   string
	Line   int
	Reason string
}

// String is the violation as compilers print theirs.
func (v violation) String() string { return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Reason) }

// check reads every Go file of the tree, whatever its build constraints, so that a file
// for another system or experiment is held to the same rules. Nested modules take part
// too: they may not reach into the product.
func check(tree fs.FS, rooms []room) ([]violation, error) {
	var found []violation
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && ignored(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		inFile, err := checkFile(tree, name, rooms)
		found = append(found, inFile...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	return found, nil
}

// ignored names the folders that the go command leaves out as well.
func ignored(dir string) bool {
	return strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_") || dir == "testdata"
}

func checkFile(tree fs.FS, name string, rooms []room) ([]violation, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	pkg := path.Dir(name)
	own, known := roomOf(rooms, pkg)
	if !known {
		return []violation{{name, 1, "no room of the house claims the folder " + pkg}}, nil
	}
	var found []violation
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		target, inside := strings.CutPrefix(imported, module+"/")
		if !inside {
			continue
		}
		if reason := judge(own, pkg, target, strings.HasSuffix(name, "_test.go")); reason != "" {
			found = append(found, violation{name, files.Position(spec.Pos()).Line, reason})
		}
	}
	return found, nil
}

// judge says what is wrong with pkg, which lives in own, importing target; "" when nothing is.
func judge(own room, pkg, target string, inTest bool) string {
	switch {
	case target == pkg:
		return "" // an external test package
	case !own.allows(target, inTest):
		return fmt.Sprintf("%s may not import %s", own.path, target)
	case anyWithin(target, testSupport) && !anyWithin(pkg, testSupport) && !inTest:
		return target + " is for tests only"
	}
	return ""
}
