package objects

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// key is an access key, for a time or for good.
type key struct {
	id, secret, session string
	until               time.Time // zero: for good
}

// credentials give the key that counts now.
type credentials func(ctx context.Context) (key, error)

// bearer gives a token.
type bearer interface {
	get(ctx context.Context, now time.Time) (string, error)
}

// signer is Signature Version 4 and Google's likeness of it.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// https://cloud.google.com/storage/docs/authentication/signatures
type signer struct {
	label   string // AWS4, GOOG4
	prefix  string // of the headers: X-Amz-, X-Goog-
	region  string
	service string
}

const signedTime = "20060102T150405Z"

func (s *signer) sign(r *http.Request, k key, sha string, now time.Time) {
	stamp := now.UTC().Format(signedTime)
	r.Header.Set(s.prefix+"Date", stamp)
	r.Header.Set(s.prefix+"Content-Sha256", sha)
	if k.session != "" {
		r.Header.Set(s.prefix+"Security-Token", k.session)
	}
	headers := map[string]string{"host": r.URL.Host}
	if r.Host != "" {
		headers["host"] = r.Host
	}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.TrimSpace(strings.Join(values, ","))
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var canonical strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	canonical.WriteString(r.Method + "\n" + path + "\n" + strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20") + "\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + headers[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical.WriteString("\n" + signed + "\n" + sha)

	algorithm, end := s.label+"-HMAC-SHA256", strings.ToLower(s.label)+"_request"
	scope := stamp[:8] + "/" + s.region + "/" + s.service + "/" + end
	hash := sha256.Sum256([]byte(canonical.String()))
	text := algorithm + "\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	mac := []byte(s.label + k.secret)
	for _, part := range []string{stamp[:8], s.region, s.service, end, text} {
		mac = macOf(mac, part)
	}
	r.Header.Set("Authorization", algorithm+" Credential="+k.id+"/"+scope+",SignedHeaders="+signed+",Signature="+hex.EncodeToString(mac))
}

func macOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escapePath encodes all but what the signature leaves plain.
func escapePath(path string) string {
	const plain = "-._~/"
	var b strings.Builder
	for _, c := range []byte(path) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

// textBody is a small body.
func textBody(text []byte, media string) Body {
	sum := sha256.Sum256(text)
	return Body{Data: bytes.NewReader(text), Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), Type: media}
}

// TextBody is the body of a small object.
func TextBody(text []byte, media string) Body { return textBody(text, media) }

// plainQuery is for requests whose parameters are not signed.
func plainQuery(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}
