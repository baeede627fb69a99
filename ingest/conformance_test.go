package ingest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/tributary-data/tributary/event"
)

// conformanceDir finds the traffic that an independent program has judged.
func conformanceDir(t *testing.T) string {
	for _, dir := range []string{os.Getenv("TRIBUTARY_CONFORMANCE"), "../testdata/conformance"} {
		if _, err := os.Stat(filepath.Join(dir, "traffic")); dir != "" && err == nil {
			return dir
		}
	}
	t.Fatal("no conformance traffic in testdata/conformance; it belongs to the repository, or set TRIBUTARY_CONFORMANCE to its directory")
	return ""
}

// TestConformanceDeadLetters: every dead letter of the expected tables that
// decoding decides on, with position, code and payload, and no other.
func TestConformanceDeadLetters(t *testing.T) {
	dir := conformanceDir(t)
	type row struct{ Position, Code, Payload string }
	want := map[string]row{}
	f, err := os.Open(filepath.Join(dir, "expected/default/dead_letters.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewReaderSize(z, 4<<20); ; {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var r row
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			if r.Code != string(event.BadAdjustment) {
				want[r.Position] = r
			}
		}
		if err != nil {
			break
		}
	}
	clock, _ := parseTime("2026-04-11T00:00:00Z")
	files, _ := filepath.Glob(filepath.Join(dir, "traffic/*.ndjson*"))
	events := 0
	for _, path := range files {
		in, err := OpenFile(path, FileOptions{Decode: DefaultDecodeConfig(), Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close() })
		for {
			batch, err := in.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range batch {
				if r.Dead == nil {
					events++
					if _, dead := want[r.Event.Pos.String()]; dead {
						t.Errorf("%s: an event, want a dead letter %v", r.Event.Pos, want[r.Event.Pos.String()].Code)
					}
					continue
				}
				pos := r.Dead.Pos.String()
				w, ok := want[pos]
				if !ok {
					t.Errorf("%s: %s (%s) want an event: %.200s", pos, r.Dead.Code, r.Dead.Message, r.Dead.Raw)
					continue
				}
				delete(want, pos)
				payload := string(r.Dead.Raw)
				if !utf8.ValidString(payload) {
					payload = "base64:" + base64.StdEncoding.EncodeToString(r.Dead.Raw)
				}
				if string(r.Dead.Code) != w.Code || payload != w.Payload {
					t.Errorf("%s: %s (%s), want %s; payload equal: %v", pos, r.Dead.Code, r.Dead.Message, w.Code, payload == w.Payload)
				}
				if n := len(r.Dead.Message); n > maxMessage || n < 20 || strings.Contains(r.Dead.Message, "%!") {
					t.Errorf("%s: message %q", pos, r.Dead.Message)
				}
			}
		}
	}
	for pos, w := range want {
		t.Errorf("%s: no dead letter, want %s", pos, w.Code)
	}
	if events < 5000 {
		t.Errorf("only %d events", events)
	}
}
