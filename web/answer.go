package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"hash/fnv"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// obj is a JSON object whose members keep their order, so that answers read
// well and CSV has the same columns.
type obj []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o obj) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := plainJSON(f.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		value, err := plainJSON(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plainJSON leaves <, > and & as they are: an answer is never HTML, and a
// payload should look as it was sent.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (o obj) get(name string) any {
	for _, f := range o {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// answer is what a handler returns. Rows, where set, are what CSV shows; blank
// has their columns, for an answer without rows.
type answer struct {
	status int // 200 when 0
	body   obj
	rows   []obj
	blank  obj
}

func (a *answer) write(w http.ResponseWriter, r *http.Request, asCSV bool) {
	h := w.Header()
	var body []byte
	if asCSV {
		body = csvOf(a.blank, a.rows)
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		if next, ok := a.body.get("next_cursor").(string); ok {
			h.Set("X-Next-Cursor", next)
		}
	} else {
		var err error
		if body, err = plainJSON(a.body); err != nil {
			panic("BUG: an answer does not marshal: " + err.Error())
		}
		body = append(body, '\n')
		h.Set("Content-Type", "application/json")
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	send(w, r, status, body)
}

// send writes a whole body with its ETag.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		sum := fnv.New128a()
		_, _ = sum.Write(body)
		tag := `"` + strconv.FormatInt(int64(len(body)), 36) + "-" + hexOf(sum.Sum(nil)) + `"`
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		h.Add("Vary", "Accept")
		for t := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
			if t = strings.TrimSpace(t); strings.TrimPrefix(t, "W/") == tag || t == "*" {
				h.Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
	} else {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// csvOf writes rows as RFC 4180. Texts that a spreadsheet would run as a
// formula get an apostrophe in front: ids come from outside.
func csvOf(blank obj, rows []obj) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	cells := make([]string, len(blank))
	for i, f := range blank {
		cells[i] = f.name
	}
	_ = w.Write(cells)
	for _, row := range rows {
		for i, f := range row {
			cells[i] = cell(f.value)
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return b.Bytes()
}

// number is a decimal that we wrote ourselves; it needs no escaping in CSV.
type number string

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return escapeFormula(v)
	case number:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case money:
		return v.Amount
	case []string:
		return escapeFormula(strings.Join(v, " "))
	}
	b, _ := plainJSON(v)
	return escapeFormula(string(b))
}

func escapeFormula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// when is a time in an answer: null where absent.
func when(t event.Millis) any {
	if t == event.NoTime || t == event.EndOfTime {
		return nil
	}
	return t.String()
}

// rowObj shows a row of a table: the same names, but money beside its currency
// becomes an amount, and absent times null.
func rowObj(t *table.Table, row table.Row, currency string) obj {
	for i, c := range t.Columns {
		if c.Name == "currency" {
			currency = row[i].Text
		}
	}
	out := make(obj, 0, len(row))
	for i, c := range t.Columns {
		v := row[i]
		switch {
		case strings.HasSuffix(c.Name, "_micros"):
			out = append(out, field{strings.TrimSuffix(c.Name, "_micros"), moneyOf(sumOf(v.Int), currency)})
		case c.Type == table.Text:
			out = append(out, field{c.Name, v.Text})
		case c.Type == table.Int:
			out = append(out, field{c.Name, v.Int})
		case c.Type == table.Time:
			out = append(out, field{c.Name, when(event.Millis(v.Int))})
		default:
			list := v.List
			if list == nil {
				list = []string{}
			}
			out = append(out, field{c.Name, list})
		}
	}
	return out
}

// accepts picks the first of the offered media types that the client likes
// best; empty when it likes none.
func accepts(header string, offers ...string) string {
	if strings.TrimSpace(header) == "" {
		return offers[0]
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(header, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality is the q of the most specific range that matches the offer.
func quality(header, offer string) float64 {
	major, _, _ := strings.Cut(offer, "/")
	best, specific := 0.0, -1
	for part := range strings.SplitSeq(header, ",") {
		typ, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := -1
		switch typ {
		case offer:
			level = 2
		case major + "/*":
			level = 1
		case "*/*":
			level = 0
		}
		if level <= specific {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f <= 1 {
				q = f
			}
		}
		best, specific = q, level
	}
	return best
}
