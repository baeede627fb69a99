package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/tributary-data/tributary/table"
)

// An answer is the same in gzip, for those who take it; a short one is not
// packed, and 304 says nothing of it.
func TestPackedAnswers(t *testing.T) {
	h := newHarness(t)
	for i := range 100 {
		h.view.put(table.MinuteDelivery, "2025-03-10T11:30:00Z", fmt.Sprint("c", i), "Email", "USD", 10, 1, 0, 0, 0, 0, 1_000_000, 0, "final")
	}
	plain := h.do(http.MethodGet, "/v1/campaigns", nil)
	if got := plain.Header().Get("Content-Encoding"); got != "" || plain.Body.Len() < leastPacked {
		t.Fatalf("%d bytes in %q", plain.Body.Len(), got)
	}
	for range 2 { // the second is of the cache
		packed := h.do(http.MethodGet, "/v1/campaigns", nil, "Accept-Encoding", "br, gzip")
		if got := packed.Header().Get("Content-Encoding"); got != "gzip" || packed.Body.Len()*4 > plain.Body.Len() {
			t.Fatalf("%d of %d bytes in %q", packed.Body.Len(), plain.Body.Len(), got)
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Fatalf("%v; unpacked it is %.200s, plain %.200s", err, body, plain.Body)
		}
	}
	for name, w := range map[string]http.Header{
		"a client without gzip": h.do(http.MethodGet, "/v1/campaigns", nil, "Accept-Encoding", "gzip;q=0").Header(),
		"a short answer":        h.do(http.MethodGet, "/v1/late-events", nil, "Accept-Encoding", "gzip").Header(),
		"304":                   h.do(http.MethodGet, "/v1/campaigns", nil, "Accept-Encoding", "gzip", "If-None-Match", plain.Header().Get("ETag")).Header(),
	} {
		if got := w.Get("Content-Encoding"); got != "" {
			t.Errorf("%s: Content-Encoding %q", name, got)
		}
	}
	if w := h.do(http.MethodGet, "/v1/campaigns", nil, "Accept-Encoding", "gzip", "If-None-Match", plain.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("status %d where the client has the answer", w.Code)
	}
}
