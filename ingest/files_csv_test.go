package ingest

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
)

func TestCSV(t *testing.T) {
	const header = "event_id,type,event_time,user_id,cost,properties\n"
	big := strings.Repeat("x", MaxRecord-100)
	for name, c := range map[string]struct{ data, want string }{
		"empty":            {"", ""},
		"header alone":     {header, ""},
		"rows":             {header + "1,click,1769904000001,u,0.5,\n\n2,click,2026-02-01T00:00:00Z,u,,\r\n", "2:1 4:2"},
		"no last line end": {"\ufeff" + header + "1,click,1769904000001,u,0.5,", "2:1"},
		"quotes":           {header + "\"a,\"\"b\"\"\nc\",click,1769904000001,u,0.5,\"{\"\"a\"\":1}\"\n2,click,1769904000001,u,,\n", "2:a,\"b\"\nc 4:2"},
		"quotes, CRLF":     {header + "\"a\r\nb\",click,1769904000001,u,0.5,\r\n2,click,1769904000001,\"u\",,\"\"\r\n", "2:a\r\nb 4:2"},
		"a bare quote":     {header + "a\"b\",click,1769904000001,u\"\",,\n2,click,1769904000001,u,,\n", "2:a\"b\" 3:2"},
		"after the quote":  {header + "\"a\"b,click,1769904000001,u,,\n2,click,1769904000001,u,,\n", "2:malformed 3:2"},
		"too few":          {header + "1,click\n2,click,1769904000001,u,,\n", "2:malformed 3:2"},
		"too many":         {header + "1,click,1769904000001,u,1,5,\n2,click,1769904000001,u,,\n", "2:malformed 3:2"},
		"not UTF-8":        {header + "\xff,click,1769904000001,u,,\n2,click,1769904000001,u,,\n", "2:malformed 3:2"},
		"never closed":     {header + "1,click,1769904000001,\"u,,\n2,click,1769904000001,u,,\n3,click,1769904000001,u,,\n", "2:malformed 3:2 4:3"},
		"never closed, large": {
			header + "1,click,1769904000001,\"u,,\n" + strings.Repeat("2,click,1769904000001,u,,\n", 50_000),
			"2:malformed" + strings.Repeat(" #:2", 50_000),
		},
		"too large":         {header + "1,click,1769904000001,u,," + big + big + "\n2,click,1769904000001,u,,\n", "2:too_large 3:2"},
		"too large, quoted": {header + "1,click,1769904000001,u,,\"" + big + big + "\"\n2,click,1769904000001,u,,\n", "2:too_large 3:2"},
		"large, many lines": {header + "1,click,1769904000001,u,,\"" + strings.Repeat("line\n", 200_000) + "\"\n2,click,1769904000001,u,,\n", "2:1 200003:2"},
		"codes": {
			header + ",click,1769904000001,u,,\n1,Click,1769904000001,u,,\n1,click,1769904000,u,,\n1,click,1769904000001.0,u,,\n1,click,1769904000001,u,\"1,5\",\n1,click,,u,,\n1,page_view,1769904000001,null,,\n",
			"2:missing_field 3:bad_field 4:bad_time 5:bad_time 6:bad_money 7:missing_field 8:missing_field",
		},
		"repeated column": {"event_id,event_id,type,event_time\n1,2,click,1769904000001\n1,,click,1769904000001\n", "2:2 3:missing_field"},
		"quoted header":   {"\"event_id\",\"x\ny\",type,event_time\r\n1,2,click,1769904000001\r\n", "3:1"},
	} {
		for _, suffix := range []string{".csv", ".csv.gz"} {
			records, err := readAll(t, write(t, "a"+suffix, []byte(c.data)), testOptions)
			got, want := brief(records), c.want
			if strings.Contains(want, "#") {
				want = strings.ReplaceAll(want, "#:", ":")
				for i, r := range records[1:] {
					if r.Dead != nil || r.Event.Pos.N != int64(i+3) {
						t.Fatalf("%s: record %d is %+v", name, i, r)
					}
				}
				got = "2:malformed" + strings.Repeat(" :2", len(records)-1)
			}
			if err != nil || got != want {
				t.Errorf("%s%s: %.200s (%v), want %.200s", name, suffix, got, err, want)
			}
		}
	}
}

func TestCSVFields(t *testing.T) {
	data := "event_id,type,event_time,user_id,ip,experiments,value,currency,order_id,country,conversion_name\n" +
		"01,conversion,1769904000001,42,::ffff:1.2.3.4,\"{\"\"b\"\":\"\"2\"\",\"\"a\"\":\"\"1\"\"}\",1.0000005,EUR,7,5,\n"
	records, err := readAll(t, write(t, "conversions.csv", []byte(data)), testOptions)
	if err != nil || len(records) != 1 || records[0].Dead != nil {
		t.Fatalf("%+v %v", records, err)
	}
	e := records[0].Event
	if e.ID != "01" || e.Person != "u:42" || e.IP.String() != "1.2.3.4" || len(e.Experiments) != 2 || e.Experiments[0] != (event.Assignment{Experiment: "a", Variant: "1"}) ||
		e.Amount != 1_000_000 || e.Currency != "EUR" || e.OrderID != "7" || e.Country != "5" || e.Name != "conversion" || e.Time != 1769904000001 {
		t.Errorf("%+v", e)
	}
	if want := strings.SplitAfter(data, "\n")[1]; string(e.Raw)+"\n" != want {
		t.Errorf("raw %q", e.Raw)
	}
}

// TestCSVReference compares cells and positions with encoding/csv over random
// tables that it wrote.
func TestCSVReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		columns := 1 + rng.IntN(4)
		var rows [][]string
		for range 1 + rng.IntN(6) {
			row := []string{"id"} // so that no row is blank, which both skip
			for range columns {
				var cell strings.Builder
				for range rng.IntN(5) {
					cell.WriteString(pick(rng, "a", "\"", ",", "\n", " ", "é", "\"\"", ";", "#"))
				}
				row = append(row, cell.String())
			}
			rows = append(rows, row)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = rng.IntN(2) == 0
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		if w.UseCRLF { // the writer also turns line feeds inside cells; so do the cells it is compared with
			for _, row := range rows {
				for i := range row {
					row[i] = strings.ReplaceAll(row[i], "\n", "\r\n")
				}
			}
		}
		data := b.Bytes()
		if cut := cutCSV(data, ',', true); cut != len(data) {
			t.Fatalf("%q: cut at %d", data, cut)
		}
		for _, want := range rows {
			n := csvEnd(data, ',', true)
			got, fault := new(arena).splitCSV(trimEnd(data[:n]), ',', nil)
			if fault != "" || !slices.Equal(got, want) {
				t.Fatalf("%q: %q (%s), want %q", b.Bytes(), got, fault, want)
			}
			data = data[n:]
		}
	}
}

// FuzzCSV: any bytes give records in order of lines, without panic, and every
// line stands in some record or is blank.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\"\"\n\",b\r\n", "\"a", "a\"b,\"c\"d\n\n", ",\n\"\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &csvLayout{delimiter: ',', header: []string{"event_id", "x"}, fields: []field{fEventID, unknownField}}
		file := &File{prefix: "f:", csv: l, opt: testOptions}
		w := worker{File: file, dec: NewDecoder(DefaultDecodeConfig())}
		r := &reader{in: bytes.NewReader(data), line: 1, begun: true, cut: func(d []byte, end bool) int { return cutCSV(d, ',', end) }}
		last, total := int64(0), 0
		for {
			c, err := r.next()
			if err != nil {
				break
			}
			w.decode(c)
			for _, rec := range c.records {
				if rec.Dead == nil || rec.Dead.Pos.N <= last {
					t.Fatalf("%q: %+v after line %d", data, rec, last)
				}
				last = rec.Dead.Pos.N
				total += len(rec.Dead.Raw)
			}
		}
		if bytes.IndexByte(data, ' ') < 0 && bytes.IndexByte(data, '\t') < 0 {
			if ends := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")); total < len(data)-ends {
				t.Fatalf("%q: only %d of %d bytes are in records", data, total, len(data))
			}
		}
	})
}
