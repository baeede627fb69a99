package web

import (
	_ "embed" // the schemas
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

//go:embed schemas.json
var schemas []byte

// openAPI writes the document from the route table and schemas.json, so that it
// cannot leave out what the router serves or the parameter check accepts.
func (s *Server) openAPI() []byte {
	paths := obj{}
	for _, rt := range s.routes() {
		paths = append(paths, field{rt.path, obj{{strings.ToLower(rt.method), operation(rt)}}})
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
		{"paths", paths},
		{"components", obj{{"schemas", json.RawMessage(schemas)}}},
	}
	b, err := plainJSON(doc)
	if err != nil {
		panic("BUG: the OpenAPI document does not marshal: " + err.Error())
	}
	return append(b, '\n')
}

func operation(rt *route) obj {
	params := []obj{}
	for _, p := range rt.params {
		params = append(params, parameter(p))
	}
	media := obj{{"application/json", obj{{"schema", refTo(rt.schema)}}}}
	if rt.csv {
		media = append(media, field{"text/csv", obj{{"schema", obj{{"type", "string"}}}}})
	}
	if rt.schema == "Change" {
		media = obj{{"text/event-stream", obj{{"schema", obj{{"type", "string"}}}, {"x-event-data", refTo(rt.schema)}}}}
	}
	out := obj{{"operationId", rt.id}, {"summary", rt.summary}, {"parameters", params}}
	codes := []int{http.StatusBadRequest, http.StatusNotAcceptable, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if strings.Contains(rt.path, "{") {
		codes = append(codes, http.StatusNotFound)
	}
	if rt.method == http.MethodPost {
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
