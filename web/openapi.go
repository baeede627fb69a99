package web

import (
	_ "embed" // the schemas
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed schemas.json
var schemas []byte

// openAPI writes the document from the route table and schemas.json, so that it
// cannot leave out what the router serves or the parameter check accepts.
func (s *Server) openAPI() []byte {
	paths := obj{}
	for _, rt := range s.table {
		op := field{strings.ToLower(rt.method), operation(rt)}
		if at := slices.IndexFunc(paths, func(f field) bool { return f.name == rt.path }); at >= 0 {
			paths[at].value = append(paths[at].value.(obj), op)
			continue
		}
		paths = append(paths, field{rt.path, obj{op}})
	}
	paths = append(paths,
		field{"/openapi.json", obj{{"get", plainOperation("getOpenAPI", "This document", "application/json", "200")}}},
		field{"/livez", obj{{"get", plainOperation("livez", "Whether the process answers", "application/json", "200")}}},
		field{"/readyz", obj{{"get", plainOperation("readyz", "Whether the pipeline works; degraded is not down", "application/json", "200", "503")}}},
		field{"/metrics", obj{{"get", plainOperation("metrics", "Prometheus metrics", "text/plain", "200")}}},
	)
	doc := obj{
		{"openapi", "3.1.0"},
		{"info", obj{
			{"title", "Tributary"},
			{"version", "1"},
			{"description", "Live figures of advertising: delivery, verdicts, sessions and attribution, with what is provisional, final and restated marked as such. " +
				"Errors are application/problem+json (RFC 9457) with a stable `code`. An unknown parameter is an error."},
		}},
		{"tags", tags},
		{"paths", paths},
		{"components", obj{{"schemas", json.RawMessage(schemas)}}},
	}
	b, err := plainJSON(doc)
	if err != nil {
		panic("BUG: the OpenAPI document does not marshal: " + err.Error())
	}
	return append(b, '\n')
}

// tags group the operations on a page that shows the document.
var tags = []obj{
	{{"name", "events"}, {"description", "Sending events"}},
	{{"name", "figures"}, {"description", "Figures of a range"}},
	{{"name", "attribution"}, {"description", "Credit and the paths to it"}},
	{{"name", "records"}, {"description", "Single conversions and sessions, and what was set aside"}},
	{{"name", "fraud"}, {"description", "Invalid traffic"}},
	{{"name", "live"}, {"description", "What changes, as it changes"}},
	{{"name", "exports"}, {"description", "Whole tables, in an answer or made in the background"}},
	{{"name", "program"}, {"description", "The running program"}},
}

func tagOf(path string) string {
	for _, t := range [][2]string{
		{"/v1/events", "events"},
		{"/v1/attribution", "attribution"},
		{"/v1/paths", "attribution"},
		{"/v1/fraud", "fraud"},
		{"/v1/live", "live"},
		{"/v1/alerts", "program"},
		{"/v1/pipeline", "program"},
		{"/v1/sinks", "program"},
		{"/v1/export", "exports"},
		{"/v1/conversions", "records"},
		{"/v1/sessions", "records"},
		{"/v1/session", "program"},
		{"/v1/privacy", "program"},
		{"/v1/backups", "program"},
		{"/v1/late-events", "records"},
		{"/v1/dead-letters", "records"},
	} {
		if strings.HasPrefix(path, t[0]) {
			return t[1]
		}
	}
	return "figures"
}

func operation(rt *route) obj {
	params := []obj{}
	for _, p := range rt.params {
		params = append(params, parameter(p))
	}
	media := obj{{"application/json", obj{{"schema", refTo(rt.schema)}}}}
	if rt.csv {
		media = append(media,
			field{"text/csv", obj{{"schema", obj{{"type", "string"}, {"description", "RFC 4180 with a header line; texts that a spreadsheet would run as a formula have an apostrophe in front"}}}}},
			field{"application/x-ndjson", obj{{"schema", obj{{"type", "string"}, {"description", "one entry of data a line"}}}}})
	}
	out := obj{{"operationId", rt.id}, {"summary", rt.summary}}
	if rt.desc != "" {
		out = append(out, field{"description", rt.desc})
	}
	out = append(out, field{"tags", []string{tagOf(rt.path)}}, field{"parameters", params})
	if rt.schema == "LiveMessage" {
		media = obj{{"text/event-stream", obj{{"schema", obj{{"type", "string"}}}, {"x-event-data", refTo(rt.schema)}}}}
		out = append(out, field{"x-websocket", obj{{"client", refTo("LiveRequest")}, {"server", refTo("LiveMessage")}}})
	}
	codes := []int{http.StatusBadRequest, http.StatusNotAcceptable, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if strings.Contains(rt.path, "{") {
		codes = append(codes, http.StatusNotFound)
	}
	if rt.body != "" {
		out = append(out, field{"requestBody", obj{{"required", true}, {"content", obj{{"application/json", obj{{"schema", refTo(rt.body)}}}}}}})
		codes = append(codes, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if rt.schema == "ExportedRows" {
		media = obj{{"application/x-ndjson", obj{{"schema", refTo(rt.schema)}}}, {"text/csv", obj{{"schema", refTo(rt.schema)}}}, {"application/vnd.apache.parquet", obj{{"schema", refTo(rt.schema)}}}}
	}
	if rt.path == "/v1/events" {
		event := refTo("Event")
		out = append(out, field{"requestBody", obj{
			{"required", true},
			{"description", "At most 10000 records, 16 MiB as sent and 64 MiB unpacked. Content-Encoding gzip and zstd are taken."},
			{"content", obj{
				{"application/json", obj{{"schema", obj{{"oneOf", []obj{event, {{"type", "array"}, {"items", event}, {"maxItems", maxRecords}}}}}}}},
				{"application/x-ndjson", obj{{"schema", obj{{"type", "string"}, {"description", "one event a line"}}}}},
			}},
		}})
		codes = append(codes, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests)
	}
	responses := obj{{"200", obj{{"description", "the answer"}, {"content", media}}}}
	for _, c := range codes {
		r := obj{{"description", http.StatusText(c)}, {"content", obj{{"application/problem+json", obj{{"schema", refTo("Problem")}}}}}}
		if c == http.StatusServiceUnavailable || c == http.StatusTooManyRequests {
			r = append(r, field{"headers", obj{{"Retry-After", obj{{"schema", obj{{"type", "integer"}}}}}}})
		}
		responses = append(responses, field{strconv.Itoa(c), r})
	}
	return append(out, field{"responses", responses})
}

func refTo(schema string) obj { return obj{{"$ref", "#/components/schemas/" + schema}} }

func parameter(p *param) obj {
	where := "query"
	if p.inPath {
		where = "path"
	}
	schema := obj{{"type", "string"}}
	if p.number {
		schema = obj{{"type", "integer"}, {"minimum", 1}, {"maximum", maxLimit}}
	}
	if len(p.enum) > 0 {
		schema = append(schema, field{"enum", p.enum})
	}
	if p.list {
		schema = obj{{"type", "array"}, {"items", schema}}
	}
	if p.def != "" {
		var def any = p.def
		if n, err := strconv.Atoi(p.def); err == nil && p.number {
			def = n
		}
		schema = append(schema, field{"default", def})
	}
	out := obj{{"name", p.name}, {"in", where}, {"required", p.inPath}, {"description", p.desc}, {"schema", schema}}
	if p.example != "" {
		var example any = p.example
		if n, err := strconv.Atoi(p.example); err == nil && p.number {
			example = n
		}
		if p.list {
			example = strings.Split(p.example, ",")
		}
		out = append(out, field{"example", example})
	}
	if p.list {
		out = append(out, field{"style", "form"}, field{"explode", false})
	}
	return out
}

func plainOperation(id, summary, media string, codes ...string) obj {
	responses := obj{}
	for _, c := range codes {
		responses = append(responses, field{c, obj{{"description", "the answer"}, {"content", obj{{media, obj{}}}}}})
	}
	return obj{{"operationId", id}, {"summary", summary}, {"responses", responses}}
}

func (s *Server) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	send(w, r, http.StatusOK, s.openapi)
}
