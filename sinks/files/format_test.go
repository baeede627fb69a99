package files

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// noon is 2026-01-15T12:00:00Z.
const noon event.Millis = 1768478400000

func creditRow(n int) table.Row {
	return table.Row{
		table.T(fmt.Sprintf("conv-%07d", n)), table.T("last_non_direct"), table.I(int64(n%5 + 1)), table.At(noon + event.Millis(n)),
		table.T("click-000001"), table.T("click"), table.T("spring-sale-search"), table.T("spring-sale-search/brand"), table.T("k1"),
		table.T("Paid Search"), table.I(5), table.I(200_000), table.I(12_340_000), table.T("USD"),
	}
}

// oddRows has every type of cell in its edge forms.
func oddRows() (*table.Table, []table.Row) {
	texts := []string{"", "a,b", `say "hi"`, "line\nbreak\r\t\b\f\x00\x1f", "Ünïcode 漢字 \u2028<&>", "bad\xffbytes\xc3", `\`, "\x7f"}
	times := []event.Millis{event.NoTime, 0, 1, noon + 7, 253402300799999, -1}
	lists := [][]string{nil, {}, {"bot_user_agent"}, {"a", "b;c", `d\`}}
	var rows []table.Row
	for i := range 24 {
		rows = append(rows, table.Row{
			table.T(texts[i%len(texts)]), table.At(times[i%len(times)]), table.T("u:1"), table.T("click"), table.T(texts[(i+3)%len(texts)]),
			table.T("givt"), table.I(int64(i) - 3), table.L(lists[i%len(lists)]), table.L(lists[(i+1)%len(lists)]), table.T(""), table.T(""),
		})
	}
	return table.Verdicts, rows
}

func write(t testing.TB, tab *table.Table, f Format, rows []table.Row) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, tab, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNDJSONIsWhatTheContractSays(t *testing.T) {
	got := string(write(t, table.Credits, NDJSON, []table.Row{creditRow(0)}))
	want := `{"conversion_id":"conv-0000000","model":"last_non_direct","position":1,"touch_time":"2026-01-15T12:00:00.000Z","touch_event_id":"click-000001","touch_type":"click","campaign_id":"spring-sale-search","ad_group_id":"spring-sale-search/brand","creative_id":"k1","channel":"Paid Search","touches":5,"credit_ppm":200000,"value_micros":12340000,"currency":"USD"}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	tab, rows := oddRows()
	lines := strings.Split(strings.TrimSuffix(string(write(t, tab, NDJSON, rows)), "\n"), "\n")
	for i, line := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %d: %v\n%s", i, err, line)
		}
		if m["event_id"] != string([]rune(rows[i][0].Text)) {
			t.Errorf("line %d: event_id %q; want %q", i, m["event_id"], rows[i][0].Text)
		}
		if m["event_time"] != event.Millis(rows[i][1].Int).String() {
			t.Errorf("line %d: event_time %q; want %q", i, m["event_time"], event.Millis(rows[i][1].Int))
		}
		if _, ok := m["reasons"].([]any); !ok {
			t.Errorf("line %d: reasons %v is no array", i, m["reasons"])
		}
	}
	if s := string(appendJSON(nil, "a\"\\\n\x01é<>&\u2028\x7f")); s != "\"a\\\"\\\\\\n\\u0001é<>&\u2028\x7f\"" {
		t.Errorf("escapes more or less than JSON demands: %s", s)
	}
}

func TestReadNDJSONGivesTheRowsBack(t *testing.T) {
	tab, rows := oddRows()
	raw := write(t, tab, NDJSON, rows)
	var again []table.Row
	for row, err := range ReadNDJSON(bytes.NewReader(raw), tab) {
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, append(table.Row(nil), row...))
	}
	if got := write(t, tab, NDJSON, again); !bytes.Equal(got, raw) {
		t.Errorf("got\n%s\nwant\n%s", got, raw)
	}
	for _, bad := range []string{`{}`, `[]`, `{"event_id":1}`, strings.TrimSuffix(string(raw[:bytes.IndexByte(raw, '\n')]), "}") + `,"x":1}`} {
		failed := false
		for _, err := range ReadNDJSON(strings.NewReader(bad), tab) {
			failed = failed || err != nil
		}
		if !failed {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestCSVIsReadBackByOthers(t *testing.T) {
	tab, rows := oddRows()
	raw := write(t, tab, CSV, rows)
	if !bytes.Contains(raw, []byte(",score,version\r\n")) {
		t.Error("the header does not end in CRLF")
	}
	got, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(rows)+1 || got[0][0] != "event_id" || got[0][7] != "reasons" {
		t.Fatalf("%d records, header %q", len(got), got[0])
	}
	for i, r := range got[1:] {
		if want := string([]rune(rows[i][0].Text)); r[0] != want {
			t.Errorf("row %d: %q; want %q", i, r[0], want)
		}
		if i%4 == 3 && r[7] != `a;b\;c;d\\` {
			t.Errorf("row %d: list %q", i, r[7])
		}
	}
}

func TestParquetIsTypedAndComplete(t *testing.T) {
	tab, rows := oddRows()
	raw := write(t, tab, Parquet, rows)
	f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if f.NumRows() != int64(len(rows)) {
		t.Fatalf("%d rows; want %d", f.NumRows(), len(rows))
	}
	for i, c := range f.Root().Columns() {
		if c.Name() != tab.Columns[i].Name {
			t.Errorf("column %d is %s; want %s", i, c.Name(), tab.Columns[i].Name)
		}
	}
	if s := f.Schema().String(); !strings.Contains(s, "optional int64 event_time (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS))") ||
		!strings.Contains(s, "required group reasons (LIST)") || !strings.Contains(s, "required int64 tier") {
		t.Errorf("schema %s", s)
	}
	r := parquet.NewReader(f)
	buf := make([]parquet.Row, 1)
	for i := range rows {
		if n, err := r.ReadRows(buf); n != 1 {
			t.Fatal(i, err)
		}
		var text string
		var at any
		var reasons []string
		for _, v := range buf[0] {
			switch v.Column() {
			case 0:
				text = string(v.ByteArray())
			case 1:
				if !v.IsNull() {
					at = v.Int64()
				}
			case 7:
				if !v.IsNull() {
					reasons = append(reasons, string(v.ByteArray()))
				}
			}
		}
		if text != string([]rune(rows[i][0].Text)) || !reflect.DeepEqual(append([]string{}, rows[i][7].List...), append([]string{}, reasons...)) {
			t.Errorf("row %d: %q %q; want %q %q", i, text, reasons, rows[i][0].Text, rows[i][7].List)
		}
		if want := event.Millis(rows[i][1].Int); (at == nil) != (want == event.NoTime) || at != nil && at != int64(want) {
			t.Errorf("row %d: time %v; want %d", i, at, want)
		}
	}
}

func TestEmptyTablesAndWrongRows(t *testing.T) {
	for _, tab := range table.All {
		if n := len(write(t, tab, NDJSON, nil)); n != 0 {
			t.Errorf("%s: %d bytes", tab.Name, n)
		}
		if s := string(write(t, tab, CSV, nil)); strings.Count(s, ",") != len(tab.Columns)-1 || !strings.HasSuffix(s, "\r\n") {
			t.Errorf("%s: header %q", tab.Name, s)
		}
		raw := write(t, tab, Parquet, nil)
		if f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw))); err != nil || f.NumRows() != 0 {
			t.Errorf("%s: %v", tab.Name, err)
		}
	}
	for _, f := range Formats {
		w, err := NewWriter(&bytes.Buffer{}, table.Credits, f)
		if err != nil {
			t.Fatal(err)
		}
		if w.Write(creditRow(1)[:3]) == nil {
			t.Errorf("%s takes a short row", f)
		}
		first, second := w.Close(), w.Close()
		if first != nil || second != nil || w.Write(creditRow(1)) == nil {
			t.Errorf("%s: close twice, then write", f)
		}
	}
	if _, err := NewWriter(&bytes.Buffer{}, table.Credits, "xml"); err == nil {
		t.Error("xml is taken")
	}
}

func TestBytesAreTheSameEveryTime(t *testing.T) {
	var rows []table.Row
	for i := range 5000 {
		rows = append(rows, creditRow(i))
	}
	for _, f := range Formats {
		if !bytes.Equal(write(t, table.Credits, f, rows), write(t, table.Credits, f, rows)) {
			t.Errorf("%s differs from run to run", f)
		}
	}
}

// failing takes so many bytes and then no more.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, fmt.Errorf("no space left")
	}
	return len(b), nil
}

func TestWriteErrorsAreNotLost(t *testing.T) {
	for _, f := range Formats {
		w, err := NewWriter(&failing{1000}, table.Credits, f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err = w.Write(creditRow(i)); err != nil {
				break
			}
		}
		if w.Close() == nil {
			t.Errorf("%s: the file is short and Close says nothing", f)
		}
	}
}

func TestNDJSONAllocatesNothingPerRow(t *testing.T) {
	w, _ := NewWriter(&failing{1 << 40}, table.Credits, NDJSON)
	row := creditRow(3)
	if n := testing.AllocsPerRun(1000, func() { _ = w.Write(row) }); n != 0 {
		t.Errorf("%v allocations per row", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, f := range Formats {
		b.Run(string(f), func(b *testing.B) {
			w, _ := NewWriter(&failing{1 << 60}, table.Credits, f)
			rows := make([]table.Row, 1024)
			for i := range rows {
				rows[i] = creditRow(i)
			}
			b.ReportAllocs()
			for i := range b.N {
				if err := w.Write(rows[i&1023]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
