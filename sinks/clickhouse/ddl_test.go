package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

var rewrite = flag.Bool("rewrite", false, "write the statements that are made as those that are wanted")

func variants() map[string]Config {
	single := DefaultConfig()
	replicated, sharded, kept := single, single, single
	replicated.Cluster = Cluster{Name: "main", Quorum: 2}
	replicated.Fsync = false
	sharded.Cluster = Cluster{Name: "{cluster}", Sharded: true}
	kept.Retention = event.Duration(400 * event.Day)
	kept.RetentionByTable = map[string]event.Duration{"minute_delivery": event.Duration(90 * event.Day), "verdicts": 0}
	return map[string]Config{"single": single, "replicated": replicated, "sharded": sharded, "retention": kept}
}

// TestDDL compares the statements with those in testdata, where a reviewer sees
// what a change of the layout means.
func TestDDL(t *testing.T) {
	for name, cfg := range variants() {
		if faults := cfg.Validate(); len(faults) > 0 {
			t.Fatal(faults)
		}
		got := strings.Join(DDL(cfg, testDeps), ";\n\n") + ";\n"
		path := filepath.Join("testdata", name+".sql")
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the statements of %s differ from %s; go test ./sinks/clickhouse -run TestDDL -rewrite, and look at the difference:\n%s", name, path, got)
		}
	}
}

// TestEngineReadsTheDDL: the engine at hand runs alone, so that it cannot make
// replicated tables; it can say whether it understands them.
func TestEngineReadsTheDDL(t *testing.T) {
	server := testkit.StartClickHouse(t)
	for name, cfg := range variants() {
		for _, sql := range DDL(cfg, testDeps) {
			if _, err := server.Try("SELECT formatQuery(" + quote(sql) + ")"); err != nil {
				t.Errorf("%s: %s\n%v", name, sql, err)
			}
		}
	}
	if _, err := server.Try("SELECT formatQuery('CREATE TABLE x (a Int64) ENGINE = ')"); err == nil {
		t.Error("the engine understands everything")
	}
}

// TestPlacesNeverMove: what a row's place is made of is its key, or a time
// whose old value is looked up.
func TestPlacesNeverMove(t *testing.T) {
	for _, l := range layouts {
		if l.logical == nil {
			continue
		}
		allowed := map[string]bool{"shard": true}
		for _, c := range l.logical.Columns[:l.logical.Keys] {
			allowed[c.Name] = true
		}
		at, outside := l.timeColumn()
		if outside {
			allowed[l.logical.Columns[at].Name] = true
			if l.logical.Keys != 1 {
				t.Errorf("%s: places are looked up by one id; its key has %d columns", l.name, l.logical.Keys)
			}
		}
		for _, c := range l.order {
			if !allowed[c] {
				t.Errorf("%s is sorted by %s, which may change", l.name, c)
			}
		}
		for _, c := range l.logical.Columns[:l.logical.Keys] {
			if !strings.Contains(" "+strings.Join(l.order, " ")+" ", " "+c.Name+" ") {
				t.Errorf("%s: rows with another %s would replace each other", l.name, c.Name)
			}
		}
		if l.time != "" && !allowed[l.time] {
			t.Errorf("%s is partitioned by %s, which may change", l.name, l.time)
		}
		if !allowed[l.spread] && l.spread != "" {
			t.Errorf("%s is spread by %s, which may change", l.name, l.spread)
		}
	}
	for _, tab := range table.All {
		layoutFor(tab) // panics where there is none
	}
}

func TestConfigFaults(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Errorf("the defaults: %v", faults)
	}
	for key, change := range map[string]func(c *Config){
		"addrs":                          func(c *Config) { c.Addrs = nil },
		"protocol":                       func(c *Config) { c.Protocol = "grpc" },
		"database":                       func(c *Config) { c.Database = "a`b" },
		"database: \"system\"":           func(c *Config) { c.Database = "system" },
		"password_file":                  func(c *Config) { c.Password, c.PasswordFile = "a", "b" },
		"tls.enabled":                    func(c *Config) { c.TLS.CAFile = "ca.pem" },
		"tls.cert_file":                  func(c *Config) { c.TLS = TLS{Enabled: true, CertFile: "c"} },
		"cluster.name":                   func(c *Config) { c.Cluster.Sharded = true },
		"cluster.quorum":                 func(c *Config) { c.Cluster = Cluster{Name: "x", Quorum: -1} },
		"retention":                      func(c *Config) { c.Retention = 1000 },
		"retention_by_table":             func(c *Config) { c.RetentionByTable = map[string]event.Duration{"nope": 0} },
		"retention_by_table: credits":    func(c *Config) { c.RetentionByTable = map[string]event.Duration{"credits": 0} },
		"retention_by_table.conversions": func(c *Config) { c.RetentionByTable = map[string]event.Duration{"conversions": 5} },
		"compression":                    func(c *Config) { c.Compression = "rar" },
		"dial_timeout":                   func(c *Config) { c.DialTimeout = 0 },
		"read_timeout":                   func(c *Config) { c.ReadTimeout = 0 },
		"max_insert_rows":                func(c *Config) { c.MaxInsertRows = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		faults := c.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), key) {
			t.Errorf("%s: the faults are %v", key, faults)
		}
	}
}

func TestSecretIsNotShown(t *testing.T) {
	c := DefaultConfig()
	c.Password = "hunter2"
	text, err := c.Password.MarshalText()
	if err != nil || string(text) != "***" {
		t.Errorf("printed as %s: %v", text, err)
	}
	if s := c.Password.String() + c.Password.GoString(); strings.Contains(s, "hunter2") {
		t.Errorf("shown as %s", s)
	}
}

// TestFoldKeepsEveryCredit: also touches that differ in one field alone, at one
// position.
func TestFoldKeepsEveryCredit(t *testing.T) {
	c := conversionAt("c", monday, 1)
	a, b := creditOf(c, "linear").Row, creditOf(c, "last_touch").Row
	other := creditOf(c, "time_decay").Row
	other[table.Credits.Col("channel")] = table.T("Email")
	f := fold([]table.Row{a, b, other})
	if len(f.touches) != 2 || f.of[0] != 1 || f.of[1] != 1 || f.of[2] != 2 {
		t.Errorf("%d touches, %v; want the first two as one", len(f.touches), f.of)
	}
}

func TestPathsAreResolved(t *testing.T) {
	c := Config{PasswordFile: "pw", TLS: TLS{CAFile: "ca"}}.Resolve(func(s string) string { return "/etc/" + s })
	if c.PasswordFile != "/etc/pw" || c.TLS.CAFile != "/etc/ca" || c.TLS.CertFile != "" {
		t.Errorf("resolved to %+v", c)
	}
}

// TestEngineChecksTheDDL: without ON CLUSTER, and with the path and the replica
// that the servers' configuration would give, the engine gets as far with the
// statements as it can alone: columns, keys, settings and arguments are right,
// and what is missing are Keeper and the other servers.
func TestEngineChecksTheDDL(t *testing.T) {
	server := testkit.StartClickHouse(t)
	lacks := regexp.MustCompile(`\((NO_ZOOKEEPER|CLUSTER_DOESNT_EXIST|UNKNOWN_TABLE)\)|No macro 'cluster'`)
	for _, name := range []string{"replicated", "sharded"} {
		cfg := variants()[name]
		cfg.Database = server.Database
		refused := 0
		for n, sql := range DDL(cfg, testDeps) {
			sql = strings.Replace(sql, ddl{cfg: &cfg}.onCluster(), "", 1)
			sql = strings.Replace(sql, "('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', ", "(", 1)
			sql = strings.Replace(sql, "ReplicatedReplacingMergeTree(", fmt.Sprintf("ReplicatedReplacingMergeTree('/tables/%d', 'one', ", n), 1)
			_, err := server.Try(sql)
			if err == nil {
				continue
			}
			refused++
			if !lacks.MatchString(err.Error()) {
				t.Errorf("%s: %s\n%v", name, sql, err)
			}
		}
		if refused == 0 {
			t.Errorf("%s: the engine did everything: then the whole suite can run on it", name)
		}
	}
	// It would say what is wrong.
	_, err := server.Try("CREATE TABLE `" + server.Database + "`.x (a Int64) ENGINE = ReplicatedReplacingMergeTree('/p', 'r', a) ORDER BY b SETTINGS replicated_deduplication_window = 0")
	if err == nil || lacks.MatchString(err.Error()) {
		t.Errorf("a table that is sorted by a column that it has not: %v", err)
	}
}
