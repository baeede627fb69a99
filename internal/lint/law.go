package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const module = "github.com/tributary-data/tributary"

// law is what each package may import of ours. A name that ends in /* stands
// for all packages below; the longest name that fits counts. The arrows point
// down: words, then state, then stages, then the pipeline; sinks and web hang
// on tables alone, so that neither can reach into the money.
var law = map[string][]string{
	"event":           {},
	"channel":         {"event"},
	"table":           {"event"},
	"state":           {"event"},
	"ingest":          {"event", "channel"},
	"ingest/*":        {"event", "channel", "ingest", "configs/check"},
	"ingest/kafka":    {"event", "channel", "ingest", "configs/check", "internal/kafkaconn"},
	"ingest/generate": {"event"},
	"history":         {"event", "state"},
	"fraud":           {"event"},
	"sessionize":      {"event"},
	"sessionize/*":    {"event", "sessionize"},
	"attribution":     {"event"},
	"pipeline":        {"event", "channel", "table", "state", "ingest", "history", "fraud", "sessionize", "attribution"},
	"pacing":          {"event", "table"},
	"pacing/*":        {"event", "table", "pacing"},
	"sinks":           {"event", "table"},
	"sinks/files":     {"event", "table", "sinks", "sinks/objects", "configs/check"},
	"sinks/objects":   {},
	"sinks/kafka":     {"event", "table", "sinks", "sinks/rows", "configs/check", "internal/kafkaconn"},
	"sinks/*":         {"event", "table", "sinks", "sinks/rows", "configs/check"},
	"sinks/rows/*":    {"event", "table", "sinks/sinktest"}, // for tests
	"web":             {"event", "table", "web/*", "internal/auth"},
	"web/*":           {"event", "table"},
	"configs":         {"event", "configs/check", "state", "ingest", "ingest/*", "fraud", "sessionize", "attribution", "pipeline", "pacing", "sinks", "sinks/*", "web", "internal/auth"},

	"configs/check":      {},
	"internal/kafkaconn": {"configs/check"}, // how brokers are reached, for the source and the sink
	"internal/producer":  {},
	"internal/testkit/*": {"*"},
	"internal/auth":      {"event"},

	// The oracle recomputes what the stages do: it shares their configuration
	// and the words, never their code (its own tests see to that).
	"internal/oracle":   {"event", "table", "fraud", "sessionize", "attribution", "internal/conform"},
	"internal/oracle/*": {"event", "table", "fraud", "sessionize", "attribution", "internal/conform", "internal/oracle"},
	"internal/conform":  {"event", "table"},
	"internal/lint":     {},
	"internal/testkit":  {"*"},
	"internal/service":  {"*"},
	"internal/bench":    {"*"},
	"internal/docs":     {"*"},
	"internal/verify":   {"*"},
	"internal/cli":      {"*"},
	".":                 {"internal/cli"},
}

// drivers says which packages may use each module that is not ours. One that
// is missing here may be used nowhere; "*" is everywhere. Tests may use all.
var drivers = map[string][]string{
	"github.com/cockroachdb/pebble":       {"state"},
	"github.com/twmb/franz-go":            {"ingest/kafka", "sinks/kafka", "internal/kafkaconn", "internal/producer", "internal/testkit"},
	"github.com/hamba/avro":               {"ingest/kafka"},
	"github.com/bufbuild/protocompile":    {"ingest/kafka"},
	"github.com/go-chi/chi":               {"web"},
	"github.com/coder/websocket":          {"web"},
	"github.com/prometheus/client_golang": {"web"},
	"github.com/parquet-go/parquet-go":    {"ingest", "sinks/files"},
	"github.com/klauspost/compress":       {"ingest", "sinks/files", "web"},
	"go.yaml.in/yaml":                     {"configs"},
	"github.com/redis/go-redis":           {"sinks/redis"},
	"github.com/ClickHouse":               {"sinks/clickhouse", "internal/testkit"},
	"github.com/ebitengine/purego":        {"internal/testkit"}, // calls libchdb
	"github.com/jackc/pgx":                {"sinks/postgres"},
	"cloud.google.com/go/bigquery":        {"sinks/bigquery", "internal/testkit"},
	"google.golang.org/api":               {"sinks/bigquery"},
	"google.golang.org/grpc":              {"sinks/bigquery", "internal/testkit"},
	"google.golang.org/genproto":          {"internal/testkit"},
	"google.golang.org/protobuf":          {"ingest/kafka", "sinks/bigquery", "internal/testkit"},
	"github.com/johannesboyne/gofakes3":   {"internal/testkit"},
	"github.com/google/pprof":             {"internal/bench"},
	"github.com/coreos/go-oidc":           {"internal/auth"},
	"golang.org/x/oauth2":                 {"internal/auth"},
	"pgregory.net/rapid":                  {"internal/oracle/draw", "internal/testkit"},
	"github.com/zeebo/xxh3":               {"*"}, // a hash, with no state and no I/O
	"golang.org/x/sync":                   {"*"},
	"golang.org/x/sys":                    {"state"},
}

// judge says why pkg may not import imp, or "".
func judge(pkg, imp string) string {
	if imp == module || strings.HasPrefix(imp, module+"/") {
		return judgeOurs(pkg, strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"))
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	best := ""
	for d := range drivers {
		if (imp == d || strings.HasPrefix(imp, d+"/")) && len(d) > len(best) {
			best = d
		}
	}
	if best == "" {
		return fmt.Sprintf("imports %s, which no package owns; name its owner in internal/lint/law.go", imp)
	}
	if !fits(drivers[best], pkg) {
		return fmt.Sprintf("imports %s, which belongs to %s", imp, strings.Join(drivers[best], ", "))
	}
	return ""
}

func judgeOurs(pkg, imp string) string {
	allowed, ok := lawOf(pkg)
	if !ok {
		return fmt.Sprintf("package %s has no place in the import law; give it one in internal/lint/law.go", pkg)
	}
	if !fits(allowed, imp) {
		return fmt.Sprintf("imports %s; the import law allows %s: %s", imp, pkg, strings.Join(allowed, ", "))
	}
	return ""
}

func lawOf(pkg string) ([]string, bool) {
	for name := pkg; ; name = path.Dir(name) {
		if allowed, ok := law[name]; ok && name == pkg {
			return allowed, true
		}
		if allowed, ok := law[name+"/*"]; ok && name != pkg {
			return allowed, true
		}
		if name == "." {
			return nil, false
		}
	}
}

// fits says whether one of the patterns names the package: itself, what lies
// below ("x/*"), or all ("*").
func fits(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, ok := strings.CutSuffix(p, "*")
		return p == pkg || ok && strings.HasPrefix(pkg, below)
	})
}
