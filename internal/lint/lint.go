// Package lint holds the laws of this repository that no other tool knows: who
// may import whom, and what no file may hold. Its test runs them over the tree.
//
// Invariant: every rule judges one file by its path and its text, so that a
// finding never depends on the rest of the tree.
package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rule judges one file, and says what is wrong with it.
type rule func(name string, text []byte) []string

// rules are all rules, each of which decides itself which files it is for.
var rules = []rule{imports, size, packageName, formatted, unfinished, foreignHosts, machinePaths}

// File runs all rules over one file; name is its path inside the repository,
// with slashes. Findings begin with the name.
func File(name string, text []byte) []string {
	var found []string
	for _, r := range rules {
		for _, f := range r(name, text) {
			found = append(found, name+": "+f)
		}
	}
	return found
}

func isGo(name string) bool   { return path.Ext(name) == ".go" }
func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// maxLines is the longest a file of code may be; a longer one has more than one
// subject.
const maxLines = 600

func size(name string, text []byte) []string {
	if !slices.Contains([]string{".go", ".ts", ".tsx", ".css", ".sh"}, path.Ext(name)) || strings.HasSuffix(name, ".d.ts") {
		return nil // declarations are made from the OpenAPI document
	}
	if n := bytes.Count(text, []byte("\n")); n > maxLines {
		return []string{fmt.Sprintf("has %d lines; %d are the limit: split it by subject", n, maxLines)}
	}
	return nil
}

// A package is named by what it is about, not by what it is made of.
var namelessPackages = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared", "base"}

func packageName(name string, text []byte) []string {
	if !isGo(name) {
		return nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.PackageClauseOnly)
	if err != nil {
		return []string{"cannot be parsed: " + err.Error()}
	}
	if slices.Contains(namelessPackages, strings.TrimSuffix(f.Name.Name, "_test")) {
		return []string{fmt.Sprintf("package %s says nothing; name it by its subject", f.Name.Name)}
	}
	return nil
}

func formatted(name string, text []byte) []string {
	if !isGo(name) {
		return nil
	}
	if want, err := format.Source(text); err == nil && !bytes.Equal(want, text) {
		return []string{"is not formatted; run make format"}
	}
	return nil
}

var unfinishedMark = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func unfinished(name string, text []byte) []string {
	if !isGo(name) || isTest(name) {
		return nil
	}
	return matches(text, unfinishedMark, "finish it, or write an issue")
}

// Hosts that packages are fetched from: which ones is the business of the
// machine that builds, never of the tree. The names are cut so that this file
// does not hold them.
var registryHost = regexp.MustCompile(`(?i)\b(pro` + `xy\.golang\.org|s` + `um\.golang\.org|regis` + `try\.npmjs\.org|regis` + `try\.yarnpkg\.com|npm\.pkg\.git` + `hub\.com|gopro` + `xy\.(io|cn)|py` + `pi\.org|deb\.deb` + `ian\.org)\b`)

func foreignHosts(_ string, text []byte) []string {
	return matches(text, registryHost, "a registry; leave the host to the machine that builds")
}

var machinePath = regexp.MustCompile(`(?:^|[\s"'=:(,` + "`" + `])/(?:wo` + `rk|ro` + `ot|ho` + `me/[a-z]\w*|Us` + `ers/\w+)(?:/|\b)`)

// machinePaths finds absolute paths that hold on one machine alone.
func machinePaths(_ string, text []byte) []string {
	return matches(text, machinePath, "a path of one machine")
}

func matches(text []byte, pattern *regexp.Regexp, why string) []string {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil // not a text
	}
	var found []string
	for i, line := range bytes.Split(text, []byte("\n")) {
		if m := pattern.Find(line); m != nil {
			found = append(found, fmt.Sprintf("line %d: %q: %s", i+1, strings.TrimSpace(string(m)), why))
		}
	}
	return found
}

// imports holds the import law: see law.go.
func imports(name string, text []byte) []string {
	if !isGo(name) || isTest(name) {
		return nil // tests may look anywhere
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return []string{"cannot be parsed: " + err.Error()}
	}
	pkg := path.Dir(name)
	var found []string
	for _, spec := range f.Imports {
		if why := judge(pkg, importPath(spec)); why != "" {
			found = append(found, why)
		}
	}
	return found
}

func importPath(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, "\"`") }
