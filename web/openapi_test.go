package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled schemas, by name: the document is the same for every harness.
var compiled = map[string]*jsonschema.Schema{}

func compileSchema(t testing.TB, h *harness, name string) *jsonschema.Schema {
	t.Helper()
	if s := compiled[name]; s != nil {
		return s
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(h.openapi))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("http://x/openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("http://x/openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatalf("schema %s: %v", name, err)
	}
	compiled[name] = schema
	return schema
}

func validateSchema(t testing.TB, h *harness, name string, body []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("not JSON: %v: %s", err, body)
	}
	if err := compileSchema(t, h, name).Validate(v); err != nil {
		t.Errorf("the answer is not as %s says: %v\n%s", name, err, body)
	}
}

// validate checks an answer against the schema of the route that gave it.
func validate(t testing.TB, h *harness, target string, body []byte) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range h.routes() {
		mux := chi.NewRouter()
		mux.Get(rt.path, func(http.ResponseWriter, *http.Request) {})
		if mux.Match(chi.NewRouteContext(), http.MethodGet, u.EscapedPath()) && rt.method == http.MethodGet {
			validateSchema(t, h, rt.schema, body)
			return
		}
	}
	t.Fatalf("no route for %s", target)
}

// Every route that is served stands in the document, with every parameter that
// it takes, and nothing else does.
func TestOpenAPIIsComplete(t *testing.T) {
	h := newHarness(t)
	w := h.do(http.MethodGet, "/openapi.json", nil)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %s", doc.OpenAPI)
	}
	served := map[string]bool{}
	err := chi.Walk(h.handler.(*chi.Mux), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if h.ui.files[route] != nil {
			return nil
		}
		if method == http.MethodHead || route == "/" || strings.HasPrefix(route, "/page/") || route == "/conversions/{id}" ||
			strings.HasPrefix(route, "/log") || strings.HasPrefix(route, "/auth/") {
			return nil // pages
		}
		key := strings.ToLower(method) + " " + route
		served[key] = true
		if _, ok := doc.Paths[route][strings.ToLower(method)]; !ok {
			t.Errorf("%s is served and not documented", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			if !served[method+" "+path] {
				t.Errorf("%s %s is documented and not served", method, path)
			}
			if ids[op.OperationID] {
				t.Errorf("operation id %s twice", op.OperationID)
			}
			ids[op.OperationID] = true
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == m[1] && p.In == "path" }) {
					t.Errorf("%s: path parameter %s is not documented", path, m[1])
				}
			}
		}
	}
	for _, rt := range h.routes() {
		if rt.raw != nil {
			continue
		}
		documented := doc.Paths[rt.path][strings.ToLower(rt.method)].Parameters
		target := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(rt.path, "x")
		for _, p := range documented {
			if p.In == "path" {
				continue
			}
			if w := h.do(rt.method, target+"?"+p.Name+"=%00", nil); strings.Contains(w.Body.String(), "unknown_parameter") {
				t.Errorf("%s documents %s and does not know it", rt.path, p.Name)
			}
		}
		p := h.wantProblem(t, h.do(rt.method, target+"?nonsense=1", nil), 400, "unknown_parameter", "nonsense")
		if accepted, _ := p["accepted"].([]any); len(accepted) != len(rt.queryNames()) {
			t.Errorf("%s: accepted %v", rt.path, accepted)
		}
	}
}

// The schemas refer only to what is there, and every one is used.
func TestSchemas(t *testing.T) {
	h := newHarness(t)
	var all map[string]any
	if err := json.Unmarshal(schemas, &all); err != nil {
		t.Fatal(err)
	}
	later := []string{"ExportRequest"} // what a request's body is
	for name := range all {
		compileSchema(t, h, name)
		if slices.Contains(later, name) {
			continue
		}
		if !bytes.Contains(h.openapi, []byte(`"#/components/schemas/`+name+`"`)) {
			t.Errorf("schema %s is not used", name)
		}
	}
}
