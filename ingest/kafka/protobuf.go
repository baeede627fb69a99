package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tributary-data/tributary/event"
)

// builtinProtos are the files of Confluent's own that schemas import without
// referring to them.
var builtinProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`,
	"confluent/type/decimal.proto": `syntax = "proto3";
package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
`,
}

// compileProtobuf makes the converter of a .proto file. Which of its messages a
// record is stands before each record, as a list of indexes.
func compileProtobuf(ctx context.Context, id int, text string, references map[string]string) (func(out, payload []byte) ([]byte, error), error) {
	root := "schema-" + strconv.Itoa(id) + ".proto"
	sources := map[string]string{root: text}
	for name, s := range builtinProtos {
		sources[name] = s
	}
	for name, s := range references {
		sources[name] = s
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(ctx, root)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 || files[0].Messages().Len() == 0 {
		return nil, errors.New("it has no message")
	}
	file := files[0]
	var judged sync.Map // full name of a message -> its fault, or nil
	return func(out, payload []byte) ([]byte, error) {
		md, payload, err := messageOf(file, payload)
		if err != nil {
			return nil, err
		}
		fault, ok := judged.Load(md.FullName())
		if !ok {
			fault = mapsProtobuf(id, md)
			judged.Store(md.FullName(), fault)
		}
		if fault != nil {
			return nil, fault.(error)
		}
		m := dynamicpb.NewMessage(md)
		if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth, AllowPartial: true}).Unmarshal(payload, m); err != nil {
			return nil, err
		}
		return appendMessage(out, m, true, 1)
	}, nil
}

// messageOf reads the list of indexes: how many, then the index at each level;
// none stands for the first message.
func messageOf(file protoreflect.FileDescriptor, payload []byte) (protoreflect.MessageDescriptor, []byte, error) {
	next := func() (int64, error) {
		n, size := binary.Varint(payload)
		if size <= 0 {
			return 0, errors.New("the list that says which message it is ends too early")
		}
		payload = payload[size:]
		return n, nil
	}
	n, err := next()
	if err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return file.Messages().Get(0), payload, nil
	}
	if n < 0 || n > maxDepth {
		return nil, nil, fmt.Errorf("the list that says which message it is has %d entries", n)
	}
	var md protoreflect.MessageDescriptor
	in := file.Messages()
	for range n {
		i, err := next()
		if err != nil {
			return nil, nil, err
		}
		declared := declaredMessages(in)
		if i < 0 || i >= int64(len(declared)) {
			return nil, nil, fmt.Errorf("it is said to be message %d of %d", i, len(declared))
		}
		md = declared[i]
		in = md.Messages()
	}
	return md, payload, nil
}

// declaredMessages are those that stand in the file. A map field makes a message
// of its own that does not; Confluent's serializer for Java does not count it.
func declaredMessages(all protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for i := range all.Len() {
		if md := all.Get(i); !md.IsMapEntry() {
			out = append(out, md)
		}
	}
	return out
}

// mapsProtobuf refuses types of vital fields that mean nothing for them.
func mapsProtobuf(id int, md protoreflect.MessageDescriptor) error {
	fields := md.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		name := string(f.Name())
		if !vital[name] {
			continue
		}
		if f.IsList() || f.IsMap() {
			return unmapped(id, name, "repeated", "a single field")
		}
		is := f.Kind().String()
		message := f.Kind() == protoreflect.MessageKind || f.Kind() == protoreflect.GroupKind
		if message {
			is = string(f.Message().FullName())
		}
		float := f.Kind() == protoreflect.FloatKind || f.Kind() == protoreflect.DoubleKind
		switch rule := knownFields[name]; {
		case f.Kind() == protoreflect.BytesKind,
			rule == textField && (float || message && !wraps(f.Message())),
			rule == moneyField && message && !wraps(f.Message()) && f.Message().FullName() != "confluent.type.Decimal",
			rule == timeField && message && !wraps(f.Message()) && f.Message().FullName() != "google.protobuf.Timestamp":
			return unmapped(id, name, is, map[fieldRule]string{
				textField: "string", moneyField: "string, confluent.type.Decimal or double",
				timeField: "google.protobuf.Timestamp, int64 (milliseconds) or string",
			}[rule])
		}
	}
	return nil
}

// wraps says whether a message is a wrapper of a scalar.
func wraps(md protoreflect.MessageDescriptor) bool {
	switch md.FullName() {
	case "google.protobuf.StringValue", "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.Int32Value",
		"google.protobuf.UInt32Value", "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.BoolValue":
		return true
	}
	return false
}

// appendMessage writes a message as an object of the names in its .proto file.
// At the top, only fields that the contract knows are written.
func appendMessage(out []byte, m protoreflect.Message, top bool, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if !top {
		if out, done, err := appendWellKnown(out, m, depth); done || err != nil {
			return out, err
		}
	}
	out = append(out, '{')
	fields := m.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) || top && knownFields[string(f.Name())] == unknownField {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(appendText(out, []byte(f.Name())), ':')
		var err error
		if out, err = appendField(out, f, m.Get(f), depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return append(out, '}'), nil
}

func appendField(out []byte, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) ([]byte, error) {
	if len(out) > maxJSON {
		return nil, &mapFault{event.TooLarge, "the record is larger than 1048576 bytes as JSON: split it, or leave out fields that are not needed"}
	}
	if depth > maxDepth {
		return nil, errDeep
	}
	switch {
	case f.IsMap():
		// In the order of the keys, so that the same record gives the same text.
		keys := make([]protoreflect.MapKey, 0, v.Map().Len())
		v.Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
			keys = append(keys, k)
			return true
		})
		slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
		out = append(out, '{')
		for i, k := range keys {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = appendScalar(append(appendText(out, []byte(k.String())), ':'), f.MapValue(), v.Map().Get(k), depth+1); err != nil {
				return nil, err
			}
		}
		return append(out, '}'), nil
	case f.IsList():
		out = append(out, '[')
		list := v.List()
		for i := range list.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = appendScalar(out, f, list.Get(i), depth+1); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	}
	return appendScalar(out, f, v, depth)
}

func appendScalar(out []byte, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) ([]byte, error) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(out, v.Bool()), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return strconv.AppendInt(out, v.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(out, v.Uint(), 10), nil
	case protoreflect.FloatKind:
		return appendFloat(out, v.Float(), 32), nil
	case protoreflect.DoubleKind:
		return appendFloat(out, v.Float(), 64), nil
	case protoreflect.StringKind:
		return appendText(out, []byte(v.String())), nil
	case protoreflect.BytesKind:
		return appendBytes(out, v.Bytes()), nil
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return appendText(out, []byte(e.Name())), nil
		}
		return strconv.AppendInt(out, int64(v.Enum()), 10), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(out, v.Message(), false, depth)
	}
	return nil, fmt.Errorf("kind %v cannot be read", f.Kind())
}

// appendWellKnown writes messages that stand for a single value; done is false
// for all others.
func appendWellKnown(out []byte, m protoreflect.Message, depth int) (_ []byte, done bool, err error) {
	md := m.Descriptor()
	field := func(name protoreflect.Name) protoreflect.FieldDescriptor { return md.Fields().ByName(name) }
	if wraps(md) {
		out, err = appendScalar(out, field("value"), m.Get(field("value")), depth+1)
		return out, true, err
	}
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		seconds, nanos := m.Get(field("seconds")).Int(), m.Get(field("nanos")).Int()
		if seconds < -1<<40 || seconds > 1<<40 || nanos < 0 || nanos > 999_999_999 {
			return nil, true, fmt.Errorf("%d s and %d ns are no timestamp", seconds, nanos)
		}
		return appendTime(out, event.Millis(seconds*1000+nanos/1e6)), true, nil
	case "confluent.type.Decimal":
		scale := m.Get(field("scale")).Int()
		if scale < -maxScale || scale > maxScale {
			return nil, true, fmt.Errorf("a decimal with %d digits behind the point", scale)
		}
		out, err = appendDecimal(out, m.Get(field("value")).Bytes(), int(scale))
		return out, true, err
	case "google.protobuf.Struct":
		out, err = appendField(out, field("fields"), m.Get(field("fields")), depth+1)
		return out, true, err
	case "google.protobuf.ListValue":
		out, err = appendField(out, field("values"), m.Get(field("values")), depth+1)
		return out, true, err
	case "google.protobuf.Value":
		f := m.WhichOneof(md.Oneofs().Get(0))
		if f == nil || f.Name() == "null_value" {
			return append(out, "null"...), true, nil
		}
		out, err = appendField(out, f, m.Get(f), depth+1)
		return out, true, err
	}
	return out, false, nil
}
