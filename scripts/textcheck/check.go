package main

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// longest is the most lines a hand-written Go file may have.
const longest = 500

// finding is one thing to mend.
type finding struct {
	File string
	Line int
	What string
}

// String is the finding as compilers print theirs.
func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What) }

// rule forbids what matches the pattern in the files it applies to.
type rule struct {
	what    string
	pattern *regexp.Regexp
	applies func(name string) bool
}

// The patterns are written so that they do not match themselves.
var rules = []rule{
	{"marks unfinished work", regexp.MustCompile(`\b(TOD[O]|FIXM[E]|XX[X])\b`), isText},
	{"a test that can be skipped proves nothing", regexp.MustCompile(`\b[tbf]\.Skip(f|Now)?[(]|testing\.Short[(]`), isTest},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE[ ]KEY`), anyFile},
	{"a cloud access key", regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`), anyFile},
	{"an access token", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|npm_[A-Za-z0-9]{36})\b`), anyFile},
	{"a model provider's key", regexp.MustCompile(`\bsk-[A-Za-z0-9_-]*[A-Za-z0-9]{24,}\b`), anyFile},
	{"a signed token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`), anyFile},
	// Made-up passwords in examples are short; generated ones are not.
	{"a password in a URL", regexp.MustCompile(`://[^\s/:@"']+:[A-Za-z0-9+_-]{16,}@`), anyFile},
}

// check applies every rule to one file. Generated files answer for their sources, and binary
// ones hold no lines.
func check(name string, content []byte) []finding {
	if bytes.IndexByte(content, 0) >= 0 || generated(content) {
		return nil
	}
	var findings []finding
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	if path.Ext(name) == ".go" && len(lines) > longest {
		findings = append(findings, finding{name, longest + 1, fmt.Sprintf("%d lines, the most is %d: split the file", len(lines), longest)})
	}
	for i, line := range lines {
		for _, r := range rules {
			if r.applies(name) && r.pattern.MatchString(line) {
				findings = append(findings, finding{name, i + 1, r.what})
			}
		}
	}
	return findings
}

// generated follows the convention of the go command.
var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func generated(content []byte) bool { return generatedLine.Match(content) }

func anyFile(string) bool { return true }

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// isText leaves out checksums, vocabularies and recorded data, in which any letters may follow each other.
func isText(name string) bool {
	if strings.Contains(name, "testdata/") {
		return false
	}
	switch path.Ext(name) {
	case ".go", ".sql", ".yaml", ".yml", ".md", ".sh", ".mjs", ".js", ".html", ".tf", "":
		return true
	}
	return false
}
