package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/table"
)

func TestValidateListsAllFaults(t *testing.T) {
	c := DefaultConfig()
	c.DSN, c.Schema, c.Partitions, c.BatchRows, c.BatchAge, c.Timeout = "postgres://u:geheim@:x/%zz", strings.Repeat("s", 64), "week", 0, 0, 0
	text := fmt.Sprint(c.Validate())
	for _, key := range []string{"dsn", "schema", "partitions", "batch_rows", "batch_age", "timeout"} {
		if !strings.Contains(text, key+":") {
			t.Errorf("nothing is said of %s: %s", key, text)
		}
	}
	if strings.Contains(text, "geheim") {
		t.Errorf("the password is shown: %s", text)
	}
	if text := fmt.Sprint(DefaultConfig().Validate()); !strings.Contains(text, "dsn: is missing") {
		t.Errorf("got %s", text)
	}
	c = DefaultConfig()
	c.DSN, c.DSNFile = "postgres://h/d", "f"
	if text := fmt.Sprint(c.Validate()); !strings.Contains(text, "dsn_file:") {
		t.Errorf("got %s", text)
	}
	for _, dsn := range []string{"postgres://u:p@h:5432/d?sslmode=require", "host=h dbname=d user=u", "postgres://a,b:5433/d?target_session_attrs=read-write"} {
		c := DefaultConfig()
		c.DSN = dsn
		if faults := c.Validate(); faults != nil {
			t.Errorf("%s: %v", dsn, faults)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := DefaultConfig()
	c.DSNFile, c.PasswordFile = put("dsn", "postgres://u:old@h/d?application_name=mine\n"), put("password", "new secret\n")
	cc, err := c.connection("1")
	if err != nil {
		t.Fatal(err)
	}
	if cc.Password != "new secret" || cc.User != "u" || cc.RuntimeParams["application_name"] != "mine" || cc.ConnectTimeout != 30*time.Second {
		t.Errorf("got %q of %q, %v, %v", cc.Password, cc.User, cc.RuntimeParams, cc.ConnectTimeout)
	}
	c.PasswordFile = filepath.Join(dir, "none")
	if _, err := c.connection("1"); err == nil || !strings.Contains(err.Error(), "password_file") {
		t.Errorf("got %v", err)
	}
	c.DSNFile = put("bad", "postgres://u:geheim@:x/")
	if _, err := c.connection("1"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v", err)
	}
}

func TestArrayLiteral(t *testing.T) {
	for want, list := range map[string][]string{
		`{}`:                      nil,
		`{""}`:                    {""},
		`{"a","b\"c","d\\e,{f}"}`: {"a", `b"c`, `d\e,{f}`},
	} {
		if got := arrayLiteral(list); got != want {
			t.Errorf("%q gives %s; want %s", list, got, want)
		}
	}
}

func TestDDLNamesAllViews(t *testing.T) {
	all := strings.Join(DDL(Config{Partitions: partitionsMonth}, deps), "\n")
	for _, tab := range table.All {
		if !strings.Contains(all, `CREATE OR REPLACE VIEW "v_`+tab.Name+`"`) {
			t.Errorf("there is no view of %s", tab.Name)
		}
	}
	if strings.Count(all, "PARTITION BY RANGE") != 8 {
		t.Errorf("%d tables are divided; want 8", strings.Count(all, "PARTITION BY RANGE"))
	}
}
