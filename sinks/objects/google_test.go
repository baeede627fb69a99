package objects

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// googleServer answers as the XML API of Google Cloud Storage is documented to:
// generations, preconditions by them, Content-MD5, tokens of a service account.
func googleServer(t *testing.T) (raw string, env map[string]string) {
	t.Helper()
	type object struct {
		text       string
		generation int
		sha        string
	}
	var mu sync.Mutex
	held, next := map[string]object{}, 1
	signing, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	fail := func(w http.ResponseWriter, status int, code string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || strings.Count(r.FormValue("assertion"), ".") != 2 {
			fail(w, http.StatusBadRequest, "invalid_grant")
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"let-me-in","expires_in":3600}`)
	})
	mux.HandleFunc("/tables/", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer let-me-in" {
			fail(w, http.StatusUnauthorized, "AuthenticationRequired")
			return
		}
		key := strings.TrimPrefix(r.URL.Path, "/tables/")
		now, there := held[key]
		switch r.Method {
		case http.MethodPut:
			if want := r.Header.Get("X-Goog-If-Generation-Match"); want != "" && want != strconv.Itoa(now.generation) {
				fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
				return
			}
			text, _ := io.ReadAll(r.Body)
			sum := md5.Sum(text)
			if r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) {
				fail(w, http.StatusBadRequest, "BadDigest")
				return
			}
			held[key] = object{string(text), next, r.Header.Get("X-Goog-Meta-Sha256")}
			w.Header().Set("X-Goog-Generation", strconv.Itoa(next))
			next++
		case http.MethodDelete:
			delete(held, key)
			w.WriteHeader(http.StatusNoContent)
		default:
			if !there {
				fail(w, http.StatusNotFound, "NoSuchKey")
				return
			}
			w.Header().Set("X-Goog-Generation", strconv.Itoa(now.generation))
			w.Header().Set("X-Goog-Meta-Sha256", now.sha)
			w.Header().Set("Content-Length", strconv.Itoa(len(now.text)))
			_, _ = io.WriteString(w, now.text)
		}
	})
	mux.HandleFunc("GET /tables", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(w, "<ListBucketResult>")
		for _, k := range slices.Sorted(maps.Keys(held)) {
			if !strings.HasPrefix(k, r.URL.Query().Get("prefix")) {
				continue
			}
			_, _ = io.WriteString(w, "<Contents><Key>")
			_ = xml.EscapeText(w, []byte(k))
			_, _ = fmt.Fprintf(w, "</Key><Generation>%d</Generation><ETag>\"x\"</ETag><Size>%d</Size></Contents>", held[k].generation, len(held[k].text))
		}
		_, _ = io.WriteString(w, "</ListBucketResult>")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	der, err := x509.MarshalPKCS8PrivateKey(signing)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "tributary@example.test", "token_uri": srv.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return "gs://tables/a?endpoint=" + srv.URL, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": path}
}
