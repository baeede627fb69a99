package kafka

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tributary-data/tributary/event"
)

const clickAvro = `{"type":"record","name":"Click","fields":[
 {"name":"before","type":["null","string"]},
 {"name":"event_id","type":"string"},
 {"name":"type","type":{"type":"enum","name":"Kind","symbols":["impression","click","conversion"]}},
 {"name":"event_time","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"user_id","type":["null","long"],"default":null},
 {"name":"cost","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":8}},
 {"name":"value","type":["null","double"],"default":null},
 {"name":"skipped","type":{"type":"array","items":{"type":"map","values":"float"}}},
 {"name":"experiments","type":{"type":"map","values":"string"}},
 {"name":"properties","type":{"type":"record","name":"Props","fields":[{"name":"a","type":"int"},{"name":"b","type":"bytes"}]}}
]}`

// wireOf puts the header of the wire format before a payload.
func wireOf(id int, indexes []int, payload []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
	if indexes != nil {
		if len(indexes) == 1 && indexes[0] == 0 {
			out = append(out, 0)
		} else {
			out = binary.AppendVarint(out, int64(len(indexes)))
			for _, i := range indexes {
				out = binary.AppendVarint(out, int64(i))
			}
		}
	}
	return append(out, payload...)
}

// offline is a registry that holds schemas already.
func offline(t *testing.T, schemas map[int]sr.Schema) *registry {
	t.Helper()
	r := &registry{url: "test", schemas: map[int]*schema{}}
	for id, text := range schemas {
		s := &schema{id: id}
		if err := r.compile(t.Context(), s, text); err != nil {
			t.Fatal(err)
		}
		r.schemas[id] = s
	}
	return r
}

func TestAvroBecomesTheSameEvent(t *testing.T) {
	s, err := avro.Parse(clickAvro)
	if err != nil {
		t.Fatal(err)
	}
	cost := new(big.Rat).SetFrac64(1234567890123, 100000000)
	payload, err := avro.Marshal(s, map[string]any{
		"before": "x", "event_id": "e\"\n1", "type": "click", "event_time": time.UnixMicro(1767571200123999).UTC(),
		"user_id": int64(9007199254740993), "cost": cost, "value": 0.1,
		"skipped":     []map[string]float32{{"a": 1}, {"b": 2}},
		"experiments": map[string]string{"x": "y"}, "properties": map[string]any{"a": 7, "b": []byte{0, 255}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := offline(t, map[int]sr.Schema{7: {Schema: clickAvro}})
	got, id, fault, err := r.convert(wireOf(7, nil, payload))
	if err != nil || fault != nil || id != 7 {
		t.Fatal(id, fault, err)
	}
	want := `{"event_id":"e\"\u000a1","type":"click","event_time":"2026-01-05T00:00:00.123Z","user_id":9007199254740993,"cost":12345.67890123,"value":0.1,"experiments":{"x":"y"},"properties":{"a":7,"b":"AP8="}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for n := range payload {
		if _, _, fault, _ := r.convert(wireOf(7, nil, payload[:n])); fault == nil {
			t.Fatalf("the first %d of %d bytes are taken for a record", n, len(payload))
		}
	}
	if _, _, fault, _ := r.convert(wireOf(7, nil, append(slices.Clone(payload), 0))); fault == nil || !strings.Contains(fault.message, "schema 7") {
		t.Errorf("a byte too many: %v", fault)
	}
}

func TestDecimalsAreExact(t *testing.T) {
	for _, c := range []struct {
		unscaled []byte
		scale    int
		want     string
	}{
		{[]byte{0}, 2, "0.00"},
		{[]byte{0xff}, 2, "-0.01"},
		{[]byte{0x04, 0xd2}, 2, "12.34"},
		{[]byte{0x80}, 0, "-128"},
		{nil, 2, "0.00"},
		{[]byte{5}, -3, "5000"},
		{[]byte{0}, -3, "0"},
		{[]byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 6, "2361183241434822.606847"},
	} {
		if got, err := appendDecimal(nil, c.unscaled, c.scale); err != nil || string(got) != c.want {
			t.Errorf("%x, scale %d: %s, %v; want %s", c.unscaled, c.scale, got, err, c.want)
		}
	}
	if _, err := appendDecimal(nil, make([]byte, maxDecimal+1), 2); err == nil {
		t.Error("a decimal without bound is read")
	}
	for f, want := range map[float64]string{0.1: "0.1", 12.34: "12.34", 1e-7: "1e-07", 1e21: "1e+21", 100: "100", 0: "0"} {
		if got := string(appendFloat(nil, f, 64)); got != want {
			t.Errorf("%v is written %s; want %s", f, got, want)
		}
	}
	if got := string(appendFloat(nil, float64(float32(12.34)), 32)); got != "12.34" {
		t.Errorf("a float of 12.34 is written %s", got)
	}
}

const clickProto = `syntax = "proto3";
package ads;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "confluent/type/decimal.proto";
import "shop/order.proto";
message Other { string x = 1; }
message Outer {
  message Inner {
    string event_id = 1;
    Kind type = 2;
    google.protobuf.Timestamp event_time = 3;
    google.protobuf.StringValue user_id = 4;
    confluent.type.Decimal cost = 5;
    optional double value = 6;
    map<string, string> experiments = 7;
    google.protobuf.Struct properties = 8;
    repeated int32 unknown = 9;
    shop.Order order = 10;
    int64 campaign_id = 11;
  }
  enum Kind { none = 0; click = 1; }
}
`

const orderProto = `syntax = "proto3"; package shop; message Order { string id = 1; }`

func TestProtobufBecomesTheSameEvent(t *testing.T) {
	ctx := t.Context()
	registered := sr.Schema{Schema: clickProto, Type: sr.TypeProtobuf}
	compile := func(references map[string]string) (func(out, payload []byte) ([]byte, error), error) {
		return compileProtobuf(ctx, 9, registered.Schema, references)
	}
	convert, err := compile(map[string]string{"shop/order.proto": orderProto})
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{"a.proto": clickProto, "shop/order.proto": orderProto, "confluent/type/decimal.proto": builtinProtos["confluent/type/decimal.proto"]}
	files, err := (&protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)})}).Compile(ctx, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(files[0].Messages().Get(1).Messages().Get(0))
	err = protojson.Unmarshal([]byte(`{"event_id":"e1","type":"click","event_time":"2026-01-05T00:00:00.123999Z","user_id":"u","cost":{"value":"BNI=","scale":2},
		"value":0,"experiments":{"b":"2","a":"1"},"properties":{"k":[1,null,"x",{"y":true}]},"unknown":[1,2],"order":{"id":"o"},"campaign_id":"9007199254740993"}`), m)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := convert(nil, wireOf(9, []int{1, 0}, payload)[wireHeader:])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event_id":"e1","type":"click","event_time":"2026-01-05T00:00:00.123Z","user_id":"u","cost":12.34,"value":0,"experiments":{"a":"1","b":"2"},"properties":{"k":[1,null,"x",{"y":true}]},"campaign_id":9007199254740993}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, indexes := range [][]int{{2}, {1, 1}, {-1}, {1, 0, 0}} {
		if _, err := convert(nil, wireOf(9, indexes, payload)[wireHeader:]); err == nil {
			t.Errorf("message %v of the file is found", indexes)
		}
	}
	if _, err := compile(nil); err == nil {
		t.Error("a schema without what it imports is compiled")
	}
}

// TestSchemasThatCannotBeMapped name the field and the schema.
func TestSchemasThatCannotBeMapped(t *testing.T) {
	r := offline(t, map[int]sr.Schema{
		1: {Schema: `{"type":"record","name":"R","fields":[{"name":"event_id","type":"bytes"}]}`},
		2: {Schema: `{"type":"record","name":"R","fields":[{"name":"event_time","type":{"type":"long","logicalType":"local-timestamp-millis"}}]}`},
		3: {Schema: `"string"`},
		4: {Schema: `{"type":"record"`},
		5: {Schema: `syntax = "proto3"; message M { repeated string user_id = 1; }`, Type: sr.TypeProtobuf},
		6: {Schema: `syntax = "proto3"; message M { bytes value = 1; }`, Type: sr.TypeProtobuf},
		7: {Schema: `syntax = "proto3"; message`, Type: sr.TypeProtobuf},
	})
	for id, want := range map[int]struct {
		code event.Code
		says string
	}{
		1: {event.BadField, "event_id is bytes in schema 1: use string"},
		2: {event.BadField, "event_time is long (local-timestamp-millis) in schema 2: use long with the logical type timestamp-millis"},
		3: {event.Malformed, "schema 3 cannot be used: it is of type string; it must be a record"},
		4: {event.Malformed, "schema 4 cannot be used"},
		5: {event.BadField, "user_id is repeated in schema 5: use a single field"},
		6: {event.BadField, "value is bytes in schema 6: use string"},
		7: {event.Malformed, "schema 7 cannot be used"},
	} {
		_, _, fault, err := r.convert(wireOf(id, []int{0}, nil))
		if err != nil || fault == nil || fault.code != want.code || !strings.Contains(fault.message, want.says) {
			t.Errorf("schema %d: %v %v; want %s: %s", id, fault, err, want.code, want.says)
		}
	}
	var none *registry
	if _, _, fault, _ := none.convert([]byte{0, 1}); fault == nil || !strings.Contains(fault.message, "kafka.schema_registry.url") {
		t.Errorf("without a registry: %v", fault)
	}
}

// TestRegistry: schemas are asked for while records wait, and an outage loses
// nothing and blames no record.
func TestRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.close()
		reg := srfake.NewRegistry()
		listener, err := b.net.Listen("tcp", "127.0.0.1:8081")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: reg.Handler()}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		b.cfg.SchemaRegistry.URL = "http://127.0.0.1:8081"
		b.topic("clicks", 2)
		id, _, err := reg.RegisterSchema("clicks-value", sr.Schema{Schema: `{"type":"record","name":"C","fields":[{"name":"event_id","type":"string"},{"name":"event_time","type":"long"}]}`})
		if err != nil {
			t.Fatal(err)
		}
		type c struct {
			ID   string `avro:"event_id"`
			Time int64  `avro:"event_time"`
		}
		send := func(schemaID int, text string, v any) {
			t.Helper()
			s, err := avro.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := avro.Marshal(s, v)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "clicks", Value: wireOf(schemaID, nil, payload)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		first := `{"type":"record","name":"C","fields":[{"name":"event_id","type":"string"},{"name":"event_time","type":"long"}]}`
		now := time.Now().UnixMilli()
		send(id, first, c{"a1", now})
		b.produce("clicks", 0, "j1") // formats may meet in one topic
		s, stop := b.start()
		defer stop()
		b.has("clicks/0", "a1", "j1")

		// A new version, while the registry is away.
		second := `{"type":"record","name":"C","fields":[{"name":"user_id","type":["null","string"],"default":null},{"name":"event_id","type":"string"},{"name":"event_time","type":"long"}]}`
		id2, _, err := reg.RegisterSchema("clicks-value", sr.Schema{Schema: second})
		if err != nil {
			t.Fatal(err)
		}
		reg.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		b.produce("clicks", 0, "j2")
		u := "u"
		send(id2, second, struct {
			User *string `avro:"user_id"`
			ID   string  `avro:"event_id"`
			Time int64   `avro:"event_time"`
		}{&u, "a2", now})
		b.produce("clicks", 0, "j3")
		b.until("the wait is seen", func() bool {
			return strings.Contains(b.ledger.look("clicks/0").problem, "the schema registry at http://127.0.0.1:8081 does not give schema")
		})
		b.produce("clicks", 1, "k1") // other partitions go on
		b.has("clicks/1", "k1")
		time.Sleep(time.Minute)
		if got := b.ledger.look("clicks/0"); got.atEnd {
			t.Error("a partition that waits does not hold the watermark")
		}
		if n := s.budget.used(); n != 0 {
			t.Errorf("a partition that waits holds %d bytes", n)
		}
		reg.ClearInterceptors()
		b.has("clicks/0", "a1", "j1", "j2", "a2", "j3")
		send(999, first, c{"lost", now}) // unknown to the registry
		send(id, first, c{"a3", now})
		b.has("clicks/0", "a1", "j1", "j2", "a2", "j3", "dead:malformed@clicks/0/5", "a3")
		in := b.ledger.look("clicks/0")
		if d := in.records[5].Dead; !strings.Contains(d.Message, "schema 999") || d.Raw[0] != 0 {
			t.Errorf("the dead letter says %q", d.Message)
		}
		if in.records[3].Event.Person != "u:u" {
			t.Errorf("the new version's field is not read: %+v", in.records[3].Event)
		}
	})
}

func FuzzAvro(f *testing.F) {
	convert, err := compileAvro(1, clickAvro, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{2, 2, 'x', 2, 'e', 2, 0, 0, 2, 1, 0, 0, 0, 0, 2, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, err := convert(nil, payload)
		if err == nil && !json.Valid(out) {
			t.Errorf("%x becomes %s, which is no JSON", payload, out)
		}
		if len(out) > 4*len(payload)*8+maxJSON {
			t.Errorf("%d bytes become %d", len(payload), len(out))
		}
	})
}

func FuzzProtobuf(f *testing.F) {
	convert, err := compileProtobuf(context.Background(), 1, clickProto, map[string]string{"shop/order.proto": orderProto})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{4, 2, 0, 10, 1, 'e', 26, 2, 8, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if out, err := convert(nil, payload); err == nil && !json.Valid(out) {
			t.Errorf("%x becomes %s, which is no JSON", payload, out)
		}
	})
}

func FuzzWire(f *testing.F) {
	r := &registry{url: "test", schemas: map[int]*schema{}}
	for id, text := range map[int]string{1: clickAvro} {
		convert, err := compileAvro(id, text, nil, nil)
		if err != nil {
			f.Fatal(err)
		}
		r.schemas[id] = &schema{id: id, convert: convert}
	}
	f.Add([]byte{0, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		if !isWire(value) {
			return
		}
		out, _, fault, err := r.convert(value)
		if n := 0; (out != nil) == (fault != nil || err != nil) || n != 0 {
			t.Errorf("%x gives %s, %v, %v", value, out, fault, err)
		}
	})
}

func FuzzPosition(f *testing.F) {
	f.Add(position{TopicID: "abc", Partition: 1, Offset: 5, Epoch: 2}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePosition(b)
		if err != nil {
			return
		}
		if again, err := decodePosition(p.encode()); err != nil || again != p {
			t.Errorf("%+v is read again as %+v, %v", p, again, err)
		}
	})
}
