package ingest

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/tributary-data/tributary/event"
)

// typedRow has a column of each kind that exports use.
type typedRow struct {
	EventID     string            `parquet:"event_id"`
	Type        *string           `parquet:"type,optional"`
	Time        time.Time         `parquet:"event_time,timestamp(microsecond)"`
	User        int64             `parquet:"user_id"`
	Cost        int64             `parquet:"cost,decimal(7:18)"`
	Value       *float64          `parquet:"value,optional"`
	Experiments map[string]string `parquet:"experiments,optional"`
	Campaign    []byte            `parquet:"campaign,optional"`
	Nested      struct {
		Country *string  `parquet:"country,optional"`
		Tags    []string `parquet:"tags,list"`
	} `parquet:"nested"`
}

func parquetFile(t *testing.T, rows []typedRow, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[typedRow](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	str := func(s string) *string { return &s }
	value := 12.1
	at := time.Date(2026, 2, 1, 0, 0, 0, 999_999_000, time.UTC)
	rows := []typedRow{
		{EventID: "1", Type: str("click"), Time: at, User: 7, Cost: 12_345_675, Experiments: map[string]string{"b": "2", "a": "1\n\""}, Campaign: []byte("é")},
		{EventID: "2", Type: str("conversion"), Time: at, User: 8, Value: &value},
		{EventID: "", Type: str("click"), Time: at},
		{EventID: "4", Time: at},
		{EventID: "5", Type: str("click"), Time: at, Cost: -1},
		{EventID: "6", Type: str("click"), Time: at, Campaign: []byte{0xff}},
		{EventID: "7\xff", Type: str("click"), Time: at},
	}
	rows[1].Nested.Country = str("DE")
	rows[1].Nested.Tags = []string{"x", "y"}
	for _, name := range []string{"a.parquet", "a.parquet.gz", "a.parquet.zst"} {
		records, err := readAll(t, write(t, name, parquetFile(t, rows)), testOptions)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := brief(records), "1:1 2:2 3:missing_field 4:missing_field 5:bad_money 6:6 7:malformed"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		click, conversion := records[0].Event, records[1].Event
		if click.Time.String() != "2026-02-01T00:00:00.999Z" || click.Person != "u:7" || click.Amount != 1_234_568 || click.Campaign != "é" || // half to even
			len(click.Experiments) != 2 || click.Experiments[0] != (event.Assignment{Experiment: "a", Variant: "1\n\""}) {
			t.Errorf("click %+v", click)
		}
		if conversion.Amount != 12_100_000 {
			t.Errorf("conversion %+v", conversion)
		}
		want := `{"event_id":"2","type":"conversion","event_time":"2026-02-01T00:00:00.999999Z","user_id":8,"cost":0.0000000,"value":12.1,"nested":{"country":"DE","tags":["x","y"]}}`
		if got := string(conversion.Raw); !sameMembers(got, want) {
			t.Errorf("raw %s\nwant %s", got, want)
		}
	}

	opt := testOptions
	opt.Mappings = []Mapping{{Files: "a.parquet", Fields: map[string]FieldFrom{"country": {Column: "nested.country"}, "type": {Constant: "page_view"}}}}
	records, err := readAll(t, write(t, "a.parquet", parquetFile(t, rows[:2])), opt)
	if err != nil || len(records) != 2 || records[1].Dead != nil || records[1].Event.Country != "DE" || records[1].Event.Type != "page_view" {
		t.Errorf("mapped: %+v %v", records, err)
	}
}

// sameMembers compares two rows whose columns may stand in another order.
func sameMembers(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	d := NewDecoder(DefaultDecodeConfig())
	if d.scan([]byte(a)).what != "" || d.scan([]byte(b)).what != "" {
		return false
	}
	for _, name := range []string{"event_id", "type", "event_time", "user_id", "cost", "value", "nested.country", "nested.tags"} {
		if d.lookup([]byte(a), name) != d.lookup([]byte(b), name) {
			return false
		}
	}
	return true
}

// TestParquetGroups: many row groups and pages keep order and row numbers.
func TestParquetGroups(t *testing.T) {
	click := "click"
	var rows []typedRow
	for i := range 5_000 {
		r := typedRow{EventID: strings.Repeat("x", i%7+1), Type: &click, Time: time.UnixMilli(1769904000000 + int64(i)), User: int64(i)}
		if i%3 == 0 {
			r.Experiments = map[string]string{"e": "v"}
			r.Nested.Tags = []string{"a", "b", "c"}[:i%4%3]
		}
		rows = append(rows, r)
	}
	records, err := readAll(t, write(t, "a.parquet", parquetFile(t, rows, parquet.MaxRowsPerRowGroup(700), parquet.PageBufferSize(4<<10))), testOptions)
	if err != nil || len(records) != len(rows) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, r := range records {
		if r.Dead != nil || r.Event.Pos.N != int64(i+1) || r.Event.Time != event.Millis(1769904000000+i) || len(r.Event.ID) != i%7+1 || (len(r.Event.Experiments) == 1) != (i%3 == 0) {
			t.Fatalf("row %d: %+v", i+1, r)
		}
	}
}

// TestParquetDamage: damaged files end in an error, not in a panic.
func TestParquetDamage(t *testing.T) {
	click := "click"
	var rows []typedRow
	for range 200 {
		rows = append(rows, typedRow{EventID: "1", Type: &click, Time: time.UnixMilli(1769904000000), Experiments: map[string]string{"a": "b"}})
	}
	good := parquetFile(t, rows)
	rng := rand.New(rand.NewPCG(1, 2))
	path := write(t, "a.parquet", good)
	faults := 0
	for range 400 {
		bad := bytes.Clone(good)
		for range 1 + rng.IntN(8) {
			bad[rng.IntN(len(bad))] = byte(rng.IntN(256))
		}
		if rng.IntN(10) == 0 {
			bad = bad[:rng.IntN(len(bad))]
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t, path, testOptions); err != nil {
			faults++
		}
	}
	if faults < 40 {
		t.Errorf("only %d of 400 damaged files gave an error", faults)
	}
}

func TestParquetNumbers(t *testing.T) {
	for _, c := range []struct {
		n     int64
		scale int
		want  string
	}{{12345, 2, "123.45"}, {5, 3, "0.005"}, {-5, 1, "-0.5"}, {0, 2, "0.00"}, {7, 0, "7"}, {7, -2, "7e2"}, {-123, 3, "-0.123"}} {
		if got := string(appendDecimal(nil, big.NewInt(c.n), c.scale)); got != c.want {
			t.Errorf("%d with scale %d: %s, want %s", c.n, c.scale, got, c.want)
		}
	}
	for raw, want := range map[string]int64{"\x00": 0, "\xff": -1, "\x00\xff": 255, "\xff\x00": -256, "\x7f\xff": 32767} {
		if got := unscaled(parquet.ByteArrayValue([]byte(raw))); got.Int64() != want {
			t.Errorf("%x: %s, want %d", raw, got, want)
		}
	}
	for f, want := range map[float64]string{0.1: "0.1", 1769904000001: "1769904000001", 5: "5", 1e300: "1e+300", 12.5: "12.5", 1e-7: "0.0000001"} {
		if got := string(appendFloat(nil, f, 64)); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	for _, c := range []struct {
		n    int64
		unit time.Duration
		want string
	}{{-1, time.Millisecond, `"1969-12-31T23:59:59.999Z"`}, {1769904000001, time.Millisecond, `"2026-02-01T00:00:00.001Z"`}, {1769904000000000001, time.Nanosecond, `"2026-02-01T00:00:00.000000001Z"`}} {
		if got := string(appendInstant(nil, c.n, c.unit)); got != c.want {
			t.Errorf("%d: %s, want %s", c.n, got, c.want)
		}
	}
}
