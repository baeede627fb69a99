package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tributary-data/tributary/event"
)

func (h *harness) post(body string, header ...string) (w interface {
	Header() http.Header
}, code int, answer map[string]any,
) {
	rec := h.do(http.MethodPost, "/v1/events", strings.NewReader(body), header...)
	_ = json.Unmarshal(rec.Body.Bytes(), &answer)
	return rec, rec.Code, answer
}

// The records reach the collector byte for byte.
func TestCollectSplits(t *testing.T) {
	const jsonType, lines = "application/json", "application/x-ndjson"
	for _, c := range []struct {
		name, typ, body string
		want            []string
	}{
		{"one object", jsonType, ` {"a": "x]}\"{" , "b":1.50} ` + "\n", []string{`{"a": "x]}\"{" , "b":1.50}`}},
		{"an array", jsonType, `[ {"a":[1,{}]} ,{"b":"\\"},3,"x",null, [ ] ]`, []string{`{"a":[1,{}]}`, `{"b":"\\"}`, `3`, `"x"`, `null`, `[ ]`}},
		{"an empty array", jsonType, `[]`, nil},
		{"charset", "application/json; charset=UTF-8", `{}`, []string{`{}`}},
		{"BOM", jsonType, "\xef\xbb\xbf{}", []string{`{}`}},
		{"invalid UTF-8 is for the decoder", jsonType, "[{\"a\":\"\xff\"},{}]", []string{"{\"a\":\"\xff\"}", `{}`}},
		{"lines", lines, "{\"a\":1}\r\n\n  {\"b\":2}\nnot json\n", []string{`{"a":1}`, `{"b":2}`, `not json`}},
		{"lines called JSON", jsonType, "{\"a\":1}\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}},
		{"curl -d", "application/x-www-form-urlencoded", `{"a":1}`, []string{`{"a":1}`}},
		{"plain text", "text/plain; charset=utf-8", "{}\n{}", []string{`{}`, `{}`}},
		{"sniffed lines", "", "{\"a\":1}\n{\"b\":2}", []string{`{"a":1}`, `{"b":2}`}},
		{"sniffed array", "", " [{}]", []string{`{}`}},
		{"sniffed object over lines", "", "{\n \"a\":\n1}", []string{"{\n \"a\":\n1}"}},
		{"deep", jsonType, "[" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "]", []string{strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			header := []string{"Content-Type", c.typ}
			if c.typ == "" {
				header = nil
			}
			_, code, _ := h.post(c.body, header...)
			if code != 200 {
				t.Fatalf("status %d", code)
			}
			if !slices.Equal(h.collector.records, c.want) {
				t.Errorf("records %q, want %q", h.collector.records, c.want)
			}
		})
	}
}

func TestCollectRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		header     []string
		status     int
		code       string
	}{
		{"empty", "", nil, 400, "unreadable_body"},
		{"blank lines", "\n \n", []string{"Content-Type", "application/x-ndjson"}, 400, "unreadable_body"},
		{"a number", "1", []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"open array", `[{"a":1}`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"comma at the end", `[{"a":1},]`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"no comma", `[{"a":1}{}]`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"wrong bracket", `[{"a":1]]`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"open string", `[{"a`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"rest", `[{}] {}`, []string{"Content-Type", "application/json"}, 400, "unreadable_body"},
		{"a form of parts", "{}", []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"},
		{"latin1", "{}", []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type"},
		{"encoding", "{}", []string{"Content-Encoding", "br"}, 415, "unsupported_encoding"},
		{"broken gzip", "{}", []string{"Content-Encoding", "gzip"}, 400, "unreadable_body"},
		{"broken zstd", "{}", []string{"Content-Encoding", "zstd"}, 400, "unreadable_body"},
		{"too many lines", strings.Repeat("{}\n", maxRecords+1), []string{"Content-Type", "application/x-ndjson"}, 413, "too_many_records"},
		{"too many elements", "[" + strings.Repeat("{},", maxRecords) + "{}]", []string{"Content-Type", "application/json"}, 413, "too_many_records"},
		{"too large", strings.Repeat(" ", maxBody+1), nil, 413, "body_too_large"},
		{"other site", "{}", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403, "cross_origin"},
		{"accept", "{}", []string{"Accept", "text/html"}, 406, "not_acceptable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			h.wantProblem(t, h.do(http.MethodPost, "/v1/events", strings.NewReader(c.body), c.header...), c.status, c.code, "")
			if h.collector.calls != 0 {
				t.Error("the collector was asked")
			}
			if left := h.budget.left.Load(); left != bodyBudget {
				t.Errorf("the body budget leaks: %d left", left)
			}
		})
	}
	h := newHarness(t)
	h.wantProblem(t, h.do(http.MethodPost, "/v1/events?x=1", strings.NewReader("{}")), 400, "unknown_parameter", "")
}

func TestCollectAnswers(t *testing.T) {
	h := newHarness(t)
	h.collector.result = CollectResult{Accepted: 3, Duplicates: 2, Late: 1, Rejected: []Rejected{{4, event.BadTime, "event_time: <no> time"}}}
	rec := h.do(http.MethodPost, "/v1/events", strings.NewReader("[{},{},{},{},{},{},{}]"), "X-Request-Id", "batch-7")
	validateSchema(t, h, "CollectResult", rec.Body.Bytes())
	const wantBody = `{"accepted":3,"duplicates":2,"late":1,"rejected":[{"index":4,"code":"bad_time","message":"event_time: <no> time"}]}` + "\n"
	if rec.Body.String() != wantBody {
		t.Errorf("answer %s, want %s", rec.Body, wantBody)
	}
	if h.collector.request != "batch-7" || rec.Header().Get("X-Request-Id") != "batch-7" {
		t.Errorf("request id %q, echoed %q", h.collector.request, rec.Header().Get("X-Request-Id"))
	}
	for _, id := range []string{"", "a/b", "x y", strings.Repeat("x", 65), "é"} {
		rec = h.do(http.MethodPost, "/v1/events", strings.NewReader("{}"), "X-Request-Id", id)
		if got := rec.Header().Get("X-Request-Id"); got == id || !sane(got) || got != h.collector.request {
			t.Errorf("request id %q became %q, collector saw %q", id, got, h.collector.request)
		}
	}

	for err, wanted := range map[error]struct {
		status int
		code   string
		retry  string
	}{
		ErrBusy: {429, "busy", "1"}, ErrStopping: {503, "stopping", "5"}, ErrDiskFull: {503, "disk_full", "30"}, errors.New("secret words"): {500, "internal", ""},
	} {
		h.collector.err = err
		rec := h.do(http.MethodPost, "/v1/events", strings.NewReader("{}"))
		h.wantProblem(t, rec, wanted.status, wanted.code, "")
		if rec.Header().Get("Retry-After") != wanted.retry {
			t.Errorf("%v: Retry-After %q", err, rec.Header().Get("Retry-After"))
		}
		if strings.Contains(rec.Body.String(), "secret") {
			t.Error("an inner error left the house")
		}
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll(b, nil)
}

func TestCollectUnpacks(t *testing.T) {
	bomb := make([]byte, maxUnpacked+1)
	for name, pack := range map[string]func([]byte) []byte{"gzip": gzipped, "zstd": zstded} {
		h := newHarness(t)
		rec := h.do(http.MethodPost, "/v1/events", bytes.NewReader(pack([]byte(`[{"a":1},{"b":2}]`))), "Content-Encoding", name)
		if rec.Code != 200 || !slices.Equal(h.collector.records, []string{`{"a":1}`, `{"b":2}`}) {
			t.Errorf("%s: %d %q", name, rec.Code, h.collector.records)
		}
		h.wantProblem(t, h.do(http.MethodPost, "/v1/events", bytes.NewReader(pack(bomb)), "Content-Encoding", name), 413, "body_too_large", "")
		if left := h.budget.left.Load(); left != bodyBudget {
			t.Errorf("%s: the body budget leaks: %d left", name, left)
		}
	}
}

// When the shared budget is spent, further bodies are told to come back; what
// was held is given back.
func TestCollectBudget(t *testing.T) {
	h := newHarness(t)
	h.budget = newBudget(3 * readChunk)
	body := func() io.Reader { return strings.NewReader("[" + strings.Repeat("{},", 90_000/3) + "{}]") }
	h.wantProblem(t, h.do(http.MethodPost, "/v1/events", io.MultiReader(body(), body())), 429, "busy", "")
	if h.budget.left.Load() != 3*readChunk {
		t.Errorf("%d left", h.budget.left.Load())
	}
	if _, code, _ := h.post(`{}`); code != 200 {
		t.Errorf("a small body got %d", code)
	}
}

// Whatever encoding/json takes as an array, the splitter takes too, with the
// same elements; and it never panics, nor gives bytes that it was not given.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`[]`, `[{"a":"]"}, 2]`, `{"a":{}}`, `[1,"\\",[{}]]`, "{}\n{}", `[1e5,-0.0,true]`, `["\u00e9"]`, `[`, `[,]`, `"`, `[{]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := splitValue(b)
		var exact []json.RawMessage
		if trimmed := bytes.TrimLeft(b, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' && json.Unmarshal(b, &exact) == nil {
			if len(exact) > maxRecords {
				return
			}
			if err != nil {
				t.Fatalf("%q is an array, and was refused: %v", b, err)
			}
			if len(got) != len(exact) {
				t.Fatalf("%q: %d elements, want %d", b, len(got), len(exact))
			}
			for i := range got {
				if !bytes.Equal(got[i], exact[i]) {
					t.Fatalf("%q: element %d is %q, want %q", b, i, got[i], exact[i])
				}
			}
		}
		lines, _ := sniff(b)
		n := 0
		for _, l := range lines {
			n += len(l)
			if !bytes.Contains(b, l) {
				t.Fatalf("%q is not in %q", l, b)
			}
		}
		if n > len(b) {
			t.Fatalf("%d bytes of records out of %d", n, len(b))
		}
	})
}
