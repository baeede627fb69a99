package testkit

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// Registry speaks the protocol of Confluent's Schema Registry: subjects,
// versions, ids, references, compatibility, basic authentication.
type Registry struct {
	URL   string
	Certs *Certificates // nil: plain HTTP

	t   testing.TB
	reg *srfake.Registry
}

// RegistryOptions say how the registry is reached.
type RegistryOptions struct {
	Username, Password string // empty: everybody may ask
	TLS                bool
}

// StartRegistry starts an empty registry on loopback, which ends with the test.
func StartRegistry(t testing.TB, opt RegistryOptions) *Registry {
	t.Helper()
	r := &Registry{t: t, reg: srfake.NewRegistry()}
	handler := r.reg.Handler()
	if opt.Username != "" {
		inner := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, ok := req.BasicAuth(); !ok || user != opt.Username || password != opt.Password {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			inner.ServeHTTP(w, req)
		})
	}
	server := httptest.NewUnstartedServer(handler)
	if opt.TLS {
		r.Certs = NewCertificates(t)
		server.TLS = r.Certs.ServerConfig(t)
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Register adds a version to a subject and gives the id of its schema.
func (r *Registry) Register(subject string, s sr.Schema) int {
	r.t.Helper()
	id, _, err := r.reg.RegisterSchema(subject, s)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// Fail has the registry answer everything with a status; 0 ends that.
func (r *Registry) Fail(status int) {
	r.reg.ClearInterceptors()
	if status != 0 {
		r.reg.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		})
	}
}
