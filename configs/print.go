package configs

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes the configuration as it takes effect, as YAML: secrets masked,
// the origin of each value beside it. Sections that are off are left out.
func (c *Config) Print(w io.Writer, origins *Origins) error {
	root, err := render("", reflect.ValueOf(c).Elem(), origins)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return enc.Close()
}

func render(key string, v reflect.Value, origins *Origins) (*yaml.Node, error) {
	if isSection(v) {
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		for _, m := range members(v) {
			if m.value.Kind() == reflect.Pointer && m.value.IsNil() {
				continue
			}
			path := m.name
			if key != "" {
				path = key + "." + m.name
			}
			child, err := render(path, m.value, origins)
			if err != nil {
				return nil, err
			}
			if child.Kind == yaml.MappingNode && len(child.Content) == 0 {
				continue // a section of which every part is off
			}
			node.Content = append(node.Content, textNode(m.name), child)
		}
		return node, nil
	}
	node, err := valueNode(v)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", key, err)
	}
	if at := origins.Of(key).String(); at != "" {
		node.LineComment = "# " + at
	} else {
		node.LineComment = "# default"
	}
	return node, nil
}

func valueNode(v reflect.Value) (*yaml.Node, error) {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return textNode(string(text)), err
	}
	switch v.Kind() {
	case reflect.String:
		return textNode(mask(v.String())), nil
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}, nil
	case reflect.Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}, nil
	case reflect.Float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(v.Float(), 'g', -1, 64)}, nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String || v.Len() == 0 {
			node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
			for i := range v.Len() {
				node.Content = append(node.Content, textNode(mask(v.Index(i).String())))
			}
			return node, nil
		}
	}
	return compound(v)
}

// compound renders what has keys of its own, on one line, without what is
// absent.
func compound(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
	add := func(name string, v reflect.Value) error {
		child, err := valueNode(v)
		if name != "" {
			node.Content = append(node.Content, textNode(name))
		}
		node.Content = append(node.Content, child)
		return err
	}
	var errs []error
	switch v.Kind() {
	case reflect.Slice:
		node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
		for i := range v.Len() {
			errs = append(errs, add("", v.Index(i)))
		}
	case reflect.Map:
		for _, k := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			errs = append(errs, add(k.String(), v.MapIndex(k)))
		}
	case reflect.Struct:
		for _, m := range members(v) {
			if !m.value.IsZero() {
				errs = append(errs, add(m.name, m.value))
			}
		}
	default:
		panic(fmt.Sprintf("BUG: a configuration field of type %v; want one that can be printed", v.Type()))
	}
	return node, errors.Join(errs...)
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// Passwords stand in texts as URLs and as key=value lists hold them. Masking
// too much does no harm, so both patterns are greedy.
var (
	urlPassword = regexp.MustCompile(`(://[^:/?#@]*:).*@`)
	keyPassword = regexp.MustCompile(`(?i)((?:pass(?:word|wd)?|secret|token|apikey|api_key)\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)`)
)

func mask(s string) string {
	s = urlPassword.ReplaceAllString(s, "${1}***@")
	return keyPassword.ReplaceAllString(s, "${1}***")
}
