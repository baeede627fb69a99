package bigquery

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// entries are rows of the journal, which is a log.
func entries(from, n int) []sinktest.Put {
	var puts []sinktest.Put
	for i := range n {
		puts = append(puts, sinktest.Put{Table: table.Journal, Row: rowstest.Row(table.Journal, from+i)})
	}
	return puts
}

func journal(t *testing.T, b *testkit.BigQuery) (physical, logical int) {
	t.Helper()
	return len(b.Rows("credit_journal")), len(read(t, b)["credit_journal"])
}

// apply sends what the source has after a commit, as one batch.
func apply(t *testing.T, s *Sink, src *sinktest.Source, after uint64) error {
	t.Helper()
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Next(t.Context(), after, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	b.After, b.View = after, v
	return s.Apply(t.Context(), b)
}

// TestLogGoesOnWhereItStood: a restart goes on with the stream of before, so
// that every row is there once.
func TestLogGoesOnWhereItStood(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	for n := range 5 {
		src.Commit(entries(n*10, 10)...)
		s := open(t, config(b))
		deliver(t, src, s, 100)
		_ = s.Close()
	}
	if physical, logical := journal(t, b); physical != 50 || logical != 50 {
		t.Errorf("%d rows, %d entries; want 50, 50", physical, logical)
	}
	if _, streams, repeats, _ := b.Counts(); streams != 1 || repeats != 0 {
		t.Errorf("%d streams, %d repeats; want 1, 0", streams, repeats)
	}
}

// TestLostAnswerOfALog: the repeat at the same offset is refused as a repeat,
// and that is success.
func TestLostAnswerOfALog(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	s := open(t, config(b))
	src.Commit(entries(0, 10)...)
	deliver(t, src, s, 100)
	src.Commit(entries(10, 10)...)
	b.LoseAfter(1)
	done := make(chan error)
	go func() { done <- apply(t, s, src, 1) }()
	testkit.WaitUntil(t, time.Minute, "the answer to be lost", b.Lost)
	b.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if physical, logical := journal(t, b); physical != 20 || logical != 20 {
		t.Errorf("%d rows, %d entries; want 20, 20", physical, logical)
	}
	if _, streams, repeats, _ := b.Counts(); streams != 1 || repeats != 1 {
		t.Errorf("%d streams, %d repeats; want 1, 1", streams, repeats)
	}
}

// TestRowsOfADeadProcess: it appended, and died before it noted that. Others
// come at the same offset: they must not be taken for those.
func TestRowsOfADeadProcess(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	s := open(t, config(b))
	src.Commit(entries(0, 10)...)
	deliver(t, src, s, 100)
	src.Commit(entries(10, 10)...)
	v, _ := src.View(t.Context())
	batch, _ := v.Next(t.Context(), 1, 100)
	batch.After, batch.View, batch.More = 1, v, true // and then it dies
	if err := s.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	src.Commit(entries(20, 5)...)
	deliver(t, src, open(t, config(b)), 100)
	if physical, logical := journal(t, b); physical != 35 || logical != 25 {
		t.Errorf("%d rows, %d entries; want 35, 25", physical, logical)
	}
	if _, streams, repeats, _ := b.Counts(); streams != 2 || repeats != 1 {
		t.Errorf("%d streams, %d repeats; want 2, 1", streams, repeats)
	}
}

// TestStreamThatLostRows: acknowledged rows are gone; only writing everything
// again helps.
func TestStreamThatLostRows(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	s := open(t, config(b))
	src.Commit(entries(0, 10)...)
	deliver(t, src, s, 100)
	b.TruncateStreams(3)
	src.Commit(entries(10, 10)...)
	if err := apply(t, s, src, 1); !errors.Is(err, sinks.ErrGap) {
		t.Errorf("got %v", err)
	}
	deliver(t, src, s, 100)
	if _, logical := journal(t, b); logical != 20 {
		t.Errorf("%d entries; want 20", logical)
	}
}

func TestQuotaIsWaitedFor(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	s := open(t, config(b))
	deliver(t, src, s, 100)
	b.Throttle(2)
	src.Commit(append(entries(0, 10), everything(15)...)...)
	if err := apply(t, s, src, 0); err != nil {
		t.Fatal(err)
	}
	b.Throttle(1000)
	src.Commit(entries(20, 1)...)
	if err := apply(t, s, src, 1); err == nil || !strings.Contains(err.Error(), "batch_age") {
		t.Errorf("without end: %v", err)
	}
	b.Throttle(0)
	deliver(t, src, s, 100)
	if _, logical := journal(t, b); logical != 12 {
		t.Errorf("%d entries; want 12", logical)
	}
}

func TestRequestsAreOfBoundedSize(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	var puts []sinktest.Put
	payload := strings.Repeat("0123456789", 140_000)
	for i := range 20 {
		row := rowstest.Row(table.DeadLetters, i)
		row[3] = table.T(payload)
		puts = append(puts, sinktest.Put{Table: table.DeadLetters, Row: row})
	}
	src.Commit(puts...)
	deliver(t, src, open(t, config(b)), 100)
	if n := len(read(t, b)["dead_letters"]); n != 20 {
		t.Errorf("%d rows; want 20", n)
	}
	if _, _, _, largest := b.Counts(); largest < 5<<20 || largest > 10<<20 {
		t.Errorf("the largest request has %d bytes", largest)
	}
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	b := testkit.NewBigQuery(t)
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	deliver(t, src, open(t, config(b)), 100)
	if at, err := open(t, config(b)).Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Fatal(at, err)
	}
	b.DropColumn("verdicts", "score")
	b.Describe(rows.Progress, "tributary schema 1 older")
	again := open(t, config(b))
	if at, err := again.Cursor(t.Context()); err != nil || at.Epoch != 0 {
		t.Errorf("with new columns it stands at %v: %v", at, err)
	}
	deliver(t, src, again, 100)
	if row := b.Rows("verdicts")[0]; row["score"] == nil {
		t.Errorf("the new column is empty: %v", row)
	}
	if at, err := open(t, config(b)).Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("after all was written anew it stands at %v: %v", at, err)
	}
	other := deps
	other.SessionGap *= 2
	views, err := Open(t.Context(), config(b), other)
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	if at, err := views.Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("with other views it stands at %v: %v", at, err)
	}
	b.Describe(rows.Progress, "tributary schema 9 newer")
	if _, err := open(t, config(b)).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("tables of a newer release: %v", err)
	}
	b.Describe(rows.Progress, "of somebody else")
	if _, err := open(t, config(b)).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("a table of somebody else: %v", err)
	}
	b.Reset()
	cfg := config(b)
	cfg.Migrate = false
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "migrate is false") {
		t.Errorf("without migrate: %v", err)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for _, x := range []struct {
		status       int
		reason, want string
	}{
		{401, "authError", "GOOGLE_APPLICATION_CREDENTIALS"},
		{403, "accessDenied", "roles/bigquery.dataEditor"},
		{403, "quotaExceeded", "batch_age"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(x.status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": x.status, "message": "no", "errors": []any{map[string]any{"reason": x.reason}}}})
		}))
		t.Cleanup(srv.Close)
		cfg := DefaultConfig()
		cfg.Project, cfg.Endpoint = "p", srv.URL
		if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%d %s: %v", x.status, x.reason, err)
		}
	}
	cfg := DefaultConfig()
	cfg.Project, cfg.CredentialsFile = "p", filepath.Join(t.TempDir(), "none.json")
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestLoginWithAServiceAccount: a token is asked for with the key.
func TestLoginWithAServiceAccount(t *testing.T) {
	key := testkit.NewSnowflake(t).KeyFile // any RSA key
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	account, _ := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": string(pem),
		"client_email": "loader@p.iam.gserviceaccount.com", "client_id": "1", "token_uri": "http://127.0.0.1:1/token",
	})
	cfg := DefaultConfig()
	cfg.Project, cfg.CredentialsJSON = "p", Secret(account)
	c, err := newClient(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	// It would log in with the key: the answer is of the place where tokens are.
	err = c.call(t.Context(), http.MethodGet, "/datasets", nil, &struct{}{})
	_ = c.close()
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	if out := fmt.Sprintf("%v %#v", cfg, cfg); strings.Contains(out, "PRIVATE KEY") {
		t.Error("the key is shown")
	}
}

func TestValidateListsAllFaults(t *testing.T) {
	c := DefaultConfig()
	c.Project, c.Dataset, c.Location, c.Endpoint, c.WriteEndpoint = "My Project", "a-b", "", "ftp://x", "nowhere"
	c.CredentialsFile, c.CredentialsJSON, c.MaxStaleness, c.BatchRows = "a", "b", -1, 0
	text := fmt.Sprint(c.Validate())
	for _, key := range []string{"project", "dataset", "location", "endpoint", "write_endpoint", "credentials_json", "max_staleness", "batch_rows"} {
		if !strings.Contains(text, key+":") {
			t.Errorf("nothing is said of %s: %s", key, text)
		}
	}
	if text := fmt.Sprint(DefaultConfig().Validate()); !strings.Contains(text, "project: is missing") {
		t.Errorf("got %s", text)
	}
	for _, x := range []struct{ endpoint, write, base, addr string }{
		{"", "", googleREST, ""},
		{"127.0.0.1:9050", "", "http://127.0.0.1:9050", "127.0.0.1:9050"},
		{"http://127.0.0.1:9050", "127.0.0.1:9060", "http://127.0.0.1:9050", "127.0.0.1:9060"},
		{"https://bigquery.example.com/", "", "https://bigquery.example.com", "bigquery.example.com:443"},
	} {
		c := Config{Endpoint: x.endpoint, WriteEndpoint: x.write}
		if c.baseURL() != x.base || c.writeAddr() != x.addr {
			t.Errorf("%+v gives %s and %s", x, c.baseURL(), c.writeAddr())
		}
	}
}
