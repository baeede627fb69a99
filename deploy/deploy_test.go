// Package deploy has no code: its tests see to it that what ships beside the
// program fits it.
package deploy

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/web"
)

// shows is a view of a pipeline in which every kind of metric has a value.
type shows struct{ web.View }

func (shows) Changed() <-chan struct{} { return make(chan struct{}) }

func (shows) Status() web.Status {
	return web.Status{
		Ready: true, Watermark: 1_700_000_000_000, DiskBytes: 1, DiskBudget: 2, Sinks: []web.Sink{{Name: "s", State: "ok"}},
		Inputs: []web.Input{{Name: "i"}}, Counts: web.Counts{Dropped: map[string]int64{"ip": 1}},
	}
}

// exported are the names of all series that /metrics shows, and their labels.
func exported(t *testing.T) map[string]map[string]bool {
	t.Helper()
	s := web.New(web.DefaultConfig(), shows{}, nil, slog.New(slog.DiscardHandler))
	for range 2 { // the second scrape shows the first
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK {
			t.Fatalf("metrics: %d %s", w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	out := map[string]map[string]bool{"up": {"job": true}}
	series := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-zA-Z_]+)="`)
	for line := range strings.Lines(w.Body.String()) {
		m := series.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if out[m[1]] == nil {
			out[m[1]] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			out[m[1]][l[1]] = true
		}
	}
	return out
}

var (
	metricName = regexp.MustCompile(`\b(?:tributary|process|go)_[a-z0-9_]+|\bup\b`)
	selector   = regexp.MustCompile(`([a-z][a-z0-9_]+)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// checkExpression sees that everything a rule names is there.
func checkExpression(t *testing.T, where, expr string, known map[string]map[string]bool) {
	t.Helper()
	names := metricName.FindAllString(expr, -1)
	if len(names) == 0 {
		t.Errorf("%s: %q names no metric", where, expr)
	}
	for _, n := range names {
		if known[n] == nil {
			t.Errorf("%s: /metrics shows no %s", where, n)
		}
	}
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if known[m[1]] != nil && !known[m[1]][l[1]] {
				t.Errorf("%s: %s has no label %s; it has %v", where, m[1], l[1], slices.Sorted(maps.Keys(known[m[1]])))
			}
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "[") != strings.Count(expr, "]") {
		t.Errorf("%s: brackets of %q", where, expr)
	}
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestAlerts(t *testing.T) {
	var f struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	readYAML(t, "prometheus/alerts.yml", &f)
	runbooks, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	known := exported(t)
	n := 0
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			n++
			checkExpression(t, r.Alert, r.Expr, known)
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or summary", r.Alert)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || !strings.Contains(string(runbooks), "\n### "+r.Alert+"\n") {
				t.Errorf("%s: runbook %q; want %s, and a chapter of that name", r.Alert, r.Annotations["runbook"], want)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d alerts were read", n)
	}
}

// TestAlertsFire: alerts_test.yml has series that every alert fires on, and some
// that it does not. promtool says whether that is so, where it is installed.
func TestAlertsFire(t *testing.T) {
	var alerts struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	readYAML(t, "prometheus/alerts.yml", &alerts)
	var tests struct {
		Tests []struct {
			Rules []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, "prometheus/alerts_test.yml", &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, x := range tests.Tests {
		for _, r := range x.Rules {
			if len(r.Expected) > 0 {
				fires[r.Alert] = true
			} else {
				quiet[r.Alert] = true
			}
		}
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: has series that fire %t, series that do not %t", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: the series were not evaluated")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", "prometheus/alerts_test.yml").CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("grafana/dashboards/tributary.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	known := exported(t)
	n := 0
	for _, p := range d.Panels {
		for _, x := range p.Targets {
			n++
			checkExpression(t, p.Title, x.Expr, known)
		}
	}
	if n < 20 {
		t.Errorf("%d expressions were read", n)
	}
}

// TestConfiguration: the file of both topologies is read, with the environment
// that the compose file gives to the service.
func TestConfiguration(t *testing.T) {
	c := compose(t)
	var env []string
	for k, v := range c.Services["tributary"].Environment {
		env = append(env, k+"="+strings.NewReplacer("${CLICKHOUSE_PASSWORD:-local-only}", "secret-of-clickhouse").Replace(v))
	}
	cfg, origins, err := configs.Load("tributary.yaml", env, map[string]string{"server.listen": "0.0.0.0:8080"})
	if err != nil {
		t.Fatal(err)
	}
	if len(origins.Warnings) > 0 {
		t.Errorf("warnings: %v", origins.Warnings)
	}
	if cfg.Auth == nil || cfg.Kafka.Brokers[0] != "kafka:19092" || cfg.State.Dir != "/data/state" {
		t.Errorf("auth %v, brokers %v, state in %s", cfg.Auth, cfg.Kafka.Brokers, cfg.State.Dir)
	}
	var b strings.Builder
	if err := cfg.Print(&b, origins); err != nil || strings.Contains(b.String(), "secret-of-clickhouse") {
		t.Errorf("config print shows the password: %v", err)
	}
}

type composeFile struct {
	Services map[string]struct {
		Image       string
		Build       any
		Environment map[string]string
		Volumes     []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck map[string]any
		Deploy      struct {
			Resources struct{ Limits map[string]string }
		}
		Ports   []string
		Restart string
	}
	Volumes map[string]any
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	readYAML(t, "../docker-compose.yml", &c)
	return c
}

// TestCompose looks at what a schema cannot: pinned images, ports on loopback,
// limits, and that whatever is waited for can be waited for.
func TestCompose(t *testing.T) {
	c := compose(t)
	if len(c.Services) < 9 {
		t.Fatalf("%d services were read", len(c.Services))
	}
	for name, s := range c.Services {
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" || tag == "" {
			t.Errorf("%s: image %q is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open beyond this machine", name, p)
			}
		}
		if s.Restart != "no" && s.Deploy.Resources.Limits["memory"] == "" {
			t.Errorf("%s has no limit on memory", name)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, ".") {
				if _, err := os.Stat("../" + source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[source]; !ok {
				t.Errorf("%s: volume %s is not declared", name, source)
			}
		}
		for other, d := range s.DependsOn {
			o, ok := c.Services[other]
			switch {
			case !ok:
				t.Errorf("%s waits for %s, which is not there", name, other)
			case d.Condition == "service_healthy" && (o.Healthcheck == nil || o.Healthcheck["disable"] == true):
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			case d.Condition == "service_completed_successfully" && o.Restart != "no":
				t.Errorf("%s waits for the end of %s, which is started again", name, other)
			}
		}
	}
}
