package kafka

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hamba/avro/v2"

	"github.com/tributary-data/tributary/event"
)

// avroReader reads the binary encoding of Avro 1.11. Every length is checked
// against what is left, and the number of items against what a record can hold.
type avroReader struct {
	b     []byte
	items int // read so far: items of no bytes could be without number
}

var errShort = errors.New("it ends too early")

// maxItems is how many items of arrays and maps a record may have.
const maxItems = 1 << 20

func (r *avroReader) long() (int64, error) {
	var u uint64
	for i := range 10 {
		if i >= len(r.b) {
			return 0, errShort
		}
		c := r.b[i]
		if i == 9 && c > 1 {
			break
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.b = r.b[i+1:]
			return int64(u>>1) ^ -int64(u&1), nil
		}
	}
	return 0, errors.New("a number has too many bytes")
}

func (r *avroReader) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(r.b)) {
		return nil, errShort
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, nil
}

func (r *avroReader) bytes() ([]byte, error) {
	n, err := r.long()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

// blocks calls item for each item of an array or map.
func (r *avroReader) blocks(item func(first bool) error) error {
	first := true
	for {
		n, err := r.long()
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if n < 0 {
			if n == math.MinInt64 {
				return errors.New("a block has an impossible length")
			}
			n = -n
			if _, err := r.long(); err != nil { // its size in bytes
				return err
			}
		}
		for range n {
			if r.items++; r.items > maxItems {
				return fmt.Errorf("it has more than %d items", maxItems)
			}
			if err := item(first); err != nil {
				return err
			}
			first = false
		}
	}
}

// compileAvro makes the converter of a record schema. Its fields go by name; a
// field that the contract does not know is read over.
func compileAvro(id int, text string, references map[string]string, order []string) (func(out, payload []byte) ([]byte, error), error) {
	cache := &avro.SchemaCache{}
	for _, name := range order {
		if _, err := avro.ParseBytesWithCache([]byte(references[name]), "", cache); err != nil {
			return nil, fmt.Errorf("the referenced schema %s: %w", name, err)
		}
	}
	parsed, err := avro.ParseBytesWithCache([]byte(text), "", cache)
	if err != nil {
		return nil, err
	}
	parsed = resolved(parsed)
	record, ok := parsed.(*avro.RecordSchema)
	if !ok {
		return nil, fmt.Errorf("it is of type %s; it must be a record", parsed.Type())
	}
	for _, f := range record.Fields() {
		if vital[f.Name()] {
			if err := mapsAvro(id, f.Name(), f.Type(), 0); err != nil {
				return nil, err
			}
		}
	}
	return func(out, payload []byte) ([]byte, error) {
		r := &avroReader{b: payload}
		out, err := r.object(out, record, true, 1)
		if err != nil {
			return nil, err
		}
		if len(r.b) > 0 {
			return nil, fmt.Errorf("%d bytes are left over", len(r.b))
		}
		return out, nil
	}, nil
}

func resolved(s avro.Schema) avro.Schema {
	for {
		ref, ok := s.(*avro.RefSchema)
		if !ok {
			return s
		}
		s = ref.Schema()
	}
}

// mapsAvro refuses types of vital fields that mean nothing for them. Types that
// the decoder refuses in words of its own (a boolean, an object) are left to it.
func mapsAvro(id int, field string, s avro.Schema, depth int) error {
	s = resolved(s)
	if depth > maxDepth {
		return errDeep
	}
	if u, ok := s.(*avro.UnionSchema); ok {
		for _, t := range u.Types() {
			if err := mapsAvro(id, field, t, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	kind, logical := s.Type(), logicalOf(s)
	is := string(kind)
	if logical != "" {
		is += " (" + string(logical) + ")"
	}
	switch knownFields[field] {
	case textField:
		if (kind == avro.Bytes || kind == avro.Fixed) && logical != avro.UUID || kind == avro.Float || kind == avro.Double {
			return unmapped(id, field, is, "string")
		}
	case moneyField:
		if (kind == avro.Bytes || kind == avro.Fixed) && logical != avro.Decimal {
			return unmapped(id, field, is, "bytes with the logical type decimal, or string")
		}
	case timeField:
		if (logical != "" && logical != avro.TimestampMillis && logical != avro.TimestampMicros) || kind == avro.Bytes || kind == avro.Fixed {
			return unmapped(id, field, is, "long with the logical type timestamp-millis or timestamp-micros, or string")
		}
	case unknownField, objectField:
	}
	return nil
}

func logicalOf(s avro.Schema) avro.LogicalType {
	if l, ok := s.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		return l.Logical().Type()
	}
	return ""
}

// object reads a record. At the top, only fields that the contract knows are
// written.
func (r *avroReader) object(out []byte, s *avro.RecordSchema, top bool, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	out = append(out, '{')
	first := true
	for _, f := range s.Fields() {
		if top && knownFields[f.Name()] == unknownField {
			// It is read like the others, so that what is behind it is found.
			if _, err := r.value(out[len(out):], f.Type(), depth+1); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name(), err)
			}
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(appendText(out, []byte(f.Name())), ':')
		var err error
		if out, err = r.value(out, f.Type(), depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return append(out, '}'), nil
}

// value reads one value and appends it.
func (r *avroReader) value(out []byte, s avro.Schema, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if len(out) > maxJSON {
		return nil, &mapFault{event.TooLarge, "the record is larger than 1048576 bytes as JSON: split it, or leave out fields that are not needed"}
	}
	s = resolved(s)
	switch s.Type() {
	case avro.Null:
		return append(out, "null"...), nil
	case avro.Boolean:
		b, err := r.take(1)
		if err != nil {
			return nil, err
		}
		return strconv.AppendBool(out, b[0] != 0), nil
	case avro.Int, avro.Long:
		n, err := r.long()
		if err != nil {
			return nil, err
		}
		return appendAvroLong(out, n, logicalOf(s)), nil
	case avro.Float:
		b, err := r.take(4)
		if err != nil {
			return nil, err
		}
		return appendFloat(out, float64(math.Float32frombits(little32(b))), 32), nil
	case avro.Double:
		b, err := r.take(8)
		if err != nil {
			return nil, err
		}
		return appendFloat(out, math.Float64frombits(uint64(little32(b))|uint64(little32(b[4:]))<<32), 64), nil
	case avro.String:
		b, err := r.bytes()
		if err != nil {
			return nil, err
		}
		return appendText(out, b), nil
	case avro.Bytes:
		b, err := r.bytes()
		if err != nil {
			return nil, err
		}
		return appendAvroBytes(out, b, s)
	case avro.Fixed:
		b, err := r.take(int64(s.(*avro.FixedSchema).Size()))
		if err != nil {
			return nil, err
		}
		return appendAvroBytes(out, b, s)
	case avro.Enum:
		n, err := r.long()
		if err != nil {
			return nil, err
		}
		symbols := s.(*avro.EnumSchema).Symbols()
		if n < 0 || n >= int64(len(symbols)) {
			return nil, fmt.Errorf("symbol %d of an enum of %d", n, len(symbols))
		}
		return appendText(out, []byte(symbols[n])), nil
	case avro.Union:
		n, err := r.long()
		if err != nil {
			return nil, err
		}
		types := s.(*avro.UnionSchema).Types()
		if n < 0 || n >= int64(len(types)) {
			return nil, fmt.Errorf("branch %d of a union of %d", n, len(types))
		}
		return r.value(out, types[n], depth+1)
	case avro.Array:
		out = append(out, '[')
		err := r.blocks(func(first bool) (err error) {
			if !first {
				out = append(out, ',')
			}
			out, err = r.value(out, s.(*avro.ArraySchema).Items(), depth+1)
			return err
		})
		return append(out, ']'), err
	case avro.Map:
		out = append(out, '{')
		err := r.blocks(func(first bool) error {
			if !first {
				out = append(out, ',')
			}
			key, err := r.bytes()
			if err != nil {
				return err
			}
			out, err = r.value(append(appendText(out, key), ':'), s.(*avro.MapSchema).Values(), depth+1)
			return err
		})
		return append(out, '}'), err
	case avro.Record, avro.Error:
		return r.object(out, s.(*avro.RecordSchema), false, depth)
	case avro.Ref:
	}
	return nil, fmt.Errorf("type %s cannot be read", s.Type())
}

func little32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func appendAvroLong(out []byte, n int64, logical avro.LogicalType) []byte {
	switch logical {
	case avro.TimestampMillis:
		return appendTime(out, event.Millis(n))
	case avro.TimestampMicros:
		return appendTime(out, event.Millis(floorDiv(n, 1000)))
	}
	return strconv.AppendInt(out, n, 10)
}

func appendAvroBytes(out, b []byte, s avro.Schema) ([]byte, error) {
	switch l := s.(avro.LogicalTypeSchema).Logical().(type) {
	case *avro.DecimalLogicalSchema:
		if l.Scale() > maxScale {
			return nil, fmt.Errorf("a decimal with %d digits behind the point", l.Scale())
		}
		return appendDecimal(out, b, l.Scale())
	case *avro.PrimitiveLogicalSchema:
		if l.Type() == avro.UUID && len(b) == 16 {
			return fmt.Appendf(out, `"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
		}
	}
	return appendBytes(out, b), nil
}
