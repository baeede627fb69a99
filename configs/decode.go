package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder lays one YAML document over a Config. Its own walk, not the one of
// the YAML package, because that stops at wrong types without naming keys.
type decoder struct {
	file    string
	origins *Origins
	faults  []Fault
}

func (d *decoder) at(n *yaml.Node) Origin { return Origin{File: d.file, Line: n.Line} }

func (d *decoder) fault(key string, n *yaml.Node, hint, format string, args ...any) {
	d.faults = append(d.faults, Fault{Key: key, Origin: d.at(n), Message: fmt.Sprintf(format, args...), Hint: hint})
}

// decode puts what node says into v. Values that are wrong leave v as it was.
func (d *decoder) decode(key string, node *yaml.Node, v reflect.Value) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case isSection(v) && (!isText(v) || node.Kind == yaml.MappingNode): // some have a short form too
		d.section(key, node, v)
	case v.Kind() == reflect.Map:
		d.entries(key, node, v)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		d.list(key, node, v)
	case v.Kind() == reflect.Slice:
		d.items(key, node, v)
	default:
		d.scalar(key, node, v)
	}
}

// section decodes a mapping into a struct. An empty section switches an
// optional part on, and leaves another as it is.
func (d *decoder) section(key string, node *yaml.Node, v reflect.Value) {
	if node.Kind != yaml.MappingNode && node.ShortTag() != "!!null" {
		d.fault(key, node, "write the keys below it, one a line, each with its value", "is %s, but must hold keys", describe(node))
		return
	}
	wasOff := v.Kind() == reflect.Pointer && v.IsNil()
	s := open(v)
	if wasOff {
		d.origins.set(key, d.at(node))
	}
	prefix := key
	if prefix != "" {
		prefix += "."
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		path := prefix + name.Value
		if line, twice := lines[name.Value]; twice {
			d.fault(path, name, "keep one of the two", "stands there twice, first in line %d", line)
			continue
		}
		lines[name.Value] = name.Line
		known := false
		for _, m := range members(s) {
			if m.name == name.Value {
				known = true
				d.decode(path, value, m.value)
			}
		}
		if !known {
			d.fault(path, name, suggest(prefix, name.Value, memberNames(s)), "unknown key")
		}
	}
}

// suggest is the hint for a key that does not exist: a neighbour that is
// spelt alike, or the same key in another section.
func suggest(prefix, name string, neighbours []string) string {
	if near := Nearest(name, neighbours); near != "" {
		return "did you mean " + prefix + near + "?"
	}
	for _, key := range Keys() {
		if strings.HasSuffix(key, "."+name) {
			return "did you mean " + key + "?"
		}
	}
	return "here are known: " + strings.Join(neighbours, ", ")
}

func (d *decoder) list(key string, node *yaml.Node, v reflect.Value) {
	if node.ShortTag() == "!!null" {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.fault(key, node, "write it as [a, b]", "is %s, but must be a list", describe(node))
		return
	}
	out := reflect.Zero(v.Type()) // an empty list and none are the same
	for i, item := range node.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		// A number in a list of texts means its text: [0, -1] are ids.
		if item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null" {
			d.fault(fmt.Sprintf("%s[%d]", key, i), item, "", "is %s, but must be a text", describe(item))
			continue
		}
		out = reflect.Append(out, reflect.ValueOf(item.Value).Convert(v.Type().Elem()))
	}
	v.Set(out)
	d.origins.set(key, d.at(node))
}

// items decodes a list whose items have keys of their own.
func (d *decoder) items(key string, node *yaml.Node, v reflect.Value) {
	if node.ShortTag() == "!!null" {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.fault(key, node, "begin each item with a dash", "is %s, but must be a list", describe(node))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.origins.set(path, d.at(item))
		d.decode(path, item, out.Index(i))
	}
	v.Set(out)
	d.origins.set(key, d.at(node))
}

// entries decodes a mapping whose keys are the user's.
func (d *decoder) entries(key string, node *yaml.Node, v reflect.Value) {
	if node.ShortTag() == "!!null" {
		return
	}
	if node.Kind != yaml.MappingNode {
		d.fault(key, node, "write it as {name: value}", "is %s, but must be a mapping", describe(node))
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		path := key + "." + name.Value
		entry := reflect.New(v.Type().Elem()).Elem()
		d.origins.set(path, d.at(name))
		if out.MapIndex(reflect.ValueOf(name.Value)).IsValid() {
			d.fault(path, name, "keep one of the two", "stands there twice")
		} else if entry.Kind() == reflect.String && value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" {
			entry.SetString(value.Value) // a number means its text, as in lists
		} else {
			d.decode(path, value, entry)
		}
		out.SetMapIndex(reflect.ValueOf(name.Value), entry)
	}
	if out.Len() > 0 {
		v.Set(out)
	}
	d.origins.set(key, d.at(node))
}

func (d *decoder) scalar(key string, node *yaml.Node, v reflect.Value) {
	tag := node.ShortTag()
	switch {
	case node.Kind != yaml.ScalarNode:
		d.fault(key, node, "", "is %s, but must be %s", describe(node), wanted(v))
		return
	case tag == "!!null":
		d.fault(key, node, "leave the key out for its default", "has no value")
		return
	case isText(v): // its own parser decides
	case v.Kind() == reflect.String && (tag == "!!bool" || tag == "!!int" || tag == "!!float"):
		hint := "write it in quotes"
		if tag == "!!bool" && strings.HasSuffix(key, ".mode") {
			hint = "the modes are off, shadow, enforce"
		}
		d.fault(key, node, hint, "is %s, but must be a text", describe(node))
		return
	case v.Kind() != reflect.String && tag == "!!str":
		hint := ""
		if v.Kind() != reflect.Bool && node.Style != 0 {
			hint = "write it without quotes"
		}
		d.fault(key, node, hint, "is %s, but must be %s", describe(node), wanted(v))
		return
	}
	if err := setText(v, node.Value); err != nil {
		d.fault(key, node, "", "%v", err)
		return
	}
	d.origins.set(key, d.at(node))
}

func isText(v reflect.Value) bool {
	if !v.CanAddr() {
		return false
	}
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// setText sets a single value from its text, as all layers write it.
func setText(v reflect.Value, text string) error {
	if isText(v) {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "false":
			v.SetBool(strings.EqualFold(text, "true"))
			return nil
		}
	case reflect.Int:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			v.SetInt(n)
			return nil
		}
	case reflect.Float64:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			v.SetFloat(f)
			return nil
		}
	default:
		panic(fmt.Sprintf("BUG: a configuration field of type %v; want one that has a text", v.Type()))
	}
	return fmt.Errorf("is %q, but must be %s", text, wanted(v))
}

func wanted(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a single value"
}

// describe says what a node is, in the words of a person who wrote it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the boolean " + n.Value
	}
	return fmt.Sprintf("the text %q", n.Value)
}
