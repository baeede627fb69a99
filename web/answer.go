package web

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"hash/fnv"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

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
func (o obj) MarshalJSON() ([]byte, error) { return plainJSON(o) }

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

// encode writes an answer as one of the media types that its route offers.
func (a *answer) encode(media string) *encoded {
	e := &encoded{media: media, status: a.status}
	if e.status == 0 {
		e.status = http.StatusOK
	}
	var err error
	switch media {
	case mediaCSV:
		e.media = mediaCSV + "; charset=utf-8; header=present"
		e.body = csvOf(flat(a.blank, a.blank), flatAll(a.blank, a.rows))
	case mediaNDJSON:
		for _, row := range a.rows {
			if e.body, err = appendJSON(e.body, row); err != nil {
				break
			}
			e.body = append(e.body, '\n')
		}
	default:
		e.body, err = plainJSON(a.body)
		e.body = append(e.body, '\n')
	}
	if err != nil {
		panic("BUG: an answer does not marshal: " + err.Error())
	}
	if media != mediaJSON {
		e.next, _ = a.body.get("next_cursor").(string)
	}
	if meta, ok := a.body.get("meta").(obj); ok {
		e.epoch, _ = meta.get("epoch").(string)
		e.seq, _ = meta.get("seq").(uint64)
	}
	return e
}

// encoded is an answer as it is sent.
type encoded struct {
	status int
	media  string
	body   []byte
	next   string // cursor, where the body does not hold it
	epoch  string
	seq    uint64
	tag    string // empty: made of the body

	packing sync.Once
	packed  []byte // the body in gzip; only packing writes it
}

// leastPacked is the length from which on packing a body is worth the time.
const leastPacked = 2 << 10

var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return z
}}

// pack is the body in gzip, made once for all who are given this answer.
func (e *encoded) pack() []byte {
	e.packing.Do(func() {
		z := packers.Get().(*gzip.Writer)
		defer packers.Put(z)
		var b bytes.Buffer
		z.Reset(&b)
		_, _ = z.Write(e.body) // a buffer takes everything
		_ = z.Close()
		e.packed = b.Bytes()
	})
	return e.packed
}

func (e *encoded) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	body := e.body
	if len(body) >= leastPacked && takesEncoding(r, "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = e.pack()
	}
	h.Set("Content-Type", e.media)
	if e.next != "" {
		h.Set("X-Next-Cursor", e.next)
	}
	if e.epoch != "" {
		h.Set("Tributary-Epoch", e.epoch)
		h.Set("Tributary-Seq", strconv.FormatUint(e.seq, 10))
	}
	if e.tag != "" {
		h.Set("ETag", e.tag)
	}
	send(w, r, e.status, body)
}

func (a *answer) write(w http.ResponseWriter, r *http.Request) { a.encode(mediaJSON).write(w, r) }

// freshFor says how long a body may be kept: an answer is asked for anew each
// time, a file whose name changes with it never.
const (
	freshNever = "private, no-cache"
	freshEver  = "public, max-age=31536000, immutable"
)

// send writes a whole body with its ETag, unless one is set already.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	sendFresh(w, r, status, body, freshNever)
}

func sendFresh(w http.ResponseWriter, r *http.Request, status int, body []byte, fresh string) {
	h := w.Header()
	if status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		if h.Get("ETag") == "" {
			sum := fnv.New128a()
			_, _ = sum.Write(body)
			h.Set("ETag", `"`+strconv.FormatInt(int64(len(body)), 36)+"-"+hexOf(sum.Sum(nil))+`"`)
		}
		h.Set("Cache-Control", fresh)
		if fresh != freshEver {
			h.Add("Vary", "Accept")
		}
		if notModified(r, h.Get("ETag")) {
			h.Del("Content-Type")
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	} else {
		h.Del("ETag")
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// notModified compares weakly: a tag that stands for the same answer will do.
func notModified(r *http.Request, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for t := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if t = strings.TrimSpace(t); strings.TrimPrefix(t, "W/") == tag || t == "*" {
			return true
		}
	}
	return false
}

// The media types of answers.
const (
	mediaJSON   = "application/json"
	mediaCSV    = "text/csv"
	mediaNDJSON = "application/x-ndjson"
)

// flat takes objects apart for CSV: a member x of an object o is the column
// o_x. The blank row says which columns there are.
func flat(blank, row obj) obj {
	out := make(obj, 0, len(blank))
	for i, f := range blank {
		inner, nested := f.value.(obj)
		if !nested {
			if i < len(row) {
				out = append(out, field{f.name, row[i].value})
			}
			continue
		}
		given, _ := row[i].value.(obj)
		if given == nil {
			for _, x := range flat(inner, inner) {
				out = append(out, field{f.name + "_" + x.name, nil})
			}
			continue
		}
		for _, x := range flat(inner, given) {
			out = append(out, field{f.name + "_" + x.name, x.value})
		}
	}
	return out
}

func flatAll(blank obj, rows []obj) []obj {
	out := make([]obj, len(rows))
	for i, row := range rows {
		out[i] = flat(blank, row)
	}
	return out
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
	case []any: // a small line
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i], _ = x.(string)
		}
		return strings.Join(parts, " ")
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
