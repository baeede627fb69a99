package testkit

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Snowflake is a server that speaks the SQL API, checks who asks by the key
// pair, and executes the statements of a loader: by itself those that it knows,
// or all by Evaluate.
type Snowflake struct {
	Endpoint string // http://host:port
	KeyFile  string // the user's private key, PKCS #8
	Account  string
	User     string
	// Evaluate runs a statement with its bound texts; nil: this server does, as far as it can.
	Evaluate func(database, schema, sql string, bindings []string) ([][]*string, error)

	key *rsa.PrivateKey
	mu  struct {
		sync.Mutex
		tables   map[string]*snowTable
		done     map[string]snowAnswer // by request id: what was executed once is not again
		running  map[string]snowAnswer // by handle, of statements that answer later
		requests int
		left     int // statements that are still answered; below 0: all
		throttle int
		later    int // statements whose answer has to be asked for
		limit    int // of a request, in bytes
		repeats  int
	}
}

type snowAnswer struct {
	status int
	body   map[string]any
}

// NewSnowflake starts a server on loopback; it ends with the test.
func NewSnowflake(t testing.TB) *Snowflake {
	t.Helper()
	s := &Snowflake{Account: "acme-main", User: "loader"}
	s.mu.left, s.mu.limit = -1, 16<<20
	s.Reset()
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.KeyFile = filepath.Join(t.TempDir(), "key.p8")
	if err := os.WriteFile(s.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.Endpoint = srv.URL
	return s
}

// Reset drops the schema.
func (s *Snowflake) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.tables, s.mu.done, s.mu.running = map[string]*snowTable{}, map[string]snowAnswer{}, map[string]snowAnswer{}
}

// LoseAfter answers n more requests; the next statement is executed and its
// answer lost, after it nothing is executed until Heal.
func (s *Snowflake) LoseAfter(n int) { s.set(func() { s.mu.left = n }) }

// Lost says whether an answer was lost since LoseAfter.
func (s *Snowflake) Lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.left == 0
}

// Heal answers everything again.
func (s *Snowflake) Heal() { s.LoseAfter(-1) }

// Throttle refuses the next n statements with 429.
func (s *Snowflake) Throttle(n int) { s.set(func() { s.mu.throttle = n }) }

// Later gives the answer of the next n statements only to who asks for it.
func (s *Snowflake) Later(n int) { s.set(func() { s.mu.later = n }) }

// Limit refuses requests of more bytes with 413.
func (s *Snowflake) Limit(n int) { s.set(func() { s.mu.limit = n }) }

func (s *Snowflake) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// Counts are how many statements came, and how many were known by their
// request id.
func (s *Snowflake) Counts() (requests, repeats int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.requests, s.mu.repeats
}

func (s *Snowflake) serve(w http.ResponseWriter, r *http.Request) {
	a, cut := s.handle(r)
	if cut {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) //nolint:errchkjson // who asked may have gone
}

func snowRefusal(status int, code, text string) snowAnswer {
	return snowAnswer{status, map[string]any{"code": code, "message": text}}
}

func (s *Snowflake) handle(r *http.Request) (a snowAnswer, cut bool) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return a, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.left == 0 {
		return a, true
	}
	if err := s.checkToken(r); err != nil {
		return snowRefusal(401, "390144", "JWT token is invalid. "+err.Error()), false
	}
	handle := strings.TrimPrefix(r.URL.Path, "/api/v2/statements")
	if r.Method == http.MethodGet {
		a, ok := s.mu.running[strings.TrimPrefix(handle, "/")]
		if !ok {
			return snowRefusal(404, "000709", "Statement not found"), false
		}
		return a, false
	}
	if handle != "" {
		return snowAnswer{200, map[string]any{}}, false // cancelled
	}
	s.mu.requests++
	if s.mu.throttle > 0 {
		s.mu.throttle--
		return snowRefusal(429, "390115", "Too many requests"), false
	}
	if body.Len() > s.mu.limit {
		return snowRefusal(413, "391900", "Request entity too large"), false
	}
	id := r.URL.Query().Get("requestId")
	a, known := s.mu.done[id]
	switch {
	case id == "":
		return snowRefusal(400, "391900", "no request id"), false
	case known && r.URL.Query().Get("retry") == "true":
		s.mu.repeats++
	case known:
		return snowRefusal(400, "391900", "a request id twice"), false
	default:
		a = s.executeLocked(body.Bytes(), id)
		s.mu.done[id] = a
	}
	if s.mu.left > 0 {
		if s.mu.left--; s.mu.left == 0 {
			return a, true
		}
	}
	if s.mu.later > 0 && a.status == 200 {
		s.mu.later--
		s.mu.running[id] = a
		return snowAnswer{202, map[string]any{"code": "333334", "message": "Asynchronous execution in progress", "statementHandle": id}}, false
	}
	return a, false
}

// checkToken wants a JWT that the user's key has signed, for this account, of
// at most an hour.
func (s *Snowflake) checkToken(r *http.Request) error {
	if r.Header.Get("X-Snowflake-Authorization-Token-Type") != "KEYPAIR_JWT" {
		return fmt.Errorf("got the token type %q", r.Header.Get("X-Snowflake-Authorization-Token-Type"))
	}
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(parts) != 3 {
		return fmt.Errorf("got %d parts", len(parts))
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var c struct {
		Iss, Sub string
		Iat, Exp int64
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		return err
	}
	fingerprint := sha256.Sum256(der)
	who := strings.ToUpper(s.Account + "." + s.User)
	now := time.Now().Unix()
	switch {
	case c.Sub != who, c.Iss != who+".SHA256:"+base64.StdEncoding.EncodeToString(fingerprint[:]):
		return fmt.Errorf("it is of %s, issued by %s", c.Sub, c.Iss)
	case c.Iat > now+60, c.Exp < now, c.Exp-c.Iat > 3600:
		return fmt.Errorf("it is good from %d to %d; now is %d", c.Iat, c.Exp, now)
	}
	return nil
}

func (s *Snowflake) executeLocked(body []byte, id string) snowAnswer {
	var in struct {
		Statement string `json:"statement"`
		Database  string `json:"database"`
		Schema    string `json:"schema"`
		Warehouse string `json:"warehouse"`
		Bindings  map[string]struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"bindings"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Statement == "" || in.Warehouse == "" {
		return snowRefusal(400, "391900", "a statement and a warehouse are needed")
	}
	var bound []string
	for i := range len(in.Bindings) {
		b := in.Bindings[fmt.Sprint(i+1)]
		if b.Type != "TEXT" {
			return snowRefusal(422, "002049", "a binding of type "+b.Type)
		}
		bound = append(bound, b.Value)
	}
	run := s.Evaluate
	if run == nil {
		run = s.runLocked
	}
	rows, err := run(in.Database, in.Schema, in.Statement, bound)
	if err != nil {
		a := snowRefusal(422, "001003", err.Error())
		if strings.Contains(err.Error(), "does not exist") {
			a.body["code"], a.body["sqlState"] = "002003", "42S02"
		}
		return a
	}
	if rows == nil {
		rows = [][]*string{}
	}
	return snowAnswer{200, map[string]any{
		"code": "090001", "message": "Statement executed successfully.", "statementHandle": id, "data": rows,
		"resultSetMetaData": map[string]any{"numRows": len(rows), "format": "jsonv2", "partitionInfo": []any{map[string]any{"rowCount": len(rows)}}},
	}}
}
