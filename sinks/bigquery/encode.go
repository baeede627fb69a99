package bigquery

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// The pseudo-columns by which BigQuery keeps the current row of a key.
const (
	changeType     = "_CHANGE_TYPE"
	changeSequence = "_CHANGE_SEQUENCE_NUMBER"
	upsert         = "UPSERT"
)

// sequence is a revision as BigQuery compares changes of one key: the greater
// wins, whenever it arrives.
func sequence(rev uint64) string { return fmt.Sprintf("%016X", rev) }

// record is a row of a physical table to be written.
type record struct {
	t       *table.Table
	key     table.Row
	row     table.Row // nil: deleted
	credits []table.Row
	rev     uint64
}

// descriptor tells BigQuery how append serializes a table's rows.
func descriptor(t *table.Table) *descriptorpb.DescriptorProto {
	d := &descriptorpb.DescriptorProto{Name: proto.String("Row")}
	for i, f := range fields(t) {
		x := fieldDescriptor(f.name, i+1, typeOf(t, f))
		if f.logical == fieldCredits {
			x.TypeName = proto.String("Credit")
			d.NestedType = []*descriptorpb.DescriptorProto{creditDescriptor()}
		}
		d.Field = append(d.Field, x)
	}
	if !isLog(t) {
		d.Field = append(d.Field, changeFields(len(d.Field)+1)...)
	}
	return d
}

func changeFields(from int) []*descriptorpb.FieldDescriptorProto {
	return []*descriptorpb.FieldDescriptorProto{fieldDescriptor(changeType, from, "STRING"), fieldDescriptor(changeSequence, from+1, "STRING")}
}

func creditDescriptor() *descriptorpb.DescriptorProto {
	d := &descriptorpb.DescriptorProto{Name: proto.String("Credit")}
	for i, c := range table.Credits.Columns[1:] {
		d.Field = append(d.Field, fieldDescriptor(c.Name, i+1, sqlType(c.Type)))
	}
	return d
}

func typeOf(t *table.Table, f field) string {
	if f.logical >= 0 {
		return sqlType(t.Columns[f.logical].Type)
	}
	if f.logical == fieldCredits {
		return "STRUCT"
	}
	return f.typ
}

func fieldDescriptor(name string, number int, typ string) *descriptorpb.FieldDescriptorProto {
	f := &descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(int32(number)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	switch typ {
	case "INT64", "TIMESTAMP": // a time as microseconds
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum()
	case "BOOL":
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_BOOL.Enum()
	case "STRUCT":
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	case "ARRAY<STRING>":
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	default:
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
	}
	return f
}

// append serializes the record as its table's descriptor says.
func (r *record) append(b []byte) []byte {
	all := fields(r.t)
	for i, f := range all {
		n := protowire.Number(i + 1)
		switch f.logical {
		case fieldHash:
			b = appendText(b, n, rows.HashOf(r.t, r.key).String())
		case fieldRev:
			b = appendInt(b, n, int64(r.rev))
		case fieldRestated:
			b = appendBool(b, n, r.row != nil && rows.IsRestated(r.t, r.row))
		case fieldDeleted:
			b = appendBool(b, n, r.row == nil)
		case fieldShard:
			b = appendInt(b, n, 0)
		case fieldCredits:
			for _, c := range r.credits {
				b = protowire.AppendTag(b, n, protowire.BytesType)
				b = protowire.AppendBytes(b, appendCredit(nil, c))
			}
		default:
			b = r.appendColumn(b, n, f.logical)
		}
	}
	if !isLog(r.t) {
		b = appendChange(b, protowire.Number(len(all)+1), r.rev)
	}
	return b
}

func appendChange(b []byte, n protowire.Number, rev uint64) []byte {
	return appendText(appendText(b, n, upsert), n+1, sequence(rev))
}

// appendColumn writes a logical column; of a deleted row there is the key alone.
func (r *record) appendColumn(b []byte, n protowire.Number, col int) []byte {
	row := r.row
	if row == nil {
		if col >= r.t.Keys {
			return b
		}
		row = r.key
	}
	return appendValue(b, n, r.t.Columns[col].Type, row[col])
}

func appendCredit(b []byte, c table.Row) []byte {
	for i, col := range table.Credits.Columns[1:] {
		b = appendValue(b, protowire.Number(i+1), col.Type, c[i+1])
	}
	return b
}

func appendValue(b []byte, n protowire.Number, typ table.Type, v table.Value) []byte {
	switch typ {
	case table.Int:
		return appendInt(b, n, v.Int)
	case table.Time:
		if event.Millis(v.Int) == event.NoTime {
			return b
		}
		return appendInt(b, n, v.Int*1000)
	case table.List:
		for _, s := range v.List {
			b = appendText(b, n, s)
		}
		return b
	default:
		return appendText(b, n, v.Text)
	}
}

func appendText(b []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func appendInt(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

func appendBool(b []byte, n protowire.Number, v bool) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), protowire.EncodeBool(v))
}

// position is a row of the progress table.
type position struct {
	table  string
	at     sinks.Progress
	floor  uint64
	stream string
	next   int64
}

func progressDescriptor() *descriptorpb.DescriptorProto {
	d := &descriptorpb.DescriptorProto{Name: proto.String("Row")}
	for i, f := range []struct{ name, typ string }{
		{"table", "STRING"}, {"shard", "INT64"}, {"epoch", "INT64"}, {"commit", "INT64"}, {"watermark", "TIMESTAMP"}, {"floor", "INT64"}, {"stream", "STRING"}, {"next", "INT64"},
	} {
		d.Field = append(d.Field, fieldDescriptor(f.name, i+1, f.typ))
	}
	d.Field = append(d.Field, changeFields(len(d.Field)+1)...)
	return d
}

func (p *position) append(b []byte) []byte {
	b = appendText(b, 1, p.table)
	b = appendInt(b, 2, 0)
	b = appendInt(b, 3, int64(p.at.Epoch))
	b = appendInt(b, 4, int64(p.at.Commit))
	if w, ok := rows.Watermark(p.at.Watermark); ok {
		b = appendInt(b, 5, int64(w)*1000)
	}
	b = appendInt(b, 6, int64(p.floor))
	b = appendText(b, 7, p.stream)
	b = appendInt(b, 8, p.next)
	return appendChange(b, 9, sinks.Rev(p.at.Epoch, p.at.Commit))
}
