package configs

import (
	"reflect"
	"strings"
)

// EnvPrefix begins the names of the environment that are ours.
const EnvPrefix = "TRIBUTARY_"

// EnvName is the name of the environment that sets a key.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// member is one key of a section and the place of its value.
type member struct {
	name  string
	value reflect.Value
}

// members lists the keys of a struct in the order in which they are declared.
func members(v reflect.Value) []member {
	var out []member
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			out = append(out, member{name, v.Field(i)})
		}
	}
	return out
}

func memberNames(v reflect.Value) []string {
	var names []string
	for _, m := range members(v) {
		names = append(names, m.name)
	}
	return names
}

// open gives the struct of a section; an optional one that is off is switched
// on and filled in.
func open(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Interface())
	}
	return v.Elem()
}

// isSection says whether the value holds further keys.
func isSection(v reflect.Value) bool {
	t := v.Type()
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
}

// find gives the value of a key, switching on the sections on its way.
func (c *Config) find(key string) (reflect.Value, bool) {
	v := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(key, ".") {
		if !isSection(v) {
			return v, false
		}
		found := false
		for _, m := range members(open(v)) {
			if m.name == name {
				v, found = m.value, true
				break
			}
		}
		if !found {
			return v, false
		}
	}
	return v, true
}

// Keys lists every key that has a value, those of sections that are off too.
func Keys() []string {
	var keys []string
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for _, m := range members(open(v)) {
			if isSection(m.value) {
				walk(prefix+m.name+".", m.value)
			} else {
				keys = append(keys, prefix+m.name)
			}
		}
	}
	walk("", reflect.ValueOf(Default()).Elem())
	return keys
}
