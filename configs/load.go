package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds what is read of a configuration file; a real one is a few KB.
const maxFile = 4 << 20

// Load reads the configuration: the defaults, then the file (none when path is
// empty), then env ("NAME=value", as os.Environ gives it), then overrides by
// key, which come from flags. The error is an *Error that lists all faults.
func Load(path string, env []string, overrides map[string]string) (*Config, *Origins, error) {
	c, origins := Default(), &Origins{byKey: map[string]Origin{}}
	var faults []Fault
	if path != "" {
		c.Dir = filepath.Dir(path)
		faults = loadFile(c, origins, path)
	}
	faults = append(faults, loadEnv(c, origins, env)...)
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		faults = append(faults, setKey(c, origins, key, overrides[key], Origin{Flag: true})...)
	}
	faults = append(faults, validate(c, origins, faults)...)
	if len(faults) > 0 {
		return nil, nil, &Error{Faults: faults}
	}
	return c, origins, nil
}

func loadFile(c *Config, origins *Origins, path string) []Fault {
	whole := func(hint, format string, args ...any) []Fault {
		return []Fault{{Origin: Origin{File: path}, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	f, err := os.Open(path)
	if err != nil {
		return whole("give an existing file with --config, or none for the defaults", "cannot read the file: %v", errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return whole("", "cannot read the file: %v", err)
	}
	if len(text) > maxFile {
		return whole("is it the right file?", "is larger than %d bytes", maxFile)
	}
	return decodeFile(c, origins, path, text)
}

func decodeFile(c *Config, origins *Origins, path string, text []byte) []Fault {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil // an empty file says nothing
	} else if err != nil {
		return []Fault{syntaxFault(path, err)}
	}
	d := decoder{file: path, origins: origins}
	d.decode("", doc.Content[0], reflect.ValueOf(c).Elem())
	if err := dec.Decode(&more); err == nil {
		d.fault("", &more, "keep one", "holds a second document")
	} else if !errors.Is(err, io.EOF) {
		d.faults = append(d.faults, syntaxFault(path, err))
	}
	return d.faults
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func syntaxFault(path string, err error) Fault {
	at := Origin{File: path}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(text, m[0])
	}
	return Fault{Origin: at, Message: "is not YAML: " + strings.TrimPrefix(text, "yaml: "), Hint: "indent with blanks, and put texts with : or # in quotes"}
}

// loadEnv lays the environment over c. An empty value counts as absent. A name
// that is nearly one of ours, or begins with one of our sections, is a fault;
// other names with our prefix (a harness, or the service links of Kubernetes)
// only warn.
func loadEnv(c *Config, origins *Origins, env []string) []Fault {
	keys := map[string]string{}
	for _, key := range Keys() {
		keys[EnvName(key)] = key
	}
	names := slices.Sorted(maps.Keys(keys))
	var faults []Fault
	for _, entry := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || value == "" || name == ConfigEnv || strings.HasPrefix(name, KeyEnv) {
			continue
		}
		at := Origin{Env: name}
		if key, ok := keys[name]; ok {
			faults = append(faults, setKey(c, origins, key, value, at)...)
			continue
		}
		near := nearest(name, names, maxEnvEdits)
		if near == "" && !inSection(name) {
			origins.Warnings = append(origins.Warnings, name+" is set in the environment, but no configuration key has that name")
			continue
		}
		hint := ""
		if near != "" {
			hint = "did you mean " + near + "?"
		}
		faults = append(faults, Fault{Key: name, Origin: at, Message: "no configuration key has that name", Hint: hint})
	}
	return faults
}

// ConfigEnv names the configuration file where no flag does.
const ConfigEnv = EnvPrefix + "CONFIG"

// KeyEnv holds the key that commands send to a running server.
const KeyEnv = EnvPrefix + "API_KEY"

// maxEnvEdits is how far a name of the environment may be from one of ours and
// still be taken for a slip. It is small, because all begin alike.
const maxEnvEdits = 2

func inSection(name string) bool {
	for _, section := range memberNames(reflect.ValueOf(Default()).Elem()) {
		if strings.HasPrefix(name, EnvName(section)+"_") {
			return true
		}
	}
	return false
}

// setKey sets one key from text: lists are comma separated, and what has keys
// of its own is written as YAML.
func setKey(c *Config, origins *Origins, key, text string, at Origin) []Fault {
	v, ok := c.find(key)
	if !ok || isSection(v) {
		return []Fault{{Key: key, Origin: at, Message: "unknown key", Hint: suggest("", key, Keys())}}
	}
	switch {
	case isText(v) || v.Kind() != reflect.Slice:
		if err := setText(v, text); err != nil {
			return []Fault{{Key: key, Origin: at, Message: err.Error()}}
		}
	case v.Type().Elem().Kind() == reflect.String:
		v.SetZero()
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				v.Set(reflect.Append(v, reflect.ValueOf(item).Convert(v.Type().Elem())))
			}
		}
	default:
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
			return []Fault{{Key: key, Origin: at, Message: "is not YAML", Hint: "write it on one line, as [{...}]"}}
		}
		d := decoder{origins: &Origins{byKey: map[string]Origin{}}}
		d.decode(key, doc.Content[0], v)
		for i := range d.faults {
			d.faults[i].Origin = at
		}
		if len(d.faults) > 0 {
			return d.faults
		}
	}
	origins.set(key, at)
	return nil
}
