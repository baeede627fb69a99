package lint

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestTree(t *testing.T) {
	files := tree(t)
	if len(files) < 50 || !slices.Contains(files, "main.go") {
		t.Fatalf("found %d files; the tree was not found", len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // removed meanwhile
		}
		for _, f := range File(filepath.ToSlash(name), text) {
			t.Error(f)
		}
	}
}

// tree lists the files of the repository: what git has or would add. Where git
// cannot say (a release archive), all but what is made or fetched.
func tree(t *testing.T) []string {
	t.Helper()
	var files []string
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		for name := range bytes.SplitSeq(out, []byte{0}) {
			if len(name) > 0 && !made(string(name)) {
				files = append(files, string(name))
			}
		}
		return files
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if made(name) || d.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "node_modules"}, d.Name()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// made says whether a file comes out of a tool: the built UI, and go.sum.
func made(name string) bool {
	return name == "web/dist" || strings.HasPrefix(name, "web/dist/") || name == "go.sum"
}

// Each rule must find what it is for, and leave alone what only looks alike.
func TestRules(t *testing.T) {
	pkg := func(imports ...string) string {
		text := "package p\n"
		for _, i := range imports {
			text += "\nimport _ \"" + i + "\"\n"
		}
		return text
	}
	ours := func(name string) string { return module + "/" + name }
	cases := []struct {
		file, text string
		want       string // part of the only finding; "" for none
	}{
		{"event/a.go", pkg("fmt", "encoding/json"), ""},
		{"event/a.go", pkg(ours("table")), "imports table; the import law allows event"},
		{"attribution/a.go", pkg(ours("fraud")), "imports fraud"},
		{"attribution/a.go", pkg(ours("state")), "imports state"},
		{"attribution/a_test.go", pkg(ours("state")), ""},
		{"pipeline/a.go", pkg(ours("state"), ours("history"), ours("attribution")), ""},
		{"pipeline/a.go", pkg(ours("sinks")), "imports sinks"},
		{"pipeline/a.go", pkg(ours("internal/oracle")), "imports internal/oracle"},
		{"sinks/redis/a.go", pkg(ours("sinks"), ours("table"), "github.com/redis/go-redis/v9"), ""},
		{"sinks/redis/a.go", pkg(ours("sinks/files")), "imports sinks/files"},
		{"sinks/redis/a.go", pkg(ours("pipeline")), "imports pipeline"},
		{"web/a.go", pkg(ours("pipeline")), "imports pipeline"},
		{"web/page/a.go", pkg(ours("web")), "imports web"},
		{"main.go", pkg(ours("internal/cli")), ""},
		{"main.go", pkg(ours("state")), "imports state"},
		{"internal/cli/a.go", pkg(ours("state"), ours("internal/oracle"), ours("web/page")), ""},
		{"internal/cli/a.go", pkg("github.com/cockroachdb/pebble/v2"), "belongs to state"},
		{"novel/a.go", pkg(ours("event")), "no place in the import law"},
		{"state/a.go", pkg("github.com/cockroachdb/pebble/v2/vfs"), ""},
		{"pipeline/a.go", pkg("github.com/cockroachdb/pebble/v2"), "belongs to state"},
		{"web/a.go", pkg("github.com/go-chi/chi/v5", "github.com/coder/websocket"), ""},
		{"ingest/a.go", pkg("github.com/twmb/franz-go/pkg/kgo"), "belongs to ingest/kafka"},
		{"ingest/kafka/a.go", pkg("github.com/twmb/franz-go/pkg/kgo"), ""},
		{"event/a.go", pkg("example.com/new"), "no package owns"},

		{"a.go", "package p\n" + strings.Repeat("\n// x\n", 300), "601 lines"},
		{"a.md", strings.Repeat("\n", 601), ""},
		{"a.go", "package utils\n", "says nothing"},
		{"a_test.go", "package utils_test\n", "says nothing"},
		{"a.go", "package p\nvar  x int\n", "not formatted"},
		{"a.go", "package p\n\n// TO" + "DO: more\n", "finish it"},
		{"a_test.go", "package p\n\n// TO" + "DO: more\n", ""},
		{"a.go", "package p\n\n// todos are fine, and so is xTO" + "DO\n", ""},
		{"package-lock.json", `"resolved": "https://regis` + `try.npmjs.org/x"`, "a registry"},
		{"Dockerfile", "ENV GOPROXY=https://pro" + "xy.golang.org", "a registry"},
		{"a.md", "see pkg.go.dev and golang.org", ""},
		{"a.md", "cd /wo" + "rk/x", "a path of one machine"},
		{"a.go", "package p\n\nconst d = \"/ro" + "ot/.cache\"\n", "a path of one machine"},
		{"a.md", "the API is at /v1/networks, files in homework/ and ./work/x, a /worker", ""},
		{"a.png", "\x00 /wo" + "rk/x", ""},
	}
	for _, c := range cases {
		got := File(c.file, []byte(c.text))
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %q; want no finding", c.file, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s: %q; want one finding with %q", c.file, got, c.want)
		}
	}
}
