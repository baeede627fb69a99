package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

const modulePath = "github.com/tributary-data/tributary/"

const configurationIntro = `# Configuration

Every key with its type, its default and what it means. ` + "`configs/tributary.yaml`" + ` is the same as a file to begin with.

Flags come before the environment, the environment before the file, the file before the defaults. The name in the environment is the path in capitals with ` + "`TRIBUTARY_`" + ` in front, such as ` + "`TRIBUTARY_TIME_IDLE_AFTER=1m`" + `; lists are separated by commas. ` + "`--set key=value`" + ` sets any key for one run. ` + "`tributary validate --config FILE`" + ` lists every fault by its key, ` + "`tributary config print`" + ` shows what takes effect and where each value came from, with secrets masked.

| type | is written |
|---|---|
| duration | whole numbers with ` + "`ms`, `s`, `m`, `h` or `d`: `300ms`, `1h30m`, `30d`" + ` |
| size | whole numbers with ` + "`B`, `KB`, `MB`, `GB`, `TB`, or `KiB`, `MiB`, `GiB`, `TiB`" + ` |
| list | ` + "`[a, b]`" + `; in the environment ` + "`a,b`" + ` |

A section marked *off* is off until it stands in the file, or one of its keys in the environment; the defaults of its other keys hold then.
`

// configurationPage lists the keys in the order of the example file.
func configurationPage(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "configs", "tributary.yaml"))
	if err != nil {
		return "", err
	}
	example := readExample(string(text))
	notes := &fieldNotes{root: root, files: map[string][]*ast.File{}}
	var b strings.Builder
	b.WriteString(configurationIntro)
	w := configWriter{out: &b, example: example, notes: notes, missing: nil}
	for _, m := range sections(reflect.TypeFor[configs.Config]()) {
		w.section(m, m.name, 2)
	}
	if len(w.missing) > 0 {
		return "", fmt.Errorf("nothing says what these keys mean: %s: comment them in configs/tributary.yaml or at their fields", strings.Join(w.missing, ", "))
	}
	return b.String(), nil
}

// chapter is a remark that names the page of a section.
var chapter = regexp.MustCompile(`^docs/([a-z]+\.md)$`)

// exampleKey is what the example file says of a key.
type exampleKey struct {
	value   string
	comment string
	off     bool // stands there as a comment
}

var (
	hidden  = regexp.MustCompile(`^#( {2,}\S|[a-z_]+:)`)
	keyLine = regexp.MustCompile(`^( *)([a-z_0-9]+):(?: (.*))?$`)
)

// readExample reads the file that every key stands in, also those that are
// commented out, with the comments above and beside them.
func readExample(text string) map[string]exampleKey {
	keys := map[string]exampleKey{}
	var path []string
	var above []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		off := hidden.MatchString(line)
		if off {
			line = line[1:]
		}
		if line == "" {
			above = nil
			continue
		}
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "#") {
			above = append(above, strings.TrimSpace(strings.TrimPrefix(t, "#")))
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		path = append(path[:len(m[1])/2], m[2])
		value, comment, _ := strings.Cut(" "+m[3], " #")
		said := strings.TrimSpace(strings.Join(above, " "))
		if c := strings.TrimSpace(comment); c != "" {
			said = strings.TrimSpace(said + " " + sentence(c))
		}
		keys[strings.Join(path, ".")] = exampleKey{value: strings.TrimSpace(value), comment: said, off: off}
		above = nil
	}
	return keys
}

// sentence ends a remark like a sentence, so that it can stand after another.
func sentence(s string) string {
	return strings.TrimRight(s, ":")
}

// section is one member of a configuration struct.
type section struct {
	name  string
	typ   reflect.Type
	owner reflect.Type
	field string
}

func sections(t reflect.Type) []section {
	var out []section
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			out = append(out, section{name: name, typ: f.Type, owner: t, field: f.Name})
		}
	}
	return out
}

func (s section) inner() (reflect.Type, bool) {
	t := s.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct
}

type configWriter struct {
	out     *strings.Builder
	example map[string]exampleKey
	notes   *fieldNotes
	missing []string
}

// section writes a heading and a table; sections of sinks get headings of
// their own, all others are rows with longer names.
func (w *configWriter) section(s section, path string, level int) {
	t, _ := s.inner()
	off := ""
	if s.typ.Kind() == reflect.Pointer {
		off = " (off)"
	}
	fmt.Fprintf(w.out, "\n%s `%s`%s\n\n", strings.Repeat("#", level), path, off)
	if c := w.example[path].comment; c != "" {
		fmt.Fprintf(w.out, "%s\n\n", chapter.ReplaceAllString(c, "See [$1]($1)."))
	}
	if path == "sinks" {
		w.out.WriteString("[sinks.md](sinks.md) says what they have in common.\n")
		for _, m := range sections(t) {
			w.section(m, path+"."+m.name, level+1)
		}
		return
	}
	w.out.WriteString("| key | type | default | |\n|---|---|---|---|\n")
	w.rows(t, path)
}

func (w *configWriter) rows(t reflect.Type, path string) {
	for _, m := range sections(t) {
		key := path + "." + m.name
		said := w.example[key]
		if inner, ok := m.inner(); ok {
			text := cmp.Or(plain[key], said.comment)
			if m.typ.Kind() == reflect.Pointer {
				text = strings.TrimSpace("*off* " + text)
			}
			if text != "" {
				fmt.Fprintf(w.out, "| **`%s`** | section | | %s |\n", key, cell(text))
			}
			w.rows(inner, key)
			continue
		}
		text := cmp.Or(plain[key], said.comment, w.notes.of(m.owner, m.field), plain[m.name])
		if text == "" {
			w.missing = append(w.missing, key)
		}
		value := said.value
		if value == `""` {
			value = ""
		}
		fmt.Fprintf(w.out, "| `%s` | %s | %s | %s |\n", key, typeName(m.typ), code(value), cell(text))
	}
}

// typeName is the type of a value in the words of the introduction.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[event.Duration]():
		return "duration"
	case reflect.TypeFor[state.Size]():
		return "size"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true, false"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "map"
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	return "number"
}

// fieldNotes finds the comment of a struct's field in its source.
type fieldNotes struct {
	root  string
	files map[string][]*ast.File
}

func (n *fieldNotes) of(t reflect.Type, field string) string {
	dir := strings.TrimPrefix(t.PkgPath()+"/", modulePath)
	files, ok := n.files[dir]
	if !ok {
		names, err := filepath.Glob(filepath.Join(n.root, filepath.FromSlash(dir), "*.go"))
		if err != nil {
			panic("BUG: pattern for " + dir + ": " + err.Error())
		}
		for _, name := range names {
			if f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments); err == nil {
				files = append(files, f)
			}
		}
		n.files[dir] = files
	}
	for _, file := range files {
		obj := file.Scope.Lookup(t.Name())
		if obj == nil {
			continue
		}
		spec, ok := obj.Decl.(*ast.TypeSpec)
		if !ok {
			continue
		}
		st, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				if name.Name == field {
					return strings.TrimSpace(f.Doc.Text() + " " + f.Comment.Text())
				}
			}
		}
	}
	return ""
}
