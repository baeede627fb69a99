package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tributary-data/tributary/event"
)

var testOptions = FileOptions{Decode: DefaultDecodeConfig(), Clock: 1775865600000}

// write puts data into a file of that name; packed by its suffix.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
	case ".zst":
		z, _ := zstd.NewWriter(&b)
		z.Write(data)
		z.Close()
	default:
		b.Write(data)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll reads a file to its end and gives the error that ended it, if any.
func readAll(t testing.TB, path string, opt FileOptions) (records []event.Record, err error) {
	t.Helper()
	f, err := OpenFile(path, opt)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		batch, err := f.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		records = append(records, batch...)
		f.Recycle(batch)
	}
}

// brief writes records as "line:id" or "line:code".
func brief(records []event.Record) string {
	var b strings.Builder
	for _, r := range records {
		if r.Dead != nil {
			fmt.Fprintf(&b, "%d:%s ", r.Dead.Pos.N, r.Dead.Code)
		} else {
			fmt.Fprintf(&b, "%d:%s ", r.Event.Pos.N, r.Event.ID)
		}
	}
	return strings.TrimSpace(b.String())
}

func line(id any) string {
	return fmt.Sprintf(`{"event_id":"%v","event_time":1769904000001}`, id)
}

func TestLines(t *testing.T) {
	full := line(strings.Repeat("x", 100))
	full = full[:len(full)-1] + strings.Repeat(" ", MaxRecord-len(full)) + "}" // exactly the limit
	for name, c := range map[string]struct{ data, want string }{
		"empty":               {"", ""},
		"only a BOM":          {"\ufeff", ""},
		"BOM and blanks":      {"\ufeff\n \t\r\n" + line(1) + "\n\n" + line(2), "3:1 5:2"},
		"BOM further on":      {line(1) + "\n\ufeff" + line(2) + "\n", "1:1 2:malformed"},
		"carriage returns":    {line(1) + "\r\n\r\n" + line(2) + "\r\n", "1:1 3:2"},
		"no last line end":    {line(1) + "\n" + line(2), "1:1 2:2"},
		"dead in between":     {line(1) + "\nx\n" + line(2) + "\n", "1:1 2:malformed 3:2"},
		"the limit":           {full + "\n" + line(2) + "\n", "1:" + strings.Repeat("x", 100) + " 2:2"},
		"the limit and CR":    {full + "\r\n" + line(2) + "\n", "1:" + strings.Repeat("x", 100) + " 2:2"},
		"over the limit":      {full + " \n" + line(2) + "\n", "1:too_large 2:2"},
		"over, and CR":        {full + " \r\n" + line(2) + "\n", "1:too_large 2:2"},
		"over, at the end":    {line(2) + "\n" + full + " ", "1:2 2:too_large"},
		"limit, at the end":   {line(2) + "\n" + full, "1:2 2:" + strings.Repeat("x", 100)},
		"far over the limit":  {line(1) + "\n" + full + full + full + "\n" + line(2) + "\n", "1:1 2:too_large 3:2"},
		"two over the limit":  {full + full + "\n" + full + full, "1:too_large 2:too_large"},
		"empty but for lines": {"\n\n\n", ""},
	} {
		for _, suffix := range []string{".ndjson", ".jsonl.gz", ".JSON.zst"} {
			records, err := readAll(t, write(t, "clicks"+suffix, []byte(c.data)), testOptions)
			if got := brief(records); err != nil || got != c.want {
				t.Errorf("%s%s: %.300s (%v), want %.300s", name, suffix, got, err, c.want)
			}
			for _, r := range records {
				if r.Dead != nil && r.Dead.Code == event.TooLarge && (len(r.Dead.Raw) != MaxRecord || cap(r.Dead.Raw) != MaxRecord) {
					t.Errorf("%s%s: %d bytes kept", name, suffix, len(r.Dead.Raw))
				}
			}
		}
	}
}

// TestTooLargeSize: the message says how long the line was, without its end.
func TestTooLargeSize(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, size := range []int{MaxRecord + 1, MaxRecord + 2, MaxRecord + 3, 2*MaxRecord + 7, 3 * chunkSize * 9} {
			records, err := readAll(t, write(t, "a.ndjson", []byte(strings.Repeat("y", size)+end)), testOptions)
			if err != nil || len(records) != 1 || !strings.Contains(records[0].Dead.Message, " "+strconv.Itoa(size)+" bytes") {
				t.Errorf("%d bytes and %q: %v %v", size, end, records[0].Dead.Message, err)
			}
		}
	}
}

// endless gives one byte n times, then its tail, and never has it in memory.
type endless struct {
	n    int64
	tail io.Reader
}

func (e *endless) Read(b []byte) (int, error) {
	if e.n == 0 {
		return e.tail.Read(b)
	}
	n := int(min(e.n, int64(len(b))))
	for i := range n {
		b[i] = 'z'
	}
	e.n -= int64(n)
	return n, nil
}

// TestHugeLine: a line far beyond the limit costs its kept start and a buffer.
func TestHugeLine(t *testing.T) {
	const size = 256 << 20
	r := &reader{in: &endless{size, strings.NewReader("\n" + line(2))}, prefix: "a:", line: 1, cut: cutLines}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := r.next()
	runtime.ReadMemStats(&after)
	if err != nil || c.dead == nil || c.dead.Dead.Code != event.TooLarge || !strings.Contains(c.dead.Dead.Message, strconv.Itoa(size)) {
		t.Fatalf("%+v %v", c, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes allocated", used)
	}
	if c, err = r.next(); err != nil || string(c.data) != line(2) || c.first != 2 {
		t.Errorf("then %+v %v", c, err)
	}
}

// TestOrder: many chunks and workers give the order of the file, and strings
// stay valid when the batch has gone back.
func TestOrder(t *testing.T) {
	var b strings.Builder
	const n = 30_000
	for i := range n {
		fmt.Fprintf(&b, `{"event_id":"%d","event_time":1769904000001,"user_id":"\u0070%d"}`+"\n", i, i)
	}
	for _, workers := range []int{1, 4} {
		opt := testOptions
		opt.Workers = workers
		judged := event.FastClick.Set()
		opt.NewJudge = func() func(*event.Event) event.Reasons {
			return func(*event.Event) event.Reasons { return judged }
		}
		records, err := readAll(t, write(t, "impressions.ndjson.zst", []byte(b.String())), opt)
		if err != nil || len(records) != n {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, r := range records {
			if e := r.Event; e.ID != strconv.Itoa(i) || e.Person != "u:p"+e.ID || e.Pos.N != int64(i+1) || e.Pos.Prefix != "impressions.ndjson.zst:" || e.Lists != judged || e.Type != "impression" {
				t.Fatalf("record %d: %+v", i, e)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintln(&b, line(i*7919%20_000))
	}
	for _, name := range []string{"clicks.ndjson.gz", "clicks.ndjson.zst"} {
		path := write(t, name, []byte(b.String()))
		packed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{len(packed) / 2, len(packed) - 1, len(packed) - 6} {
			if err := os.WriteFile(path, packed[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			records, err := readAll(t, path, testOptions)
			if err == nil || !strings.Contains(err.Error(), "failed at line") || !strings.Contains(err.Error(), path) {
				t.Errorf("%s cut at %d of %d: %v", name, cut, len(packed), err)
			}
			for i, r := range records {
				if r.Dead != nil || r.Event.ID != strconv.Itoa(i*7919%20_000) {
					t.Fatalf("%s cut at %d: record %d is %+v", name, cut, i, r)
				}
			}
			if strings.HasSuffix(name, ".gz") && len(records) < 1000 {
				t.Errorf("%s cut at %d: only %d records", name, cut, len(records))
			}
		}
		for _, bad := range [][]byte{nil, []byte("no such format")} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if records, err := readAll(t, path, testOptions); len(records) > 0 || err == nil && len(bad) > 0 {
				t.Errorf("%s of %q: %d records, %v", name, bad, len(records), err)
			}
		}
	}
}

func TestOpenFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir.ndjson")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                            "is a directory",
		filepath.Join(dir, "x.ndjson"): "no such file",
		write(t, "a.txt", nil):         "unknown kind of file",
		write(t, "a", nil):             "unknown kind of file",
		write(t, "a.gz", nil):          "unknown kind of file",
		write(t, "a.csv", []byte("foo,bar\n1,2\n")):                         "no column",
		write(t, "b.csv", []byte("event_id,\"x\"y\n")):                      "the header in line 1",
		write(t, "c.csv", []byte("event_id,\xff\n")):                        "the header in line 1",
		write(t, "d.csv", []byte("\"event_id\n1\n2\n")):                     "the header in line 1",
		write(t, "a.parquet", nil):                                          "a.parquet",
		write(t, "b.parquet", []byte("PAR1 and nothing else follows PAR1")): "b.parquet",
	} {
		_, err := readAll(t, path, testOptions)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
}

// TestCloseEarly: a file that nobody reads to its end lets its goroutines go.
func TestCloseEarly(t *testing.T) {
	path := write(t, "clicks.ndjson", []byte(strings.Repeat(line(1)+"\n", 100_000)))
	before := runtime.NumGoroutine()
	for i := range 20 {
		f, err := OpenFile(path, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		for range i % 4 {
			if _, err := f.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(context.Background()); err == nil {
			t.Fatal("Next after Close")
		}
	}
	// A goroutine that has called Done is counted until it has left.
	after := runtime.NumGoroutine()
	for range 1_000_000 {
		if after <= before {
			break
		}
		runtime.Gosched()
		after = runtime.NumGoroutine()
	}
	if after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
	f, err := OpenFile(path, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for { // what is decoded may come out; then the context counts
		if _, err := f.Next(ctx); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			break
		}
	}
}

func TestStats(t *testing.T) {
	data := `{"event_id":"1","event_time":1769904000001,"cost":"0.0000005","ip":"x","term":5,"experiments":{"a":1,"b":"x"},"country":7}
{"event_id":"2","event_time":1769904000001,"cost":"0.0000005","ip":"y","currency":"eur"}
{"event_id":"3","event_time":1769904000001,"ip":"1.2.3.4","properties":"text","term":null}
`
	f, err := OpenFile(write(t, "clicks.ndjson", []byte(data)), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Next(context.Background()); err != nil {
			break
		}
	}
	want := "{1 map[country:1 experiments:1 ip:1 properties:1 term:1]}" // the dead letter counts nothing
	if got := fmt.Sprint(f.Stats()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func BenchmarkFile(b *testing.B) {
	const n = 50_000
	path := write(b, "a.ndjson", []byte(strings.Repeat(impression+"\n", n)))
	b.SetBytes(int64(n * (len(impression) + 1)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := OpenFile(path, FileOptions{Decode: DefaultDecodeConfig(), Clock: 1 << 60})
		if err != nil {
			b.Fatal(err)
		}
		for {
			batch, err := f.Next(context.Background())
			if err != nil {
				break
			}
			f.Recycle(batch)
		}
		f.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}
