package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// maxGrowth is how much memory an attack may cost while it lasts.
const maxGrowth = 50 << 20

// attacked runs an attack and measures what the heap grows by at the most. What
// other tests have left decides how much garbage may lie about: with a tenth of
// it, what is measured is what the attack holds.
func attacked(t *testing.T, attack func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	before, most := heap(), uint64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(time.Millisecond); ; {
			most = max(most, heap())
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	attack()
	close(done)
	<-stopped
	if most > before && most-before > maxGrowth {
		t.Errorf("the heap grew by %d MiB; want at most %d", (most-before)>>20, maxGrowth>>20)
	}
}

func zeros(t *testing.T, n int, wrap func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := wrap(&b)
	chunk := make([]byte, 1<<20)
	for range n >> 20 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBombs(t *testing.T) {
	h := newHarness(t)
	for encoding, bomb := range map[string][]byte{
		"gzip": zeros(t, 128<<20, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": zeros(t, 128<<20, func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return z
		}),
	} {
		attacked(t, func() {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					w := h.do(http.MethodPost, "/v1/events", bytes.NewReader(bomb), "Content-Encoding", encoding)
					if w.Code != http.StatusRequestEntityTooLarge {
						t.Errorf("%s bomb of %d bytes: %d %s", encoding, len(bomb), w.Code, w.Body)
					}
				})
			}
			wg.Wait()
		})
	}
	if left := h.budget.left.Load(); left != bodyBudget {
		t.Errorf("%d bytes of the budget are lost", bodyBudget-left)
	}
}

// TestMonotonousBodies: what is merely well compressed is taken.
func TestMonotonousBodies(t *testing.T) {
	h := newHarness(t)
	line := `{"event_id":"e%07d","type":"impression","event_time":"2025-03-10T11:59:%02dZ","anonymous_id":"a%d","campaign_id":"summer-sale","publisher_id":"news"}` + "\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for i := range 10_000 {
		fmt.Fprintf(z, line, i, i%60, i%100)
	}
	_ = z.Close()
	if w := h.do(http.MethodPost, "/v1/events", &b, "Content-Encoding", "gzip", "Content-Type", "application/x-ndjson"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// endless gives the same bytes until limit were read.
type endless struct {
	text  []byte
	given int
	limit int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.given >= e.limit {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) {
		n += copy(b[n:], e.text)
	}
	e.given += n
	return n, nil
}

func TestDeepAndEndlessBodies(t *testing.T) {
	h := newHarness(t)
	for name, text := range map[string]string{"arrays": "[", "objects": `{"a":`, "blanks": " ", "a text": "x"} {
		attacked(t, func() {
			body := &endless{text: []byte(text), limit: 1 << 30}
			w := h.do(http.MethodPost, "/v1/events", io.MultiReader(strings.NewReader(`[`), body), "Content-Type", "application/json")
			if w.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("endless %s: %d %.200s", name, w.Code, w.Body)
			}
			if body.given > 2*maxBody {
				t.Errorf("endless %s: %d bytes were read", name, body.given)
			}
		})
	}
	deep := strings.Repeat("[", 4<<20) + strings.Repeat("]", 4<<20)
	attacked(t, func() {
		w := h.do(http.MethodPost, "/v1/events", strings.NewReader(deep), "Content-Type", "application/json")
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("deep JSON: %d %.200s", w.Code, w.Body)
		}
	})
	if w := h.do(http.MethodPost, "/v1/events", http.NoBody, "Content-Length", "1"); w.Code >= 500 {
		t.Errorf("a false length: %d", w.Code)
	}
	if left := h.budget.left.Load(); left != bodyBudget {
		t.Errorf("%d bytes of the budget are lost", bodyBudget-left)
	}
}

// TestStrangersBodiesAreNotRead: who has no key cannot make the server hold a
// body.
func TestStrangersBodiesAreNotRead(t *testing.T) {
	g := newGuarded(t)
	body := &endless{text: []byte("x"), limit: 1 << 30}
	if w := g.do(http.MethodPost, "/v1/events", body); w.Code != http.StatusUnauthorized || body.given > 0 {
		t.Errorf("%d, %d bytes of the body were read", w.Code, body.given)
	}
}

// TestSlowloris: many connections that send a header byte by byte keep nobody
// else out, cost little, and are closed.
func TestSlowloris(t *testing.T) {
	const many = 500
	h := newHarness(t)
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	conns := make([]net.Conn, many)
	attacked(t, func() {
		for i := range conns {
			if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conns[i].Close() }()
			_, _ = io.WriteString(conns[i], "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
		}
		res, err := http.Get("http://" + l.Addr().String() + "/livez")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("while the attack lasts: %v %v", res, err)
		}
		_ = res.Body.Close()
		deadline := time.Now().Add(6 * readHeaderTimeout)
		for i, c := range conns {
			_ = c.SetReadDeadline(deadline)
			if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Fatalf("connection %d is still open: %v", i, err)
			}
		}
	})
}

func TestConnectionLimits(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	turned := 0
	l := newLimitedListener(inner, Limits{Connections: 2}, func() { turned++ })
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 4)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := dial(), dial()
	first, second := <-accepted, <-accepted
	third := dial()
	if _, err := io.ReadAll(third); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the third connection: %v; want it closed", err)
	}
	_ = first.Close()
	_ = first.Close() // which must not make room twice
	fourth := dial()
	last := <-accepted
	fifth := dial()
	if _, err := io.ReadAll(fifth); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the fifth connection: %v; want it closed", err)
	}
	for _, c := range []net.Conn{a, b, second, third, fourth, last, fifth} {
		_ = c.Close()
	}
	_ = l.Close()
	<-done
	if turned != 2 {
		t.Errorf("%d were turned away; want 2", turned)
	}
}

func TestOpenServerRefusesToBeReached(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skipf("this machine has no address but loopback: %v", err)
	}
	defer func() { _ = l.Close() }()
	if err := newHarness(t).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "auth") {
		t.Errorf("serve: %v; want it refused, and what to do", err)
	}
}
