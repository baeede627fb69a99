package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// registry turns records in Confluent's wire format (a zero byte, the number of
// a schema in four bytes, what the schema describes) into the JSON object that
// the decoder takes. Schemas never change under their number: each is asked for
// once.
type registry struct {
	cl    *sr.Client
	url   string
	limit time.Duration

	mu      sync.RWMutex
	schemas map[int]*schema
}

// schema is a compiled schema, or why it cannot be used.
type schema struct {
	id    int
	fault *mapFault
	until time.Time // of a fault that may pass; zero: it stays
	// convert appends the JSON object of a record to out.
	convert func(out, payload []byte) ([]byte, error)
}

// mapFault is why a record of a schema becomes a dead letter.
type mapFault struct {
	code    event.Code
	message string
}

func (f *mapFault) Error() string { return f.message }

// registryError says that the registry could not be asked, which is never the
// record's fault.
type registryError struct {
	id  int
	why string
}

func (e *registryError) Error() string { return e.why }

// schemaMissing says that a schema has to be loaded first.
type schemaMissing struct{ id int }

func (e *schemaMissing) Error() string { return fmt.Sprintf("schema %d is not loaded", e.id) }

const (
	registryRetry    = 250 * time.Millisecond
	registryRetryMax = 10 * time.Second

	// maxSchemas bounds the cache; records that name schemas at random would
	// fill it otherwise.
	maxSchemas = 4096
	// maxSchemaBytes bounds one answer of the registry.
	maxSchemaBytes = 8 << 20
	// maxReferences bounds the schemas that one is made of.
	maxReferences = 256
	// unknownFor is how long an answer "no such schema" counts: replicas of a
	// registry learn of new schemas late.
	unknownFor   = 30 * time.Second
	unknownTries = 3
	wireHeader   = 5
)

// newRegistry prepares a client; nil where none is configured.
func newRegistry(c SchemaRegistry, s Surroundings, limit time.Duration) (*registry, error) {
	if c.URL == "" {
		return nil, nil //nolint:nilnil // no registry is a way to work
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if s.Dial != nil {
		transport.DialContext = s.Dial
	}
	if c.TLS != (kafkaconn.TLS{}) {
		config, err := c.TLS.Load("kafka.schema_registry.tls", s.Path)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = config
	}
	opts := []sr.ClientOpt{
		sr.URLs(c.urls()...), sr.UserAgent("tributary"),
		sr.HTTPClient(&http.Client{Transport: limited{transport}, Timeout: limit}),
	}
	switch {
	case c.Username != "":
		password, err := kafkaconn.ReadSecret("kafka.schema_registry.password", c.Password, c.PasswordFile, s.Path)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sr.BasicAuth(c.Username, password))
	case c.Token != "" || c.TokenFile != "":
		token, err := kafkaconn.ReadSecret("kafka.schema_registry.token", c.Token, c.TokenFile, s.Path)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sr.BearerToken(token))
	}
	cl, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("prepare the schema registry's client: %w", err)
	}
	return &registry{cl: cl, url: c.URL, limit: limit, schemas: map[int]*schema{}}, nil
}

// limited bounds what is read of an answer.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = limitedBody{io.LimitReader(res.Body, maxSchemaBytes), res.Body}
	}
	return res, err
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// isWire says whether a value is in the wire format: no JSON text begins with a
// zero byte.
func isWire(b []byte) bool { return len(b) > 0 && b[0] == 0 }

// convert makes JSON of a record in the wire format. The fault is the record's,
// the error is not.
func (r *registry) convert(value []byte) (json []byte, id int, fault *mapFault, err error) {
	if r == nil {
		return nil, 0, &mapFault{event.Malformed, "the record begins with a zero byte, as records with a schema do, but no schema registry is configured: set kafka.schema_registry.url"}, nil
	}
	if len(value) < wireHeader {
		return nil, 0, &mapFault{event.Malformed, "the record begins with a zero byte, but has no room for the number of a schema: send JSON, or Confluent's wire format"}, nil
	}
	id = int(binary.BigEndian.Uint32(value[1:wireHeader]))
	r.mu.RLock()
	s := r.schemas[id]
	r.mu.RUnlock()
	switch {
	case s == nil || !s.until.IsZero() && time.Now().After(s.until):
		return nil, id, nil, &schemaMissing{id}
	case s.fault != nil:
		return nil, id, s.fault, nil
	}
	json, err = s.convert(make([]byte, 0, 2*len(value)+64), value[wireHeader:])
	if err == nil {
		return json, id, nil, nil
	}
	if !errors.As(err, &fault) {
		fault = &mapFault{event.Malformed, fmt.Sprintf("the record does not fit schema %d: %v; was it written with another schema?", id, err)}
	}
	return nil, id, fault, nil
}

// load asks for a schema and compiles it. An error means that the registry could
// not be asked.
func (r *registry) load(ctx context.Context, id int) error {
	s := &schema{id: id}
	text, err := r.fetch(ctx, id)
	var unknown *sr.ResponseError
	switch {
	case err == nil:
		if err := r.compile(ctx, s, text); err != nil {
			return err
		}
	case errors.As(err, &unknown) && unknown.ErrorCode == sr.ErrSchemaNotFound.Code:
		s.until = time.Now().Add(unknownFor)
		s.fault = &mapFault{event.Malformed, fmt.Sprintf("schema %d is not known to the schema registry at %s: was the record written with another registry?", id, r.url)}
	default:
		return r.away(id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.schemas) >= maxSchemas {
		clear(r.schemas)
	}
	r.schemas[id] = s
	return nil
}

func (r *registry) fetch(ctx context.Context, id int) (s sr.Schema, err error) {
	for try := 1; ; try++ {
		one, cancel := context.WithTimeout(ctx, r.limit)
		s, err = r.cl.SchemaByID(one, id)
		cancel()
		var answer *sr.ResponseError
		if !errors.As(err, &answer) || answer.ErrorCode != sr.ErrSchemaNotFound.Code || try == unknownTries {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(registryRetry << try):
		}
	}
}

func (r *registry) away(id int, err error) error {
	hint := "is it running?"
	var answer *sr.ResponseError
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			hint = "check kafka.schema_registry.username and password, or token"
		case http.StatusNotFound:
			hint = "is kafka.schema_registry.url the root of a registry?"
		default:
			hint = "look into the registry's log"
		}
	}
	return &registryError{id, fmt.Sprintf("the schema registry at %s does not give schema %d (%s); %s The partition waits and tries again", r.url, id, plainText(err), hint)}
}

// compile makes the converter of a schema. What is wrong with the schema is its
// fault; the error is the registry's, that could not give what it refers to.
func (r *registry) compile(ctx context.Context, s *schema, text sr.Schema) error {
	named, order := map[string]string{}, []string(nil)
	if err := r.references(ctx, s.id, text.References, named, &order); err != nil {
		var fault *mapFault
		if errors.As(err, &fault) {
			s.fault = fault
			return nil
		}
		return err
	}
	var err error
	switch text.Type {
	case sr.TypeAvro:
		s.convert, err = compileAvro(s.id, text.Schema, named, order)
	case sr.TypeProtobuf:
		s.convert, err = compileProtobuf(ctx, s.id, text.Schema, named)
	case sr.TypeJSON:
		s.convert = func(out, payload []byte) ([]byte, error) { return append(out, payload...), nil }
	default:
		err = fmt.Errorf("its type %v is none of AVRO, PROTOBUF, JSON", text.Type)
	}
	if err != nil && !errors.As(err, &s.fault) {
		s.fault = &mapFault{event.Malformed, fmt.Sprintf("schema %d cannot be used: %s", s.id, plainText(err))}
	}
	return nil
}

// references collects the schemas that one refers to, what is needed first
// first.
func (r *registry) references(ctx context.Context, id int, refs []sr.SchemaReference, named map[string]string, order *[]string) error {
	for _, ref := range refs {
		if _, done := named[ref.Name]; done {
			continue
		}
		if len(named) >= maxReferences {
			return &mapFault{event.Malformed, fmt.Sprintf("schema %d refers to more than %d others", id, maxReferences)}
		}
		named[ref.Name] = "" // so that a circle ends
		one, cancel := context.WithTimeout(ctx, r.limit)
		sub, err := r.cl.SchemaByVersion(one, ref.Subject, ref.Version)
		cancel()
		if err != nil {
			var answer *sr.ResponseError
			if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.ErrorCode != 0 {
				return &mapFault{event.Malformed, fmt.Sprintf("schema %d refers to version %d of subject %s, which the schema registry does not know", id, ref.Version, ref.Subject)}
			}
			return r.away(id, err)
		}
		if err := r.references(ctx, id, sub.References, named, order); err != nil {
			return err
		}
		named[ref.Name] = sub.Schema.Schema
		*order = append(*order, ref.Name)
	}
	return nil
}

// fieldRule is what a field of the contract needs of a schema.
type fieldRule uint8

const (
	unknownField fieldRule = iota // ignored
	textField
	timeField
	moneyField
	objectField
)

// knownFields are the fields of an event. The required ones, and money, make a
// dead letter where their type cannot be mapped; the others are left out and
// counted, by the decoder.
var knownFields = func() map[string]fieldRule {
	m := map[string]fieldRule{"event_time": timeField, "cost": moneyField, "value": moneyField, "experiments": objectField, "properties": objectField}
	for name := range strings.SplitSeq("event_id type user_id anonymous_id campaign_id ad_group_id creative_id publisher_id channel source medium campaign term content page_url referrer ip user_agent country device_id currency conversion_name order_id adjusts kind", " ") {
		m[name] = textField
	}
	return m
}()

// vital are the fields without which, or with a wrong one of which, an event
// cannot be counted.
var vital = map[string]bool{
	"event_id": true, "type": true, "event_time": true, "user_id": true, "anonymous_id": true,
	"cost": true, "value": true, "currency": true, "adjusts": true, "kind": true,
}

// unmapped is the fault of a field whose type means nothing for it.
func unmapped(id int, field, is, use string) error {
	return &mapFault{event.BadField, fmt.Sprintf("%s is %s in schema %d: use %s", field, is, id, use)}
}

// schemaNote is added to what the decoder says of a record with a schema.
func schemaNote(id int) string { return " (schema " + strconv.Itoa(id) + ")" }
