package configs

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func printed(t *testing.T, c *Config, o *Origins) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintCanBeLoadedAgain(t *testing.T) {
	c, origins := load(t, `
identity: {ignore: ["null", "0", "yes", "a: b", "# x"]}
kafka: {group: "off"}
sinks: {files: {}, redis: {}}
fraud: {rules: {ml_score: {mode: off, threshold: 1}}}
ingest: {mappings: [{files: "a*.csv", delimiter: "\t", where: {n: 1}, fields: {user_id: uid, type: {constant: click}, ip: {}}}]}
`, nil, nil)
	again, _ := load(t, printed(t, c, origins), nil, nil)
	c.Dir, again.Dir = "", ""
	if !reflect.DeepEqual(c, again) {
		t.Errorf("loaded again: %+v\nwant %+v", again, c)
	}
}

func TestPrintNamesOrigins(t *testing.T) {
	c, o := load(t, "sessions: {gap: 10m}", []string{"TRIBUTARY_KAFKA_GROUP=g"}, map[string]string{"server.listen": "127.0.0.1:0"})
	text := printed(t, c, o)
	for _, want := range []string{
		`listen: 127.0.0.1:0 # command line`, `gap: 10m # .*t\.yaml:1`, `group: g # environment TRIBUTARY_KAFKA_GROUP`, `half_life: 7d # default`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "sinks") {
		t.Errorf("sections that are off are printed:\n%s", text)
	}
}

func TestPrintMasksSecrets(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:s3cret@db/x", "postgres://u:s3@cret@db/x", "postgres://db/x?user=u&password=s3cret",
		"host=db password=s3cret user=u", "host=db password='s3 cret' user=u", "host=db PASSWORD = s3cret",
	} {
		c, o, err := Load("", nil, map[string]string{"sinks.postgres.dsn": dsn})
		if err != nil {
			t.Fatal(err)
		}
		if text := printed(t, c, o); strings.Contains(text, "cret") || !strings.Contains(text, "db") {
			t.Errorf("%s is printed as\n%s", dsn, text)
		}
	}
}

// optionalLine is a line of the example that is a commented-out key: prose has
// one blank after the sign.
var optionalLine = regexp.MustCompile(`(?m)^#(\S|  )`)

func TestExampleIsTheDefaults(t *testing.T) {
	c, _, err := Load("tributary.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	c.Dir = ""
	// An empty list and no list mean the same.
	if got, want := printed(t, c, &Origins{}), printed(t, want, &Origins{}); got != want {
		t.Errorf("the example gives\n%s\nwant\n%s", got, want)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("tributary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := optionalLine.ReplaceAll(text, []byte("$1"))
	c, o := Default(), &Origins{byKey: map[string]Origin{}}
	if bad := decodeFile(c, o, "tributary.yaml", all); len(bad) > 0 {
		t.Fatalf("the example with all sections on has faults: %v", bad)
	}
	for _, key := range Keys() {
		if _, ok := o.byKey[key]; !ok {
			t.Errorf("the example lacks %s", key)
		}
	}
	full := Default()
	for _, key := range Keys() {
		if _, ok := full.find(key); !ok {
			t.Fatalf("key %s is listed, but not found", key)
		}
	}
	if got, want := printed(t, c, &Origins{}), printed(t, full, &Origins{}); got != want {
		t.Errorf("the optional sections of the example give\n%s\nwant\n%s", got, want)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"half_life", "max_touches", "gap", "types"}
	for in, want := range map[string]string{"half_lief": "half_life", "halflife": "half_life", "gab": "gap", "tpyes": "types", "colour": "", "": ""} {
		if got := Nearest(in, names); got != want {
			t.Errorf("Nearest(%q) = %q; want %q", in, got, want)
		}
	}
	if !slices.Contains(Keys(), "sinks.snowflake.private_key_file") {
		t.Error("Keys leaves out sections that are off")
	}
}
