package web

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tributary-data/tributary/table"
)

// noon is the clock of the tests.
const noon = "2025-03-10T12:00:00Z"

type harness struct {
	*Server
	view      *fakeView
	collector *fakeCollector
	log       *logBuffer
}

// logBuffer is written by many goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) Bytes() []byte { return []byte(l.String()) }

func (h *harness) logged() string { return h.log.String() }

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{view: newFakeView(), collector: &fakeCollector{}, log: &logBuffer{}}
	h.Server = New(DefaultConfig(), h.view, h.collector, slog.New(slog.NewTextHandler(h.log, nil)))
	h.Server.now = func() time.Time { return ms(noon).Time() }
	return h
}

func (h *harness) do(method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w
}

// get asks for a good answer and checks it against the OpenAPI document.
func (h *harness) get(t testing.TB, target string) map[string]any {
	t.Helper()
	w := h.do(http.MethodGet, target, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	validate(t, h, target, w.Body.Bytes())
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	return out
}

// wantProblem asks for an error answer and checks its code and parameter.
func (h *harness) wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, code, parameter string) map[string]any {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q of a problem", ct)
	}
	validateSchema(t, h, "Problem", w.Body.Bytes())
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if out["code"] != code {
		t.Errorf("code %v, want %s: %s", out["code"], code, w.Body)
	}
	got, _ := out["parameter"].(string)
	if got != parameter {
		t.Errorf("parameter %q, want %q", got, parameter)
	}
	return out
}

// at follows a path like data.0.spend.amount.
func at(t testing.TB, v any, path string) any {
	t.Helper()
	for _, part := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[part]
			if !ok {
				t.Fatalf("%s: no %s in %v", path, part, x)
			}
			v = next
		case []any:
			i := 0
			for _, c := range part {
				i = 10*i + int(c-'0')
			}
			if i >= len(x) {
				t.Fatalf("%s: only %d elements", path, len(x))
			}
			v = x[i]
		default:
			t.Fatalf("%s: %v has no %s", path, v, part)
		}
	}
	return v
}

func want(t testing.TB, doc any, path string, value any) {
	t.Helper()
	got := at(t, doc, path)
	if n, ok := value.(int); ok {
		value = float64(n)
	}
	if got != value {
		t.Errorf("%s = %v, want %v", path, got, value)
	}
}

func count(t testing.TB, doc any, path string, n int) {
	t.Helper()
	if got := len(at(t, doc, path).([]any)); got != n {
		t.Errorf("%s has %d elements, want %d: %v", path, got, n, at(t, doc, path))
	}
}

// fill puts a small world into the view: two campaigns, two currencies, an
// unattributed conversion, an open minute and a restated one.
func (h *harness) fill() {
	v := h.view
	v.status.Watermark = ms("2025-03-10T11:58:59.999Z")
	d := table.MinuteDelivery
	v.put(d, "2025-03-10T11:10:00Z", "c1", "Paid Search", "USD", 1000, 40, 100, 50, 5, 5, 12_340_000, 1_340_000, "final")
	v.put(d, "2025-03-10T11:11:00Z", "c1", "Paid Social", "USD", 500, 10, 0, 0, 0, 0, 3_000_001, 0, "restated")
	v.put(d, "2025-03-10T11:59:00Z", "c2", "Display", "USD", 7, 1, 0, 0, 0, 0, 1_000_000, 0, "provisional")
	v.put(d, "2025-03-10T11:20:00Z", "c2", "Display", "EUR", 10, 3, 0, 0, 0, 0, 2_500_000, 0, "final")
	v.put(d, "2025-03-10T10:59:00Z", "c1", "Paid Search", "USD", 9999, 9999, 0, 0, 0, 0, 9_000_000, 0, "final")

	c := table.MinuteConversions
	v.put(c, "2025-03-10T11:30:00Z", "purchase", "USD", 6, 1, 1, 1, 100_000_000, 1, "final")
	v.put(c, "2025-03-10T11:31:00Z", "signup", "EUR", 1, 0, 0, 0, 20_000_000, 0, "final")

	a := table.MinuteAttribution
	for _, m := range Models {
		// 3 net conversions that are not retracted: 100.00, of which 10.00 unattributed
		ppm1, ppm2 := 1_500_000, 500_000
		v1, v2 := 60_000_000, 30_000_000
		if m == "linear" {
			ppm1, ppm2, v1, v2 = 1_333_334, 666_666, 50_000_001, 39_999_999
		}
		v.put(a, "2025-03-10T11:30:00Z", m, "c1", "Paid Search", "USD", ppm1, v1, "final")
		v.put(a, "2025-03-10T11:30:00Z", m, "c2", "Display", "USD", ppm2, v2, "final")
		v.put(a, "2025-03-10T11:30:00Z", m, "", "(none)", "USD", 1_000_000, 10_000_000, "final")
		v.put(a, "2025-03-10T11:31:00Z", m, "c2", "Display", "EUR", 1_000_000, 20_000_000, "final")
		v.put(table.HourByTouch, "2025-03-10T11:00:00Z", m, "c1", "Paid Search", "USD", 700_000, 7_000_000, "provisional")
		v.put(table.HourByTouch, "2025-03-10T11:00:00Z", m, "", "(none)", "USD", 1_000_000, 10_000_000, "provisional")
	}
	i := table.MinuteInvalid
	v.put(i, "2025-03-10T11:10:00Z", "c1", "pub1", "click", "duplicate_click", "USD", 5, 340_000)
	v.put(i, "2025-03-10T11:10:00Z", "c1", "pub1", "click", "fast_click", "USD", 5, 500_000)
	v.put(i, "2025-03-10T11:12:00Z", "c1", "pub2", "click", "fast_click", "USD", 2, 1)
	v.put(table.Verdicts, "k1", "2025-03-10T11:10:01Z", "a:x", "click", "c1", "sivt", 2, []string{"fast_click"}, []string{}, "", "1")
}
