package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// bigStream is a stream of rows into a table; those of type COMMITTED count
// their rows.
type bigStream struct {
	table string
	rows  int
}

const defaultStream = "/streams/_default"

// maxBigRequest is the limit of a request of the real service.
const maxBigRequest = 10 << 20

// tableOf is the table's name in projects/p/datasets/d/tables/t/...
func tableOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 6 {
		return ""
	}
	return parts[5]
}

// CreateWriteStream implements the service.
func (b *BigQuery) CreateWriteStream(_ context.Context, r *storagepb.CreateWriteStreamRequest) (*storagepb.WriteStream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.left == 0 {
		return nil, status.Error(codes.Unavailable, "unavailable")
	}
	if b.mu.tables[tableOf(r.Parent)] == nil {
		return nil, status.Error(codes.NotFound, "Requested entity was not found. Entity: "+r.Parent)
	}
	if r.WriteStream.Type != storagepb.WriteStream_COMMITTED {
		return nil, status.Error(codes.InvalidArgument, "only committed streams")
	}
	b.mu.made++
	name := fmt.Sprintf("%s/streams/s%d", r.Parent, b.mu.made)
	b.mu.streams[name] = &bigStream{table: tableOf(r.Parent)}
	return &storagepb.WriteStream{Name: name, Type: storagepb.WriteStream_COMMITTED, Location: "US"}, nil
}

// GetWriteStream implements the service.
func (b *BigQuery) GetWriteStream(_ context.Context, r *storagepb.GetWriteStreamRequest) (*storagepb.WriteStream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.left == 0 {
		return nil, status.Error(codes.Unavailable, "unavailable")
	}
	if strings.HasSuffix(r.Name, defaultStream) && b.mu.tables[tableOf(r.Name)] != nil || b.mu.streams[r.Name] != nil {
		return &storagepb.WriteStream{Name: r.Name, Type: storagepb.WriteStream_COMMITTED, Location: "US"}, nil
	}
	return nil, status.Error(codes.NotFound, "Requested entity was not found. Entity: "+r.Name)
}

// AppendRows implements the service. The schema stands in the first request of
// a connection.
func (b *BigQuery) AppendRows(conn storagepb.BigQueryWrite_AppendRowsServer) error {
	var name string
	var desc protoreflect.MessageDescriptor
	for {
		r, err := conn.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.WriteStream != "" {
			name = r.WriteStream
		}
		if d := r.GetProtoRows().GetWriterSchema().GetProtoDescriptor(); d != nil {
			if desc, err = build(d); err != nil {
				return status.Error(codes.InvalidArgument, err.Error())
			}
		}
		answer, err := b.append(name, desc, r)
		if err != nil {
			return err
		}
		if err := conn.Send(answer); err != nil {
			return err
		}
	}
}

// build makes a descriptor of what a client sent, by itself.
func build(d *descriptorpb.DescriptorProto) (protoreflect.MessageDescriptor, error) {
	f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{Name: proto.String("row.proto"), MessageType: []*descriptorpb.DescriptorProto{d}}, nil)
	if err != nil {
		return nil, fmt.Errorf("the descriptor stands not by itself: %w", err)
	}
	return f.Messages().Get(0), nil
}

func refuse(c codes.Code, text string) *storagepb.AppendRowsResponse {
	return &storagepb.AppendRowsResponse{Response: &storagepb.AppendRowsResponse_Error{Error: &rpcstatus.Status{Code: int32(c), Message: text}}}
}

func (b *BigQuery) append(name string, desc protoreflect.MessageDescriptor, r *storagepb.AppendRowsRequest) (*storagepb.AppendRowsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.appends++
	size := proto.Size(r)
	b.mu.largest = max(b.mu.largest, size)
	t := b.mu.tables[tableOf(name)]
	stream := b.mu.streams[name]
	switch {
	case b.mu.left == 0:
		return nil, status.Error(codes.Unavailable, "unavailable")
	case b.mu.throttle > 0:
		b.mu.throttle--
		return refuse(codes.ResourceExhausted, "Exceeds 'AppendRows throughput' quota, user_id: project0000000000_us"), nil
	case t == nil, stream == nil && !strings.HasSuffix(name, defaultStream):
		return nil, status.Error(codes.NotFound, "Requested entity was not found. Entity: "+name)
	case desc == nil:
		return nil, status.Error(codes.InvalidArgument, "no schema")
	case size > maxBigRequest:
		return nil, status.Errorf(codes.InvalidArgument, "the request has %d bytes; the limit is %d", size, maxBigRequest)
	case r.Offset != nil && stream == nil:
		return nil, status.Error(codes.InvalidArgument, "an offset on the default stream")
	}
	if stream != nil && r.Offset != nil {
		if off := int(r.Offset.Value); off < stream.rows {
			b.mu.repeats++
			return b.answer(refuse(codes.AlreadyExists, fmt.Sprintf("The offset is within stream, expected offset %d, received %d", stream.rows, off)))
		} else if off > stream.rows {
			return b.answer(refuse(codes.OutOfRange, fmt.Sprintf("The offset is beyond stream, expected offset %d, received %d", stream.rows, off)))
		}
	}
	var rows []map[string]any
	for _, raw := range r.GetProtoRows().GetRows().GetSerializedRows() {
		m := dynamicpb.NewMessage(desc)
		if err := proto.Unmarshal(raw, m); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		rows = append(rows, rowOf(m))
	}
	for _, row := range rows {
		if err := t.check(row); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	result := &storagepb.AppendRowsResponse_AppendResult{}
	if stream != nil {
		result.Offset = wrapperspb.Int64(int64(stream.rows))
		stream.rows += len(rows)
	}
	for _, row := range rows {
		t.take(row)
	}
	return b.answer(&storagepb.AppendRowsResponse{Response: &storagepb.AppendRowsResponse_AppendResult_{AppendResult: result}})
}

// answer loses the answer when it is the turn of that.
func (b *BigQuery) answer(a *storagepb.AppendRowsResponse) (*storagepb.AppendRowsResponse, error) {
	if b.mu.left > 0 {
		if b.mu.left--; b.mu.left == 0 {
			return nil, status.Error(codes.Unavailable, "the connection broke before the answer")
		}
	}
	return a, nil
}

// rowOf reads a message.
func rowOf(m protoreflect.Message) map[string]any {
	row := map[string]any{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		row[string(f.Name())] = v.Interface()
		if f.IsList() {
			list := []any{}
			for i := range v.List().Len() {
				if x := v.List().Get(i); f.Kind() == protoreflect.MessageKind {
					list = append(list, rowOf(x.Message()))
				} else {
					list = append(list, x.Interface())
				}
			}
			row[string(f.Name())] = list
		}
		return true
	})
	return row
}

// check wants columns that exist, and of changes what makes them such.
func (t *bigTable) check(row map[string]any) error {
	for name := range row {
		if strings.HasPrefix(name, "_CHANGE_") && t.Key != nil {
			continue
		}
		if !slices.ContainsFunc(t.Columns, func(c BigQueryColumn) bool { return c.Name == name }) {
			return fmt.Errorf("the table %s has no column %s", t.Name, name)
		}
	}
	if t.Key == nil {
		return nil
	}
	if row["_CHANGE_TYPE"] != "UPSERT" {
		return fmt.Errorf("got the change type %v", row["_CHANGE_TYPE"])
	}
	if s, _ := row["_CHANGE_SEQUENCE_NUMBER"].(string); len(s) != 16 || strings.Trim(s, "0123456789ABCDEF") != "" {
		return fmt.Errorf("got the sequence number %q", s)
	}
	for _, k := range t.Key {
		if row[k] == nil {
			return fmt.Errorf("the key column %s is null", k)
		}
	}
	return nil
}

// take puts the row in: of a key the greatest sequence stays, of equal ones the
// latest.
func (t *bigTable) take(row map[string]any) {
	if t.Key == nil {
		t.Rows = append(t.Rows, row)
		return
	}
	var key strings.Builder
	for _, k := range t.Key {
		fmt.Fprintf(&key, "%v\x00", row[k])
	}
	sequence := row["_CHANGE_SEQUENCE_NUMBER"].(string)
	delete(row, "_CHANGE_SEQUENCE_NUMBER")
	delete(row, "_CHANGE_TYPE")
	if old, ok := t.current[key.String()]; !ok || old.sequence <= sequence {
		t.current[key.String()] = bigRow{sequence, row}
	}
}
