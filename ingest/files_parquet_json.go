package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetNode is a column, or a group of columns, as it becomes JSON.
type parquetNode struct {
	name     string
	optional bool
	repeated bool
	def, rep int // the levels at which a value of the node is there, or repeats
	shape    shape
	children []*parquetNode
	leaf     int // the index of the first leaf at or below the node
	leaves   int
	logical  *format.LogicalType
}

type shape uint8

const (
	leafShape shape = iota
	groupShape
	listShape // a group annotated LIST
	mapShape  // a group annotated MAP
)

func nodeOf(c *parquet.Column, def, rep int) *parquetNode {
	n := &parquetNode{name: c.Name(), optional: c.Optional(), repeated: c.Repeated(), leaves: 1}
	if n.optional || n.repeated {
		def++
	}
	if n.repeated {
		rep++
	}
	n.def, n.rep = def, rep
	if c.Leaf() {
		n.leaf, n.logical = c.Index(), c.Type().LogicalType()
		return n
	}
	n.shape, n.leaves = groupShape, 0
	for _, child := range c.Columns() {
		k := nodeOf(child, def, rep)
		n.children = append(n.children, k)
		n.leaves += k.leaves
	}
	if len(n.children) > 0 {
		n.leaf = n.children[0].leaf
	}
	if lt := c.Type().LogicalType(); lt != nil && len(n.children) == 1 && n.children[0].repeated {
		switch lt.Value.(type) {
		case *format.ListType:
			n.shape = listShape
		case *format.MapType:
			if len(n.children[0].children) == 2 {
				n.shape = mapShape
			}
		}
	}
	return n
}

// assembler puts a row together again from its values, which stand column by
// column with their levels (Dremel, as Parquet's documentation describes it).
type assembler struct {
	b      []byte
	values [][]parquet.Value // what is left of each leaf
}

// appendRow appends the row as a JSON object; what is null is left out.
func appendRow(b []byte, nodes []*parquetNode, row parquet.Row) []byte {
	a := assembler{b: b}
	row.Range(func(_ int, values []parquet.Value) bool {
		a.values = append(a.values, values)
		return true
	})
	a.fields(nodes)
	return a.b
}

// fields writes the members of an object.
func (a *assembler) fields(nodes []*parquetNode) {
	a.b = append(a.b, '{')
	first := true
	for _, n := range nodes {
		if n.leaves == 0 {
			continue
		}
		if !n.repeated && !a.there(n) {
			a.skip(n)
			continue
		}
		if !first {
			a.b = append(a.b, ',')
		}
		first = false
		a.b = append(appendString(a.b, n.name), ':')
		a.node(n)
	}
	a.b = append(a.b, '}')
}

// there says whether the next value of the node is not null.
func (a *assembler) there(n *parquetNode) bool {
	v := a.values[n.leaf]
	return len(v) > 0 && v[0].DefinitionLevel() >= n.def
}

// skip takes the one entry that a null has in each leaf.
func (a *assembler) skip(n *parquetNode) {
	for i := n.leaf; i < n.leaf+n.leaves; i++ {
		if len(a.values[i]) > 0 {
			a.values[i] = a.values[i][1:]
		}
	}
}

func (a *assembler) node(n *parquetNode) {
	if n.repeated {
		a.each(n, func(int) { a.one(n) }, '[', ']')
		return
	}
	if !a.there(n) {
		a.skip(n)
		a.b = append(a.b, "null"...)
		return
	}
	a.one(n)
}

// each calls item for every repetition of n, and writes the brackets and
// commas around them.
func (a *assembler) each(n *parquetNode, item func(i int), open, closing byte) {
	a.b = append(a.b, open)
	if !a.there(n) {
		a.skip(n)
		a.b = append(a.b, closing)
		return
	}
	for i := 0; ; i++ {
		if i > 0 {
			a.b = append(a.b, ',')
		}
		item(i)
		if v := a.values[n.leaf]; len(v) == 0 || v[0].RepetitionLevel() < n.rep {
			break
		}
	}
	a.b = append(a.b, closing)
}

// one writes a value of n that is there.
func (a *assembler) one(n *parquetNode) {
	switch n.shape {
	case leafShape:
		v := a.values[n.leaf]
		a.b = appendLeaf(a.b, v[0], n.logical)
		a.values[n.leaf] = v[1:]
	case groupShape:
		a.fields(n.children)
	case listShape:
		list := n.children[0]
		a.each(list, func(int) {
			if len(list.children) == 1 { // the usual level between list and element
				a.node(list.children[0])
			} else {
				a.one(list)
			}
		}, '[', ']')
	case mapShape:
		pair := n.children[0]
		a.each(pair, func(int) {
			start := len(a.b)
			a.node(pair.children[0])
			if key := a.b[start:]; len(key) == 0 || key[0] != '"' { // a number as a key
				text := string(key)
				a.b = appendString(a.b[:start], text)
			}
			a.b = append(a.b, ':')
			a.node(pair.children[1])
		}, '{', '}')
	}
}

// appendLeaf writes a value as JSON: exact, and times in RFC 3339 (a timestamp
// without a time zone is taken as UTC, which is what most tools write).
func appendLeaf(b []byte, v parquet.Value, logical *format.LogicalType) []byte {
	var kind format.LogicalTypeValue
	if logical != nil {
		kind = logical.Value
	}
	if v.IsNull() {
		return append(b, "null"...)
	}
	switch lt := kind.(type) {
	case *format.DecimalType:
		return appendDecimal(b, unscaled(v), int(lt.Scale))
	case *format.TimestampType:
		if lt.Unit.Value != nil && v.Kind() == parquet.Int64 {
			return appendInstant(b, v.Int64(), lt.Unit.Value.Duration())
		}
	case *format.DateType:
		if v.Kind() == parquet.Int32 {
			b = append(b, '"')
			b = time.Unix(int64(v.Int32())*86400, 0).UTC().AppendFormat(b, time.DateOnly)
			return append(b, '"')
		}
	case *format.IntType:
		if !lt.IsSigned {
			switch v.Kind() {
			case parquet.Int32:
				return strconv.AppendUint(b, uint64(v.Uint32()), 10)
			case parquet.Int64:
				return strconv.AppendUint(b, v.Uint64(), 10)
			}
		}
	case *format.UUIDType:
		if u := v.ByteArray(); v.Kind() == parquet.FixedLenByteArray && len(u) == 16 {
			h := hex.EncodeToString(u)
			return appendString(b, h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:])
		}
	}
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(b, v.Boolean())
	case parquet.Int32:
		return strconv.AppendInt(b, int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case parquet.Int96: // nanoseconds of the day, then the Julian day
		w := v.Int96()
		t := time.Unix((int64(w[2])-2440588)*86400, int64(uint64(w[1])<<32|uint64(w[0]))).UTC()
		return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	case parquet.Float:
		return appendFloat(b, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(b, v.Double(), 64)
	}
	s := v.ByteArray()
	if kind == nil && !utf8.Valid(s) { // plain bytes that are no text
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), s), '"')
	}
	return appendString(b, text(s))
}

func appendInstant(b []byte, n int64, unit time.Duration) []byte {
	perSecond := int64(time.Second / unit)
	secs, rest := n/perSecond, n%perSecond
	if rest < 0 {
		secs, rest = secs-1, rest+perSecond
	}
	t := time.Unix(secs, rest*int64(unit)).UTC()
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendFloat writes the shortest decimal that is the same float; without an
// exponent while that is short, so that whole numbers stay integers. What is
// no number becomes text, and so a fault where a number is needed.
func appendFloat(b []byte, f float64, size int) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return appendString(b, strconv.FormatFloat(f, 'g', -1, size))
	case f == 0 || math.Abs(f) >= 1e-9 && math.Abs(f) < 1e18:
		return strconv.AppendFloat(b, f, 'f', -1, size)
	}
	return strconv.AppendFloat(b, f, 'e', -1, size)
}

// unscaled is the integer of a decimal; bytes hold it big-endian in two's
// complement.
func unscaled(v parquet.Value) *big.Int {
	switch v.Kind() {
	case parquet.Int32:
		return big.NewInt(int64(v.Int32()))
	case parquet.Int64:
		return big.NewInt(v.Int64())
	}
	raw := v.ByteArray()
	n := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(raw))*8))
	}
	return n
}

func appendDecimal(b []byte, n *big.Int, scale int) []byte {
	if n.Sign() < 0 {
		b = append(b, '-')
		n = n.Abs(n)
	}
	d := n.String()
	if scale <= 0 {
		b = append(b, d...)
		if scale < 0 && n.Sign() != 0 {
			b = strconv.AppendInt(append(b, 'e'), -int64(scale), 10)
		}
		return b
	}
	if len(d) <= scale {
		if scale > 1000 { // no decimal type is so long: the file claims it
			return strconv.AppendInt(append(append(b, d...), "e-"...), int64(scale), 10)
		}
		b = append(b, "0."...)
		for range scale - len(d) {
			b = append(b, '0')
		}
		return append(b, d...)
	}
	return append(append(append(b, d[:len(d)-scale]...), '.'), d[len(d)-scale:]...)
}

// appendString writes s as a JSON string. Bytes that are no UTF-8 stay, so that
// decoding finds and names them.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
