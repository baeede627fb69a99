package main

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/web"
)

const root = "../.."

func TestPagesAreCurrent(t *testing.T) {
	for _, p := range pages {
		want, err := p.make(root)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(root, "docs", p.name))
		if err != nil || string(got) != notice+want {
			t.Errorf("docs/%s is not what the code says (%v): run go run ./internal/docs", p.name, err)
		}
	}
}

func TestConfigurationHasEveryKey(t *testing.T) {
	page, err := configurationPage(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range configs.Keys() {
		if !strings.Contains(page, "| `"+key+"` |") {
			t.Errorf("the page lacks %s", key)
		}
	}
	for name := range plain {
		if !slices.ContainsFunc(configs.Keys(), func(k string) bool {
			return k == name || strings.HasSuffix(k, "."+name) || strings.HasPrefix(k, name+".")
		}) {
			t.Errorf("plain explains %s, which is no key", name)
		}
	}
}

// quiet is a view of a pipeline in which nothing goes on.
type quiet struct{ web.View }

func (quiet) Changed() <-chan struct{} { return make(chan struct{}) }

func (quiet) Status() web.Status {
	return web.Status{Ready: true, Watermark: 1_700_000_000_000, Sinks: []web.Sink{{Name: "s"}}, Counts: web.Counts{Dropped: map[string]int64{"ip": 1}}}
}

func get(t *testing.T, path string) string {
	t.Helper()
	s := web.New(web.DefaultConfig(), quiet{}, nil, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetricsHasWhatIsExported(t *testing.T) {
	page, err := metricsPage(root)
	if err != nil {
		t.Fatal(err)
	}
	families := regexp.MustCompile(`(?m)^# TYPE (tributary_\S+) (\S+)$`).FindAllStringSubmatch(get(t, "/metrics"), -1)
	if len(families) < 15 {
		t.Fatalf("/metrics shows %d families", len(families))
	}
	for _, m := range families {
		if !strings.Contains(page, "| `"+m[1]+"` | "+m[2]+" |") {
			t.Errorf("the page lacks %s, a %s", m[1], m[2])
		}
	}
}

func TestEveryRouteIsDescribed(t *testing.T) {
	var api struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(get(t, "/openapi.json")), &api); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(api.Paths) < 20 {
		t.Fatalf("openapi.json has %d routes", len(api.Paths))
	}
	for _, route := range slices.Sorted(maps.Keys(api.Paths)) {
		if !strings.Contains(string(text), "`"+route+"`") && !strings.Contains(string(text), " "+route+"`") {
			t.Errorf("docs/api.md does not name %s", route)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchors are the fragments that the headings of a page make.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		a := strings.ToLower(m[1])
		a = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(a, "")
		out[strings.ReplaceAll(a, " ", "-")] = true
	}
	return out
}

func TestLinksLeadSomewhere(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			to := m[1] + m[2]
			if strings.Contains(to, "://") {
				continue
			}
			n++
			path, fragment, _ := strings.Cut(to, "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", filepath.Base(name), to)
				continue
			}
			if fragment == "" {
				continue
			}
			if there, err := os.ReadFile(target); err != nil || !anchors(string(there))[fragment] {
				t.Errorf("%s: %s has no such heading", filepath.Base(name), to)
			}
		}
	}
	if n < 50 {
		t.Fatalf("only %d links were found", n)
	}
}

// TestTheIndexIsWhole: whoever comes to docs/ finds every page.
func TestTheIndexIsWhole(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if base := filepath.Base(name); base != "README.md" && !strings.Contains(string(index), "("+base) {
			t.Errorf("docs/README.md does not lead to %s", base)
		}
	}
}
